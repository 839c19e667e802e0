"""The watcher follows one incident to its end, whoever ends it."""

from collections.abc import Mapping
from typing import Any

import pytest

from aetherlink.lab.drills.watch import Watcher
from aetherlink.testing import START, ManualClock

ALERT = {
    "starts_at": START.isoformat(),
    "labels": {"alertname": "CrmApiDown"},
    "annotations": {"summary": "it is down"},
    "incident_id": "inc-1",
}


def entry(sequence: int, kind: str) -> dict[str, object]:
    return {"sequence": sequence, "kind": kind, "at": START.isoformat(), "text": kind, "facts": {}}


@pytest.mark.parametrize("end", ["resolved", "closed"])
async def test_it_ends_with_the_incident(end: str) -> None:
    told = [entry(1, "opened"), entry(2, end), entry(3, "note")]

    clock = ManualClock()

    async def ask(path: str) -> Mapping[str, Any]:
        clock.move(1)
        return {"items": [ALERT] if path.startswith("/api/v1/alerts") else told}

    watcher = Watcher(ask, alertname="CrmApiDown", since=START, clock=clock, tell=print)
    assert [step.kind async for step in watcher.steps(within=10)] == ["fired", "opened", end]
