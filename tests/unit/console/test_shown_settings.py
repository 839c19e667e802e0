"""Settings as they may be shown: no secret, whatever it is called and wherever it stands."""

import json

import pytest

from aetherlink.settings import Settings
from aetherlink.web.shown_settings import HIDDEN, shown_settings

SECRET = "s3cr3t-value"


def shown(**given) -> dict[str, tuple[str, str]]:
    found = shown_settings(Settings(**given), lambda _: None)
    return {one.name: (one.value, one.origin) for one in found}


def test_every_setting_is_there_with_where_it_came_from() -> None:
    found = shown(budgets={"per_hour": 12})

    assert found["budgets.per_hour"] == ("12", "settings file")
    assert found["budgets.running"] == ("2", "default")
    assert found["mode"] == ("observe", "default")


def test_a_variable_is_named() -> None:
    found = shown_settings(Settings(mode="auto"), lambda place: "AETHER_MODE" if place == ("mode",) else None)

    assert found[0] == ("mode", "auto", "AETHER_MODE")


@pytest.mark.parametrize(
    "given",
    [
        {"database_url": f"postgresql://aether:{SECRET}@db/aether"},
        {"sources": [{"name": "a", "prometheus": "http://p:9090", "headers": {"X-Key": SECRET}}]},
        {"notify": {"channels": {"ops": {"webhook": {"url": f"https://hooks.example.org/{SECRET}"}}}}},
    ],
)
def test_no_secret_is_shown(given: dict) -> None:
    found = shown(**given)

    assert SECRET not in json.dumps(found)
    assert found


def test_the_server_of_an_address_is_shown() -> None:
    given = {"notify": {"channels": {"ops": {"webhook": {"url": f"https://hooks.example.org/{SECRET}"}}}}}

    assert any(value in (HIDDEN, "https://hooks.example.org/...") for value, _ in shown(**given).values())
    assert shown()["sources.0.prometheus"][0] == "http://127.0.0.1:9090"
