"""What servers say of themselves, in our words; what is not as it should be is refused."""

import pytest

from aetherlink.adoption import answers
from aetherlink.adoption.stack import Scraped
from aetherlink.errors import AnswerError

OF_ITS_IMAGE = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
COMPOSED = {**OF_ITS_IMAGE, "com.docker.compose.oneoff": "False"}


def test_replicas_of_a_service_are_one_workload_and_what_ran_once_is_none() -> None:
    found = answers.workloads_of(
        [
            {"Names": ["/shop-web-1", "/other/web"], "Image": "web:1", "Labels": COMPOSED},
            {"Names": ["/shop-web-2"], "Image": "web:1", "Labels": COMPOSED},
            {
                "Names": ["/shop-web-run-1"],
                "Image": "web:1",
                "Labels": {**COMPOSED, "com.docker.compose.oneoff": "True"},
            },
            {
                "Names": ["/aether-agent"],
                "Image": "a",
                "Labels": {**COMPOSED, "com.docker.compose.service": "aether-agent"},
            },
            {"Names": ["/cache"], "Image": "redis", "Labels": {"aether.managed": "true"}},
            {"Names": ["/stranger"], "Image": "x", "Labels": None},
        ]
    )

    by_name = {one.name: one for one in found}
    assert set(by_name) == {"web", "cache", "stranger"}
    assert by_name["web"].names >= {"shop-web-1", "shop-web-2", "web"}
    assert (by_name["cache"].why_not, by_name["cache"].is_store) == ("", True)
    assert "lacks the label" in by_name["stranger"].why_not


def test_what_docker_run_made_of_a_built_image_is_no_replica_of_the_service() -> None:
    found = answers.workloads_of(
        [
            {"Names": ["/shop-web-1"], "Image": "shop-web", "Labels": COMPOSED},
            {"Names": ["/migration"], "Image": "shop-web", "Labels": OF_ITS_IMAGE},
        ]
    )

    by_name = {one.name: one for one in found}
    assert {name: (one.project, one.service) for name, one in by_name.items()} == {
        "web": ("shop", "web"),
        "migration": ("", ""),
    }
    assert "migration" not in by_name["web"].names
    assert "lacks the label" in by_name["migration"].why_not


def test_what_runs_and_what_is_written_is_one_workload() -> None:
    running = answers.workloads_of([{"Names": ["/shop-web-1"], "Image": "web:1", "Labels": COMPOSED}])
    [written] = [answers.workload(project="shop", service="web", container="", image="", depends_on=("db",))]

    [one] = answers.merged(running, [written])

    assert (one.image, one.depends_on) == ("web:1", ("db",))


def test_a_target_is_known_by_where_it_is_asked_and_a_probe_by_what_it_asks() -> None:
    targets = [
        {
            "labels": {"job": "b", "instance": "http://web/"},
            "scrapeUrl": "http://box:9115/probe?module=m&target=http://web/",
        },
        {"labels": {"job": "a", "instance": "i"}, "scrapeUrl": "http://[::1]:9100/metrics"},
        {"labels": {}, "scrapeUrl": "http://[broken"},
    ]
    found = answers.scraped_of({"data": {"activeTargets": targets[:2]}})

    assert found == (Scraped("a", "i", "::1"), Scraped("b", "http://web/", "box", "web"))


@pytest.mark.parametrize(
    "data", [None, [], {}, {"data": None}, {"data": {"groups": [{"rules": []}]}}, {"data": {"groups": 1}}]
)
def test_what_is_no_list_of_rules_is_refused(data: object) -> None:
    with pytest.raises(AnswerError, match="rules of Prometheus"):
        answers.rules_of(data)


def test_recording_rules_are_none_that_alert() -> None:
    rules = [{"name": "a", "query": "up", "type": "recording"}, {"name": "b", "query": "up == 0", "type": "alerting"}]

    assert [one.name for one in answers.rules_of({"data": {"groups": [{"name": "g", "rules": rules}]}})] == ["b"]


def test_an_alertmanager_that_says_nothing_of_its_configuration_is_refused() -> None:
    with pytest.raises(AnswerError, match="status of Alertmanager"):
        answers.original_of({"cluster": {}})


def test_a_container_is_known_by_its_addresses_too() -> None:
    networks = {"Networks": {"a": {"IPAddress": "172.20.0.5"}, "b": {"IPAddress": ""}}}
    [one] = answers.workloads_of(
        [{"Names": ["/shop-web-1"], "Image": "web:1", "Labels": COMPOSED, "NetworkSettings": networks}]
    )

    assert "172.20.0.5" in one.names
    assert "" not in one.names
