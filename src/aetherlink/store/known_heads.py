"""The heads of open incidents in memory: an alert that joins an incident need not ask the database which one that is.

What a transaction has changed is staged in a layer, and becomes visible when the commit that holds it has succeeded.
Whatever else changes an incident only has to say so: its head is read anew when somebody asks for it.
"""

import copy
from collections.abc import Iterable
from itertools import islice

from aetherlink.model.ids import IncidentId
from aetherlink.model.incidents import IncidentHead, IncidentStatus

_MOST = 10_000  # heads, some 10 MB: with more than that it begins anew


class KnownHeads:
    """What is committed. Read and changed only by who has the writer's turn."""

    def __init__(self, *, most: int = _MOST) -> None:
        self._most = most
        self._by_id: dict[IncidentId, IncidentHead] = {}
        self._by_key: dict[str, IncidentHead] = {}

    def by_id(self, incident_id: IncidentId) -> IncidentHead | None:
        """The open incident, not to be changed, or None: then the database may know it."""
        return self._by_id.get(incident_id)

    def by_key(self, key: str) -> IncidentHead | None:
        """As by_id, by its identity."""
        return self._by_key.get(key)

    def clear(self) -> None:
        """Believe nothing any more."""
        self._by_id, self._by_key = {}, {}

    def apply(self, staged: "StagedHeads") -> None:
        """Make visible what was committed."""
        for incident_id in staged.touched:
            known = self._by_id.pop(incident_id, None)
            if known is not None and self._by_key.get(known.key) is known:
                del self._by_key[known.key]
        if len(self._by_id) + len(staged.known) > self._most:
            self.clear()
        for head in islice(staged.known.values(), self._most):
            self._by_id[head.id] = self._by_key[head.key] = head


class StagedHeads:
    """A layer: what one transaction knows. Heads are given out and taken as copies: who gathers alerts changes them."""

    def __init__(self, below: "KnownHeads | StagedHeads") -> None:
        self._below = below
        self._ids: dict[str, IncidentId] = {}
        self.known: dict[IncidentId, IncidentHead] = {}
        self.touched: set[IncidentId] = set()

    def by_id(self, incident_id: IncidentId) -> IncidentHead | None:
        """A head as this transaction sees it, or None: then the database has to be asked."""
        own = self.known.get(incident_id) if incident_id in self.touched else self._below.by_id(incident_id)
        return None if own is None else copy.copy(own)

    def by_key(self, key: str) -> IncidentHead | None:
        """As by_id, by its identity."""
        if key in self._ids:
            return self.by_id(self._ids[key])
        own = self._below.by_key(key)
        return None if own is None or own.id in self.touched else copy.copy(own)

    def forget(self, incident_id: IncidentId) -> None:
        """It is changed by other means."""
        self.touched.add(incident_id)
        gone = self.known.pop(incident_id, None)
        if gone is not None and self._ids.get(gone.key) == incident_id:  # else another incident has it by now
            del self._ids[gone.key]

    def put(self, heads: Iterable[IncidentHead]) -> None:
        """So they are stored from now on, or were found."""
        for head in heads:
            self.forget(head.id)
            if head.status is IncidentStatus.OPEN:
                self.known[head.id] = own = copy.copy(head)
                own.is_recast = own.is_rewoken = False
                self._ids[head.key] = head.id

    def absorb(self, upper: "StagedHeads") -> None:
        """Take over what a layer above this one has staged."""
        for incident_id in upper.touched:
            self.forget(incident_id)
        self.put(upper.known.values())
