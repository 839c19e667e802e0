"""Pages as a browser would make something of them, and what stands behind them in tests of the console."""

import asyncio
import html.parser
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from aetherlink.model.actions import Action, ActionState, Plan, Verb
from aetherlink.model.decisions import Decision, Effect, Objection
from aetherlink.model.ids import ActionId, IncidentId, PlaybookName, TargetName
from aetherlink.model.timeline import Entry, EventKind

INLINE = {"a", "bdi", "code", "span", "strong", "time"}


@dataclass
class Seen(html.parser.HTMLParser):
    """What a browser would make of a page: its text, its elements, its links."""

    text: str = ""
    tags: list[str] = field(default_factory=list)
    links: list[dict[str, str | None]] = field(default_factory=list)
    attributes: set[str] = field(default_factory=set)
    headings: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.text += "" if tag in INLINE else " "
        self.attributes |= {name for name, _ in attrs}
        if tag == "a":
            self.links.append(dict(attrs))
        if tag in ("h1", "h2", "h3", "h4"):
            self.headings.append(int(tag[1]))

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def words(self) -> str:
        return " ".join(self.text.split())

    def links_to(self, start: str) -> list[str]:
        return [link["href"] for link in self.links if (link["href"] or "").startswith(start)]


def apart(work: Coroutine[Any, Any, Any]) -> Any:
    """What it answers, on a loop of its own: a browser's test runs on another one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def look(agent, path: str = "/", status: int = 200, **more: Any) -> Seen:
    answer = agent.call("GET", path, **more)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    seen = Seen()
    seen.feed(answer.text)
    return seen


def fire(agent, name: str, *, annotations: dict[str, str] | None = None, **labels: str) -> str:
    """An alert as its source sends it; the id of the newest incident."""
    alert = {
        "status": "firing",
        "labels": {"alertname": name, "severity": "critical", "service": name.lower(), **labels},
        "annotations": {"summary": f"{name} is wrong", **(annotations or {})},
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
    }
    assert agent.call("POST", "/alertmanager", json={"alerts": [alert]}).status_code == 200
    return agent.call("GET", "/api/v1/incidents?limit=1").json()["items"][0]["id"]


PLAN = Plan(Verb.RESTART, TargetName("crm-api"), PlaybookName("restart-crm-api"), when="up == 0", verify="up == 1")
OBSERVED = Decision(
    Effect.OBSERVE,
    "mode_allows",
    "mode is observe",
    (
        Objection(Effect.OBSERVE, "mode_allows", "mode is observe"),
        Objection(Effect.DENY, "cooldown_over", "it was restarted 5 s ago"),
    ),
)


def put(agent, incident_id: str, number: int = 1, **more: Any) -> Action:
    """Store an action as the incident's latest."""
    made = Action(
        **{
            "id": ActionId(f"act-{number:04d}"),
            "plan": PLAN,
            "reason": "the API is down",
            "requested_by": "playbook:restart-crm-api",
            "decision": OBSERVED,
            "state": ActionState.REFUSED,
            "created_at": datetime.now(UTC),
            "incident_id": IncidentId(incident_id),
            **more,
        }
    )

    def work(rows) -> None:
        rows.actions.put(made)
        incident = rows.incidents.get(IncidentId(incident_id))
        assert rows.incidents.update(replace(incident, action_id=made.id), [])

    apart(agent.store.write(work))
    return made


def note(agent, incident_id: str, *texts: str, kind: EventKind = EventKind.NOTE, **facts: object) -> None:
    def work(rows) -> None:
        entries = [Entry(kind, datetime.now(UTC), text, facts) for text in texts]
        assert rows.incidents.update(rows.incidents.get(IncidentId(incident_id)), entries)

    apart(agent.store.write(work))
