"""Ledger, journal and pauses, on both stores."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.errors import StoreError
from aetherlink.model.ids import SourceName
from aetherlink.model.journal import JournalBody
from aetherlink.model.ledger import LedgerOutcome, Way
from aetherlink.model.pauses import EVERYTHING, Pause
from aetherlink.model.principals import LoginLink, Scope, Session
from aetherlink.ports import Transaction
from aetherlink.store.database import SqlStore
from aetherlink.testing import START

MINUTE = timedelta(minutes=1)
ODD = 'Zoë\'s "café" \\ %s :name 🚨'


# --- ledger


async def test_the_ledger_counts_up(store: SqlStore) -> None:
    opened, repeated = (Way.WEBHOOK, LedgerOutcome.OPENED), (Way.RECONCILE, LedgerOutcome.DUPLICATE)
    for counts in ({opened: 2, repeated: 0}, {opened: 2**40, repeated: 1}, {}):
        await store.write(lambda transaction, more=counts: transaction.ledger.add(more))

    ledger = await store.read(lambda transaction: transaction.ledger.totals())

    assert ledger.totals == {opened: 2**40 + 2, repeated: 1}
    assert ledger.received == 2**40 + 3


# --- journal


def keep(*bodies: JournalBody) -> Callable[[Transaction], None]:
    return lambda transaction: transaction.journal.add(bodies)


def body(minutes: int, content: bytes = b'{"alerts": []}\x00\xff') -> JournalBody:
    return JournalBody(START + minutes * MINUTE, SourceName("lab"), content)


async def test_bodies_are_kept_as_they_came_and_in_their_order(store: SqlStore) -> None:
    large = body(2, bytes(range(256)) * 4000)
    await store.write(keep(body(0), body(1)))
    await store.write(keep(large))

    async def since(minutes: int) -> list[JournalBody]:
        return await store.read(lambda transaction: list(transaction.journal.since(START + minutes * MINUTE)))

    assert await since(0) == [body(0), body(1), large]
    assert await since(1) == [body(1), large]
    assert await since(3) == []


async def test_the_oldest_bodies_go_by_age_and_by_size(store: SqlStore) -> None:
    for minutes in range(6):
        await store.write(keep(body(minutes)))

    def prune(minutes: int, most_bytes: int, limit: int) -> Callable[[Transaction], int]:
        before = START + minutes * MINUTE
        return lambda transaction: transaction.journal.prune(before, most_bytes=most_bytes, limit=limit)

    async def left() -> list[JournalBody]:
        return await store.read(lambda transaction: list(transaction.journal.since(START)))

    assert await store.write(prune(2, 10**6, 1)) == 1
    assert await store.write(prune(2, 10**6, 9)) == 1
    assert await left() == [body(minutes) for minutes in range(2, 6)]
    assert await store.write(prune(0, 0, 9)) == 4
    assert await left() == []


# --- pauses


async def test_a_pause_is_one_a_scope_and_holds_until_its_end(store: SqlStore) -> None:
    first = Pause(EVERYTHING, START, ODD, "operator")
    second = replace(first, until=START + MINUTE, paused_by=ODD)
    other = replace(first, scope="another", until=START)
    for pause in (first, other, second):
        await store.write(lambda transaction, it=pause: transaction.pauses.put(it))

    assert await store.read(lambda transaction: transaction.pauses.all()) == [second, other]
    assert await store.read(lambda transaction: transaction.pauses.in_force(START)) == second
    assert await store.read(lambda transaction: transaction.pauses.in_force(START + MINUTE)) is None

    planned = [replace(first, begins=START + MINUTE), replace(first, begins=START + 2 * MINUTE, until=START)]
    for pause in (*planned, replace(planned[1], reason="another one")):
        await store.write(lambda transaction, it=pause: transaction.pauses.put(it))
    stored = await store.read(lambda transaction: transaction.pauses.all())
    assert stored == [second, other, planned[0], replace(planned[1], reason="another one")]
    assert await store.read(lambda transaction: transaction.pauses.in_force(START + MINUTE)) == planned[0]
    await store.write(lambda transaction: transaction.pauses.drop(planned[0]))
    assert await store.read(lambda transaction: transaction.pauses.in_force(START + MINUTE)) is None

    await store.write(lambda transaction: transaction.pauses.end(EVERYTHING))
    await store.write(lambda transaction: transaction.pauses.end(EVERYTHING))
    assert await store.read(lambda transaction: transaction.pauses.all()) == [other]


# --- sessions and login links


def session(number: int, **more: object) -> Session:
    given: dict[str, object] = {
        "id": f"ses-{number}",
        "digest": f"{number:064x}",
        "name": "zoe",
        "scopes": frozenset({Scope.READ, Scope.APPROVE}),
        "created_at": START + number * MINUTE,
        "expires_at": START + 60 * MINUTE,
        "used_at": START + number * MINUTE,
    }
    return Session(**(given | more))


async def test_sessions_are_replaced_by_their_id_and_forgotten(store: SqlStore) -> None:
    whole = session(2, name=ODD, tenant=ODD, root="a" * 64, revoked_at=START)

    def work(transaction: Transaction) -> None:
        for one in (session(3), session(2), session(1)):
            transaction.sessions.put(one)
        transaction.sessions.put(whole)
        transaction.sessions.drop(["ses-1", "ses-unknown"])

    await store.write(work)

    assert await store.read(lambda transaction: transaction.sessions.all()) == [whole, session(3)]


async def test_two_sessions_cannot_have_one_digest(store: SqlStore) -> None:
    def work(transaction: Transaction) -> None:
        transaction.sessions.put(session(1))
        transaction.sessions.put(session(2, digest=session(1).digest))

    with pytest.raises(StoreError):
        await store.write(work)

    assert await store.read(lambda transaction: transaction.sessions.all()) == []


async def test_a_login_link_is_dropped_once(store: SqlStore) -> None:
    root = "c" * 64
    link = LoginLink("b" * 64, ODD, frozenset({Scope.ADMIN}), START, START + MINUTE, root=root, session_ends_at=START)
    other = replace(link, digest="a" * 64, root=None, session_ends_at=None)
    await store.write(lambda transaction: [transaction.login_links.add(one) for one in (link, other)])

    assert await store.read(lambda transaction: transaction.login_links.all()) == [other, link]
    drops = [await store.write(lambda transaction: transaction.login_links.drop(link.digest)) for _ in range(2)]
    assert drops == [True, False]
    assert await store.read(lambda transaction: transaction.login_links.all()) == [other]
