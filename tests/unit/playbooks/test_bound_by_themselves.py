"""`bind: []`: queries that say themselves what they are about, for rules whose alerts carry nothing that helps."""

from typing import Any

import pytest
from pydantic import ValidationError

from aetherlink.playbooks.binding import bind_query
from aetherlink.playbooks.schema import PlaybookForm

ABSENT = 'absent(container_last_seen{name="web"}) and on () (up{job="cadvisor"} == 1)'
BASE: dict[str, Any] = {
    "name": "web-down",
    "match": {"alertname": "web_down"},
    "target": "web",
    "bind": [],
    "when": ABSENT,
    "action": {"restart": {}},
    "verify": {"query": 'time() - container_last_seen{name="web"} < 30', "for": "10s", "within": "3m"},
}


def test_the_absence_of_one_thing_may_be_asked_beside_the_presence_of_its_witness() -> None:
    playbook = PlaybookForm.model_validate(BASE).to_playbook()

    assert playbook.bind == ()
    assert bind_query(playbook.steps[0].when, playbook.bind, {"name": "another"}) == ABSENT


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"target": {"from": "labels"}}, "bind: with `target: {from: labels}` give the labels"),
        ({"when": "up == 0"}, "when: bind is empty, so each selector has to say itself what it is about"),
        ({"when": 'up{job="a"} == 0 or down'}, "`down` does not"),
        ({"when": 'up{job=""} == 0'}, "does not"),
        ({"when": 'up{job=~"a|b"} == 0'}, "does not"),
        ({"when": 'up{job!="a"} == 0'}, "does not"),
        ({"when": '{__name__="up"} == 0'}, "does not"),
        ({"verify": {"query": "up == 1", "within": "1m"}}, "verify.query: bind is empty"),
        ({"when": 'up{job="a"} offset 5m == 0'}, "cannot be bound"),
    ],
)
def test_what_does_not_say_what_it_is_about_is_refused(more: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PlaybookForm.model_validate({**BASE, **more})

    assert complaint in str(caught.value)


def test_a_step_with_a_target_from_labels_needs_something_to_be_bound_to() -> None:
    steps = [{"name": "a", "action": {"restart": {}}, "target": {"from": "labels"}}]
    whole = {**{key: value for key, value in BASE.items() if key != "action"}, "steps": steps}

    with pytest.raises(ValidationError, match="bind: with `target"):
        PlaybookForm.model_validate(whole)


def test_leaving_bind_out_is_no_way_to_bind_nothing() -> None:
    without = {key: value for key, value in BASE.items() if key != "bind"}

    with pytest.raises(ValidationError, match="bind: give the labels"):
        PlaybookForm.model_validate(without)
