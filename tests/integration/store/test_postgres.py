"""PostgreSQL's own troubles, on a real server: who may write, passwords that change, servers that will not do."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from psycopg import sql

from aetherlink.errors import StoreError
from aetherlink.model.ids import SourceName
from aetherlink.ports import Transaction
from aetherlink.store.database import SqlStore
from aetherlink.store.fence import Fence
from aetherlink.testing import START, fixed_key
from rigs.agent_process import wait_until
from rigs.databases import Database, postgres_place, postgresql_database
from rigs.postgres_server import AGENT, PostgresServer


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[Database]:
    with postgresql_database(postgres) as made:
        yield made


@pytest.fixture
def store(database: Database) -> SqlStore:
    return database.opened()


def keep(transaction: Transaction) -> None:
    transaction.quarantine.put(
        source=SourceName("lab"), body=b"x", problem="", at=START, most_rows=1000, most_bytes=10**6
    )


def ask(database: Database, question: str) -> list[tuple[object, ...]]:
    place = database.place()
    with place.reading.connect() as connection:
        answer = [tuple(row) for row in connection.execute(sa.text(question))]
    place.release()
    return answer


def epoch(database: Database) -> int:
    [(value,)] = ask(database, "SELECT value FROM agent_state WHERE name = 'epoch'")
    return int(str(value).split()[0])


def kept(database: Database) -> int:
    [(count,)] = ask(database, "SELECT count(*) FROM quarantine")
    return int(str(count))


def end_sessions(postgres: PostgresServer) -> None:
    """As a server that restarts, or a network that breaks, ends them."""
    with postgres.admin() as admin:
        admin.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s", [AGENT])


# --- one agent a database


async def test_an_agent_whose_session_broke_goes_on_under_the_next_number(
    store: SqlStore, database: Database, postgres: PostgresServer
) -> None:
    await store.write(keep)
    before = epoch(database)

    end_sessions(postgres)
    await succeeds_soon(store)

    assert epoch(database) == before + 1
    assert kept(database) == 2
    assert store.is_alive


async def test_an_agent_that_was_replaced_meanwhile_never_writes_again(
    store: SqlStore, database: Database, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    end_sessions(postgres)
    second = database.opened()
    await second.write(keep)

    for _ in range(3):
        await fails_soon(store, "another agent has taken over")
    second.close()
    with pytest.raises(StoreError, match="another agent has taken over"):
        await store.write(keep)

    assert not store.is_alive
    assert kept(database) == 1
    assert caplog.text.count("Another agent has taken over") == 1


async def test_a_number_that_changed_under_the_lock_ends_the_writing_at_once(
    store: SqlStore, database: Database, postgres: PostgresServer
) -> None:
    """A pooler that hands sessions around lets two agents have one lock."""
    await store.write(keep)
    place = database.place()
    with place.writing.begin() as connection:
        connection.execute(sa.text("UPDATE agent_state SET value = '99 agent-x' WHERE name = 'epoch'"))
    place.release()

    with pytest.raises(StoreError, match="another agent has taken over"):
        await store.write(keep)

    assert kept(database) == 1
    assert await store.read(lambda transaction: transaction.tokens.all()) == []


async def test_the_number_cannot_change_before_a_transaction_that_read_it_has_ended(
    store: SqlStore, database: Database
) -> None:
    loop = asyncio.get_running_loop()

    def take_over() -> str:
        place = database.place()
        try:
            with place.writing.begin() as connection:
                connection.execute(sa.text("UPDATE agent_state SET value = '99 agent-x' WHERE name = 'epoch'"))
        except sa.exc.OperationalError as problem:
            return str(problem.orig)
        finally:
            place.release()
        return "taken over"

    def meanwhile(transaction: Transaction) -> str:
        keep(transaction)
        return asyncio.run_coroutine_threadsafe(asyncio.to_thread(take_over), loop).result(10)

    assert "lock timeout" in await store.write(meanwhile)


def test_an_earlier_session_that_the_server_still_keeps_is_ended(database: Database) -> None:
    database.opened().close()
    first, second, third = (database.place().writing for _ in range(3))
    fence = Fence("the database", "agent-1")
    with first.begin() as connection:
        fence.take(connection)
        fence.enter(connection)
        earlier = connection.scalar(sa.text("SELECT pg_backend_pid()"))

    raw = [engine.raw_connection() for engine in (second, third)]
    with pytest.raises(StoreError, match="earlier session of this agent still holds"):
        fence.renew(raw[0].dbapi_connection)
    wait_until(lambda: (earlier,) not in ask(database, "SELECT pid FROM pg_stat_activity"), "the session is ended")
    fence.renew(raw[1].dbapi_connection)

    for each in raw:
        each.close()
    for engine in (first, second, third):
        engine.dispose()


# --- passwords


def with_password(postgres: PostgresServer, password: str) -> None:
    """The agent's role has to show this password from now on."""
    rules = postgres.data / "pg_hba.conf"
    rules.write_text(f"local all {AGENT} scram-sha-256\nlocal all all trust\n")
    with postgres.admin() as admin:
        admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(AGENT), sql.Literal(password)))
    postgres.reload()


