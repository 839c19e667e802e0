"""Where Grafana is, by which settings: for the agent, and for people who follow a link."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aetherlink.settings import Settings, load

ACCOUNT = {"token_file": "/run/secrets/grafana"}
HOOK = {"webhook": {"url": "http://hook.example.org"}}


def settings(*channels: dict[str, Any], **more: Any) -> Settings:
    return Settings(notify={"channels": {f"c{number}": one for number, one in enumerate(channels)}}, **more)


def url_of(found: Settings, name: str = "c0") -> str | None:
    grafana = found.notify.channels[name].grafana
    assert grafana is not None
    return grafana.url


def test_a_channel_is_at_grafana_url_where_it_has_none_of_its_own() -> None:
    found = settings(
        {"grafana": ACCOUNT},
        {"grafana": {**ACCOUNT, "url": "http://grafana.internal:3000"}},
        grafana_url="https://graphs.example.org",
    )

    assert url_of(found) == "https://graphs.example.org"
    assert url_of(found, "c1") == "http://grafana.internal:3000"


def test_the_seeds_variable_counts_for_channels_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFANA_URL", "http://grafana:3000")
    file = tmp_path / "aether.yaml"
    file.write_text("notify: {channels: {c0: {grafana: {token_file: /run/secrets/grafana}}}}\n")

    assert url_of(load(file)) == "http://grafana:3000"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"token_file": "t"}, "c0.grafana: it has no address"),
        ({"url": "http://g"}, "set token_file, or username"),
        ({"url": "http://g", "token_file": "t", "username": "u", "password_file": "p"}, "set token_file, or username"),
        ({"url": "http://g", "username": "u"}, "belong together"),
        ({"url": "http://g", "token_file": "t", "panel_id": 3}, "set dashboard_uid"),
        ({"url": "http://u:p@g", "token_file": "t"}, "must not hold a name or a password"),
        ({"url": "http://g", "token_file": "t", "dashboard_uid": "../x"}, "dashboard_uid"),
    ],
)
def test_what_cannot_serve_is_refused_with_what_to_do(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says.replace("(", r"\(")):
        settings({"grafana": options})


def test_grafana_is_told_faster_than_people_unless_the_settings_say_otherwise() -> None:
    found = settings(
        {"grafana": {**ACCOUNT, "url": "http://g"}},
        HOOK,
        {"grafana": {**ACCOUNT, "url": "http://g"}, "spacing": "2s"},
        {**HOOK, "spacing": "0s"},
    )

    spacings = [one.plan(name).spacing for name, one in found.notify.channels.items()]
    assert spacings == [timedelta(seconds=each) for each in (0.1, 1, 2, 0)]


def test_links_lead_to_the_dashboard_that_is_chosen_where_people_reach_it() -> None:
    channel = {"grafana": {**ACCOUNT, "url": "http://internal:3000", "dashboard_uid": "of-channel", "org_id": 3}}
    chosen = {"uid": "chosen", "tenant_variable": "tenant"}
    wide = {"grafana": {**ACCOUNT, "url": "http://internal:3000"}}

    assert settings().dashboard is None
    assert settings(HOOK, wide).dashboard is None
    found = settings(HOOK, wide, channel, grafana_url="https://public").dashboard
    assert found is not None
    assert (found.url, found.uid, found.org_id, found.tenant_variable) == ("https://public", "of-channel", 3, "")
    found = settings(channel, grafana_dashboard=chosen).dashboard
    assert found is not None
    assert (found.url, found.uid, found.org_id) == ("http://internal:3000", "chosen", None)
    assert found.tenant_variable == "tenant"
    found = settings(channel, grafana_url="http://g", grafana_dashboard={**chosen, "url": "https://mine"}).dashboard
    assert found is not None
    assert found.url == "https://mine"


def test_a_dashboard_of_no_grafana_is_refused() -> None:
    with pytest.raises(ValidationError, match="set `grafana_url`"):
        settings(grafana_dashboard={"uid": "aether-crm"})


def test_nobody_is_called_by_what_grafana_shows() -> None:
    found = settings({"grafana": ACCOUNT}, HOOK, grafana_url="https://graphs.example.org").notify

    assert found.request_plan.records == {"c0"}
    assert found.request_plan.within == found.requests.within
