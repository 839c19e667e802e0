"""The heads of incidents that the writer remembers are those that the database holds, whatever has happened to them."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.errors import ConflictError
from aetherlink.model.ids import IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentHead, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Transaction
from aetherlink.store.database import SqlStore
from aetherlink.testing import START

pytestmark = pytest.mark.sql

STEPS = 60
KEYS = [f"key {number}" for number in range(6)]
Change = Callable[[Transaction], None]


class Changes:
    """Things that happen to incidents, one after the other, some of them in vain."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._number = 0
        self._now = START

    def next(self) -> Change:
        """What happens next: several things in one transaction."""
        self._now += timedelta(minutes=1)
        some = [self._dice.choice([self._open, self._touch, self._take_over, self._advance]) for _ in range(3)]
        is_in_vain = self._dice.random() < 0.2

        def work(transaction: Transaction) -> None:
            for each in some:
                each(transaction)
            if is_in_vain:
                raise ConflictError("in vain")

        return work

    def _open(self, transaction: Transaction) -> None:
        free = sorted(set(KEYS) - {each.key for each in transaction.incidents.heads(keys=KEYS)})
        if free:
            self._number += 1
            transaction.incidents.insert_all([(self._incident(self._dice.choice(free)), [self._entry()])])

    def _touch(self, transaction: Transaction) -> None:
        for head in self._some(transaction):
            head.firing += 1
            head.fires = (*head.fires, self._now)[-3:]
            if self._dice.random() < 0.5:
                head.wake_at, head.is_rewoken = self._now, True
            transaction.incidents.touch([(head, [self._entry()])], at=self._now)

    def _take_over(self, transaction: Transaction) -> None:
        free = sorted(set(KEYS) - {each.key for each in transaction.incidents.heads(keys=KEYS)})
        for head in self._some(transaction)[:1]:
            if free:
                head.key, head.severity, head.is_recast = self._dice.choice(free), Severity.CRITICAL, True
                transaction.incidents.touch([(head, [self._entry()])], at=self._now)

    def _advance(self, transaction: Transaction) -> None:
        for head in self._some(transaction):
            incident = transaction.incidents.get(head.id)
            assert incident is not None
            is_over = self._dice.random() < 0.5
            status = IncidentStatus.RESOLVED if is_over else IncidentStatus.OPEN
            stage = Stage.DONE if is_over else Stage.WATCH
            changed = replace(incident, status=status, stage=stage, resolved_at=self._now if is_over else None)
            assert transaction.incidents.update(changed, [self._entry()])

    def _some(self, transaction: Transaction) -> list[IncidentHead]:
        keys = self._dice.sample(KEYS, 2)
        return transaction.incidents.heads(keys=keys)

    def _incident(self, key: str) -> Incident:
        return Incident(
            id=IncidentId(f"inc-{self._number:04d}"),
            key=key,
            origin=Origin.ALERT,
            source=SourceName("lab"),
            title=key,
            tenant="",
            service="crm",
            severity=Severity.WARNING,
            vip=False,
            status=IncidentStatus.OPEN,
            stage=Stage.PLAN,
            opened_at=self._now,
            updated_at=self._now,
        )

    def _entry(self) -> Entry:
        return Entry(EventKind.NOTE, self._now, "something happened")


def by_key(transaction: Transaction) -> list[IncidentHead]:
    return sorted(transaction.incidents.heads(keys=KEYS), key=lambda head: head.key)


def by_id(transaction: Transaction) -> list[IncidentHead]:
    ids = [IncidentId(f"inc-{number:04d}") for number in range(1, 4 * STEPS)]
    return sorted(transaction.incidents.heads(ids=ids), key=lambda head: head.id)


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_remembered_of_incidents_is_what_is_stored(store: SqlStore, seed: int) -> None:
    changes = Changes(seed)
    dice = random.Random(seed + 1000)
    most = 0

    for _ in range(STEPS):
        with suppress(ConflictError):
            await store.write(changes.next(), is_brief=dice.random() < 0.5)
        for look in (by_key, by_id):
            assert await store.write(look) == await store.read(look)
        most = max(most, len(store._memory.heads._by_id))

    assert most > 2  # something was remembered, or this shows nothing