@pytest.fixture
def without_password_afterwards(postgres: PostgresServer) -> Iterator[None]:
    yield
    (postgres.data / "pg_hba.conf").write_text("local all all trust\n")
    postgres.reload()


@pytest.mark.usefixtures("without_password_afterwards")
async def test_a_rotated_password_is_taken_up_without_a_restart(postgres: PostgresServer, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("f1rst\nnothing of the second line\n")
    with_password(postgres, "f1rst")
    with postgres.database() as url:
        store = SqlStore(postgres_place(url, file), key=fixed_key)
        store.open()

        with_password(postgres, "s3cond")
        await store.write(keep)  # who is in stays in
        end_sessions(postgres)
        assert "f1rst" not in await fails_soon(store, "password authentication failed")

        file.write_text("s3cond")
        await succeeds_soon(store)
        store.close()


@pytest.mark.usefixtures("without_password_afterwards")
def test_the_password_may_stand_in_the_address(postgres: PostgresServer) -> None:
    with_password(postgres, "p@ss/w%rd")
    with postgres.database() as url:
        postgres_place(url.replace(f"{AGENT}@", f"{AGENT}:p%40ss%2Fw%25rd@")).try_out()


async def succeeds_soon(store: SqlStore) -> None:
    """After failures the next connection is tried within a second."""
    async with asyncio.timeout(5):
        while True:
            try:
                return await store.write(keep)
            except StoreError:
                await asyncio.sleep(0.05)


async def fails_soon(store: SqlStore, why: str) -> str:
    """What the first error says that gives this reason: a caller waits only so long for a new connection."""
    said = ""
    async with asyncio.timeout(5):
        while why not in said:
            with pytest.raises(StoreError) as caught:
                await store.write(keep)
            said = str(caught.value)
    return said


# --- servers


def test_a_database_of_another_encoding_is_refused(postgres: PostgresServer) -> None:
    with postgres.database(encoding="SQL_ASCII") as url:
        with pytest.raises(StoreError, match="has the encoding SQL_ASCII: make one with ENCODING 'UTF8'"):
            postgres_place(url).try_out()
        with pytest.raises(StoreError, match="has the encoding SQL_ASCII"):
            SqlStore(postgres_place(url), key=fixed_key).open()


@pytest.mark.parametrize(("lax", "kept_as"), [("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")])
def test_every_commit_waits_for_the_disk_whatever_the_server_is_set_to(
    postgres: PostgresServer, database: Database, lax: str, kept_as: str
) -> None:
    with postgres.admin() as admin:
        admin.execute(sql.SQL("ALTER ROLE {} SET synchronous_commit = {}").format(sql.Identifier(AGENT), lax))
    place = database.place()
    with place.writing.connect() as connection:
        found = connection.execute(sa.text("SHOW synchronous_commit")).scalar()
    place.release()
    with postgres.admin() as admin:
        admin.execute(sql.SQL("ALTER ROLE {} RESET synchronous_commit").format(sql.Identifier(AGENT)))

    assert found == kept_as


def test_a_server_that_does_not_wait_for_its_disk_is_warned_of(
    postgres: PostgresServer, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with postgres.admin() as admin:
        admin.execute("ALTER SYSTEM SET fsync = off")
    postgres.reload()
    database.opened()
    with postgres.admin() as admin:
        admin.execute("ALTER SYSTEM RESET fsync")
    postgres.reload()

    assert "has fsync=off" in caplog.text


async def test_a_read_only_server_refuses_writes_and_answers_reads(
    postgres: PostgresServer, database: Database
) -> None:
    store = database.opened()
    await store.write(keep)
    with postgres.admin() as admin:
        admin.execute(sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(sql.Identifier(AGENT)))
    end_sessions(postgres)

    await fails_soon(store, "read-only transaction")
    assert await store.read(lambda transaction: transaction.tokens.all()) == []
    with pytest.raises(StoreError, match=r"cannot be used: .*read-only"):
        database.opened()

    with postgres.admin() as admin:
        admin.execute(sql.SQL("ALTER ROLE {} RESET default_transaction_read_only").format(sql.Identifier(AGENT)))
    end_sessions(postgres)
    await succeeds_soon(store)
    assert kept(database) == 2
