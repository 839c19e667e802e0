"""T11: what the agent lives on is told in any spelling of its name, and what only sounds like it is left alone."""

import pytest
from pydantic import SecretStr

from aetherlink.executors.target_options import TargetOptions
from aetherlink.model.actions import DeclaredRequest, Target
from aetherlink.model.ids import TargetName
from aetherlink.policy.protection import BUILTIN_NAMES, own_names, own_places, protected_name
from aetherlink.settings import Settings

DIGEST = "sha256:" + "ab" * 32
NAMES = own_names(
    prometheus=["http://127.0.0.1:9090", "https://metrics-eu.example.org/prometheus"],
    alertmanagers=["http://am-a:9093", "http://localhost:9093", "http://[::1]:9093"],
    database_url="postgresql://aether:secret@ledger-db:5432,ledger-db-2.data.svc.cluster.local/aether",
    protected=["Payment_Gateway", "db"],
)

CAUGHT = {
    "aether-agent": "aether-agent",
    "AETHER_AGENT": "aether-agent",
    "aether.agent": "aether-agent",
    "aetherAgent": "aether-agent",
    "/aether-agent": "aether-agent",
    "monitoring-aether-agent-1": "aether-agent",
    "aether.service": "aether",
    "aetherlink": "aetherlink",
    "ghcr.io/acme/aetherlink-agent:1.2.3": "aetherlink-agent",
    "aetherlink-db-1": "aetherlink-db",
    "aether_postgres": "aether-postgres",
    "prometheus": "prometheus",
    "Prometheus": "prometheus",
    "  prometheus\n": "prometheus",
    "PROMETHEUS.service": "prometheus",
    "prometheus@main.service": "prometheus",
    "monitoring_prometheus_1": "prometheus",
    "monitoring-prometheus-1": "prometheus",
    "shop-prometheus": "prometheus",
    "monitoring/prometheus": "prometheus",
    "statefulset.apps/prometheus-k8s": "prometheus-k8s",
    "prometheus-k8s-0": "prometheus-k8s",
    "prometheus-server-7d9f8b6c5d-x2x4z": "prometheus-server",
    "prometheus.monitoring.svc.cluster.local": "prometheus",
    "monitoring_prometheus.1.q8x0w7c5b3n1m9k7j5h3g1f9d": "prometheus",
    "docker.io/prom/prometheus": "prometheus",
    "quay.io:443/prometheus/prometheus:v2.53.1": "prometheus",
    f"prom/prometheus@{DIGEST}": "prometheus",
    "prometheus2": "prometheus",
    "prometheus-v2": "prometheus",
    "\uff50\uff52\uff4f\uff4d\uff45\uff54\uff48\uff45\uff55\uff53": "prometheus",
    "\U0001d429\U0001d42b\U0001d428\U0001d426etheus": "prometheus",
    "pro\u200bmetheus": "prometheus",
    "pro\u00admetheus": "prometheus",
    "\u202eprometheus": "prometheus",
    "prome\u0301theus": "prometheus",
    "prom\u0435th\u0435us": "prometheus",
    "\u0420\u0420rometheus-\u0420r\u043emetheus": "prometheus",
    "pr\u03bfmetheus": "prometheus",
    "alertmanager": "alertmanager",
    "Alert-Manager": "alertmanager",
    "alert.manager_2": "alertmanager",
    "prom/alertmanager:latest": "alertmanager",
    "alertmanager-kube-prometheus-stack-alertmanager-0": "alertmanager",
    "dockerd": "dockerd",
    "docker": "docker",
    "docker.service": "docker",
    "docker.socket": "docker",
    "/var/run/docker.sock": "docker.sock",
    "Docker Daemon": "docker-daemon",
    "containerd.service": "containerd",
    "tecnativa/docker-socket-proxy:0.3": "docker-socket-proxy",
    "dockersocketproxy": "docker-socket-proxy",
    "infra_socket-proxy_1": "socket-proxy",
    "metrics-eu.example.org": "metrics-eu-example-org",
    "am-a": "am-a",
    "monitoring_am-a_1": "am-a",
    "ledger-db": "ledger-db",
    "LEDGER_DB-1": "ledger-db",
    "data/ledger-db": "ledger-db",
    "ledger-db-2": "ledger-db-2",
    "payment.gateway": "payment-gateway",
    "db": "db",
    "crm-db-1": "db",
}
INNOCENT = [
    *("crm", "crm-api", "crm-db", "postgres", "peakpro-postgres-1", "grafana", "monitoring-grafana-1", "grafana-agent"),
    *("prometheus-exporter-of-shop", "prom/node-exporter:v1", "prom/pushgateway", "prometheus-operator"),
    *("postgres-exporter", "alertmanager-bot", "alert-mailer", "docker-registry", "registry/dockerfile-linter:3"),
    *("docker-exporter", "containerd-metrics", "agent", "datadog-agent", "shop-agent-1", "proxy", "nginx-proxy"),
    *("socket-server", "etherpad", "aetherlink-crm", "metrics", "metrics-eu", "example.org", "ledger", "ledger-api"),
    *("am", "am-b", "localhost", "payment", "payment-gateway-ui", "db-viewer", "crm-db.service", "", "-", "1"),
]


