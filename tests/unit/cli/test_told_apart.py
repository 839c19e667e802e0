"""At 80 columns two rows that begin alike are told apart: what gives way is what tells least."""

import pytest
from rich.cells import cell_len

from aetherlink.cli import connection, printing
from aetherlink.cli.approvals import _LISTING as ACTIONS
from aetherlink.cli.approvals import _LISTING_THAT_WAITS as WAITING
from aetherlink.cli.incidents import _LISTING as INCIDENTS
from aetherlink.cli.playbooks import list_playbooks

ID = "0123456789abcdef"
AT = "2025-11-02T20:06:26.123456Z"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output is taken for a terminal of 80 columns."""
    monkeypatch.setattr(printing, "is_for_a_person", lambda: True)
    for name, value in {"COLUMNS": "80", "TERM": "xterm-256color", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)


def told(listing, items) -> list[str]:
    """Its rows on a terminal, without the heading."""
    [_, *rows] = printing.drawn(listing.columns, [listing.row(item) for item in items]).splitlines()
    assert len(rows) == len(items)
    assert max(map(cell_len, rows)) <= 80
    return rows


def action(target: str, **more: object) -> dict[str, object]:
    return {
        "id": f"act-{ID}",
        "created_at": AT,
        "state": "waiting_approval",
        "verb": "restart",
        "target": target,
        "requested_by": "mcp:operator-of-the-night",
        "approval": {"expires_at": "2099-01-01T00:00:00Z"},
        **more,
    }


@pytest.mark.parametrize("listing", [ACTIONS, WAITING])
def test_what_waits_names_its_target_in_each_row(terminal: None, listing) -> None:
    first, second = told(listing, [action("crm-api"), action("crm-db")])

    assert "restart crm-api " in first
    assert "restart crm-db " in second
    assert ("waits" in first) is (listing is ACTIONS)
    assert "waiting" not in first


def test_a_longer_target_takes_the_room_of_who_asked(terminal: None) -> None:
    [row] = told(WAITING, [action("compose:customers/crm-api")])
    [short] = told(WAITING, [action("crm-api", requested_by="ann")])

    assert "restart compose:customers/crm-api" in row
    assert "mcp" not in row
    assert "  ann  " in short


def test_in_a_pipe_a_state_is_the_word_that_the_api_knows() -> None:
    assert "waiting_approval" in printing.drawn(ACTIONS.columns, [ACTIONS.row(action("crm-api"))])


def test_incidents_of_the_same_first_words_are_told_apart(terminal: None) -> None:
    same = {
        "id": f"inc-{ID}",
        "opened_at": AT,
        "status": "open",
        "stage": "observe",
        "severity": "critical",
        "tenant": "vip-umbrella-corporation",
        "service": "customer-relations",
    }
    first, second = told(INCIDENTS, [{**same, "title": f"CrmApiErrorRateHigh on {name}"} for name in ("eu", "us")])
    [short] = told(INCIDENTS, [{**same, "title": "CrmApiDown"}])

    assert "CrmApiErrorRateHigh on eu" in first
    assert "CrmApiErrorRateHigh on us" in second
    assert "vip-umb" in short


def test_playbooks_are_told_apart_by_what_they_match_and_do(
    terminal: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    items = [
        {
            "name": f"builtin-crm-saturated-{verb}",
            "mode": "approve",
            "is_builtin": True,
            "match": [f'alertname=~"Crm{verb.title()}.*|CrmPool.*"'],
            "steps": [{"verb": verb, "target": {"name": "crm-api"}}],
            "precision": {"executed": 3, "recovered": 3},
        }
        for verb in ("restart", "scale")
    ]
    monkeypatch.setattr(connection, "talk", lambda *_, **__: {"items": items})

    list_playbooks()
    heading, first, second = capsys.readouterr().out.splitlines()
    monkeypatch.setattr(printing, "is_for_a_person", lambda: False)
    list_playbooks()
    piped = capsys.readouterr().out

    assert heading.split() == ["name", "mode", "matches", "does"]
    assert "CrmRestart.*|CrmPool.*  restart crm-api" in first
    assert "CrmScale.*|CrmPool.*    scale crm-api" in second
    assert 'alertname=~"CrmScale.*|CrmPool.*"' in piped
    assert "3 ran, 3 recovered" in piped
