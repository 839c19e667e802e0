"""`aether show` at three in the morning: the first 24 lines of 80 columns say what is broken and what to type."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.cells import cell_len

from aetherlink.cli import lookups, printing, show, told_action, told_incident
from aetherlink.cli.instants import away, lasting
from aetherlink.errors import ForbiddenError, SettingsError

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
LONG = "it is [red]broken\x1b[2J and " * 40
INCIDENT, ACTION = "inc-06f3qk2c8d1v7m4t", "act-06f3qk2c8d1v7m4t"


def action(**other: Any) -> dict[str, Any]:
    return {
        "id": ACTION,
        "verb": "restart",
        "target": "crm-api",
        "playbook": "restart-crm-api",
        "requested_by": "agent",
        "state": "waiting_approval",
        "decision": "needs_approval",
        "decision_reason": "the mode is approve",
        "rule": "mode_allows",
        "incident_id": INCIDENT,
        "reason": LONG,
        "approval": {
            "plan_hash": "9f86d081" * 8,
            "expires_at": "2026-01-01T12:48:00Z",
            "needed": 2,
            "grants": [{"by": "ann", "at": "2026-01-01T11:59:00Z"}],
            "shown": {
                "plan": {"verb": "restart", "when": LONG},
                "target": {"name": "crm-api", "executor": "lab"},
                "undo": "a restart cannot be undone",
                "evidence": f"up is 0 {LONG}",
            },
        },
    } | other


def incident(**other: Any) -> dict[str, Any]:
    alert = {
        "name": "CrmApiDown",
        "severity": "critical",
        "status": "firing",
        "starts_at": "2026-01-01T11:40:00Z",
        "annotations": {"summary": f"The API does not answer. {LONG}"},
    }
    entries = [
        {"at": "2026-01-01T11:48:00Z", "kind": "alerts", "text": f"entry {number} {LONG}"} for number in range(300)
    ]
    return {
        "id": INCIDENT,
        "title": f"CrmApiDown {LONG}",
        "status": "open",
        "stage": "approve",
        "severity": "critical",
        "tenant": "acme-corp",
        "vip": True,
        "service": "crm",
        "opened_at": "2026-01-01T11:48:00Z",
        "firing": 9,
        "reopened": 1,
        "escalated": True,
        "labels": {"alertname": "CrmApiDown"},
        "alerts": [alert] * 9,
        "action": action(),
        "timeline": entries,
    } | other


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Shows it on a terminal of 80 columns and 24 lines; the lines."""

    def shown(found: dict[str, Any], *, is_whole: bool = False) -> list[str]:
        monkeypatch.setattr(printing, "is_for_a_person", lambda: True)
        for name, value in {"COLUMNS": "80", "LINES": "24", "TERM": "xterm-256color", "NO_COLOR": "1"}.items():
            monkeypatch.setenv(name, value)
        show._print(found, is_whole=is_whole)
        return capsys.readouterr().out.splitlines()

    return shown


def test_the_first_screen_says_what_is_broken_for_whom_why_and_what_to_type(screen) -> None:
    lines = screen(incident())
    first = "\n".join(lines[:24])

    for words in (
        "CRITICAL: CrmApiDown",
        "acme-corp (VIP), service crm",
        "2026-01-01T11:48:00Z",
        "waits for approval",
        "a person was called",
        "The API does not answer.",
        "up is 0",
        "wants to restart crm-api, playbook restart-crm-api; asks because the mode is approve (mode_allows)",
        "a restart cannot be undone",
        f"aether approve {ACTION}",
        f"aether deny {ACTION} --reason WHY",
        "1 of 2 said yes",
        f"aether ack {INCIDENT}",
    ):
        assert words in " ".join(first.split()), words
    assert max(map(cell_len, lines)) <= 80
    assert "\x1b" not in "".join(lines)


def test_the_screen_holds_the_facts_and_the_newest_of_the_timeline(screen) -> None:
    lines = screen(incident())
    newest = [line for line in lines if " entry " in line]

    assert "entry 299" in newest[-1]
    assert len(newest) == 5
    assert lines[-1] == f"295 earlier entries: aether show {INCIDENT} --all"
    assert sum(" entry " in line for line in screen(incident(), is_whole=True)) == 300


