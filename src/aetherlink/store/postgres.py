"""PostgreSQL as this product uses it: one connection that writes, every other one read-only, every wait bounded.

A server that is away is an error at once, never a queue: the connection is tried anew with the next work, first after
60 ms, at the latest after a second. One that is silent is given up in time (see store.silence). A password file is read
at every connection, so that a rotated password is taken up without a restart.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection

from aetherlink.errors import SettingsError, StoreError
from aetherlink.ports import Clock
from aetherlink.store.fence import Fence
from aetherlink.store.silence import SilenceWatch

_OLDEST = 140000  # PostgreSQL 14: client_connection_check_interval
_READERS = 4
_FIRST_PAUSE, _LONGEST_PAUSE = 1 / 16, 1.0
_CONNECTED_IN = 0.3  # seconds that work waits for a new connection; libpq itself waits two seconds at least
_LARGEST_PASSWORD = 4096

# For the client's side of the connection; what the address says goes before.
_CONNECTING: Mapping[str, object] = {
    "connect_timeout": 2,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 2000,
    "application_name": "aetherlink",
    "client_encoding": "utf8",
}
# For the server's side of every session. Four such waits in a row, the most that an alert meets, stay under 2 s.
_SESSION: Mapping[str, str] = {
    "lock_timeout": "400ms",
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
    "client_connection_check_interval": "2s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
_WRITING: Mapping[str, str] = {**_SESSION, "default_transaction_isolation": "read committed"}
_READING: Mapping[str, str] = {
    **_SESSION,
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "repeatable read",
}
_SET = "SELECT set_config(%s, %s, false)"
# What is answered has to be on the disk. A server may be stricter (remote_apply), never laxer.
_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') IN ('off', 'local')"
)
_ABOUT = (
    "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
    " current_setting('server_encoding')"
)

_log = logging.getLogger("aetherlink.store")


class PostgresPlace:
    """See Place. `owner` tells this process from every other one. Raises SettingsError when psycopg is not there."""

    def __init__(self, url: str, *, owner: str, clock: Clock, password_file: Path | None = None) -> None:
        self._url = sa.make_url(url).set(drivername="postgresql+psycopg")
        self._password_file = password_file
        self._clock = clock
        self.name = f"the database {_shown(self._url)}"
        self._fence = Fence(self.name, owner)
        self._watch = SilenceWatch(self.name, clock)
        self._connectors: list[_Connector] = []
        self.writing = self._engine(1, self._prepare_writing)
        self.reading = self._engine(_READERS, self._prepare_reading)
        sa.event.listen(self.writing, "begin", self._fence.check)

    @property
    def is_at_hand(self) -> bool:
        """See Place."""
        return False

    @property
    def is_ours(self) -> bool:
        """See Place."""
        return not self._fence.is_lost

    def take(self) -> None:
        """See Place."""
        with self.writing.begin() as connection:
            self._fence.take(connection)
            if connection.exec_driver_sql("SHOW fsync").scalar() != "on":
                _log.warning("%s has fsync=off: what it answered does not survive a power cut", self.name)

    def enter(self) -> None:
        """See Place."""
        with self.writing.begin() as connection:
            self._fence.enter(connection)

    def release(self) -> None:
        """See Place. The lock ends with the session that holds it."""
        self._watch.stop()
        for connector in self._connectors:
            connector.close()
        self.writing.dispose()
        self.reading.dispose()

    def try_out(self) -> None:
        """Connect once, as a reader. Raises StoreError when that does not work, or when the server will not do."""
        try:
            self.reading.connect().close()
        except sa.exc.SQLAlchemyError as problem:
            raise StoreError(f"{self.name} cannot be used: {getattr(problem, 'orig', None) or problem}") from problem
        finally:
            self.reading.dispose()

    def _engine(self, connections: int, prepare: Callable[[DBAPIConnection], None]) -> sa.Engine:
        try:
            engine = sa.create_engine(
                self._url,
                poolclass=sa.pool.QueuePool,
                pool_size=connections,
                max_overflow=0,
                pool_timeout=_LONGEST_PAUSE,
                pool_pre_ping=True,
                connect_args={name: value for name, value in _CONNECTING.items() if name not in self._url.query},
            )
        except ImportError as problem:
            raise SettingsError(
                f"database_url: PostgreSQL needs psycopg ({problem}): pip install 'aetherlink[postgres]'"
            ) from problem
        connector = _Connector(prepare, self._password, self._clock, self.name)
        self._connectors.append(connector)
        sa.event.listen(engine, "do_connect", connector)
        return engine

    def _password(self) -> str | None:
        return None if self._password_file is None else _read_password(self._password_file)

    def _prepare_writing(self, connection: DBAPIConnection) -> None:
        self._prepare(connection, _WRITING)
        connection.cursor().execute(_DURABLE)
        connection.commit()
        self._fence.renew(connection)

    def _prepare_reading(self, connection: DBAPIConnection) -> None:
        self._prepare(connection, _READING)
        connection.commit()

    def _prepare(self, connection: DBAPIConnection, settings: Mapping[str, str]) -> None:
        self._watch.add(connection)
        cursor = connection.cursor()
        cursor.execute(_ABOUT)
        _check_server(self.name, cursor.fetchone())
        for item in settings.items():
            cursor.execute(_SET, item)


class _Connector:
    """Makes the connections of one engine. After a failure the next try waits; until then the failure is repeated.

    Who has to wait for too long gets an error meanwhile: the connection is there for who comes next.
    """

    def __init__(
        self,
        prepare: Callable[[DBAPIConnection], None],
        password: Callable[[], str | None],
        clock: Clock,
        name: str,
    ) -> None:
        self._prepare = prepare
        self._password = password
        self._clock = clock
        self._name = name
        self._turn = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-connector")
        self._attempt: Future[DBAPIConnection] | None = None
        self._patience: float | None = None  # none is lost before the first connection, which may take long
        self._pause = 0.0
        self._not_before = 0.0
        self._said = ""

    def __call__(self, dialect: sa.Dialect, _record: object, arguments: Any, options: dict[str, Any]) -> object:
        """SQLAlchemy's event `do_connect`."""
        if not self._turn.acquire(timeout=_CONNECTED_IN if self._patience is None else self._patience):
            raise StoreError(f"{self._name} does not answer")
        try:
            return self._connected(partial(self._connect, dialect, arguments, options))
        finally:
            self._turn.release()

    def close(self) -> None:
        """What is under way is not wanted any more."""
        if self._attempt is not None:
            self._attempt.add_done_callback(_close)

    def _connected(self, connect: Callable[[], DBAPIConnection]) -> DBAPIConnection:
        if self._attempt is None:
            if self._clock.monotonic() < self._not_before:
                raise StoreError(f"{self._name} cannot be reached: {self._said}")
            self._attempt = self._thread.submit(connect)
        attempt = self._attempt
        if not wait([attempt], self._patience).done:
            raise StoreError(f"{self._name} does not answer")
        self._attempt = None
        try:
            connection = attempt.result()
        except Exception as problem:
            self._failed(str(problem))
            raise
        self._pause, self._patience = 0.0, _CONNECTED_IN
        return connection

    def _connect(self, dialect: sa.Dialect, arguments: Any, options: dict[str, Any]) -> DBAPIConnection:
        password = self._password()
        given = {} if password is None else {"password": password}
        connection = dialect.connect(*arguments, **{**options, **given})
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _failed(self, said: str) -> None:
        self._pause = min(_LONGEST_PAUSE, 2 * self._pause or _FIRST_PAUSE)
        self._not_before = self._clock.monotonic() + self._pause
        self._said = said


def _close(attempt: Future[DBAPIConnection]) -> None:
    if not attempt.exception():
        attempt.result().close()


def _check_server(name: str, about: Any) -> None:
    number, version, encoding = about
    if number < _OLDEST:
        raise StoreError(f"{name} is on PostgreSQL {version}: {_OLDEST // 10000} or newer is needed")
    if encoding != "UTF8":
        raise StoreError(f"{name} has the encoding {encoding}: make one with ENCODING 'UTF8'")


def _shown(url: sa.URL) -> str:
    """The address without password and without options, which may hold secrets."""
    host = url.host or next(iter(url.normalized_query.get("host", ())), "")
    port = "" if url.port is None else f":{url.port}"
    return f"postgresql://{url.username}@{host}{port}/{url.database}"


def _read_password(path: Path) -> str:
    """The first line of the file. Raises StoreError that names the file and never what is in it."""
    try:
        with path.open(encoding="utf-8") as file:
            password = file.read(_LARGEST_PASSWORD).partition("\n")[0]
    except (OSError, UnicodeDecodeError) as problem:
        raise StoreError(f"database_password_file {path} cannot be read: {problem}") from problem
    if not password:
        raise StoreError(f"database_password_file {path} is empty: put the password there, in one line")
    return password
