"""PagerDuty's Events API v2, as it is published: forms, limits, errors; and its incidents as a person sees them.

https://developer.pagerduty.com/docs/events-api-v2-overview and .../trigger-events: 202 with `status`, `message` and
`dedup_key`; 400 with `errors`; 413 above 512 KB; 429 when it is too much.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rigs.scripted_http import Reply, Request, ScriptedHttp

KEY = "R0123456789abcdefghijklmnopqrstu"
_SEVERITIES = {"critical", "error", "warning", "info"}


@dataclass
class Shown:
    """One incident there. `pages` counts how often somebody was called for it."""

    key: str
    payload: Mapping[str, Any]
    event: Mapping[str, Any]
    state: str = "triggered"
    pages: int = 1


@dataclass
class PagerDutyServer(ScriptedHttp):
    """`shown` are all incidents there, those that are over too; at most one of a key is open."""

    shown: list[Shown] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def forget(self) -> None:
        """All incidents."""
        self.shown.clear()
        self.events.clear()

    def heard(self, request: Request) -> Reply:
        """An event."""
        if request.method != "POST" or request.path != "/v2/enqueue":
            return 404, {"error": "not found"}
        if len(request.body) > 512 * 1024:
            return 413, {"status": "invalid event", "message": "Event object is too large"}
        event = request.json
        problems = _problems(event)
        if problems:
            return 400, {"status": "invalid event", "message": "Event object is invalid", "errors": problems}
        assert isinstance(event, dict)
        self._take(event)
        return 202, {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}

    def refused(self, status: int) -> object:
        """In its form, with all that it was told."""
        said = [request.body.decode("utf-8", "replace") for request in self.requests[-1:]]
        return {"status": "invalid event", "message": f"no: {status}", "errors": said}

    def open(self, key: str) -> Shown | None:
        """The incident of this key that is not over."""
        return next((one for one in self.shown if one.key == key and one.state != "resolved"), None)

    def _take(self, event: Mapping[str, Any]) -> None:
        key, action = event["dedup_key"], event["event_action"]
        self.events.append(f"{action} {key}")
        known = self.open(key)
        if action == "trigger" and known is None:
            self.shown.append(Shown(key, event["payload"], event))
        elif action != "trigger" and known is not None:
            known.state = "resolved" if action == "resolve" else "acknowledged"


def _problems(event: object) -> list[str]:
    if not isinstance(event, dict):
        return ["not an object"]
    payload = event.get("payload", {})
    is_trigger = event.get("event_action") == "trigger"
    found = {
        "Length of 'routing_key' is incorrect (should be 32 characters)": len(str(event.get("routing_key", ""))) != 32,
        "invalid routing key": event.get("routing_key") != KEY,
        "'event_action' is invalid": event.get("event_action") not in {"trigger", "acknowledge", "resolve"},
        "'dedup_key' is missing or too long": not 0 < len(event.get("dedup_key", "")) <= 255,
        "'payload.summary' is missing or too long": is_trigger and not 0 < len(payload.get("summary", "")) <= 1024,
        "'payload.source' is missing": is_trigger and not payload.get("source"),
        "'payload.severity' is invalid": is_trigger and payload.get("severity") not in _SEVERITIES,
        "'links' is invalid": any(not link.get("href", "").startswith("http") for link in event.get("links", [])),
    }
    return [words for words, is_so in found.items() if is_so]
