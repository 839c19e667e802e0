"""Judging one combined answer: when samples count, and what they then show."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherlink.errors import AnswerError
from aetherlink.model.decisions import EvidenceStatus
from aetherlink.probes.expression import read_expression
from aetherlink.probes.freshness import Snapshot, judge, read_snapshot

NOW = 1000.0
MINUTE = timedelta(minutes=1)


def sample(part: str, value: str, **labels: str) -> dict[str, object]:
    return {"metric": {"aether_part": part, **labels}, "value": [NOW, value]}


def snapshot(*values: str, **times: float) -> Snapshot:
    parts = [sample(part.replace("_", "-"), str(value)) for part, value in times.items()]
    shown = [sample("value", value, instance=f"i{place}", __name__="up") for place, value in enumerate(values)]
    return read_snapshot([sample("now", str(NOW)), *parts, *shown])


def status(query: str, found: Snapshot, newer_than: float | None = None) -> EvidenceStatus:
    return judge(read_expression(query), found, newer_than=newer_than, max_age=MINUTE).status


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["0"], EvidenceStatus.HOLDS),
        (["1", "0"], EvidenceStatus.HOLDS),
        ([], EvidenceStatus.DOES_NOT_HOLD),
        (["NaN"], EvidenceStatus.NO_DATA),
        (["1", "+Inf"], EvidenceStatus.NO_DATA),
    ],
)
def test_fresh_samples_show_what_they_show(values: list[str], expected: EvidenceStatus) -> None:
    assert status("up", snapshot(*values, current_0=NOW - 1)) is expected


@pytest.mark.parametrize(("values", "expected"), [(["0", "0"], "does_not_hold"), (["0", "1"], "holds")])
def test_a_bool_comparison_needs_a_one(values: list[str], expected: str) -> None:
    assert status("up == bool 0", snapshot(*values, current_0=NOW)) == expected


def test_a_sample_at_the_instant_of_the_action_is_not_newer() -> None:
    found = snapshot("0", current_0=NOW - 5)

    assert status("up", found, newer_than=NOW - 5) is EvidenceStatus.NO_DATA
    assert status("up", found, newer_than=NOW - 5.001) is EvidenceStatus.HOLDS


def test_every_selector_has_to_be_newer() -> None:
    found = snapshot("0", current_0=NOW - 1, current_1=NOW - 9)

    verdict = judge(read_expression("a > b"), found, newer_than=NOW - 5, max_age=MINUTE)

    assert (verdict.status, verdict.detail) == ("no_data", "samples of b are 4.0 s older than the action")
    assert verdict.sample_at == NOW - 9


def test_a_selector_without_samples_is_no_matter_beside_one_that_has_them() -> None:
    """An error counter that never counted is not a blind eye."""
    assert status("a > 0 unless b", snapshot("1", current_0=NOW)) is EvidenceStatus.HOLDS
    assert status("b / a > 0.1", snapshot(current_1=NOW)) is EvidenceStatus.DOES_NOT_HOLD


def test_no_sample_at_all_is_no_data_even_when_the_expression_answers() -> None:
    verdict = judge(read_expression("absent(a)"), snapshot("1"), newer_than=None, max_age=MINUTE)

    assert (verdict.status, verdict.detail) == ("no_data", "no current sample of a")


def test_samples_beyond_the_bound_of_age_do_not_count() -> None:
    verdict = judge(read_expression("up"), snapshot("1", current_0=NOW - 61), newer_than=None, max_age=MINUTE)

    assert (verdict.status, verdict.detail) == ("no_data", "samples of up are 61.0 s old; at most 60 s count")


def test_a_window_may_be_longer_than_the_bound_of_age() -> None:
    found = snapshot("1", current_0=NOW - 1, present_0=1)

    verdict = judge(read_expression("rate(a[15m]) > 0"), found, newer_than=None, max_age=MINUTE)

    assert (verdict.status, verdict.sample_at) == ("holds", NOW - 900)


def test_a_window_that_begins_before_the_action_is_no_data() -> None:
    found = snapshot("1", current_0=NOW - 1, present_0=1)

    verdict = judge(read_expression("rate(a[30s]) > 0"), found, newer_than=NOW - 20, max_age=MINUTE)

    assert (verdict.status, verdict.detail) == ("no_data", "a reaches back 30 s, 10.0 s of it before the action")


def test_a_subquery_is_as_old_as_what_its_first_step_saw() -> None:
    query = "max_over_time(up[10s:1s]) > 0"
    found = snapshot("1", current_0=NOW - 1, earliest_0=NOW - 14)

    assert status(query, found, newer_than=NOW - 12) is EvidenceStatus.NO_DATA
    assert status(query, found, newer_than=NOW - 15) is EvidenceStatus.HOLDS


def test_series_that_ended_inside_the_window_are_no_data() -> None:
    found = snapshot("1", current_0=NOW, present_1=2)

    verdict = judge(read_expression("up and rate(a[1m]) > 0"), found, newer_than=None, max_age=MINUTE)

    assert (verdict.status, verdict.detail) == ("no_data", "the series of a have ended: only their past is left")


def test_many_samples_are_told_in_a_few_words() -> None:
    verdict = judge(read_expression("up"), snapshot(*"11111", current_0=NOW), newer_than=None, max_age=MINUTE)

    assert verdict.detail == "up{instance='i0'} 1; up{instance='i1'} 1; up{instance='i2'} 1; and 2 more"


@given(
    current=st.lists(st.one_of(st.none(), st.floats(NOW - 400, NOW)), min_size=2, max_size=2),
    values=st.lists(st.sampled_from(["0", "1", "NaN", "+Inf"]), max_size=3),
    newer_than=st.one_of(st.none(), st.floats(NOW - 400, NOW + 5)),
)
def test_it_never_holds_on_anything_but_fresh_finite_samples(
    current: list[float | None], values: list[str], newer_than: float | None
) -> None:
    times = {f"current_{index}": at for index, at in enumerate(current) if at is not None}

    verdict = status("a > b", snapshot(*values, **times), newer_than)

    fresh = times and all(NOW - at <= 60 and (newer_than is None or at > newer_than) for at in times.values())
    if verdict is EvidenceStatus.HOLDS:
        assert fresh
        assert values
        assert set(values) <= {"0", "1"}
    if not fresh:
        assert verdict is EvidenceStatus.NO_DATA


@pytest.mark.parametrize(
    "result",
    [
        [],
        [sample("now", "NaN")],
        [sample("value", "1")],
        [sample("now", "soon")],
        [{"metric": {"aether_part": "now"}}],
        [{"value": [1, "2"]}],
        ["now"],
        [{"metric": {"aether_part": "now"}, "value": [1, 2]}],
    ],
)
def test_an_answer_that_is_not_to_the_question_is_an_error(result: list[object]) -> None:
    with pytest.raises(AnswerError):
        read_snapshot(result)