def test_a_quiet_incident_fits_one_screen_with_all_of_its_timeline(screen) -> None:
    quiet = incident(title="CrmApiDown", alerts=[], action=None, escalated=False, timeline=incident()["timeline"][:7])

    lines = screen(quiet)

    assert len(lines) <= 23
    assert sum(" entry " in line for line in lines) == 7
    assert "earlier" not in lines[-1]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"state": "refused", "decision": "observe"}, "would have been done: restart crm-api"),
        ({"state": "refused", "decision": "deny"}, "not allowed: restart crm-api"),
        ({"state": "running"}, "restart crm-api, playbook restart-crm-api: running"),
        (
            {"state": "finished", "outcome": {"status": "failed", "reason": "it did not start"}},
            "restart crm-api, playbook restart-crm-api: failed; it did not start",
        ),
        ({"state": "waiting_approval", "verb": "scale", "replicas": 3}, "wants to scale crm-api to 3"),
        ({"verb": "scale", "replicas": 0, "release": ""}, "wants to scale crm-api to 0, playbook"),
        ({"verb": "rollback", "replicas": None, "release": "1.0.0"}, "wants to rollback crm-api to 1.0.0, playbook"),
        ({"verb": "rollback", "replicas": None, "release": ""}, "wants to rollback crm-api, playbook"),
        ({"playbook": None, "requested_by": "ann"}, "asked for by ann"),
    ],
)
def test_what_became_of_the_action_is_said_in_words(other: dict[str, Any], words: str) -> None:
    assert words in told_action.tried(action(**other))


def test_nothing_is_offered_that_cannot_be_done() -> None:
    over = incident(
        status="resolved", resolved_at="2026-01-01T11:50:00Z", closed_by="ann", action=action(state="running")
    )
    facts = dict(told_incident.facts(over, NOW, is_cut=True))
    looked_at = dict(told_action.commands(action(approval=None), NOW))

    assert not {"approve", "deny", "look after"} & set(facts)
    assert facts["stands"].startswith("resolved by ann")
    assert facts["since"].startswith("2 min (2026-01-01T11:48:00Z), until 2026-01-01T11:50:00Z")
    assert looked_at == {"approve": "not yet: its target is still looked at"}


def test_an_action_shows_all_that_is_approved_and_its_hash(screen) -> None:
    lines = screen(action())
    said = " ".join(" ".join(lines).split())

    assert lines[0].split() == ["action", "restart", "crm-api", f"({ACTION})"]
    assert "9f86d081" * 8 in said.replace(" ", "")
    assert said.count("broken") == 3 * 40, "the reason, the plan and the evidence, uncut"
    assert max(map(cell_len, lines)) <= 80


class _Agent:
    """Lists ids as the API does, behind the cursor, and remembers what it was asked."""

    def __init__(self, *ids: str) -> None:
        self.ids, self.asked = sorted(ids, reverse=True), list[str]()

    async def ask(self, _: str, path: str) -> dict[str, Any]:
        self.asked.append(path)
        cursor = path.partition("cursor=")[2]
        return {"items": [{"id": each} for each in self.ids if each < cursor][:2]}


async def test_an_id_is_known_by_its_beginning_if_only_one_has_it() -> None:
    agent: Any = _Agent("inc-06f3qk2c8d1v7m4t", "inc-06f3qk3000000000", "inc-06f3aaaaaaaaaaaa", "inc-zzzzzzzzzzzzzzzz")

    assert await lookups.whole_id(agent, "inc-06f3qk2") == "inc-06f3qk2c8d1v7m4t"
    assert await lookups.whole_id(agent, "inc-06f3a") == "inc-06f3aaaaaaaaaaaa"
    with pytest.raises(SettingsError, match="inc-06f3qk may be inc-06f3qk3000000000, inc-06f3qk2c8d1v7m4t or another"):
        await lookups.whole_id(agent, "inc-06f3qk")


async def test_what_begins_no_id_is_asked_for_as_it_is_and_a_whole_one_without_a_look() -> None:
    agent: Any = _Agent("inc-06f3qk2c8d1v7m4t")

    assert await lookups.whole_id(agent, "inc-07") == "inc-07"
    assert len(agent.asked) == 1
    for given in ("inc-06f3qk2c8d1v7m4t", "tok-06", "inc-", "inc-0%2e", "x"):
        assert await lookups.whole_id(agent, given) == given
    assert len(agent.asked) == 1


async def test_a_token_that_may_not_read_takes_whole_ids() -> None:
    class Agent:
        async def ask(self, *_: object) -> None:
            raise ForbiddenError("no")

    agent: Any = Agent()

    assert await lookups.whole_id(agent, "act-1") == "act-1"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (7199, "1 h"), (86400 * 2, "2 d")]
)
def test_a_length_of_time_is_said_in_its_largest_unit(seconds: float, words: str) -> None:
    assert lasting(seconds) == words


def test_instants_are_so_far_away_and_other_texts_stay() -> None:
    assert away("2026-01-01T11:00:00Z", NOW) == "1 h"
    assert away("2026-01-01T12:05:00+00:00", NOW) == "in 5 min"
    assert away("never", NOW) == "never"
    assert away("2026-01-01T11:00:00", NOW) == "2026-01-01T11:00:00", "without a zone it is no instant"
