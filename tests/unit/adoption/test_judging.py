"""For each rule: would help with this playbook on that target, or why not."""

from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from aetherlink.adoption.compose_file import read_compose
from aetherlink.adoption.config_files import rules_in, scraped_in
from aetherlink.adoption.judging import Help, Verdict, judged
from aetherlink.adoption.stack import Scraped, Stack, StackRule
from aetherlink.adoption.workloads import workload
from aetherlink.model.playbooks import Playbook
from aetherlink.playbooks.loader import load_playbook, load_playbooks
from rigs.foreign_servers import ORIGINAL

WEB = workload(project="shop", service="web", container="", image="example/web:1")
DB = workload(project="shop", service="db", container="", image="postgres:16", is_store=True)
PROMETHEUS = workload(project="shop", service="prometheus", container="", image="prom/prometheus")
ALONE = workload(project="", service="", container="alone", image="x")
SCRAPED = (
    Scraped("web", "web:8000", "web"),
    Scraped("cadvisor", "cadvisor:8080", "cadvisor"),
    Scraped("prometheus", "localhost:9090", "localhost"),
)
STACK = Stack((), SCRAPED, (WEB, DB, PROMETHEUS, ALONE))


@pytest.fixture(scope="module")
def builtins() -> tuple[Playbook, ...]:
    return load_playbooks(None)


def judge(
    expr: str, builtins: Iterable[Playbook], *, name: str = "Rule", stack: Stack = STACK, **labels: str
) -> Verdict:
    whole = Stack((StackRule(name, expr, labels),), stack.scraped, stack.workloads)
    [verdict] = judged(whole, tuple(builtins))
    return verdict


def test_a_target_that_is_down_is_started_again_where_it_is_a_container_of_the_stack(builtins) -> None:
    verdict = judge("up == 0", builtins)

    [draft] = verdict.drafts
    assert (verdict.help, verdict.targets) == (Help.HELPS, ("web",))
    assert draft.data["match"] == {"alertname": "Rule", "job": "web"}
    assert (draft.target, draft.bind, draft.when) == ("web", ("job", "instance"), "up == 0")
    assert "cadvisor is no container that was found" in verdict.why
    assert "localhost is Prometheus itself" in verdict.why


@pytest.mark.parametrize(
    ("expr", "labels", "why"),
    [
        ("sum(up) == 0", {}, "they do not say which target is down"),
        ("up == 0", {"job": "infra"}, "they do not say which target is down"),
        ('up{job="prometheus"} == 0', {}, "Prometheus itself"),
        ('up{job="nobody"} == 0', {}, "no target of Prometheus"),
        ('absent(up{job="web"})', {}, "what is not scraped, which may run well"),
        ("pg_up == 0", {}, "a database is restarted by people"),
        ("node_load1 > 5", {}, "watches the machine"),
        ("kube_pod_status_phase > 0", {}, "Kubernetes"),
        ("alertmanager_notifications_failed_total > 0", {}, "which the agent lives on"),
        ("http_requests_total > 5", {}, "nothing is known about what it watches (http_requests_total)"),
        ("up ==", {}, "its expression cannot be followed"),
        ("absent(container_last_seen)", {}, "no container at all is seen"),
        ('absent(container_last_seen{name="who"})', {}, "who is no container that was found"),
        ('container_memory_rss{name="shop-db-1"} > 5', {}, "keeps data"),
        ('container_memory_rss{name="prometheus"} > 5', {}, "is what the agent lives on"),
        ('container_memory_rss{name="alone"} > 5', {}, "lacks the label aether.managed=true"),
        ("sum by (image) (container_memory_rss) > 5", {}, "carry no label that names a container"),
        (
            "container_memory_rss / on (instance) machine_memory_bytes > 0.8",
            {},
            "carry no label that names a container",
        ),
        ("container_memory_rss / on (name) group_left () some_other > 0.8", {}, "mixes containers with other things"),
        ("container_memory_rss > 1 and container_memory_cache > 2", {}, "no plain comparison"),
        ("container_memory_rss offset 5m > 1", {}, "would be refused"),
        ("container_cpu_cfs_throttled_periods_total > 1", {}, "a restart changes nothing"),
    ],
)
def test_why_not_is_said(builtins, expr: str, labels: dict[str, str], why: str) -> None:
    verdict = judge(expr, builtins, **labels)

    assert verdict.help is Help.NOT
    assert verdict.drafts == ()
    assert why in verdict.why


