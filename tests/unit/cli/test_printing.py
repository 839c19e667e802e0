"""Tables on a terminal of 80 columns and in a pipe: one line a row, ids whole, nothing that a terminal obeys."""

import io
import sys

import pytest
import typer
from rich.cells import cell_len

from aetherlink.cli import exit_codes, printing
from aetherlink.cli.alerts import _LISTING as ALERTS
from aetherlink.cli.approvals import _LISTING as ACTIONS
from aetherlink.cli.brakes import _LISTING as BRAKES
from aetherlink.cli.incidents import _LISTING as INCIDENTS
from aetherlink.cli.notify import _DEAD as DEAD
from aetherlink.cli.targets import _LISTING as TARGETS
from aetherlink.cli.tokens import _listing
from aetherlink.errors import AetherError

EVIL = "[red]\x1b[2J\u202e名前" * 30
LONG_AGO = "2025-11-02T20:06:26.123456Z"
ID = "0123456789abcdef"


class _Words(dict):
    """An item whose every other key is a long and evil text."""

    def get(self, key, _=None):
        return super().get(key, EVIL)

    def __missing__(self, key):
        return EVIL


SHORT = {
    "status": "open",
    "state": "waiting_approval",
    "severity": "critical",
    "suppressed": "",
    "opened_at": LONG_AGO,
    "created_at": LONG_AGO,
    "starts_at": LONG_AGO,
    "since": LONG_AGO,
    "used_at": LONG_AGO,
    "expires_at": LONG_AGO,
    "revoked_at": None,
    "approval": {"expires_at": LONG_AGO},
    "stage": "approve",
    "told": 1,
    "wanted": 2,
    "executor": "docker",
    "mode": "observe",
    "min": 1,
    "max": 4,
    "effect": "needs_approval",
    "scopes": [],
    "brakes": [],
    "pauses": [],
}
LISTS = {
    "incidents": (INCIDENTS, {"id": f"inc-{ID}"}),
    "actions": (ACTIONS, {"id": f"act-{ID}"}),
    "alerts": (ALERTS, {"incident_id": f"inc-{ID}", "status": "firing"}),
    "tokens": (_listing(), {"id": f"tok-{ID}"}),
    "brakes": (BRAKES, {"scope": "playbook:restart-crm-api"}),
    "dead": (DEAD, {"subject": f"inc-{ID}"}),
    "targets": (TARGETS, {"cooldown_until": None}),
}
ONE_LINE = {"incidents", "actions", "alerts", "tokens"}


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output is taken for a terminal of 80 columns that knows colours."""
    monkeypatch.setattr(printing, "is_for_a_person", lambda: True)
    for name, value in {"COLUMNS": "80", "LINES": "24", "TERM": "xterm-256color", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("name", LISTS)
def test_no_row_is_wider_than_80_columns(terminal: None, name: str) -> None:
    listing, kept = LISTS[name]
    rows = [listing.row(_Words(SHORT | kept)) for _ in range(3)]

    lines = printing.drawn(listing.columns, rows).splitlines()

    assert max(map(cell_len, lines)) <= 80, lines
    assert not {"\x1b", "\u202e"} & set("".join(lines))
    for whole in kept.values():
        assert whole in (None, "firing") or sum(whole in line for line in lines) == 3
    assert name not in ONE_LINE or len(lines) == 4


@pytest.mark.parametrize("name", LISTS)
def test_in_a_pipe_every_row_is_one_line_and_nothing_is_cut(name: str) -> None:
    listing, kept = LISTS[name]

    lines = printing.drawn(listing.columns, [listing.row(_Words(SHORT | kept))]).splitlines()

    assert len(lines) == 2
    assert printing.plain(EVIL) in lines[1]
    assert lines == [line.rstrip() for line in lines]
    assert "…" not in "".join(lines)
    assert name == "targets" or LONG_AGO in lines[1]


def test_colours_are_for_terminals_that_want_them(terminal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    columns, rows = (printing.Column("severity", styles={"critical": "bold red"}),), [["critical"]]
    without = printing.drawn(columns, rows)
    monkeypatch.delenv("NO_COLOR")
    coloured = printing.drawn(columns, rows)
    monkeypatch.setenv("TERM", "dumb")
    dumb = printing.drawn(columns, rows)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(printing, "is_for_a_person", lambda: False)
    piped = printing.drawn(columns, rows)

    assert "\x1b[1;31mcritical" in coloured
    assert "\x1b" not in without + dumb + piped


def test_who_wants_little_leaves_room_for_others(terminal: None) -> None:
    columns = ("id", printing.Words("a", is_cut=True), printing.Words("b", is_cut=True))

    [_, line] = printing.drawn(columns, [["x" * 20, "short", "y" * 200]]).splitlines()

    assert line.startswith(f"{'x' * 20}  short  yyy")
    assert cell_len(line) == 80


def test_an_id_is_never_cut_however_narrow_the_screen(terminal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")

    assert f"inc-{ID}" in printing.drawn(INCIDENTS.columns, [INCIDENTS.row(_Words(SHORT | {"id": f"inc-{ID}"}))])


class _Gone(io.StringIO):
    def __init__(self, problem: OSError) -> None:
        super().__init__()
        self._problem = problem

    def write(self, _: str) -> int:
        raise self._problem

    def fileno(self) -> int:
        return self._spare

    _spare = -1


def test_a_reader_that_went_away_is_no_error_and_a_full_disk_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    with (tmp_path / "spare").open("w") as spare:
        _Gone._spare = spare.fileno()
        monkeypatch.setattr(sys, "stdout", _Gone(BrokenPipeError()))
        with pytest.raises(typer.Exit) as gone:
            printing.print_line("x")
        monkeypatch.setattr(sys, "stdout", _Gone(OSError(28, "No space left on device")))
        with pytest.raises(AetherError, match="standard output cannot be written: No space left on device"):
            printing.print_json({})

    assert gone.value.exit_code == exit_codes.READER_GONE