def target(service: str, *, name: str = "shop", executor: str = "docker") -> Target:
    return Target(TargetName(name), executor=executor, service=service)


@pytest.mark.parametrize("spelling", CAUGHT)
def test_t11_what_the_agent_lives_on_is_told_in_this_spelling(spelling: str) -> None:
    assert protected_name(target(spelling), NAMES) == CAUGHT[spelling]
    assert protected_name(target("shop", name=spelling), NAMES) == CAUGHT[spelling]


@pytest.mark.parametrize("spelling", INNOCENT)
def test_t11_what_only_sounds_like_it_is_left_alone(spelling: str) -> None:
    assert protected_name(target(spelling), NAMES) is None
    assert protected_name(target("shop", name=spelling), NAMES) is None


def test_t11_the_tables_are_as_long_as_they_should_be() -> None:
    assert (len(CAUGHT) >= 40, len(INNOCENT) >= 20) == (True, True)


@pytest.mark.parametrize("name", sorted(BUILTIN_NAMES))
def test_t11_every_built_in_name_is_told_also_without_any_settings(name: str) -> None:
    assert protected_name(target(name.upper()), frozenset()) is not None


def test_t11_the_agent_of_a_lab_has_a_name_that_means_it_there_only() -> None:
    assert protected_name(target("agent", executor="lab"), NAMES) == "agent"
    assert protected_name(target("agent", executor="docker"), NAMES) is None


def test_t11_the_labs_own_targets_may_be_acted_on_unless_the_agents_database_is_there() -> None:
    targets = {
        "crm-api": TargetOptions(executor="lab", service="crm", depends_on=("crm-db",)),
        "crm-db": TargetOptions(executor="lab", service="postgres"),
    }
    elsewhere = Settings(targets=targets, database_url=SecretStr("postgresql://aether@127.0.0.1:5432/aether"))
    there = Settings(targets=targets, database_url=SecretStr("postgresql://aether@postgres/aether"))

    assert (list(elsewhere.protected_targets), list(there.protected_targets)) == ([], ["crm-db"])


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("postgresql://aether@/aether?host=/run/postgresql", None),
        ("postgresql://aether@/aether?host=ledger", "ledger"),
        ("postgresql://aether:a%40b@ledger:5432/aether", "ledger"),
        ("postgresql://aether@one,two:5433/aether", "two"),
        ("postgresql://aether@tasks.ledger/aether", "ledger"),
        ("postgresql://aether@[fd00::5]:5432/aether", "fd00-5"),
    ],
)
def test_t11_every_host_of_the_database_is_one_of_the_names(url: str, host: str | None) -> None:
    found = own_names(prometheus=[], alertmanagers=[], database_url=url, protected=[])
    own = found - own_names(prometheus=[], alertmanagers=[], database_url=None, protected=[])

    assert host in own if host else own == frozenset()


