"""Settings: one tree, strict; a mistake is named with its place and the nearest known word."""

import os
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest

from aetherlink import settings
from aetherlink.errors import SettingsError
from aetherlink.executors.registry import BUILTIN
from aetherlink.model.actions import DeclaredRequest
from aetherlink.model.budgets import Budgets
from aetherlink.model.decisions import Mode

FILE = """
mode: auto
sources:
  - {name: prod, prometheus: "http://prometheus:9090/", alertmanagers: ["http://alertmanager:9093"]}
targets:
  crm-api: {executor: lab, service: crm, min: 1, max: 4}
actions:
  restart_api: {restart: crm-api}
health: {interval: 5s, threshold: 70}
"""
CIRCLE = """
targets:
  a: {executor: lab, service: a, depends_on: [b]}
  b: {executor: lab, service: b, depends_on: [c]}
  c: {executor: lab, service: c, depends_on: [a]}
"""
TWO_LOGINS = """
sources:
  - {name: a, prometheus: "http://a", headers: {Authorization: a}, basic_auth: {username: u, password_file: p}}
"""


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of the machine, and no aether.yaml in the folder, has a say."""
    for name in ("AETHER_CONFIG", "PROM_URL", "ALERTMANAGER_URL", "GRAFANA_URL", "LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "given.yaml"
    path.write_text(FILE)
    return path


def test_without_anything_the_agent_observes_on_the_loopback() -> None:
    found = settings.load()

    assert (found.mode, found.host, found.port) == (Mode.OBSERVE, "127.0.0.1", 8088)
    assert found.targets == {}


def test_a_file_is_read(file: Path) -> None:
    found = settings.load(file)

    assert found.mode is Mode.AUTO
    assert found.sources[0].prometheus == "http://prometheus:9090"
    assert found.declared_targets["crm-api"].maximum == 4
    assert found.health.threshold == 70


def test_a_target_says_what_may_be_done_to_it(tmp_path: Path) -> None:
    path = tmp_path / "targets.yaml"
    path.write_text("""
targets:
  crm-db: {executor: dry_run, service: postgres, mode: observe, break_glass: true}
  crm-api: {executor: lab, service: crm, min: 1, max: 4, floor: 2, healthy_share: 0.75, depends_on: [crm-db],
    tenant: acme}
