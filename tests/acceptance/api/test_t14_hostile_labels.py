"""T14: 300 payloads in every field that somebody may write, and a real Chromium on every page: nothing runs.

Nobody else is asked, no page breaks its own policy, and whoever approves sees what is meant by ids, not by letters.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page

from aetherlink.model.actions import (
    Action,
    ActionState,
    Approval,
    Observation,
    Outcome,
    OutcomeStatus,
    Plan,
    Target,
    Verb,
)
from aetherlink.model.approvals import hash_of, shown_of
from aetherlink.model.decisions import Decision, Effect
from aetherlink.model.health import HealthReading, HealthStatus
from aetherlink.model.ids import ActionId, IncidentId, PlaybookName, SourceName, TargetName
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Transaction
from rigs.browser import browse
from rigs.console_pages import pages
from rigs.hostile_markup import LOOKALIKES, PAYLOADS, WITH_NUL, WITHOUT_BOUND
from rigs.witness import NOTHING, Witness

pytestmark = pytest.mark.chromium

WIDE = {"viewport": {"width": 1280, "height": 800}}
IN_ONE = 30  # payloads in one alert that has all kinds of them
SAID = (EventKind.NOTE, EventKind.DECIDED, EventKind.ESCALATED) * IN_ONE
WAKEN = """
    for (const one of document.querySelectorAll('body *'))
        for (const kind of ['mouseover', 'pointerover', 'focus', 'toggle', 'load', 'error', 'animationstart', 'begin'])
            one.dispatchEvent(new Event(kind, {bubbles: false}));
"""


def alert(payload: str, number: int, **more: Any) -> dict[str, Any]:
    """One whose every field that its source fills is the payload."""
    return {
        "status": "firing",
        "labels": {"alertname": payload, "severity": payload, "tenant": payload, "service": f"{number} {payload}"},
        "annotations": {"summary": payload, "description": payload, "runbook_url": payload, "dashboard": payload},
        "generatorURL": payload,
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        **more,
    }


def webhook(alerts: Sequence[dict[str, Any]], payload: str) -> dict[str, Any]:
    named = {payload: payload}
    return {
        "version": "4",
        "receiver": payload,
        "groupKey": payload,
        "externalURL": payload,
        "groupLabels": named,
        "commonLabels": named,
        "commonAnnotations": named,
        "status": "firing",
        "alerts": alerts,
    }


def batches() -> Iterator[Sequence[str]]:
    return (PAYLOADS[first : first + IN_ONE] for first in range(0, len(PAYLOADS), IN_ONE))


def flood(agent) -> None:
    """Every payload alone in each field, then as names of labels and annotations, then those without bound."""
    single = [alert(payload, number) for number, payload in enumerate(PAYLOADS)]
    assert agent.call("POST", "/alertmanager", json=webhook(single, PAYLOADS[0])).status_code == 200
    for number, batch in enumerate([*batches(), [*WITHOUT_BOUND, WITH_NUL]]):
        named = {f"{payload[:500]}{place}": payload for place, payload in enumerate(batch)}
        labels = {"alertname": f"many-{number}", "severity": "critical", "service": f"many-{number}", **named}
        whole = alert(batch[0], number, labels=labels, annotations=named)
        assert agent.call("POST", "/alertmanager", json=webhook([whole], batch[0])).status_code == 200


def incidents(agent) -> list[dict[str, Any]]:
    found, cursor = list[dict[str, Any]](), ""
    while True:
        page = agent.call("GET", f"/api/v1/incidents?limit=500{cursor}").json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def action(incident_id: str, number: int, payload: str, target: str, **more: Any) -> Action:
    """An action whose words come from files and people."""
    plan = Plan(
        Verb.RESTART,
        TargetName(target),
        PlaybookName(payload),
        when=payload,
        verify=payload,
        tenant=payload,
        step=payload,
    )
    decided = Decision(Effect.NEEDS_APPROVAL, payload, payload)
    made = Action(
        ActionId(f"act-{number:04d}"),
        plan,
        payload,
        payload,
        decided,
        ActionState.FINISHED,
        datetime.now(UTC),
        incident_id=IncidentId(incident_id),
        outcome=Outcome(OutcomeStatus.DONE, payload),
        facts={payload[:80]: payload},
    )
    return replace(made, **more)


def waiting(incident_id: str, number: int, payload: str, target: str) -> Action:
    now = datetime.now(UTC)
    made = action(incident_id, number, payload, target, state=ActionState.WAITING_APPROVAL, outcome=None)
    shown = shown_of(
        made.plan,
        Target(made.plan.target, payload, payload, place=payload),
        Observation(0, 1, None, release=payload, identity=f"id-of-{number}"),
        evidence=payload,
        undo=payload,
        needed=1,
        asked_at=now,
        seal="",
    )
    return replace(made, approval=Approval(hash_of(shown), now, now + timedelta(minutes=30), shown))


def put(agent, made: Action, payloads: Sequence[str]) -> None:
    """The action as its incident's latest, and the payloads as what was said of it."""

    def work(rows: Transaction) -> None:
        rows.actions.put(made)
        incident = rows.incidents.get(made.incident_id)
        said = [
            Entry(kind, made.created_at, text, {"by": text, "evidence": text, "reason": text, "playbook": text})
            for text, kind in zip(
                payloads, [EventKind.NOTE, EventKind.DECIDED, EventKind.ESCALATED] * 200, strict=False
            )
        ]
        assert rows.incidents.update(replace(incident, action_id=made.id, acknowledged_by=payloads[0][:200]), said)

    asyncio.run(agent.store.write(work))