def test_an_absent_container_is_believed_absent_only_while_cadvisor_answers(builtins) -> None:
    """`absent()` also fires for each container when cAdvisor is gone: all of them would be restarted."""
    verdict = judge('absent(container_memory_usage_bytes{name="web"})', builtins)

    [draft] = verdict.drafts
    assert draft.when == 'absent(container_memory_usage_bytes{name="web"}) and on () (up{job="cadvisor"} == 1)'
    assert draft.verify == 'time() - container_last_seen{name="web"} < 30'
    assert draft.bind == ()


@pytest.mark.parametrize("scraped", [(), (*SCRAPED, Scraped("cadvisor-2", "other:8080", "other"))])
def test_without_the_one_cadvisor_nobody_can_tell_absence_from_blindness(
    builtins, scraped: tuple[Scraped, ...]
) -> None:
    verdict = judge('absent(container_last_seen{name="web"})', builtins, stack=Stack((), scraped, (WEB,)))

    assert verdict.help is Help.NOT
    assert "from a blind eye" in verdict.why


def test_a_rule_for_one_container_asks_what_it_asks_and_verifies_the_opposite(builtins) -> None:
    verdict = judge('sum(container_memory_rss{name="web"}) > 1e9', builtins)

    [draft] = verdict.drafts
    assert (draft.target, draft.verb) == ("web", "restart")
    assert draft.verify == 'sum(container_memory_rss{name="web"}) <= 1000000000'


def test_a_rule_for_all_containers_leaves_it_to_the_label(builtins) -> None:
    verdict = judge("container_memory_rss > 1e9", builtins)

    [draft] = verdict.drafts
    assert (draft.target, draft.bind) == (None, ("instance", "name"))
    assert verdict.targets == ("web",)
    assert verdict.why == "the one that `name` names"


def test_where_a_built_in_playbook_does_it_none_is_written(builtins) -> None:
    verdict = judge("time() - container_last_seen > 60", builtins, name="ContainerKilled")

    assert (verdict.help, verdict.playbooks, verdict.drafts) == (Help.HELPS, ("container-down",), ())


def test_a_rule_that_sums_the_machine_away_is_not_for_the_built_in_playbook(builtins) -> None:
    verdict = judge("min by (name) (time() - container_last_seen) > 60", builtins, name="ContainerKilled")

    assert "container-down" not in verdict.playbooks
    assert [draft.bind for draft in verdict.drafts] == [("name",)]


def test_a_loop_of_restarts_is_not_restarted(builtins) -> None:
    [draft] = judge("changes(container_start_time_seconds[10m]) > 2", builtins).drafts

    assert draft.verb == "rollback"


def test_a_probe_is_told_by_its_instance_and_mends_the_host_that_it_asks(builtins) -> None:
    scraped = (
        Scraped("blackbox", "http://web:8000/", "blackbox", "web"),
        Scraped("blackbox", "https://elsewhere.example/", "blackbox", "elsewhere.example"),
    )
    verdict = judge("probe_success == 0", builtins, stack=Stack((), scraped, (WEB,)))

    [draft] = verdict.drafts
    assert draft.match == {"alertname": "Rule", "job": "blackbox", "instance": "http://web:8000/"}
    assert "elsewhere.example is no container" in verdict.why


def test_sums_over_a_job_are_for_jobs_of_one_instance(builtins) -> None:
    one = judge("sum by (job) (up) == 0", builtins)
    two = judge(
        "sum by (job) (up) == 0", builtins, stack=Stack((), (*SCRAPED, Scraped("web", "web:8001", "web")), (WEB,))
    )

    assert one.drafts[0].bind == ("job",)
    assert two.help is Help.NOT
    assert "do not say which instance" in two.why


