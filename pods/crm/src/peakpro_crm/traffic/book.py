"""What the generator knows of each tenant's leads, and the request that it makes of an arrival.

Pure given a seed: the runner asks for a call, and tells what came back. Bounded: old leads are forgotten.
"""

import random
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any

from peakpro_crm.model import Source, Stage
from peakpro_crm.traffic.words import Action, Arrival, Call

_REMEMBERED = 300  # leads a tenant and stage
_PEOPLE = ("Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gia", "Hal", "Ivy", "Jon", "Kim", "Lou")
_COMPANIES = ("Northwind", "Contoso", "Fabrikam", "Tailspin", "Wingtip", "Proseware")
_LOST_SHARE = 0.1
_NEXT = {Stage.NEW: Stage.CONTACTED, Stage.CONTACTED: Stage.QUALIFIED}


class LeadBook:
    """Known leads by tenant and stage."""

    def __init__(self, *, run: str, seed: int) -> None:
        self._run = run  # part of every idempotency key, so that a second run of a seed makes leads of its own
        self._dice = random.Random(seed)  # noqa: S311 - visitors that can be repeated, not a secret
        self._known: dict[tuple[str, Stage], deque[str]] = defaultdict(lambda: deque(maxlen=_REMEMBERED))
        self._makers: Mapping[Action, Callable[[Arrival], Call]] = {
            Action.CREATE: self._create,
            Action.LIST: self._list,
            Action.SEARCH: self._search,
            Action.READ: self._read,
            Action.ADVANCE: self._advance,
            Action.CONVERT: self._convert,
            Action.STAGES: self._stages,
        }

    def call_for(self, arrival: Arrival) -> Call:
        """Return the request for an arrival; one that needs a lead nobody knows yet becomes a listing."""
        return self._makers[arrival.action](arrival)

    def learn(self, tenant: str, call: Call, *, status: int, answer: Any) -> None:
        """Take note of an answer; a lead whose change was not confirmed is forgotten."""
        if not 200 <= status < 300 or not isinstance(answer, Mapping):
            return
        lead_id, stage = answer.get("id"), answer.get("stage")
        if call.method in {"POST", "PATCH"} and isinstance(lead_id, str) and stage in set(Stage):
            self._known[tenant, Stage(stage)].append(lead_id)

    def _create(self, arrival: Arrival) -> Call:
        person, company = self._dice.choice(_PEOPLE), self._dice.choice(_COMPANIES)
        body = {
            "name": f"{person} {company}",
            "email": f"{person}.{arrival.number}@{company}.example".lower(),
            "company": company,
            "source": str(self._dice.choice(tuple(Source))),
        }
        return Call("POST", "/api/leads", body=body, headers={"Idempotency-Key": f"{self._run}-{arrival.number}"})

    def _list(self, _arrival: Arrival) -> Call:
        params = {"limit": "20"}
        if self._dice.random() < 0.5:
            params["stage"] = str(self._dice.choice(tuple(Stage)))
        return Call("GET", "/api/leads", params=params)

    def _search(self, _arrival: Arrival) -> Call:
        text = self._dice.choice((*_PEOPLE, *_COMPANIES)).lower()
        return Call("GET", "/api/leads", params={"text": text, "limit": "10"})

    def _stages(self, _arrival: Arrival) -> Call:
        return Call("GET", "/api/leads/stages")

    def _read(self, arrival: Arrival) -> Call:
        shelves = [shelf for stage in Stage if (shelf := self._known.get((arrival.tenant, stage)))]
        if not shelves:
            return self._list(arrival)
        lead_id = self._dice.choice(self._dice.choice(shelves))
        return Call("GET", f"/api/leads/{lead_id}", lead_id=lead_id)

    def _advance(self, arrival: Arrival) -> Call:
        ready = [stage for stage in _NEXT if self._known.get((arrival.tenant, stage))]
        if not ready:
            return self._list(arrival)
        stage = self._dice.choice(ready)
        # Taken off the shelf while the change is under way: no second request may move the same lead.
        lead_id = self._known[arrival.tenant, stage].popleft()
        wanted = Stage.LOST if self._dice.random() < _LOST_SHARE else _NEXT[stage]
        return Call("PATCH", f"/api/leads/{lead_id}", body={"stage": str(wanted)}, lead_id=lead_id)

    def _convert(self, arrival: Arrival) -> Call:
        shelf = self._known.get((arrival.tenant, Stage.QUALIFIED))
        if not shelf:
            return self._list(arrival)
        lead_id = shelf.popleft()
        return Call("POST", f"/api/leads/{lead_id}/convert", lead_id=lead_id)
