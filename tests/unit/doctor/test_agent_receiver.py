"""Which receiver delivers to the agent, as an Alertmanager shows it: addresses open, hidden, or of another source."""

import pytest

from aetherlink.clients.source_options import SourceOptions
from aetherlink.doctor.agent_receiver import Found, find
from aetherlink.doctor.findings import Status
from aetherlink.doctor.routing import read_routing


def found(receivers: str, *, receiver: str | None = None, is_tried: bool = False) -> Found:
    source = SourceOptions(name="prod", prometheus="http://p:9090", receiver=receiver)
    routing = read_routing(f"route: {{receiver: default}}\nreceivers: [{{name: default}}, {receivers}]\n")
    return find(routing, source, {"lab"}, is_tried=is_tried)


def hook(name: str, url: str, more: str = "") -> str:
    return f"{{name: {name}, webhook_configs: [{{url: '{url}'{more}}}]}}"


@pytest.mark.parametrize(
    "url", ["http://a:8080/alertmanager", "http://a/prefix/alertmanager/prod", "http://a/alertmanager/"]
)
def test_a_webhook_to_the_agents_door_is_its_receiver(url: str) -> None:
    one = found(f"{hook('x', url)}, {hook('slack', 'http://chat/alerts')}")

    assert one.names == {"x"}
    assert [each.status for each in one.findings] == [Status.OK]


def test_the_door_of_another_source_is_a_fault() -> None:
    one = found(hook("x", "http://a/alertmanager/lab"))

    assert [each.status for each in one.findings] == [Status.OK, Status.FAULT]
    assert one.findings[1].fix == "let its address end in /alertmanager/prod"


@pytest.mark.parametrize(
    ("more", "says"), [(", send_resolved: false", "end of an alert"), (", max_alerts: 5", "above 5 alerts")]
)
def test_what_a_webhook_leaves_out_is_a_warning(more: str, says: str) -> None:
    [_, warning] = found(hook("x", "http://a/alertmanager", more)).findings

    assert (warning.status, says in warning.text) == (Status.WARNING, True)


def test_credentials_in_an_address_are_not_shown() -> None:
    [shown] = found(hook("x", "http://user:hunter2@a/alertmanager?token=hunter2")).findings

    assert "http://a/alertmanager" in shown.text
    assert "hunter2" not in shown.text


@pytest.mark.parametrize(
    ("receivers", "names", "status"),
    [
        (hook("agent", "<secret>"), {"agent"}, Status.WARNING),
        (f"{hook('aether-ops', '<secret>')}, {hook('slack', '<secret>')}", {"aether-ops"}, Status.WARNING),
        (hook("slack", "<secret>"), set(), Status.FAULT),
        (f"{hook('agent', '<secret>')}, {hook('aether', '<secret>')}", set(), Status.FAULT),
        ("{name: mail}", set(), Status.FAULT),
        (hook("slack", "http://chat/hook"), set(), Status.FAULT),
    ],
)
def test_where_addresses_are_hidden_a_name_is_a_guess(receivers: str, names: set[str], status: Status) -> None:
    one = found(receivers)

    assert (one.names, [each.status for each in one.findings]) == (names, [status])


def test_one_that_the_setting_names_may_be_anybodys_while_its_address_is_hidden() -> None:
    """The setting says under which name the agent asks, and not where that one delivers."""
    hidden = hook("agent", "<secret>", ", send_resolved: false")

    untried, tried = found(hidden, receiver="agent"), found(hidden, receiver="agent", is_tried=True)
    assert [each.status for each in untried.findings] == [Status.WARNING, Status.WARNING]
    assert "its address is not shown" in untried.findings[0].text
    assert "send a test alert" in untried.findings[0].fix
    assert [each.status for each in tried.findings] == [Status.OK, Status.WARNING]


def test_one_that_the_setting_names_and_that_delivers_elsewhere_is_told_of() -> None:
    [told] = found(hook("agent", "http://chat/hook"), receiver="agent").findings

    assert (told.status, "http://chat/hook is not .../alertmanager" in told.text) == (Status.WARNING, True)


def test_the_setting_names_it() -> None:
    assert found(hook("x", "<secret>"), receiver="x").names == {"x"}
    for lacking, says in (("y", "no such receiver"), ("default", "no webhook")):
        one = found(hook("x", "<secret>"), receiver=lacking)
        assert (one.names, one.findings[0].status) == (set(), Status.FAULT)
        assert says in one.findings[0].text