""")

    found = settings.load(path).declared_targets

    assert (found["crm-api"].floor, found["crm-api"].depends_on) == (2, ("crm-db",))
    assert (found["crm-api"].tenant, found["crm-db"].tenant) == ("acme", "")
    assert [found["crm-api"].floor_of(wanted) for wanted in (1, 2, 4)] == [2, 2, 3]
    assert (found["crm-api"].mode, found["crm-api"].is_break_glass) == (Mode.AUTO, False)
    assert (found["crm-db"].mode, found["crm-db"].is_break_glass) == (Mode.OBSERVE, True)


def test_the_executors_that_a_target_may_name_are_those_that_there_are() -> None:
    annotation = settings.Settings.model_fields["targets"].annotation
    options = get_args(annotation)[1]

    assert set(get_args(options.model_fields["executor"].annotation)) == set(BUILTIN)


def test_budgets_and_approvals_are_as_the_model_has_them_unless_set(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        "budgets: {running: 1, per_hour: 7}\napprovals: {expires_after: 10m, second_person_for_vip: true}\n"
    )

    first, changed = settings.load(), settings.load(path)

    assert first.budgets.bounds == Budgets()
    assert changed.budgets.bounds == Budgets(running=1, per_hour=7)
    assert first.approvals.expires_after == timedelta(minutes=30)
    assert changed.approvals.expires_after == timedelta(minutes=10)
    assert (first.vip_mode, first.dry_run, changed.approvals.second_person_for_vip) == (Mode.APPROVE, False, True)


def test_a_file_in_the_folder_is_found_and_a_variable_names_another(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "aether.yaml").write_text("mode: approve\n")
    assert settings.load().mode is Mode.APPROVE

    monkeypatch.setenv("AETHER_CONFIG", str(file))
    assert settings.load().mode is Mode.AUTO


def test_variables_win_over_the_file_also_inside(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AETHER_MODE", "approve")
    monkeypatch.setenv("AETHER_HEALTH__THRESHOLD", "40")
    monkeypatch.setenv("AETHER_VIP_TENANTS", '["gold-*"]')

    found = settings.load(file)

    assert (found.mode, found.health.threshold, found.vip_tenants) == (Mode.APPROVE, 40, ("gold-*",))
    assert found.health.interval.total_seconds() == 5


def test_the_seeds_variables_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROM_URL", "http://prom:9090")
    monkeypatch.setenv("ALERTMANAGER_URL", "http://am:9093")
    monkeypatch.setenv("GRAFANA_URL", "http://grafana:3000")
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")

    found = settings.load()

    assert found.sources[0].prometheus == "http://prom:9090"
    assert found.sources[0].alertmanagers == ("http://am:9093",)
    assert (found.grafana_url, found.log_level) == ("http://grafana:3000", "debug")


def test_the_seeds_variables_lie_over_the_first_source_of_a_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROM_URL", "http://elsewhere:9090")

    [source] = settings.load(file).sources

    assert (source.name, source.prometheus) == ("prod", "http://elsewhere:9090")
    assert source.alertmanagers == ("http://alertmanager:9093",)


HTTP = "executor: http"
ASKED = (
    "targets: {a: {service: a, %s, http: {observe: {url: 'http://a/health'}, "
    "requests: {purge: {method: POST, url: 'http://cache/purge', body: x}}}}}"
)
WRONG_URLS = (
    ("cache", "not an address like"),
    ("ftp://cache", "not an address like"),
    ("http://", "not an address like"),
    ("http://cache:99999", "not an address like"),
    ("http://cache:0", "not an address like"),
    ("http://cache/#a", "not an address like"),
    ("http://cache/a b", "without blanks"),
    ("http://c\u00e4che", "without blanks"),
    ("http://a:b@cache", "must not hold a name or a password"),
    ("http://127.1:9090", "'127.1' is no IP address"),
    ("http://2130706433:9090", "'2130706433' is no IP address"),
    ("http://0x7f000001:9090", "'0x7f000001' is no IP address"),
    ("http://0177.0.0.1:9090", "'0177.0.0.1' is no IP address"),
    ("http://127.0.0.0x1", "'127.0.0.0x1' is no IP address"),
    ("http://[::zz]", "is no IP address|does not appear to be an IP"),
)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("mdoe: auto", r"given\.yaml:1: mdoe: unknown key: did you mean `mode`\?"),
        ("health: {intervall: 5s}", r"health\.intervall: unknown key: did you mean `interval`\?"),
        ("sources: [{name: a, prometheus: 'http://a', promtheus: b}]", r"promtheus: unknown key: .*`prometheus`"),
        ("targets: {a: {executor: lab, service: a, maxx: 2}}", r"targets\.a\.maxx: unknown key: .*`max`"),
        ("mode: full-auto", r"mode: .*'observe', 'approve' or 'auto'"),
        ("listen: 8088", "listen"),
        ("listen: example.org:80", "not an IP address"),
        ("listen: 127.0.0.1:99999", "not host:port"),
        ("sources: []", "sources"),
        ("sources: [{name: a, prometheus: 'prometheus:9090'}]", "not an address like"),
        ("sources: [{name: a, prometheus: 'http://a'}, {name: a, prometheus: 'http://b'}]", "same name"),
        ("targets: {a: {executor: lab, service: a, min: 3, max: 2}}", "above max"),
        ("targets: {a: {executor: ssh, service: a}}", r"targets\.a\.executor: .*'dry_run', 'http' or 'lab'"),
        ("targets: {a: {executor: http, service: a}}", r"targets\.a: http: the executor `http` needs it"),
        (ASKED % "executor: lab", "http: the executor `lab` sends no requests"),
        (ASKED.replace("POST", "GET") % HTTP, r"requests\.purge\.method: .*'POST', 'PUT', 'PATCH' or 'DELETE'"),
        (ASKED.replace("purge:", "Purge now:") % HTTP, r"requests\.Purge now"),
        (ASKED.replace("method", "mehtod") % HTTP, "unknown key: did you mean `method`"),
        (ASKED.replace("body:", "headers: {authorization: x}, b:") % HTTP, "bearer_token_file"),
        (ASKED.replace("body:", "headers: {Idempotency-Key: x}, b:") % HTTP, "to the id of the action"),
        (ASKED.replace("body:", "headers: {host: x}, b:") % HTTP, "host is for the HTTP client to set"),
        *((ASKED.replace("http://cache", url) % HTTP, complaint) for url, complaint in WRONG_URLS),
        ("targets: {a: {executor: lab, service: a, max: 2, floor: 3}}", r"floor \(3\) is above max \(2\)"),
        ("targets: {a: {executor: lab, service: a, mode: never}}", r"targets\.a\.mode: .*'observe', 'approve' or"),
        ('targets: {a: {executor: lab, service: a, tenant: "acme "}}', "'acme ' is no tenant's name"),
        ('targets: {a: {executor: lab, service: a, tenant: "ac\\u0007me"}}', "is no tenant's name"),
        ("targets: {a: {executor: lab, service: a, depends_on: [a]}}", "a target cannot depend on itself"),
        (
            "targets: {crm-db: {executor: lab, service: b}, a: {executor: lab, service: a, depends_on: [crm-bd]}}",
            r"targets\.a\.depends_on: there is no target 'crm-bd': did you mean `crm-db`\?",
        ),
        ("targets: {a: {executor: lab, service: a, depends_on: [zzz]}}", "'zzz': declare it under `targets`"),
        (CIRCLE, "these depend on each other in a circle: a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c"),
        ("budgets: {per_ten_minutes: 0}", r"budgets\.per_ten_minutes: .*greater than or equal to 1"),
        ("budgets: {per_ten_minutes: 2}", r"vip_reserve \(2\) leaves nothing to others of per_ten_minutes \(2\)"),
        ("budgets: {suspect_share: 0}", r"budgets\.suspect_share"),
        ("budgets: {pr_hour: 3}", r"budgets\.pr_hour: unknown key: did you mean `per_hour`\?"),
        ("approvals: {expires_after: 1s}", r"approvals\.expires_after"),
        ("protected: ['--']", "'--' is no name: it has no letter and no digit"),
        ("vip_mode: ask", "vip_mode: .*'observe', 'approve' or 'auto'"),
        ("sources: [{name: a, prometheus: 'http://a', headers: {'a b': c}}]", r"headers\.a b"),
        ("sources: [{name: a, prometheus: 'http://a', headers: {Content-Length: '1'}}]", "the HTTP client"),
        (
            "sources: [{name: a, prometheus: 'http://a', headers: {Authorization: a}, bearer_token_file: b}]",
            "bearer_token_file and headers.Authorization both say who calls: take one of them out",
        ),
        (
            TWO_LOGINS,
            "basic_auth and headers.Authorization both say who calls",
        ),
        ("sources: [{name: a, prometheus: 'http://a', tls: {cert_file: c}}]", "cert_file and key_file belong together"),
        ("sources: [{name: a, prometheus: 'http://a', tls: {ca: c}}]", r"tls\.ca: unknown key"),
        ("sources: [{name: a, prometheus: 'http://a', labels: {'a b': c}}]", r"labels\.a b"),
        ("sources: [{name: a, prometheus: 'http://a', proxy: 'socks5://p:1'}]", "not an address like"),
        ("sources: [{name: a, prometheus: 'http://a', proxy: 'https://p:1'}]", "not the address of an HTTP proxy"),
        (
            "sources: [{name: a, prometheus: 'http://a', proxy: 'http://p', tls: {server_name: s}}]",
            r"tls\.server_name cannot be had through a proxy",
        ),
        (
            "sources: [{name: a, prometheus: 'http://a', proxy_basic_auth: {username: u, password_file: p}}]",
            "no proxy: set proxy",
        ),
        ("health: {query: 'up =='}", r"health\.query: the query is not PromQL: .*'up =='"),
        ("health: {interval: soon}", r"health\.interval: .*not a duration"),
        ("targets: {a: {executor: lab, min: yes}}", r"targets\.a\.min: .*has to be a number"),
        ("targets: {a: {executor: lab, healthy_share: yes}}", r"targets\.a\.healthy_share: .*has to be a number"),
        ("pipeline: {workers: yes}", r"pipeline\.workers: .*has to be a number"),
        ("[]", "mapping"),
        ("mode: observe\nlisten: '[::1]:80'\nmode: auto", r"given\.yaml:3: mode: the key is given twice, on line 1"),
        ("health: {interval: 5s, interval: 6s}", r"given\.yaml:1: interval: the key is given twice"),
        ("sources: x", "sources: this has to be a list"),
        ("health: x", "health: this has to be a mapping"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_a_mistake_is_named_with_its_place(file: Path, text: str, complaint: str) -> None:
    file.write_text(text)

    with pytest.raises(SettingsError, match=complaint):
        settings.load(file)


def test_a_header_of_a_source_is_kept_and_never_shown(file: Path) -> None:
    file.write_text("sources: [{name: a, prometheus: 'http://a', headers: {X-Api-Key: s3cret}}]")

    [source] = settings.load(file).sources

    assert source.plain_headers == {"X-Api-Key": "s3cret"}
    assert "s3cret" not in repr(source) + str(source)
    file.write_text("sources: [{name: a, prometheus: 'http://a', headers: {X-Api-Key: [s3cret]}}]")
    with pytest.raises(SettingsError) as caught:
        settings.load(file)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("key", ["prometheus", "proxy"])
def test_an_address_holds_no_password_and_a_refused_one_is_not_shown(file: Path, key: str) -> None:
    source = {"name": "a", "prometheus": "http://a", key: "http://me:s3cret@prometheus:9090"}
    file.write_text(f"sources: [{source}]")

    with pytest.raises(SettingsError, match=rf"sources\.0\.{key}: .*must not hold a name or a password") as caught:
        settings.load(file)
    assert "s3cret" not in str(caught.value)


def test_everything_of_a_source_is_read(file: Path) -> None:
    file.write_text(
        """
        sources:
          - name: prod
            prometheus: https://prometheus:9090
            alertmanagers: [https://am-1:9093, https://am-2:9093]
            labels: {env: prod, region: eu}
            basic_auth: {username: agent, password_file: /run/secrets/password}
            tls: {ca_file: /run/ca.pem, cert_file: /run/agent.pem, key_file: /run/agent.key}
            headers: {X-Scope-OrgID: acme}
            proxy: http://proxy:3128
            proxy_basic_auth: {username: agent, password_file: /run/secrets/proxy}
        """
    )

    [source] = settings.load(file).sources

    assert source.labels == {"env": "prod", "region": "eu"}
    assert source.tls is not None
    assert (source.tls.ca_file, source.tls.insecure_skip_verify) == (Path("/run/ca.pem"), False)
    assert source.basic_auth is not None
    assert (source.basic_auth.username, source.proxy) == ("agent", "http://proxy:3128")


def test_the_address_of_a_database_is_kept_and_never_shown(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AETHER_DATABASE_URL", "postgresql://aether:s3cret@db/aether")

    found = settings.load()

    assert found.database_url is not None
    assert found.database_url.get_secret_value() == "postgresql://aether:s3cret@db/aether"
    assert "s3cret" not in repr(found) + str(found)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("mysql://u:s3cret@h/d", "only PostgreSQL has an address"),
        ("/var/lib/s3cret.db", "only PostgreSQL has an address"),
        ("postgresql://u:s3cret@h", "names no user or no database"),
        ("postgresql://h/s3cret", "names no user or no database"),
        ("postgresql://u:s3cret@h:port/d", "no address of a database"),
        ("postgresql://u@h/d?password=s3cret", "in front of the host"),
        ("postgresql://u:s3cret@h/d", "goes with a database_url that holds no password"),
    ],
)
def test_a_wrong_address_of_a_database_is_refused_without_being_repeated(
    monkeypatch: pytest.MonkeyPatch, url: str, complaint: str
) -> None:
    monkeypatch.setenv("AETHER_DATABASE_URL", url)
    monkeypatch.setenv("AETHER_DATABASE_PASSWORD_FILE", "password")

    with pytest.raises(SettingsError, match=complaint) as caught:
        settings.load()

    assert "s3cret" not in str(caught.value)


def test_a_password_file_is_nothing_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AETHER_DATABASE_PASSWORD_FILE", "password")

    with pytest.raises(SettingsError, match="goes with a database_url"):
        settings.load()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yaml: there is no such file"):
        settings.load(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("AETHER_MDOE", "did you mean `mode`"), ("AETHER_HEALTH__INTERVALL", "did you mean `interval`")],
)
def test_a_variable_that_is_no_setting_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, complaint: str) -> None:
    monkeypatch.setenv(name, "auto")

    with pytest.raises(SettingsError, match=complaint):
        settings.load()


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("AETHER_SOURCES", "[{", """AETHER_SOURCES is not JSON: write '["a"] or {"key": "value"}'"""),
        ("AETHER_VIP_TENANTS", "vip-*", """AETHER_VIP_TENANTS is not JSON: write '["vip-*"]'"""),
        ("AETHER_VIP_TENANTS", "a,b", """AETHER_VIP_TENANTS is not JSON: write '["a", "b"]'"""),
        ("AETHER_PLAYBOOK_MODES", "auto", """AETHER_PLAYBOOK_MODES is not JSON: write '["a"] or {"key": "value"}'"""),
        (
            "PROM_URL",
            "nonsense",
            "PROM_URL: sources.0.prometheus: 'nonsense' is not an address like http://prometheus:9090",
        ),
        ("ALERTMANAGER_URL", "am", "ALERTMANAGER_URL: sources.0.alertmanagers.0: 'am' is not an address like"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL: log_level: "),
        ("AETHER_MODE", "full", "AETHER_MODE: mode: "),
        ("AETHER_HEALTH__THRESHOLD", "x", "AETHER_HEALTH__THRESHOLD: health.threshold: "),
    ],
)
def test_a_wrong_variable_is_named_in_one_line(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as caught:
        settings.load(file)

    assert str(caught.value).startswith(complaint)
    assert len(str(caught.value).splitlines()) == 1


def test_a_mistake_of_the_file_is_not_blamed_on_a_variable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AETHER_HEALTH__INTERVAL", "5s")
    file.write_text("health: {threshold: x}")

    with pytest.raises(SettingsError, match=r"given\.yaml:1: health\.threshold: "):
        settings.load(file)


def test_an_action_names_a_target_that_is_there() -> None:
    """Only one that is written down: the always known names need no entry at all."""
    with pytest.raises(SettingsError, match=r"actions\.restart_api\.restart: there is no target 'nope': declare it"):
        _loaded("actions: {restart_api: {restart: nope}}")
    with pytest.raises(SettingsError, match=r"there is no target 'crm-ap': did you mean `crm-api`\?"):
        _loaded("actions: {again: {restart: crm-ap}}\ntargets: {crm-api: {executor: lab, service: crm}}")

    assert _loaded("mode: auto").actions == {}


def test_an_action_names_a_request_of_its_target() -> None:
    with pytest.raises(SettingsError, match=r"actions\.purge\.http\.request: target a has no request 'purg': did you"):
        _loaded(f"actions: {{purge: {{http: {{target: a, request: purg}}}}}}\n{ASKED % HTTP}")
    with pytest.raises(SettingsError, match=r"actions\.purge\.http: there is no target 'b'"):
        _loaded(f"actions: {{purge: {{http: {{target: b, request: purge}}}}}}\n{ASKED % HTTP}")

    found = _loaded(f"actions: {{purge: {{http: {{target: a, request: purge}}}}}}\n{ASKED % HTTP}")
    assert (found.actions["purge"].target, found.actions["purge"].request) == ("a", "purge")


def test_a_request_is_the_same_only_if_all_of_it_is_but_for_secrets() -> None:
    def declared(text: str) -> DeclaredRequest:
        [request] = _loaded(text % HTTP).declared_targets["a"].requests
        return request

    first = declared(ASKED)
    others = [
        declared(ASKED.replace(old, new))
        for old, new in (
            ("POST", "PUT"),
            ("/purge'", "/purge?all=1'"),
            ("body: x", "body: y"),
            ("body: x", "body: x, headers: {b: c}"),
            ("body: x", "body: x, bearer_token_file: t"),
        )
    ]
    secret = [declared(ASKED.replace("body: x", f"body: x, headers: {{b: {value}}}")) for value in "cd"]

    assert (first.name, first.method, first.url) == ("purge", "POST", "http://cache/purge")
    assert len({first.digest, *(one.digest for one in others)}) == 6
    assert others[1].url == first.url
    assert secret[0] == secret[1]


def _loaded(text: str) -> settings.Settings:
    Path("written.yaml").write_text(text)
    return settings.load(Path("written.yaml"))


def test_the_agent_of_a_lab_takes_over_the_settings_of_the_environment_and_nothing_that_is_anothers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in os.environ if name.startswith("AETHER_")]:
        monkeypatch.delenv(name)
    own = {"AETHER_MODE": "observe", "AETHER_SOURCES": '[{"name": "a", "prometheus": "http://u:secret@p:9090"}]'}
    anothers = (
        "AETHER_CONFIG",
        "AETHER_DATABASE_PASSWORD_FILE",
        "AETHER_DATABASE_URL",
        "AETHER_DATA_DIR",
        "AETHER_DRILL_CRM_URL",
        "AETHER_LISTEN",
    )
    anothers += ("AETHER_TEST_REQUIRE_ALL", "AETHER_TOKEN", "AETHER_URL")
    for name, value in {**own, **dict.fromkeys(anothers, "secret"), "HOME": "/"}.items():
        monkeypatch.setenv(name, value)

    found = settings.inherited()

    assert (found.passed, found.withheld) == (own, anothers)
    assert found.told() == ["AETHER_MODE=observe", "AETHER_SOURCES (its value is not shown)"]


def test_a_lab_refuses_a_variable_that_is_no_setting_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AETHER_MDOE", "observe")

    with pytest.raises(SettingsError, match="did you mean `mode`"):
        settings.inherited()
