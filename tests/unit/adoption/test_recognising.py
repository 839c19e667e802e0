"""What expressions watch, and which labels their alerts carry."""

import pytest

from aetherlink.adoption.recognising import Watched, opposite, recognised
from aetherlink.errors import BadRequestError
from aetherlink.executors.docker_label_options import ContainerLabelOptions

EXPRESSIONS = {
    "up == 0": Watched.UP,
    '(up{job="x"}) < 1': Watched.UP,
    "up != 1": Watched.UP,
    "0 == up": Watched.UP,
    "sum by (job) (up) == 0": Watched.UP,
    "up == 0 and on() vector(1)": Watched.UP,
    "up == 1": Watched.OTHER,
    "up > 0": Watched.OTHER,
    'absent(up{job="x"})': Watched.NOT_SCRAPED,
    'absent(up{job="x"}) == 1': Watched.NOT_SCRAPED,
    "probe_success == 0": Watched.PROBE,
    "probe_success == 1": Watched.OTHER,
    "pg_up == 0": Watched.DATABASE,
    'absent(container_last_seen{name="x"})': Watched.CONTAINER_ABSENT,
    '(absent(container_memory_usage_bytes{name="x"})) == 1': Watched.CONTAINER_ABSENT,
    'absent_over_time(container_last_seen{name="x"}[5m])': Watched.CONTAINER_ABSENT,
    "time() - container_last_seen > 60": Watched.CONTAINER_GONE,
    "60 < time() - container_last_seen": Watched.CONTAINER_GONE,
    "time() - container_last_seen < 60": Watched.CONTAINER_OTHER,
    "changes(container_start_time_seconds[10m]) > 2": Watched.CONTAINER_RESTARTS,
    "container_start_time_seconds > 2": Watched.CONTAINER_OTHER,
    "container_memory_rss / 1e9 > 1": Watched.CONTAINER_MEMORY,
    "container_memory_rss < 1": Watched.CONTAINER_OTHER,
    "sum by (pod, container) (container_memory_rss) > 1": Watched.KUBERNETES,
    "sum by (container) (container_memory_rss) > 1": Watched.CONTAINER_MEMORY,
    'sum(rate(container_cpu_usage_seconds_total{name="x"}[1m])) / count(node_cpu_seconds_total) > 0.1': (
        Watched.CONTAINER_CPU
    ),
    "container_fs_usage_bytes > 1": Watched.CONTAINER_OTHER,
    "node_load1 > 1.5": Watched.HOST,
    "kube_pod_status_phase > 0": Watched.KUBERNETES,
    "prometheus_config_last_reload_successful != 1": Watched.MONITORING,
    "vector(1)": Watched.HEARTBEAT,
    "rate(http_requests_total[5m]) > 10": Watched.OTHER,
    '{__name__=~"up|down"} == 0': Watched.OTHER,
    '{__name__="up"} == 0': Watched.UP,
}


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_an_expression_is_told_by_its_metrics_and_its_comparison(expr: str) -> None:
    assert recognised(expr).watched is EXPRESSIONS[expr]


@pytest.mark.parametrize("expr", ["", "up ==", "up" + " or up" * 100, "(" * 5000])
def test_what_is_no_promql_or_too_much_is_refused(expr: str) -> None:
    with pytest.raises(BadRequestError):
        recognised(expr)


@pytest.mark.parametrize(
    ("expr", "has", "has_not"),
    [
        ("up == 0", {"job", "instance", "name"}, set()),
        ("sum(up) == 0", set(), {"job", "instance"}),
        ("sum by (job) (up) == 0", {"job"}, {"instance"}),
        ("sum without (instance) (up) == 0", {"job"}, {"instance"}),
        ('absent(container_last_seen{name="x", env=~"a|b"})', {"name"}, {"env", "job"}),
        ("absent(sum(up))", set(), {"job"}),
        ("topk(3, up) == 0", {"job"}, set()),
        ("a / on (job) group_left (x) b > 1", {"job", "name"}, set()),
        ("a / on (job) b > 1", {"job"}, {"instance"}),
        ("a / ignoring (job) b > 1", {"instance"}, {"job"}),
        ("a and on (job) b", {"instance"}, set()),
        ("time() - container_last_seen > 60", {"name"}, set()),
        ("label_replace(sum(up), 'who', '$1', 'job', '(.*)') == 0", {"who"}, {"job"}),
        ("scalar(up) > bool 0", set(), {"job"}),
        ("sum by (job) (a) or sum by (x) (b)", {"job", "x"}, {"instance"}),
        ("max_over_time(sum by (job) (up)[5m:1m]) == 0", {"job"}, {"instance"}),
    ],
)
def test_an_alert_has_the_labels_that_the_expression_keeps(expr: str, has: set[str], has_not: set[str]) -> None:
    carried = recognised(expr).carried

    assert {label for label in has if carried.may_have(label)} == has
    assert {label for label in has_not if carried.may_have(label)} == set()


@pytest.mark.parametrize(
    ("expr", "turned"),
    [
        ("up == 0", "up != 0"),
        ("a > 80", "a <= 80"),
        ("(a / b) >= 0.5", "(a / b) < 0.5"),
        ("80 < a", "80 >= a"),
        ("a", None),
        ("a > bool 1", None),
        ("a > 1 and b > 2", None),
        ("a > b", None),
    ],
)
def test_an_expression_is_turned_round_where_it_is_one_comparison(expr: str, turned: str | None) -> None:
    assert opposite(recognised(expr)) == turned


def test_a_container_is_named_only_where_each_of_its_selectors_names_it() -> None:
    named = recognised('sum(container_memory_rss{name="x"}) / sum(container_spec_memory_limit_bytes{name="x"}) > 0.8')
    half = recognised('container_memory_rss{name="x"} / sum(container_spec_memory_limit_bytes) > 0.8')

    assert named.names_one == ("name", "x")
    assert half.names_one is None


@pytest.mark.parametrize("label", [*ContainerLabelOptions().name, *ContainerLabelOptions().service])
def test_a_container_is_named_by_each_label_by_which_the_agent_will_find_it(label: str) -> None:
    assert recognised(f'container_memory_rss{{{label}="web"}} > 1').names_one == (label, "web")
