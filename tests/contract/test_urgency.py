"""Open incidents by urgency: counted and listed as all that is stored says, whatever happened, and after a restart."""

import random
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from aetherlink.errors import ConflictError
from aetherlink.model.ids import IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentFilter, IncidentStatus, Origin, Severity, Stage
from aetherlink.ports import Transaction
from aetherlink.testing import START
from rigs.databases import AnyDatabase, AnyStore

STEPS = 40
RESTARTS = 4
OPEN = IncidentStatus.OPEN
FILTERS = [IncidentFilter(OPEN, severity, vip=vip) for severity, vip in product([None, *Severity], [None, True, False])]


class Changes:
    """What happens to incidents, some of it in vain."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._number = 0

    def work(self, rows: Transaction) -> None:
        """Some things in one transaction."""
        for _ in range(3):
            self._dice.choice([self._open, self._recast, self._turn])(rows)
        if self._dice.random() < 0.2:
            raise ConflictError("in vain")

    def _open(self, rows: Transaction) -> None:
        made = [self._incident() for _ in range(self._dice.randrange(4))]
        rows.incidents.insert_all([(one, []) for one in made])
        rows.incidents.insert(self._incident(), [])

    def _recast(self, rows: Transaction) -> None:
        """Alerts that come later make it worse, or concern a VIP tenant."""
        ids = [one.id for one in stored(rows) if one.status is OPEN]
        for head in rows.incidents.heads(ids=self._dice.sample(ids, min(len(ids), 3))):
            head.severity, head.vip = self._severity(), self._dice.random() < 0.3
            head.is_recast = True
            rows.incidents.touch([(head, [])], at=START)

    def _turn(self, rows: Transaction) -> None:
        """What was open is over, and what was over is open again."""
        found = stored(rows)
        for one in self._dice.sample(found, min(len(found), 3)):
            status = IncidentStatus.RESOLVED if one.status is OPEN else OPEN
            assert rows.incidents.update(replace(one, status=status), [])

    def _severity(self) -> Severity:
        return self._dice.choice(list(Severity))

    def _incident(self) -> Incident:
        self._number += 1
        return Incident(
            id=IncidentId(f"inc-{self._number:06d}"),
            key=f"key {self._number}",
            origin=Origin.ALERT,
            source=SourceName("lab"),
            title="it is down",
            tenant="",
            service="crm",
            severity=self._severity(),
            vip=self._dice.random() < 0.3,
            status=OPEN,
            stage=Stage.PLAN,
            opened_at=START + timedelta(seconds=self._number),
            updated_at=START,
        )


def stored(rows: Transaction) -> list[Incident]:
    """All that there are, the newest first."""
    found, cursor = rows.incidents.page(limit=500, before=None)
    assert cursor is None
    return found


def listed(rows: Transaction, only: IncidentFilter) -> list[Incident]:
    """Those of the pages, one after the other, each of which is full but the last."""
    found, cursor = rows.incidents.page(limit=3, before=None, only=only)
    while cursor is not None:
        assert len(found) % 3 == 0
        more, cursor = rows.incidents.page(limit=3, before=cursor, only=only)
        found += more
    return found


def fits(one: Incident, only: IncidentFilter) -> bool:
    is_so = one.status is only.status
    return is_so and only.severity in (None, one.severity) and only.vip in (None, one.vip)


def check(rows: Transaction) -> int:
    """Compare, and say how many were open."""
    found = stored(rows)
    opened = [one for one in found if one.status is OPEN]
    counted = {name: number for name, number in rows.incidents.open_by_severity().items() if number}
    assert counted == Counter(one.severity.value for one in opened)
    for only in FILTERS:
        assert listed(rows, only) == [one for one in found if fits(one, only)], only
    return len(opened)


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_open_is_counted_and_listed_as_it_is_stored(
    store: AnyStore, database: AnyDatabase, seed: int
) -> None:
    changes = Changes(seed)
    most = 0
    for restart in range(RESTARTS):
        for _ in range(STEPS // RESTARTS):
            with suppress(ConflictError):
                await store.write(changes.work)
            most = max(most, await store.write(check), await store.read(check))
        store.close()
        store = database.opened()
        assert await store.read(check) > 0, restart
    assert most > 20
