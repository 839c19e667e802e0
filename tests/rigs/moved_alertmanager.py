"""A thin Alertmanager in moved time: it lists what fires, tells the agent of every turn at once, and repeats itself."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aetherlink.intake.fingerprint import fingerprint
from aetherlink.ports import Clock
from rigs.answering import Answering, as_json
from rigs.past_prometheus import Turn

RECEIVER = "agent"
_REPEAT = timedelta(minutes=30)  # as monitoring/alertmanager.yml has it
_LETS_GO = timedelta(minutes=4)  # of an alert of which it hears nothing more
_NEVER = "0001-01-01T00:00:00Z"
_UP_SINCE = datetime(2025, 12, 1, tzinfo=UTC)


@dataclass
class MovedAlertmanager(Answering):
    """`deliver` takes the body of a webhook, once somebody listens; `firing` are the alerts by their fingerprints."""

    clock: Clock = field(kw_only=True)
    deliver: Callable[[bytes], Awaitable[None]] | None = None
    firing: dict[str, dict[str, Any]] = field(default_factory=dict)
    silences: int = 0

    async def turn(self, turn: Turn) -> None:
        """The alert fires now, or has ended. An alert that begins twice goes on."""
        print_of = fingerprint(turn.labels)
        if turn.fires:
            started = {"startsAt": datetime.fromtimestamp(turn.at, UTC).isoformat(), "endsAt": _NEVER}
            alert = {"labels": turn.labels, "annotations": turn.annotations, "fingerprint": print_of, **started}
            await self._tell(self.firing.setdefault(print_of, alert), "firing")
        elif ended := self.firing.pop(print_of, None):
            await self._tell({**ended, "endsAt": datetime.fromtimestamp(turn.at, UTC).isoformat()}, "resolved")

    async def repeat(self) -> None:
        """Say again what fires, for ever."""
        while True:
            await asyncio.sleep(_REPEAT.total_seconds())
            for alert in list(self.firing.values()):
                await self._tell(alert, "firing")

    async def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:  # noqa: ARG002 - see Answering
        """See Answering."""
        match method, path.partition("?")[0].split("/")[1:]:
            case "GET", ["api", "v2", "alerts"]:
                return as_json([self._listed(alert) for alert in self.firing.values()])
            case "GET", ["api", "v2", "status"]:
                return as_json({"uptime": _UP_SINCE.isoformat(), "cluster": {"status": "ready"}})
            case "GET", ["api", "v2", "receivers"]:
                return as_json([{"name": RECEIVER}])
            case "POST", ["api", "v2", "silences"]:
                self.silences += 1
                return as_json({"silenceID": f"silence-{self.silences}"})
            case ("GET", ["-", "ready"]) | ("DELETE", _):
                return as_json({})
        return as_json({"problem": path}, 404)

    def _listed(self, alert: dict[str, Any]) -> dict[str, Any]:
        status = {"state": "active", "silencedBy": [], "inhibitedBy": []}
        ends_at = (self.clock.now() + _LETS_GO).isoformat()
        return {**alert, "endsAt": ends_at, "status": status, "receivers": [{"name": RECEIVER}]}

    async def _tell(self, alert: dict[str, Any], status: str) -> None:
        name = {"alertname": alert["labels"]["alertname"]}
        webhook = {
            "version": "4",
            "groupKey": f"{{}}:{name}",
            "truncatedAlerts": 0,
            "status": status,
            "receiver": RECEIVER,
            "groupLabels": name,
            "commonLabels": alert["labels"],
            "commonAnnotations": alert["annotations"],
            "externalURL": self.url,
            "alerts": [{**alert, "status": status, "generatorURL": ""}],
        }
        assert self.deliver is not None
        await self.deliver(json.dumps(webhook).encode())
