"""T17: when the database is in trouble, alerts are refused in time; none that was acknowledged is lost or doubled.

A real agent under load. Whatever is refused is sent again, as Alertmanager does; the senders' log is the oracle.
"""

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from rigs import warm_aether
from rigs.agent_process import environment, serving, wait_until, wait_until_ready
from rigs.alert_load import Load, check_nothing_lost_or_doubled, sending
from rigs.postgres_server import AGENT, FAST, IMMEDIATE, PORT, PostgresServer

REFUSED_WITHIN = 2.0  # promised: seconds to a 503 while the database is away


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    with postgres.database() as url:
        yield url


@pytest.fixture
def agent(database: str, tmp_path: Path) -> Iterator[str]:
    """The address of an agent on that database."""
    settings = environment(tmp_path) | {"AETHER_DATABASE_URL": database}
    with serving(settings, tmp_path):
        wait_until_ready(settings)
        yield f"http://{settings['AETHER_LISTEN']}"


async def run(work: Callable[..., object], *arguments: object) -> None:
    await asyncio.to_thread(work, *arguments)


# --- PostgreSQL goes away and comes back


async def restart_under_load(url: str, postgres: PostgresServer, database: str, times: int) -> None:
    async with sending(url, "restart") as load:
        await load.acknowledges()
        for number in range(times):
            await run(postgres.stop, IMMEDIATE if number % 2 else FAST)
            await load.is_refused()
            await run(postgres.start)
            await load.acknowledges()

    assert load.statuses == {200, 503}
    assert load.longest_refusal < REFUSED_WITHIN
    check_nothing_lost_or_doubled(load.acknowledged, database)


async def test_t17_postgresql_restarts_under_load(agent: str, postgres: PostgresServer, database: str) -> None:
    await restart_under_load(agent, postgres, database, times=2)


@pytest.mark.long
@pytest.mark.timeout(2400)
async def test_t17_postgresql_restarts_50_times_under_load(agent: str, postgres: PostgresServer, database: str) -> None:
    await restart_under_load(agent, postgres, database, times=50)


async def test_t17_the_database_fails_over_to_another_port(
    postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    """The address names both places; the one that takes writes is found."""
    places = [quote(f"{postgres.sockets}:{port}", safe="/") for port in (PORT, "5433")]
    both = f"{database.partition('?')[0]}?host={places[0]}&host={places[1]}&target_session_attrs=read-write"
    settings = environment(tmp_path) | {"AETHER_DATABASE_URL": both}
    with serving(settings, tmp_path):
        wait_until_ready(settings)
        async with sending(f"http://{settings['AETHER_LISTEN']}", "failover") as load:
            await load.acknowledges()
            await run(postgres.stop, IMMEDIATE)
            await load.is_refused()
            await run(partial(postgres.start, port="5433"))
            await load.acknowledges()
    await run(postgres.stop)
    await run(postgres.start)

    assert load.longest_refusal < REFUSED_WITHIN
    check_nothing_lost_or_doubled(load.acknowledged, database)


async def fall_silent_under_load(url: str, postgres: PostgresServer, database: str, seconds: float) -> None:
    """All of it is stopped: its kernel takes every connection and every byte, and nobody answers."""
    async with sending(url, "silent") as load:
        await load.acknowledges()
        with postgres.stopped():
            await load.is_refused(more=20)
            await asyncio.sleep(seconds)
        await load.acknowledges()

    assert load.statuses == {200, 503}
    assert load.longest_refusal < REFUSED_WITHIN
    check_nothing_lost_or_doubled(load.acknowledged, database)


async def test_t17_postgresql_falls_silent_under_load(agent: str, postgres: PostgresServer, database: str) -> None:
    await fall_silent_under_load(agent, postgres, database, seconds=0)


@pytest.mark.long
async def test_t17_postgresql_is_silent_for_half_a_minute(agent: str, postgres: PostgresServer, database: str) -> None:
    await fall_silent_under_load(agent, postgres, database, seconds=30)


# --- PostgreSQL is there and cannot


@asynccontextmanager
async def locked_table(postgres: PostgresServer, database: str) -> AsyncIterator[None]:
    async with await psycopg.AsyncConnection.connect(database) as connection:
        await connection.execute("LOCK TABLE alerts IN ACCESS EXCLUSIVE MODE")
        yield


@asynccontextmanager
async def no_connection_left(postgres: PostgresServer, database: str) -> AsyncIterator[None]:
    await run(alter_role, postgres, "CONNECTION LIMIT 0")
    await run(end_sessions, postgres)
    yield
    await run(alter_role, postgres, "CONNECTION LIMIT -1")


@asynccontextmanager
async def read_only(postgres: PostgresServer, database: str) -> AsyncIterator[None]:
    """As a primary that was demoted: sessions that are open feel it too."""
    await run(alter_system, postgres, "SET default_transaction_read_only = on")
    yield
    await run(alter_system, postgres, "RESET default_transaction_read_only")


@asynccontextmanager
async def another_password(postgres: PostgresServer, database: str) -> AsyncIterator[None]:
    rules = postgres.data / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"local all {AGENT} scram-sha-256\n{before}")
    await run(postgres.reload)
    await run(end_sessions, postgres)
    yield
    rules.write_text(before)
    await run(postgres.reload)


@asynccontextmanager
async def no_table(postgres: PostgresServer, database: str) -> AsyncIterator[None]:
    """As a restore that is under way."""
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        await connection.execute("ALTER TABLE alerts RENAME TO alerts_away")
        yield
        await connection.execute("ALTER TABLE alerts_away RENAME TO alerts")


def alter_role(postgres: PostgresServer, change: str) -> None:
    with postgres.admin() as admin:
        admin.execute(sql.SQL("ALTER ROLE {} {}").format(sql.Identifier(AGENT), sql.SQL(change)))


