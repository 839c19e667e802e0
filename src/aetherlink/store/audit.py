"""The timelines as an auditor reads them: as they stand in the database, whatever somebody may have put there."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import starmap
from sqlite3 import Connection as RawConnection
from typing import cast

import sqlalchemy as sa

from aetherlink.errors import StoreError
from aetherlink.model.audit import TALLY_NAME, AuditRow, HeadRow
from aetherlink.store.place import Place
from aetherlink.store.tables import agent_state, incidents, timeline

_AT_ONCE = 5_000
_before = timeline.alias("before")
_after = timeline.alias("after")


@contextmanager
def auditing(place: Place) -> Iterator["SqlAudit"]:
    """The database of a stopped or a running agent, in one consistent view. Raises StoreError."""
    if place.reading.dialect.name == "sqlite":  # the other one refuses bytes that are no text
        sa.event.listen(place.reading, "connect", _take_any_bytes)
    try:
        with place.reading.connect() as connection, connection.begin():
            _check_schema(connection)
            yield SqlAudit(connection)
    except sa.exc.SQLAlchemyError as problem:
        cause = getattr(problem, "orig", None) or problem
        raise StoreError(f"{place.name} cannot be read: {type(cause).__name__}: {cause}") from problem
    finally:
        place.release()


class SqlAudit:
    """See ports.AuditView."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def rows(self) -> Generator[AuditRow, None, None]:
        """See ports.AuditView."""
        is_before = sa.and_(
            _before.c.incident_id == timeline.c.incident_id, _before.c.sequence == timeline.c.sequence - 1
        )
        query = (
            sa.select(
                timeline.c.number,
                timeline.c.incident_id,
                timeline.c.sequence,
                timeline.c.kind,
                sa.type_coerce(timeline.c.at, sa.BigInteger),
                timeline.c.text,
                timeline.c.facts,
                timeline.c.hash,
                timeline.c.pruned,
                _before.c.hash.label("previous"),
            )
            .select_from(timeline.outerjoin(_before, is_before))
            .order_by(timeline.c.number)
        )
        found = self._connection.execution_options(yield_per=_AT_ONCE).execute(query)
        try:
            yield from starmap(AuditRow, found)
        finally:
            found.close()

    def stored_tally(self) -> str | None:
        """What the last commit noted of the chain."""
        query = sa.select(agent_state.c.value).where(agent_state.c.name == TALLY_NAME)
        return self._connection.execute(query).scalar()

    def orphan(self) -> tuple[int, str, int] | None:
        """The first entry of an incident that is not there: its number, the incident's id, its sequence."""
        its_incident = sa.select(incidents.c.id).where(incidents.c.id == timeline.c.incident_id)
        query = (
            sa.select(timeline.c.number, timeline.c.incident_id, timeline.c.sequence)
            .where(timeline.c.sequence == 1, ~sa.exists(its_incident))
            .order_by(timeline.c.number)
            .limit(1)
        )
        row = self._connection.execute(query).first()
        return None if row is None else (row.number, row.incident_id, row.sequence)

    def wrong_head(self) -> HeadRow | None:
        """The first incident whose last entry is not the one that it names."""
        last = sa.and_(timeline.c.incident_id == incidents.c.id, timeline.c.sequence == incidents.c.entries)
        later = sa.and_(_after.c.incident_id == incidents.c.id, _after.c.sequence == incidents.c.entries + 1)
        query = (
            sa.select(incidents.c.id, incidents.c.entries, timeline.c.number)
            .select_from(incidents.outerjoin(timeline, last).outerjoin(_after, later))
            .where(sa.or_(timeline.c.hash.is_(None), timeline.c.hash != incidents.c.head, _after.c.number.is_not(None)))
            .order_by(incidents.c.id)
            .limit(1)
        )
        row = self._connection.execute(query).first()
        return None if row is None else HeadRow(row.id, row.entries, row.number)


def _check_schema(connection: sa.Connection) -> None:
    look = sa.inspect(connection)
    names = [column["name"] for column in look.get_columns(timeline.name)] if look.has_table(timeline.name) else []
    if timeline.c.hash.name not in names:
        raise StoreError("the database is of an earlier version, without a chain: start the agent with it once")


def _take_any_bytes(connection: object, _record: object) -> None:
    """Let bytes that are no text through to the check, which can say in which entry they are."""
    cast("RawConnection", connection).text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
