"""The connection pool: bounded in size and in waiting, with every wait measured.

Stores open transactions here; the pool leak fault and release 1.1.0 take connections away. Driver errors become ours.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from peakpro_crm.errors import DatabaseAwayError, PoolExhaustedError

CONNECT_SECONDS = 2  # libpq takes whole seconds, two at least


class Database:
    """A pool of connections to one PostgreSQL database. Durations are in seconds."""

    def __init__(
        self,
        url: str,
        observe_wait: Callable[[float], None],
        *,
        pool_size: int,
        pool_timeout: float,
        statement_timeout: float,
    ) -> None:
        self._observe_wait = observe_wait
        self._timeout = pool_timeout
        self.pool_size = pool_size
        self._engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=pool_timeout,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "options": f"-c statement_timeout={round(statement_timeout * 1000)}",
                "application_name": "peakpro-crm",
            },
        )
        self._pool = self._engine.pool

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Lend a connection with an open transaction: committed at the end, rolled back on an error.

        Raises PoolExhaustedError when none becomes free in time, DatabaseAwayError when the database does not answer.
        """
        with _our_errors(), self.check_out() as connection, connection.begin():
            yield connection

    def check_out(self) -> Connection:
        """Take a connection out of the pool; the caller gives it back with close(). Raises as `transaction` does."""
        started = time.perf_counter()
        try:
            with _our_errors():
                return self._engine.connect()
        finally:
            self._observe_wait(time.perf_counter() - started)

    def in_use(self) -> int:
        """Return how many connections are checked out."""
        return self._pool.checkedout() if isinstance(self._pool, QueuePool) else 0

    def close(self) -> None:
        """Close every pooled connection that is not checked out."""
        self._engine.dispose()


def libpq_url(url: str) -> str:
    """Return SQLAlchemy's URL as libpq reads it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise PoolExhaustedError("no database connection became free in time: try again shortly") from error
    except (OperationalError, InterfaceError) as error:
        # Refused, dropped, shut down or cancelled by statement_timeout: in each the database did not answer in time.
        raise DatabaseAwayError("the database did not answer: try again shortly") from error
    except SQLAlchemyError as error:
        if getattr(error, "connection_invalidated", False):
            raise DatabaseAwayError("the database dropped the connection: try again shortly") from error
        raise
