"""What `aether status` makes of the agent's answer: what keeps it from acting, and a disk that is nearly full."""

from typing import Any

import pytest
from typer.testing import CliRunner

from aetherlink.cli import connection, status

WELL: dict[str, Any] = {
    "version": "1.2.0",
    "mode": "auto",
    "is_ready": True,
    "parts": [{"name": "store", "is_alive": True}],
    "store": "SQLite",
    "entries": 12,
    "free_bytes": 50_000_000_000,
    "low_disk_bytes": 536_870_912,
    "pause": {"paused": False, "pauses": [], "outside": None},
    "frozen": [],
}
PAUSE = {
    "scope": "tenant:acme",
    "since": "2026-01-01T12:00:00Z",
    "from": None,
    "until": "2026-01-01T14:00:00Z",
    "paused_by": "ann",
    "reason": "they asked",
}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch):
    """Its exit code, and the rest of each row by its first word."""

    def tell(**changed: object) -> tuple[int, dict[str, list[str]]]:
        monkeypatch.setattr(connection, "talk", lambda *_, **__: {**WELL, **changed})
        done = CliRunner().invoke(status.group, [])
        rows: dict[str, list[str]] = {}
        for line in done.stdout.splitlines():
            name, _, rest = line.partition(" ")
            rows.setdefault(name, []).append(" ".join(rest.split()))
        return done.exit_code, rows

    return tell


def test_an_agent_that_may_act_says_so_and_each_part_has_one_row(told) -> None:
    code, rows = told()

    assert code == 0
    assert rows["acting"] == ["ok nothing is paused or frozen"]
    assert rows["store"] == ["ok SQLite, 12 timeline entries"]
    assert rows["disk"] == ["ok 50.0 GB free"]


def test_what_is_paused_and_frozen_is_named_with_its_reason(told) -> None:
    held = {"paused": True, "pauses": [PAUSE], "outside": "paused by the file /stop: a leak"}
    code, rows = told(pause=held, frozen=["weekend until Monday"])

    assert code == 0
    assert rows["acting"] == [
        "PAUSED 2026-01-01T12:00:00Z tenant:acme until 2026-01-01T14:00:00Z, by ann: they asked",
        "PAUSED all: paused by the file /stop: a leak",
        "FROZEN weekend until Monday",
    ]


@pytest.mark.parametrize(
    ("free", "words"),
    [
        (400_000_000, "NOT WELL 0.4 GB free, less than the 0.5 GB of retention.low_disk_bytes"),
        (None, "NOT WELL nobody can tell how much of it is free"),
    ],
)
def test_a_disk_that_is_nearly_full_is_not_well(told, free: int | None, words: str) -> None:
    code, rows = told(free_bytes=free)

    assert (code, rows["disk"]) == (1, [words])
