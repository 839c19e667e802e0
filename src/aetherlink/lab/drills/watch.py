"""Follows one incident over the agent's API, from the alert that fired to the end, as steps with their times.

The times are those of who saw the thing happen: the alert's start is Prometheus' word, everything else the agent's
timeline. The watcher only reads.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aetherlink.errors import DeadlineError
from aetherlink.ports import Clock

Ask = Callable[[str], Awaitable[Mapping[str, Any]]]
Tell = Callable[[str], None]

LAST = "resolved"
_ENDS = (LAST, "closed")  # by a person, who knows better
_LOOK_SECONDS = 0.1
_SILENCE_SECONDS = 15.0
_NAMES = {
    "alerts": "heard",
    "opened": "incident",
    "planned": "planned",
    "decided": "decided",
    "action_started": "repairing",
    "action_finished": "repaired",
    "verifying": "verifying",
    "verified": "verified",
    "not_recovered": "not recovered",
    "escalated": "escalated",
    "resolved": LAST,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened. `kind` is the timeline's, or `fired`; `name` is for people."""

    kind: str
    name: str
    at: datetime
    text: str
    facts: Mapping[str, Any]


class Watcher:
    """Watches for one alert that starts after a moment; `ask` gets a path of the agent's API."""

    def __init__(self, ask: Ask, *, alertname: str, since: datetime, clock: Clock, tell: Tell) -> None:
        self._ask = ask
        self._alertname = alertname
        self._since = since
        self._clock = clock
        self._tell = tell
        self._spoke = clock.monotonic()

    async def steps(self, *, within: float) -> AsyncIterator[Step]:
        """Every step, as it happens, until the incident is resolved, or somebody has closed it.

        Raises DeadlineError after `within` seconds.
        """
        end = self._clock.monotonic() + within
        alert = await self._alert(end, f"the agent heard no new {self._alertname} within {within:g} s")
        fired = datetime.fromisoformat(alert["starts_at"])
        yield Step("fired", "alert fired", fired, self._words(alert), {})
        path = f"/api/v1/incidents/{alert['incident_id']}/timeline?limit=100"
        seen = 0
        while True:
            for entry in (await self._ask(f"{path}&cursor={seen}"))["items"]:
                seen = entry["sequence"]
                step = _step(entry)
                if step.at >= self._since:
                    self._spoke = self._clock.monotonic()
                    yield step
                    if step.kind in _ENDS:
                        return
            complaint = f"incident {alert['incident_id']} was not resolved within {within:g} s"
            await self._pause(end, complaint, waiting_for="the incident to be resolved")

    async def _alert(self, end: float, complaint: str) -> Mapping[str, Any]:
        while True:
            for alert in (await self._ask("/api/v1/alerts?limit=100"))["items"]:
                is_new = datetime.fromisoformat(alert["starts_at"]) >= self._since
                if is_new and alert["labels"].get("alertname") == self._alertname and alert["incident_id"]:
                    return dict(alert)
            await self._pause(end, complaint, waiting_for=f"{self._alertname} to fire and to be heard")

    async def _pause(self, end: float, complaint: str, *, waiting_for: str) -> None:
        now = self._clock.monotonic()
        if now > end:
            raise DeadlineError(complaint)
        if now - self._spoke > _SILENCE_SECONDS:
            self._spoke = now
            seconds = (self._clock.now() - self._since).total_seconds()
            self._tell(f"{seconds:6.1f} s  ...           still waiting for {waiting_for}")
        await asyncio.sleep(_LOOK_SECONDS)

    def _words(self, alert: Mapping[str, Any]) -> str:
        return f"{self._alertname}: {alert['annotations'].get('summary', 'no summary')}"


def _step(entry: Mapping[str, Any]) -> Step:
    return Step(
        kind=entry["kind"],
        name=_NAMES.get(entry["kind"], entry["kind"]),
        at=datetime.fromisoformat(entry["at"]),
        text=entry["text"],
        facts=entry["facts"],
    )
