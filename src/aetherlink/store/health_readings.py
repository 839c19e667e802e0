"""The readings of the health score: appended at each check, the oldest let go."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from aetherlink.model.health import Forecast, HealthReading, HealthStatus, Part
from aetherlink.model.ids import SourceName
from aetherlink.store import rows
from aetherlink.store.prepared import Prepared
from aetherlink.store.tables import health_readings as readings

_MOST_READ = 10_000  # rows, for one page
_COLUMNS = [each for each in readings.c if each.name != "facts"]
_OF_TENANT = (
    sa.select(*_COLUMNS, sa.cast(readings.c.facts, sa.Text).label("facts"))
    .where(readings.c.source == sa.bindparam("its_source"), readings.c.tenant == sa.bindparam("its_tenant"))
    .order_by(readings.c.id.desc())
    .limit(sa.bindparam("most"))
)
_NEWEST = Prepared(_OF_TENANT)
_OLDER = Prepared(_OF_TENANT.where(readings.c.id < sa.bindparam("below")))


class _Facts(msgspec.Struct, omit_defaults=True):
    """What a reading holds beside its columns."""

    consecutive_low: int = 0
    low_since: datetime | None = None
    parts: tuple[Part, ...] = ()
    forecast: Forecast | None = None


_from_text = msgspec.json.Decoder(_Facts).decode


class SqlHealthRows:
    """See ports.HealthRows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, source: SourceName, new: Sequence[HealthReading]) -> None:
        """Store the readings of one check."""
        if new:
            self._connection.execute(sa.insert(readings), [_values(source, reading) for reading in new])

    def recent(self, source: SourceName, *, since: datetime, limit: int) -> list[HealthReading]:
        """Those of every tenant since then, the newest first."""
        query = (
            sa.select(readings)
            .where(readings.c.source == source, readings.c.at >= since)
            .order_by(readings.c.at.desc(), readings.c.id.desc())
            .limit(limit)
        )
        return [_reading(row) for row in self._connection.execute(query)]

    def page(
        self, *, source: SourceName | None, tenant: str | None, since: datetime | None, limit: int, before: str | None
    ) -> tuple[list[tuple[SourceName, HealthReading]], str | None]:
        """Newest first, with the cursor of the next page or None; a narrowed page may be short and still have one."""
        if source is not None and tenant is not None and since is None:
            return self._of_tenant(source, tenant, limit=limit, before=before)
        within: list[sa.ColumnElement[bool]] = []
        fits: list[sa.ColumnElement[bool]] = []
        if source is not None and tenant is not None:
            within = [readings.c.source == source, readings.c.tenant == tenant]
        elif source is not None:
            fits.append(rows.unindexed(readings.c.source) == source)
        elif tenant is not None:
            fits.append(readings.c.tenant == tenant)
        if since is not None:
            fits.append(readings.c.at >= since)
        found, cursor = rows.bounded_page(
            self._connection, readings.c.id, fits, within=within, most=_MOST_READ, limit=limit, before=before
        )
        return [(SourceName(row.source), _reading(row)) for row in found], cursor

    def _of_tenant(
        self, source: SourceName, tenant: str, *, limit: int, before: str | None
    ) -> tuple[list[tuple[SourceName, HealthReading]], str | None]:
        """A page draws a line of each score: this is read often, and many rows of it."""
        values = {"its_source": source, "its_tenant": tenant, "most": limit + 1}
        if before is None:
            found = _NEWEST.all(self._connection, values)
        else:
            found = _OLDER.all(self._connection, {**values, "below": int(before)})
        page, cursor = rows.cut(found, readings.c.id, limit)
        return [(source, _reading(row)) for row in page], cursor

    def prune(self, *, before: datetime, most: int, limit: int) -> int:
        """Drop at most `limit` of those that are older, or beyond the newest `most`. Returns how many went."""
        newest = self._connection.scalar(sa.select(sa.func.max(readings.c.id))) or 0
        too_old = sa.select(readings.c.id).where(readings.c.at < before).order_by(readings.c.at).limit(limit)
        too_many = sa.select(readings.c.id).where(readings.c.id <= newest - most).order_by(readings.c.id).limit(limit)
        chosen = {*self._connection.scalars(too_old), *self._connection.scalars(too_many)}
        going = sorted(chosen)[:limit]
        if going:
            self._connection.execute(sa.delete(readings).where(readings.c.id.in_(going)))
        return len(going)


def _values(source: SourceName, reading: HealthReading) -> dict[str, object]:
    facts = _Facts(reading.consecutive_low, reading.low_since, reading.parts, reading.forecast)
    return {
        "source": source,
        "tenant": reading.tenant,
        "at": reading.at,
        "status": reading.status.value,
        "score": reading.score,
        "detail": reading.detail,
        "facts": rows.to_json(facts),
    }


def _reading(row: Any) -> HealthReading:
    is_text = isinstance(row.facts, str)
    facts = _from_text(row.facts) if is_text else rows.from_json(row.facts, _Facts)
    return HealthReading(
        row.at,
        HealthStatus(row.status),
        row.score,
        facts.consecutive_low,
        row.detail,
        tenant=row.tenant,
        low_since=facts.low_since,
        parts=facts.parts,
        forecast=facts.forecast,
    )
