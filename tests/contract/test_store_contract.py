"""What the store promises, on SQLite and on PostgreSQL: the same tests, the same code behind them."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from aetherlink.errors import ConflictError, StoreError, UnfitError
from aetherlink.model.actions import IDEMPOTENCY_FACT, Action, ActionState, Outcome, OutcomeStatus, Plan, Verb
from aetherlink.model.alerts import Alert, AlertStatus, Episode, Suppression
from aetherlink.model.decisions import Decision, Effect
from aetherlink.model.ids import ActionId, Fingerprint, IncidentId, PlaybookName, SourceName, TargetName
from aetherlink.model.journal import JournalBody
from aetherlink.model.ledger import LedgerOutcome, Way
from aetherlink.model.principals import Scope, TokenRecord
from aetherlink.ports import Transaction
from aetherlink.store.database import SqlStore
from aetherlink.store.tables import metadata
from aetherlink.testing import START
from rigs.databases import Database

ODD = 'Zoë\'s "café" \\ %s :name {x} 🚨\n\t\u2028'
FAR = datetime.fromisoformat("2261-12-31T23:59:59.999999+00:00")


SOURCE = SourceName("lab")


def episode(number: int, fingerprint: str) -> Episode:
    alert = Alert(SOURCE, Fingerprint(fingerprint), AlertStatus.FIRING, START, None, {"alertname": "A"}, {})
    return Episode(
        number, alert, alert.status, alert.since, None, Suppression.NONE, alert.name, "acme-corp", "critical"
    )


def token(name: str, **changes: object) -> TokenRecord:
    record = TokenRecord(
        f"tok-{name}", name, digest=f"digest of {name}", scopes=frozenset({Scope.READ}), created_at=START
    )
    return replace(record, **changes)


def put(*records: TokenRecord) -> Callable[[Transaction], None]:
    def work(transaction: Transaction) -> None:
        for record in records:
            transaction.tokens.put(record)

    return work


def names(transaction: Transaction) -> list[str]:
    return [record.name for record in transaction.tokens.all()]


# --- the store itself


@pytest.fixture(params=[False, True], ids=["queued", "brief"])
def is_brief(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def test_what_was_answered_is_there_after_a_restart(store: SqlStore, database: Database) -> None:
    await store.write(put(token("a")))
    await asyncio.to_thread(store.close)

    assert await database.opened().read(names) == ["a"]


async def test_writes_at_the_same_time_are_all_kept(store: SqlStore) -> None:
    writes = (store.write(put(token(f"{number:03d}")), is_brief=number % 3 == 0) for number in range(200))
    await asyncio.gather(*writes)

    assert await store.read(names) == [f"{number:03d}" for number in range(200)]


async def test_a_job_that_fails_is_undone_alone(store: SqlStore, *, is_brief: bool) -> None:
    def fail(transaction: Transaction) -> None:
        put(token("undone"))(transaction)
        raise ConflictError("no")

    results = await asyncio.gather(
        store.write(put(token("a"))), store.write(fail), store.write(put(token("b"))), return_exceptions=True
    )
    with pytest.raises(ConflictError):
        await store.write(fail, is_brief=is_brief)

    assert isinstance(results[1], ConflictError)
    assert await store.read(names) == ["a", "b"]


async def test_a_row_that_the_database_refuses_is_the_error_of_its_job_alone(store: SqlStore) -> None:
    twice = token("twin", digest="digest of a")

    results = await asyncio.gather(
        store.write(put(token("a"))),
        store.write(put(token("undone"), twice)),
        store.write(put(token("b"))),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [type(None), StoreError, type(None)]
    assert await store.read(names) == ["a", "b"]


@pytest.mark.sql
async def test_a_table_that_cannot_be_used_is_the_stores_trouble_and_not_the_works(
    store: SqlStore, database: Database
) -> None:
    """Else alerts would be put aside as unreadable while somebody restores the database."""
    place = database.place()
    with place.writing.begin() as connection:
        connection.execute(sa.text("ALTER TABLE tokens RENAME TO tokens_away"))
    place.release()

    with pytest.raises(StoreError) as alone:
        await store.write(put(token("a")))
    together = await asyncio.gather(store.write(put(token("a"))), store.write(put(token("b"))), return_exceptions=True)

    assert {type(problem) for problem in (alone.value, *together)} == {StoreError}


@pytest.mark.sql
async def test_what_no_row_takes_is_the_works_own_fault(store: SqlStore, *, is_brief: bool) -> None:
    def fail(_: Transaction) -> None:
        raise KeyError("a bug")

    def file(transaction: Transaction) -> None:
        transaction.alerts.put([episode(1 << 70, "a")], [], at=START)

    for work in (fail, file, put(token("half of a pair: \ud800"))):
        with pytest.raises(UnfitError):
            await store.write(work, is_brief=is_brief)
        results = await asyncio.gather(store.write(work), store.write(put(token("a"))), return_exceptions=True)
        assert [type(result) for result in results] == [UnfitError, type(None)]


@pytest.mark.sql
async def test_brief_work_begins_where_it_is_asked_for_unless_it_might_have_to_wait(
    store: SqlStore, database: Database
) -> None:
    """Statements on the other side of a network may take their time, and so may those of a store in trouble."""
    here = threading.current_thread().name
    at_hand = "store-writer" if database.kind == "postgresql" else here

    def where(_: Transaction) -> str:
        return threading.current_thread().name

    def fail(_connection: sa.Connection) -> None:
        raise sa.exc.OperationalError("COMMIT", {}, OSError("disk I/O error"))

    assert await store.write(where) == "store-writer"
    assert await store.write(where, is_brief=True) == at_hand
    both = asyncio.gather(store.write(where), store.write(where, is_brief=True))
    assert await both == ["store-writer", "store-writer"]

    sa.event.listen(store._place.writing, "commit", fail)
    with pytest.raises(StoreError, match="disk I/O"):
        await store.write(where, is_brief=True)
    sa.event.remove(store._place.writing, "commit", fail)
    assert [await store.write(where, is_brief=True) for _ in range(2)] == ["store-writer", at_hand]


async def test_a_transaction_that_looks_sees_what_it_has_put_off_itself(store: SqlStore) -> None:
    counted = {(Way.WEBHOOK, LedgerOutcome.OPENED): 2}
    body = JournalBody(START, SOURCE, b"as it came")

    def work(transaction: Transaction) -> tuple[object, ...]:
        transaction.ledger.add(counted)
        transaction.journal.add([body])
        transaction.alerts.put([episode(transaction.alerts.last_id + 1, "f")], [], at=START)
        stored = transaction.alerts.get(transaction.alerts.last_id)
        return transaction.ledger.totals().totals, list(transaction.journal.since(START)), stored is not None

    assert await store.write(work, is_brief=True) == (counted, [body], True)
    assert (await store.read(lambda transaction: transaction.ledger.totals())).totals == counted


@pytest.mark.sql
async def test_a_commit_that_was_not_heard_of_is_looked_up_before_the_next_one(
    store: SqlStore, *, is_brief: bool
) -> None:
    """The connection breaks after the commit: the caller hears of a failure and sends the same alert again."""

    def commit_and_break(connection: sa.Connection) -> None:
        connection.connection.driver_connection.commit()
        raise sa.exc.OperationalError("COMMIT", {}, OSError("the connection is gone"))

    def file(fingerprint: str) -> Callable[[Transaction], bool]:
        def work(transaction: Transaction) -> bool:
            is_known = bool(transaction.alerts.standings([(SOURCE, Fingerprint(fingerprint))]))
            if not is_known:
                transaction.alerts.put([episode(transaction.alerts.last_id + 1, fingerprint)], [], at=START)
            return is_known

        return work

    assert not await store.write(file("a"))
    sa.event.listen(store._place.writing, "commit", commit_and_break)
    with pytest.raises(StoreError, match="the connection is gone"):
        await store.write(file("b"), is_brief=is_brief)
    sa.event.remove(store._place.writing, "commit", commit_and_break)

    assert store.standings.of(SOURCE, Fingerprint("b")) is None
    assert [await store.write(file(name)) for name in ("b", "c", "b", "c")] == [True, False, True, True]
    assert store.standings.of(SOURCE, Fingerprint("b")) is not None


async def test_a_reader_cannot_write(store: SqlStore) -> None:
    with pytest.raises(StoreError, match=r"read-?only"):
        await store.read(put(token("a")))


@pytest.mark.sql
async def test_a_reader_sees_one_view_while_others_write(store: SqlStore) -> None:
    loop = asyncio.get_running_loop()

    def look_twice(transaction: Transaction) -> tuple[list[str], list[str]]:
        before = names(transaction)
        asyncio.run_coroutine_threadsafe(store.write(put(token("new"))), loop).result(10)
        return before, names(transaction)

    assert await store.read(look_twice) == ([], [])
    assert await store.read(names) == ["new"]


@pytest.mark.sql
def test_the_schema_is_the_sum_of_the_migrations(database: Database) -> None:
    database.opened().close()

    place = database.place()
    with place.reading.connect() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), metadata)
    place.release()

    assert difference == []


@pytest.mark.sql
def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    database.opened().close()
    place = database.place()
    with place.writing.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    place.release()

    with pytest.raises(StoreError, match="9999"):
        database.opened()


@pytest.mark.sql
def test_a_second_agent_is_kept_off_until_the_first_has_ended(store: SqlStore, database: Database) -> None:
    with pytest.raises(StoreError, match=r"another agent uses .*: stop it, or set `data"):
        database.opened()
    assert store.is_alive

    store.close()
    database.opened()


# --- tokens


async def test_tokens_are_listed_from_the_oldest_and_replaced_by_their_id(store: SqlStore) -> None:
    old, new = token("old"), token("new", created_at=START + timedelta(microseconds=1), scopes=frozenset(Scope))
    await store.write(put(new, old))
    revoked = replace(old, revoked_at=FAR, name=ODD)
    await store.write(put(revoked))

    assert await store.read(lambda transaction: transaction.tokens.all()) == [revoked, new]


# --- quarantine


async def test_the_newest_unreadable_bodies_are_kept_within_both_bounds(store: SqlStore) -> None:
    def keep(body: bytes, *, rows: int = 3, size: int = 100) -> Callable[[Transaction], int]:
        return lambda transaction: transaction.quarantine.put(
            source=SourceName("lab"), body=body, problem=ODD, at=START, most_rows=rows, most_bytes=size
        )

    dropped = [await store.write(keep(b"\x00\xff" * 10)) for _ in range(5)]

    assert dropped == [0, 0, 0, 1, 1]
    assert await store.write(keep(b"x" * 70)) == 2  # the bytes bind before the rows
    assert await store.write(keep(b"y" * 101)) == 3  # too large for itself


# --- actions


def action(number: int, **changes: object) -> Action:
    made = Action(
        id=ActionId(f"act-{number:04d}"),
        incident_id=IncidentId("inc-1"),
        plan=Plan(Verb.SCALE, TargetName("crm-api"), PlaybookName("scale-crm"), replicas=3, when=ODD, alert_id=7),
        reason=ODD,
        requested_by="operator",
        decision=Decision(Effect.ALLOW, "rule", ODD),
        state=ActionState.ALLOWED,
        created_at=START,
        facts={"note": ODD},
    )
    return replace(made, **changes)


def put_actions(*actions: Action) -> Callable[[Transaction], None]:
    def work(transaction: Transaction) -> None:
        for each in actions:
            transaction.actions.put(each)

    return work


async def test_an_action_comes_back_as_it_was_put_and_is_replaced_by_its_id(store: SqlStore) -> None:
    planned = action(1)
    done = replace(
        planned,
        state=ActionState.FINISHED,
        started_at=START + timedelta(seconds=1),
        finished_at=FAR,
        outcome=Outcome(OutcomeStatus.UNKNOWN, ODD),
    )

    await store.write(put_actions(planned))
    assert await store.read(lambda transaction: transaction.actions.get(planned.id)) == planned
    await store.write(put_actions(done))

    assert await store.read(lambda transaction: transaction.actions.get(planned.id)) == done
    assert await store.read(lambda transaction: transaction.actions.get(ActionId("act-none"))) is None


async def test_an_action_is_found_by_who_asked_under_which_key(store: SqlStore) -> None:
    keyed = action(1, facts={IDEMPOTENCY_FACT: ODD})
    await store.write(put_actions(keyed, action(2)))

    async def found(requested_by: str, key: str) -> Action | None:
        return await store.read(lambda transaction: transaction.actions.by_idempotency_key(requested_by, key))

    assert await found("operator", ODD) == keyed
    assert await found("somebody", ODD) is None
    assert await found("operator", "other") is None


async def test_two_actions_cannot_have_one_key(store: SqlStore) -> None:
    await store.write(put_actions(action(1, facts={IDEMPOTENCY_FACT: "k"})))

    with pytest.raises(StoreError):
        await store.write(put_actions(action(2, facts={IDEMPOTENCY_FACT: "k"})))


async def test_the_actions_since_an_instant_are_those_begun_at_or_after_it(store: SqlStore) -> None:
    later = START + timedelta(microseconds=1)
    early, now, then = (action(n, started_at=at) for n, at in enumerate([START, later, FAR]))
    other = action(9, started_at=FAR, plan=Plan(Verb.RESTART, TargetName("other")))
    await store.write(put_actions(early, now, then, other, action(8)))

    begun = await store.read(lambda transaction: transaction.actions.started_since(TargetName("crm-api"), later))

    assert begun == [then, now]


async def test_actions_are_paged_from_the_newest_without_a_gap(store: SqlStore) -> None:
    await store.write(put_actions(*(action(number) for number in range(5))))
    seen, cursor = [], None
    for _ in range(3):
        page, cursor = await store.read(lambda transaction, at=cursor: transaction.actions.page(limit=2, before=at))
        seen += [each.id for each in page]

    assert seen == [f"act-{number:04d}" for number in (4, 3, 2, 1, 0)]
    assert cursor is None