def alter_system(postgres: PostgresServer, change: str) -> None:
    with postgres.admin() as admin:
        admin.execute(sql.SQL("ALTER SYSTEM {}").format(sql.SQL(change)))
    postgres.reload()


def end_sessions(postgres: PostgresServer) -> None:
    with postgres.admin() as admin:
        admin.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s", [AGENT])


Trouble = Callable[[PostgresServer, str], AbstractAsyncContextManager[None]]
TROUBLES: dict[str, Trouble] = {
    "a locked table": locked_table,
    "no connection left": no_connection_left,
    "a read-only server": read_only,
    "another password": another_password,
    "a table that is gone": no_table,
}


async def test_t17_alerts_are_refused_in_time_and_accepted_again_after_each_trouble(
    agent: str, postgres: PostgresServer, database: str
) -> None:
    async with sending(agent, "trouble") as load:
        await load.acknowledges()
        for name, trouble in TROUBLES.items():
            load.longest_refusal = 0.0
            async with trouble(postgres, database):
                await load.is_refused(more=20)
            await load.acknowledges()
            assert load.longest_refusal < REFUSED_WITHIN, name

    assert load.statuses == {200, 503}
    check_nothing_lost_or_doubled(load.acknowledged, database)


@pytest.mark.long
async def test_t17_a_table_is_locked_for_ten_seconds(agent: str, postgres: PostgresServer, database: str) -> None:
    async with sending(agent, "locked") as load:
        await load.acknowledges()
        async with await psycopg.AsyncConnection.connect(database) as connection:
            await connection.execute("LOCK TABLE alerts IN ACCESS EXCLUSIVE MODE")
            await connection.execute("SELECT pg_sleep(%s)", [10])
        await load.acknowledges()

    assert load.refused > 0
    assert load.longest_refusal < REFUSED_WITHIN
    check_nothing_lost_or_doubled(load.acknowledged, database)


SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END $$;
CREATE TRIGGER slow AFTER INSERT ON alerts FOR EACH STATEMENT EXECUTE FUNCTION slow();
"""


async def test_t17_slow_statements_are_waited_for(agent: str, database: str) -> None:
    async with sending(agent, "slow") as load:
        await load.acknowledges()
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
            await connection.execute(SLOW)
            await load.acknowledges(more=2)
            await connection.execute("DROP TRIGGER slow ON alerts")
        await load.acknowledges()

    check_nothing_lost_or_doubled(load.acknowledged, database)


# --- SQLite


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "aetherlink.db"


@asynccontextmanager
async def locked_file(load: Load, file: Path) -> AsyncIterator[None]:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def test_t17_sqlite_locked_by_another_program(tmp_path: Path, file: Path) -> None:
    settings = environment(tmp_path)
    with serving(settings, tmp_path):
        wait_until_ready(settings)
        async with sending(f"http://{settings['AETHER_LISTEN']}", "locked") as load:
            await load.acknowledges()
            async with locked_file(load, file):
                await load.is_refused()
            await load.acknowledges()

    assert load.statuses == {200, 503}
    assert load.longest_refusal < REFUSED_WITHIN
    check_nothing_lost_or_doubled(load.acknowledged, file)


async def test_t17_the_write_ahead_log_is_removed_under_load(tmp_path: Path, file: Path) -> None:
    settings = environment(tmp_path)
    log = file.with_name(f"{file.name}-wal")
    with serving(settings, tmp_path) as agent:
        wait_until_ready(settings)
        async with sending(f"http://{settings['AETHER_LISTEN']}", "removed") as load:
            await load.acknowledges()
            for _ in range(3):
                log.unlink()
                await run(wait_until, log.exists, "there is a new log")
                await load.acknowledges()
            agent.kill()

    assert "-wal was taken away: what it held is saved" in (tmp_path / "log").read_text()
    check_nothing_lost_or_doubled(load.acknowledged, file)


def start(settings: dict[str, str], folder: Path) -> tuple[int, str]:
    """An agent that is to refuse: its exit code and what it said."""
    done = warm_aether.run(["serve"], settings, folder)
    return done.returncode, done.stderr


async def run_once(settings: dict[str, str], folder: Path, *, number: signal.Signals) -> None:
    """An agent that stored alerts and was ended by this signal."""
    with serving(settings, folder) as agent:
        wait_until_ready(settings)
        async with sending(f"http://{settings['AETHER_LISTEN']}", "once") as load:
            await load.acknowledges(200)
        agent.send_signal(number)
        agent.wait(20)


def damage(file: Path) -> None:
    """Overwrite a page in the middle."""
    with file.open("r+b") as pages:
        pages.seek(file.stat().st_size // 2)
        pages.write(b"\xa5" * 4096)


async def test_t17_a_damaged_page_is_refused_with_what_to_do(tmp_path: Path, file: Path) -> None:
    settings = environment(tmp_path)
    await run_once(settings, tmp_path, number=signal.SIGTERM)
    damage(file)

    code, said = await asyncio.to_thread(start, settings, tmp_path)

    assert code == 1
    assert f"the database {file} is damaged" in said
    assert "restore a backup (aether restore)" in said
    assert "Traceback" not in said


async def test_t17_a_write_ahead_log_that_is_missing_at_the_start_is_refused(tmp_path: Path, file: Path) -> None:
    settings = environment(tmp_path)
    await run_once(settings, tmp_path, number=signal.SIGKILL)
    file.with_name(f"{file.name}-wal").unlink()

    code, said = await asyncio.to_thread(start, settings, tmp_path)

    assert code == 1
    assert f"{file}-wal is missing" in said
    assert "Traceback" not in said
