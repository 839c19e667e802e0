"""A server that is silent is given up; one that is only slow is waited for."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from aetherlink.errors import StoreError
from aetherlink.store import silence
from aetherlink.store.postgres import PostgresPlace
from rigs.agent_process import wait_until
from rigs.databases import postgres_place
from rigs.postgres_server import AGENT, PostgresServer

ONE = sa.text("SELECT 1")
PID = sa.text("SELECT pg_backend_pid()")
SLOW = sa.text("SELECT pg_sleep(:seconds)")


@pytest.fixture
def place(postgres: PostgresServer) -> Iterator[PostgresPlace]:
    with postgres.database() as url:
        made = postgres_place(url)
        yield made
        made.release()


@contextmanager
def standing_still(process: int) -> Iterator[None]:
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def answers(place: PostgresPlace) -> bool:
    try:
        with place.reading.connect() as connection:
            return connection.execute(ONE).scalar() == 1
    except (StoreError, sa.exc.DBAPIError):
        return False


def sessions(postgres: PostgresServer) -> int:
    with postgres.admin() as admin:
        found = admin.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", [AGENT]).fetchone()
    assert found is not None
    return int(found[0])


def test_a_statement_of_a_silent_server_is_an_error(place: PostgresPlace, postgres: PostgresServer) -> None:
    with place.reading.connect() as connection, pytest.raises(sa.exc.OperationalError), postgres.stopped():
        connection.execute(ONE)

    wait_until(lambda: answers(place), "it answers again")


def test_a_connection_to_a_silent_server_is_waited_for_by_the_next(
    place: PostgresPlace, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    assert answers(place)
    with postgres.stopped():
        for _ in range(3):
            assert not answers(place)
        with pytest.raises(StoreError, match="does not answer"):
            place.reading.connect()

    wait_until(lambda: answers(place), "it answers again")
    assert "is silent: what was under way there is given up" in caplog.text


def test_idle_connections_to_a_silent_server_are_given_up_too(place: PostgresPlace, postgres: PostgresServer) -> None:
    with place.reading.connect() as connection, place.reading.connect() as idle:
        connection.execute(ONE)
        idle.execute(ONE)
        with postgres.stopped(), pytest.raises(sa.exc.OperationalError):
            connection.execute(ONE)

        def is_given_up() -> bool:
            """Its turn comes a moment after the other's, when the server may be awake again."""
            try:
                idle.execute(ONE)
            except sa.exc.OperationalError:
                return True
            return False

        wait_until(is_given_up, "the idle connection is given up")


def test_a_slow_statement_is_waited_for(place: PostgresPlace) -> None:
    with place.reading.connect() as connection:
        connection.execute(SLOW, {"seconds": 1})
        assert connection.execute(ONE).scalar() == 1


def test_a_session_that_is_stuck_alone_is_given_up_when_no_statement_may_last_so_long(
    place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "_LONGEST", 0.6)
    with place.reading.connect() as connection:
        process = connection.execute(PID).scalar_one()
        with standing_still(process), pytest.raises(sa.exc.OperationalError):
            connection.execute(ONE)

    assert answers(place)


def test_a_connection_that_is_closed_leaves_no_session(place: PostgresPlace, postgres: PostgresServer) -> None:
    before = sessions(postgres)
    assert answers(place)
    assert sessions(postgres) == before + 1

    place.release()

    wait_until(lambda: sessions(postgres) == before, "the session is gone")