def around(agent) -> None:
    """What the agent says of itself, in words from outside."""
    world, now = agent.world, datetime.now(UTC)
    world.latest = HealthReading(now, HealthStatus.ERROR, None, detail=PAYLOADS[0])
    world.tenants = [
        HealthReading(now, HealthStatus.LOW, 12.0, 3, detail=payload, tenant=payload) for payload in PAYLOADS[:20]
    ]
    world.reasons, world.freezes, world.blind = PAYLOADS[20:25], PAYLOADS[25:30], [SourceName(PAYLOADS[30])]
    reason = {"scope": "tenant:acme", "reason": PAYLOADS[1]}
    assert agent.call("POST", "/api/v1/pause", token="operator", json=reason).status_code == 200


@pytest.fixture
def world(agent) -> Any:
    """An agent that was told all of it; with the incidents that are looked at one by one."""
    flood(agent)
    around(agent)
    agent.looked_at = [one["id"] for one in incidents(agent) if one["service"].startswith("many-")]
    for number, (incident_id, batch) in enumerate(zip(agent.looked_at, batches(), strict=False)):
        hostile = LOOKALIKES[number % len(LOOKALIKES)]
        make = waiting if number < len(LOOKALIKES) else action
        put(agent, make(incident_id, number, batch[0], hostile), batch)
    return agent


def signed_in(page: Page, agent) -> None:
    page.goto(f"{agent.url}/login")
    page.fill("[name=code]", agent.secrets["operator"])
    page.press("[name=code]", "Enter")
    page.wait_for_url(f"{agent.url}/")


def visited(page: Page, url: str, most: int = 12) -> Iterator[str]:
    """The page and those that its pager leads to."""
    for _ in range(most):
        page.goto(url, wait_until="load")
        page.locator("summary").evaluate_all("all => all.forEach(one => { one.parentElement.open = true; })")
        page.evaluate(WAKEN)
        yield url
        more = page.locator("a[rel=next]").evaluate_all(
            "all => all.map(one => one.href)"
        )  # a script may take them away
        if not more:
            return
        url = more[0]


def test_t14_nothing_of_300_payloads_in_any_field_runs_is_asked_for_or_breaks_the_policy(world) -> None:
    assert len(PAYLOADS) >= 300
    witness = Witness(world.url)
    seen: list[str] = []

    def look(page: Page) -> None:
        witness.watch(page)
        signed_in(page, world)
        for number, incident_id in enumerate(world.looked_at):
            values = {"incident_id": incident_id, "action_id": f"act-{number:04d}", "name": "restart-crm-api"}
            for path in pages(world.services, values):
                if number == 0 or "{" in path or incident_id in path or values["action_id"] in path:
                    seen.extend(visited(page, world.url + path))
        assert page.evaluate("typeof window.witness") == "function"

    browse(look, **WIDE)

    assert witness.saw == NOTHING
    assert len(seen) > len(world.looked_at) * 2


def test_t14_whoever_approves_sees_by_ids_what_is_meant(world) -> None:
    shown: dict[str, str] = {}

    def look(page: Page) -> None:
        signed_in(page, world)
        for number, name in enumerate(LOOKALIKES):
            page.goto(f"{world.url}/actions/act-{number:04d}/approve")
            shown[name] = page.inner_text("main")

    browse(look, **WIDE)

    for number, (name, text) in enumerate(shown.items()):
        stored = asyncio.run(
            world.store.read(lambda rows, number=number: rows.actions.get(ActionId(f"act-{number:04d}")))
        )
        assert f"id-of-{number}" in text, name
        assert stored.approval.plan_hash[:12] in text
        assert "\u202e" not in text
        assert "\u200b" not in text


def test_t14_the_witness_hears_a_script_a_stranger_and_a_break_of_the_policy(agent) -> None:
    """Else all of the above could not fail."""
    witness = Witness(agent.url)

    def look(page: Page) -> None:
        witness.watch(page)
        page.goto(agent.url)
        page.evaluate("witness()")
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=//evil.example/x onerror=witness()>')")
        page.wait_for_function("true")
        page.goto("about:blank")
        page.set_content("<img src='http://evil.example/x'><script>witness()</script>")

    browse(look)

    assert witness.ran[:1] == ["witness()"]
    assert witness.violations
    assert witness.strangers