def test_targets_that_a_discovery_found_are_told_by_address_unless_their_job_has_several(builtins) -> None:
    web, api = (
        workload(project="shop", service=name, container="", image="x", other_names=frozenset({address}))
        for name, address in (("web", "172.20.0.5"), ("api", "172.20.0.6"))
    )
    targets = (Scraped("web", "172.20.0.5:80", "172.20.0.5"), Scraped("api", "172.20.0.6:80", "172.20.0.6"))
    apart = judge("up == 0", builtins, stack=Stack((), targets, (web, api)))
    together = tuple(Scraped("all", one.instance, one.host) for one in targets)
    mixed = judge("up == 0", builtins, stack=Stack((), together, (web, api)))

    assert [one.match for one in apart.drafts] == [{"alertname": "Rule", "job": job} for job in ("web", "api")]
    assert mixed.help is Help.NOT
    assert "addresses of several containers, which change" in mixed.why


def test_a_heartbeat_is_heard(builtins) -> None:
    verdict = judge("vector(1)", builtins)

    assert (verdict.help, verdict.is_heartbeat) == (Help.OBSERVES, True)


def test_twins_of_one_name_are_told_apart_by_their_labels(builtins) -> None:
    rules = [
        StackRule("Memory", f'container_memory_rss{{name="web"}} > {limit}', {"severity": severity})
        for limit, severity in ((1, "warning"), (2, "critical"))
    ]
    first, second = judged(Stack(tuple(rules), SCRAPED, (WEB,)), tuple(builtins))

    assert [one.drafts[0].name for one in (first, second)] == ["memory-web", "memory-web-2"]
    assert second.drafts[0].match == {"alertname": "Memory", "severity": "critical"}


@pytest.mark.parametrize(
    "name", ["=~.*", "!x", "a: b", "it's {{ $labels.x }}", "Ünïcode", 'q"uote', "x" * 300, "\n", "-"]
)
def test_whatever_a_rule_is_called_its_playbook_is_read_as_it_is_meant(builtins, tmp_path: Path, name: str) -> None:
    [draft] = judge('container_memory_rss{name="web"} > 1', builtins, name=name).drafts

    (tmp_path / draft.file).write_text(draft.text)
    playbook = load_playbook(tmp_path / draft.file)
    assert playbook.matches({"alertname": name})
    assert not playbook.matches({"alertname": name + "x"})


@pytest.fixture(scope="module")
def foreign(builtins) -> dict[str, Verdict]:
    compose = read_compose(ORIGINAL / "docker-compose.yml")
    assert compose.prometheus is not None
    assert compose.prometheus.file is not None
    rules, notes = rules_in(compose.prometheus.file, compose.prometheus.outside, inside="/etc/prometheus")
    assert notes == ()
    stack = Stack(rules, scraped_in(compose.prometheus.file), compose.workloads)
    return {one.rule.name: one for one in judged(stack, builtins)}


def test_every_rule_of_the_foreign_stack_maps_to_its_target_or_says_why_not(foreign: dict[str, Verdict]) -> None:
    helped = {name: one.targets for name, one in foreign.items() if one.help is Help.HELPS}

    of_all = foreign["ContainerKilled"].targets
    assert set(of_all) >= {"storefront", "orders", "jenkins", "grafana"}
    assert not set(of_all) & {"prometheus", "alertmanager", "orders-db"}
    assert helped == {
        "monitor_service_down": (
            *("nodeexporter", "cadvisor", "pushgateway", "storefront", "orders", "postgres_exporter"),
        ),
        "shop_unreachable": ("storefront",),
        "jenkins_down": ("jenkins",),
        "jenkins_high_cpu": ("jenkins",),
        "jenkins_high_memory": ("jenkins",),
        **dict.fromkeys(
            ("ContainerKilled", "ContainerHighCpuUsageByName", "ContainerHighMemoryUsage", "ContainerRestarts"), of_all
        ),
    }
    assert len(foreign) == 20
    assert [name for name, one in foreign.items() if one.help is not Help.HELPS and not one.why] == []


def test_every_playbook_that_is_proposed_is_read_and_only_observes(foreign: dict[str, Verdict], tmp_path: Path) -> None:
    drafts = [draft for verdict in foreign.values() for draft in verdict.drafts]
    for draft in drafts:
        (tmp_path / draft.file).write_text(draft.text)
    own = [one for one in load_playbooks(tmp_path) if not one.is_builtin]

    assert {one.name for one in own} == {draft.name for draft in drafts}
    assert {one.mode.value for one in own} == {"observe"}
    assert all(yaml.safe_load(draft.text) == draft.data for draft in drafts)
