"""The setting `freezes`: both forms of a window, and what is refused with its key."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from aetherlink import outside, settings
from aetherlink.errors import SettingsError
from aetherlink.model.windows import SingleWindow, WeeklyWindow

NIGHTS = 'name: nights, days: [mon, sun], from: "22:00", to: "06:00", timezone: Europe/Berlin'


def load(folder: Path, freeze: str) -> settings.Settings:
    file = folder / "aether.yaml"
    target = "targets: {crm-api: {executor: lab, service: crm}}"
    file.write_text(f"{target}\nfreezes:\n  - {{{freeze}}}\n")
    return settings.load(file)


def test_a_window_by_the_week(tmp_path: Path) -> None:
    found = load(tmp_path, f"{NIGHTS}, scope: 'target:crm-api'").windows

    zone = ZoneInfo("Europe/Berlin")
    assert found == (WeeklyWindow("nights", frozenset({0, 6}), time(22), time(6), zone, "target:crm-api"),)


def test_by_default_it_is_every_day_in_utc_for_everything(tmp_path: Path) -> None:
    [window] = load(tmp_path, 'name: lunch, from: "12:00", to: "13:30"').windows

    assert isinstance(window, WeeklyWindow)
    assert (len(window.days), window.zone.key, window.scope) == (7, "UTC", "all")


def test_a_window_that_comes_once(tmp_path: Path) -> None:
    [window] = load(tmp_path, "name: launch, start: 2026-06-01T00:00:00+02:00, end: 2026-06-03T00:00:00Z").windows

    start = datetime(2026, 5, 31, 22, tzinfo=UTC)
    assert window == SingleWindow("launch", start, start + timedelta(hours=26 + 24))


def test_they_come_from_the_environment_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AETHER_FREEZES", '[{"name": "nights", "from": "22:00", "to": "06:00"}]')

    assert [window.name for window in settings.load().windows] == ["nights"]


@pytest.mark.parametrize(
    ("freeze", "words"),
    [
        ('from: "22:00", to: "06:00"', "freezes.0.name"),
        ("name: n", "freezes.0: a window has `from` and `to`"),
        ('name: n, from: "22:00"', "freezes.0: a window has `from` and `to`"),
        (f"{NIGHTS}, start: 2026-06-01T00:00:00Z, end: 2026-06-02T00:00:00Z", "or else `start` and `end`"),
        ("name: n, days: [mon], start: 2026-06-01T00:00:00Z, end: 2026-06-02T00:00:00Z", "or else `start` and `end`"),
        ("name: n, start: 2026-06-01T00:00:00Z, end: 2026-06-01T00:00:00Z", "end: it is not after start"),
        ("name: n, start: 2026-06-01T00:00:00, end: 2026-06-02T00:00:00Z", "freezes.0.start"),
        ('name: n, from: 22:00, to: "06:00"', 'freezes.0.from: write a time of day in quotes, like "22:00"'),
        ('name: n, from: "24:00", to: "06:00"', "freezes.0.from: '24:00' is no time of day"),
        ('name: n, from: "2200", to: "06:00"', "freezes.0.from: write a time of day"),
        ('name: n, from: "22:00", to: "06:00", days: []', "freezes.0.days"),
        ('name: n, from: "22:00", to: "06:00", days: [monday]', "freezes.0.days.0"),
        ('name: n, from: "22:00", to: "06:00", timezone: Berlin', "freezes.0.timezone: 'Berlin' is no zone"),
        ('name: n, from: "22:00", to: "06:00", timezone: ../etc', "freezes.0.timezone"),
        ('name: n, from: "22:00", to: "06:00", timezone: 1', "freezes.0.timezone: write a zone"),
        ('name: n, from: "22:00", to: "06:00", until: x', "freezes.0.until: unknown key"),
        (
            f"{NIGHTS}, scope: 'target:crm-apj'",
            "freezes.0.scope: there is no target 'crm-apj', did you mean 'crm-api'?",
        ),
        (f"{NIGHTS}, scope: 'source:nowhere'", "freezes.0.scope: there is no source 'nowhere'"),
        (f"{NIGHTS}, scope: crm-api", "freezes.0.scope: 'crm-api' is no scope"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(tmp_path: Path, freeze: str, words: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(tmp_path, freeze)
    assert words in str(refusal.value)


def test_a_playbook_that_there_is_not_is_refused_once_they_are_read(tmp_path: Path) -> None:
    outside.playbooks(load(tmp_path, f"{NIGHTS}, scope: 'playbook:restart-crm-api'"))
    with pytest.raises(SettingsError, match="there is no playbook 'restart-crm-apj', did you mean"):
        outside.playbooks(load(tmp_path, f"{NIGHTS}, scope: 'playbook:restart-crm-apj'"))