PLACES = own_places(
    ("http://0.0.0.0:8088", "http://127.0.0.1:9090", "http://am-a:9093", "https://metrics-eu.example.org/prometheus")
)
CAUGHT_URLS = {
    "http://127.0.0.1:8088/api/v1/pause": "this machine:8088",
    "http://localhost:8088/act": "this machine:8088",
    "http://LOCALHOST.:9090/-/quit": "this machine:9090",
    "http://127.0.0.2:9090/-/quit": "this machine:9090",
    "http://[::1]:9090/-/quit": "this machine:9090",
    "http://[::ffff:127.0.0.1]:9090/-/quit": "this machine:9090",
    "http://[::127.0.0.1]:9090/-/quit": "this machine:9090",
    "http://[::]:9090/-/quit": "this machine:9090",
    "http://0.0.0.0:9090/-/reload": "this machine:9090",
    "http://prom.localhost:9090/-/quit": "this machine:9090",
    "http://Prom.LocalHost.:9090/-/quit": "this machine:9090",
    "http://ip6-localhost:9090/-/quit": "this machine:9090",
    "http://ip6-loopback:9090/-/quit": "this machine:9090",
    "http://host.docker.internal:9090/": "this machine:9090",
    "http://am-a:9093/api/v2/silences": "am-a",
    "http://AM-A.:9093/": "am-a",
    "http://am-a:80/": "am-a",
    "https://metrics-eu.example.org/-/quit": "metrics-eu-example-org",
    "https://metrics-eu.example.org:8443/": "metrics-eu-example-org",
    "http://prometheus:9090/-/quit": "prometheus",
    "http://prometheus.monitoring/-/quit": "prometheus",
    "http://shop-prometheus-1:9090/": "prometheus",
    "http://prometheus-k8s.monitoring.svc.cluster.local:9090/": "prometheus-k8s",
    "http://alertmanager.example.org/": "alertmanager",
    "http://aether-agent:8080/act": "aether-agent",
    "http://docker-socket-proxy:2375/containers/prune": "docker-socket-proxy",
    "http://payment-gateway/": "payment-gateway",
}
INNOCENT_URLS = (
    *(
        "http://127.0.0.1:8000/purge",
        "http://localhost/",
        "http://localhost:9091/",
        "http://cache:9090/",
        "http://crm/",
    ),
    *(
        "http://10.0.0.7:9090/",
        "https://api.example.org/",
        "http://prometheus-exporter-of-shop:9090/",
        "http://[fd00::5]/",
        "http://[::10.0.0.7]:9090/",
        "http://[::ffff:10.0.0.7]:9090/",
        "http://mylocalhost:9090/",
        "http://localhost.example.org:9090/",
    ),
    *("http://crm.svc:8000/prometheus", "http://crm:8000/?next=http://prometheus", "http://aetherlink-crm/"),
)


def asked_at(url: str) -> Target:
    harmless = DeclaredRequest("flush", "POST", "http://crm:8000/flush", digest="")
    return Target(TargetName("shop"), "http", "shop", requests=(harmless, DeclaredRequest("x", "POST", url, digest="")))


@pytest.mark.parametrize("url", CAUGHT_URLS)
def test_t11_a_request_to_what_the_agent_lives_on_is_told_by_its_url(url: str) -> None:
    assert protected_name(asked_at(url), NAMES, PLACES) == CAUGHT_URLS[url]


@pytest.mark.parametrize("url", INNOCENT_URLS)
def test_t11_a_request_to_something_else_is_left_alone(url: str) -> None:
    assert protected_name(asked_at(url), NAMES, PLACES) is None


def test_t11_the_settings_protect_where_the_agent_and_its_monitoring_listen() -> None:
    def targets(url: str) -> dict[str, TargetOptions]:
        http = {"observe": {"url": "http://a/"}, "requests": {"x": {"url": url}}}
        return {"shop": TargetOptions.model_validate({"executor": "http", "service": "shop", "http": http})}

    told = {
        port: list(Settings(targets=targets(f"http://127.0.0.1:{port}/x")).protected_targets)
        for port in (8088, 9090, 9093, 8000)
    }
    assert told == {8088: ["shop"], 9090: ["shop"], 9093: ["shop"], 8000: []}


AROUND = (
    "{}",
    "/{}",
    " {} ",
    "{}-1",
    "{}_1",
    "{}.2",
    "{}.service",
    "shop-{}",
    "shop_{}_1",
    "monitoring/{}",
    "registry.example.org:5000/acme/{}:1.2.3",
    f"acme/{{}}@{DIGEST}",
    "deployment/{}",
    "{}-7d9f8b6c5d-x2x4z",
    "{}.monitoring.svc.cluster.local",
    "\u200b{}\ufeff",
)
WRITTEN = {
    "as it is": str,
    "in capitals": str.upper,
    "with underscores": lambda name: name.replace("-", "_"),
    "without dashes": lambda name: name.replace("-", ""),
    "with accents": lambda name: name.replace("o", "o\u0308").replace("a", "a\u0301"),
    "in wide letters": lambda name: "".join(chr(ord(each) + 0xFEE0) if each.isalnum() else each for each in name),
    "in Cyrillic": lambda name: name.translate(str.maketrans("aeopcx", "\u0430\u0435\u043e\u0440\u0441\u0445")),
}


@pytest.mark.parametrize("way", WRITTEN)
@pytest.mark.parametrize("around", AROUND)
def test_t11_every_built_in_name_is_told_in_every_way_within_everything_around_it(around: str, way: str) -> None:
    # Of a name with a dot Kubernetes makes no host name: what comes after the dot would be the cluster's.
    names = [name for name in BUILTIN_NAMES if "." not in name or "svc" not in around]
    spellings = [around.format(WRITTEN[way](name)) for name in names]

    assert [each for each in spellings if protected_name(target(each), frozenset()) is None] == []
