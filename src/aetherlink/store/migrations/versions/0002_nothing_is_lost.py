"""Alerts by episode, the hash-chained timeline, journal, ledger, health history, pauses.

Revision ID: 0002
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_Row = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KEPT = "source, fingerprint, status, starts_at, ends_at, labels, annotations, incident_id, updated_at"
_INCIDENT_COLUMNS: tuple[sa.Column[Any], ...] = (
    sa.Column("planned_through", sa.BigInteger(), nullable=False, server_default="0"),
    sa.Column("firing", sa.Integer(), nullable=False, server_default="0"),
    sa.Column("is_symptom", sa.Boolean(), nullable=False, server_default=sa.false()),
    sa.Column("reopened", sa.Integer(), nullable=False, server_default="0"),
    sa.Column("fires", sa.Text(), nullable=False, server_default="[]"),
    sa.Column("flapping_until", sa.BigInteger(), nullable=True),
    sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
    sa.Column("acknowledged_by", sa.Text(), nullable=True),
    sa.Column("closed_by", sa.Text(), nullable=True),
    sa.Column("entries", sa.Integer(), nullable=False, server_default="0"),
    sa.Column("head", sa.Text(), nullable=False, server_default=""),
    sa.Column("is_pruned", sa.Boolean(), nullable=False, server_default=sa.false()),
)

_INCIDENTS = sa.table(
    "incidents",
    sa.column("id"),
    sa.column("status"),
    sa.column("plan", sa.JSON(none_as_null=True)),
    sa.column("considered", sa.JSON()),
    sa.column("planned_through"),
)
_ALERTS = sa.table(
    "alerts",
    sa.column("id"),
    sa.column("incident_id"),
    sa.column("fingerprint"),
    sa.column("starts_at"),
    sa.column("status"),
)
_ACTIONS = sa.table("actions", sa.column("id"), sa.column("incident_id"), sa.column("plan", sa.JSON()))


def upgrade() -> None:
    """What is stored stays; the entries of earlier timelines are chained by the agent when it opens the database."""
    _alerts()
    _incidents()
    _timeline()
    _journal()
    _ledger()
    _health_readings()
    _pauses()
    _agent_state()
    op.add_column("tokens", sa.Column("source", sa.Text(), nullable=True))


def _alerts() -> None:
    op.create_table(
        "alerts_0002",
        sa.Column("id", _Row, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("suppressed", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("annotations", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    name = "json_extract(labels, '$.alertname')" if is_sqlite else "labels->>'alertname'"
    latest = "max" if is_sqlite else "greatest"
    op.execute(
        f"INSERT INTO alerts_0002 (id, {_KEPT}, name, tenant, severity, since, suppressed, received_at) "  # noqa: S608 - names of this file
        f"SELECT id, {_KEPT}, coalesce({name}, ''), "
        "coalesce((SELECT tenant FROM incidents WHERE incidents.id = alerts.incident_id), ''), "
        "coalesce((SELECT severity FROM incidents WHERE incidents.id = alerts.incident_id), 'warning'), "
        f"CASE status WHEN 'resolved' THEN {latest}(starts_at, coalesce(ends_at, starts_at)) ELSE starts_at END, "
        "CASE WHEN incident_id IS NULL AND status = 'firing' THEN 'heartbeat' ELSE '' END, updated_at "
        "FROM alerts ORDER BY id"
    )
    op.drop_table("alerts")
    op.rename_table("alerts_0002", "alerts")
    op.create_index("alerts_incident", "alerts", ["incident_id", "id"])
    op.create_index("alerts_live", "alerts", ["status", "updated_at"])


def _incidents() -> None:
    for column in _INCIDENT_COLUMNS:
        op.add_column("incidents", column)
    op.execute(
        "UPDATE incidents SET firing = (SELECT count(*) FROM alerts "
        "WHERE alerts.incident_id = incidents.id AND alerts.status = 'firing'), "
        "entries = (SELECT count(*) FROM timeline WHERE timeline.incident_id = incidents.id), "
        "planned_through = (SELECT coalesce(max(id), 0) FROM alerts)"
    )
    for row in op.get_bind().execute(sa.select(_INCIDENTS).where(_INCIDENTS.c.status == "open")).all():
        _go_on(row)
    op.drop_column("incidents", "considered")
    op.create_index("incidents_key", "incidents", ["key", "id"])
    op.create_index(
        "incidents_list", "incidents", ["id", "status", "severity", "source", "tenant", "service", "vip", "origin"]
    )
    op.drop_index("incidents_due", "incidents")
    op.create_index("incidents_due", "incidents", ["status", "wake_at", "priority", "severity", "id"])


def _go_on(incident: sa.Row[Any]) -> None:
    """What is under way: alerts that nobody looked at yet are still to be, and a plan is still for the same alert."""
    connection = op.get_bind()
    own = sa.select(_ALERTS).where(_ALERTS.c.incident_id == incident.id).order_by(_ALERTS.c.id)
    episodes = {_episode(row): row for row in connection.execute(own)}
    waiting = [row.id for name, row in episodes.items() if row.status == "firing" and name not in incident.considered]
    ids = {name: row.id for name, row in episodes.items()}
    changed: dict[str, Any] = {"planned_through": min(waiting) - 1} if waiting else {}
    if incident.plan is not None:
        changed["plan"] = _plan(incident.plan, ids)
    if changed:
        connection.execute(sa.update(_INCIDENTS).where(_INCIDENTS.c.id == incident.id).values(changed))
    for action in connection.execute(sa.select(_ACTIONS).where(_ACTIONS.c.incident_id == incident.id)).all():
        plan = _plan(action.plan, ids)
        connection.execute(sa.update(_ACTIONS).where(_ACTIONS.c.id == action.id).values(plan=plan))


def _episode(alert: sa.Row[Any]) -> str:
    """As revision 0001 named it."""
    starts_at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=alert.starts_at)
    return f"{alert.fingerprint}@{starts_at.isoformat()}"


def _plan(plan: Mapping[str, Any], ids: Mapping[str, int]) -> dict[str, Any]:
    named = {name: value for name, value in plan.items() if name != "episode"}
    found = ids.get(plan.get("episode", ""))
    return named if found is None else {**named, "alert_id": found}


def _timeline() -> None:
    op.create_table(
        "timeline_0002",
        sa.Column("number", _Row, autoincrement=False, nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("pruned", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
    )
    kept = "incident_id, sequence, kind, at, text, facts"
    op.execute(
        f"INSERT INTO timeline_0002 (number, {kept}, hash) "  # noqa: S608 - names of this file
        f"SELECT row_number() OVER (ORDER BY at, incident_id, sequence), {kept}, '' FROM timeline"
    )
    op.drop_table("timeline")
    op.rename_table("timeline_0002", "timeline")
    op.create_index("timeline_place", "timeline", ["incident_id", "sequence"], unique=True)


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("id", _Row, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("bodies", sa.Integer(), nullable=False),
        sa.Column("raw_bytes", sa.BigInteger(), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("journal_at", "journal", ["at", "stored_bytes"])


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("way", "outcome"),
    )


def _health_readings() -> None:
    op.create_table(
        "health_readings",
        sa.Column("id", _Row, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("health_readings_at", "health_readings", ["at"])
    op.create_index("health_readings_tenant", "health_readings", ["source", "tenant", "id"])


def _pauses() -> None:
    op.create_table(
        "pauses",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("paused_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scope"),
    )


def _agent_state() -> None:
    op.create_table(
        "agent_state",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.execute(
        "INSERT INTO agent_state (name, value) "
        "SELECT 'unchained', CAST(entries AS TEXT) "
        "FROM (SELECT count(*) AS entries FROM timeline) AS counted WHERE entries > 0"
    )
