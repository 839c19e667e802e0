"""The tables. Instants are integers, microseconds since 1970 UTC: they sort, compare and index alike everywhere."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware datetime, stored as microseconds since 1970 UTC."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect) -> int | None:
        """To the integer."""
        return None if value is None else (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, _dialect: sa.Dialect) -> datetime | None:
        """From the integer."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


metadata = sa.MetaData()
_Row = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # only INTEGER counts up by itself on SQLite

_MaybeJson = sa.JSON(none_as_null=True)
_OPEN = sa.text("status = 'open'")
_RUNNING = sa.text("state = 'running'")
_OF_PLAYBOOK = sa.text("playbook IS NOT NULL")
_DUE = sa.text("due_at IS NOT NULL")
_ASKING = sa.text("asks > 0")
_DIGESTED = sa.text("digest <> ''")
_DIGEST = sa.text("priority = 1000")  # model.deliveries.LOWEST_PRIORITY
_DONE = sa.text("due_at IS NULL")

alerts = sa.Table(  # one row an episode: an alert that fires anew is a new row
    "alerts",
    metadata,
    sa.Column("id", _Row, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant),
    sa.Column("since", Instant, nullable=False),  # the instant that a later report has to beat (model.alerts)
    sa.Column("suppressed", sa.Text, nullable=False),
    sa.Column("labels", sa.Text, nullable=False),
    sa.Column("annotations", sa.Text, nullable=False),
    sa.Column("incident_id", sa.Text),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Index("alerts_incident", "incident_id", "id"),
    sa.Index("alerts_live", "status", "updated_at"),
)

incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("vip", sa.Boolean, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("labels", sa.JSON, nullable=False),
    sa.Column("plan", _MaybeJson),
    sa.Column("planned_through", sa.BigInteger, nullable=False),
    sa.Column("action_id", sa.Text),
    sa.Column("verified_since", Instant),
    sa.Column("escalated_at", Instant),
    sa.Column("hands_off", sa.Boolean, nullable=False),
    sa.Column("firing", sa.Integer, nullable=False),  # how many of its alerts fire now
    sa.Column("is_symptom", sa.Boolean, nullable=False),
    sa.Column("reopened", sa.Integer, nullable=False),
    sa.Column("fires", sa.Text, nullable=False),
    sa.Column("flapping_until", Instant),
    sa.Column("acknowledged_at", Instant),
    sa.Column("acknowledged_by", sa.Text),
    sa.Column("closed_by", sa.Text),
    sa.Column("entries", sa.Integer, nullable=False),  # of its timeline
    sa.Column("head", sa.Text, nullable=False),  # the hash of the last of them
    sa.Column("is_pruned", sa.Boolean, nullable=False, default=False),  # retention has emptied its timeline
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("resolved_at", Instant),
    sa.Column("wake_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("incidents_open_key", "key", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    sa.Index("incidents_due", "status", "wake_at", "priority", "severity", "id"),  # all that the pipeline looks at
    sa.Index("incidents_key", "key", "id"),
    sa.Index("incidents_open_service", "service", sqlite_where=_OPEN, postgresql_where=_OPEN),
    sa.Index("incidents_urgency", "status", "priority", "id"),
    sa.Index("incidents_list", "id", "status", "severity", "source", "tenant", "service", "vip", "origin"),
)

timeline = sa.Table(  # append-only, each entry chained by its hash to the one before it in the same incident
    "timeline",
    metadata,
    sa.Column("number", _Row, primary_key=True, autoincrement=False),  # counts all entries of all incidents, no gap
    sa.Column("incident_id", sa.Text, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("pruned", sa.Text),  # proof that retention took text and facts away
    sa.Index("timeline_place", "incident_id", "sequence", unique=True),
)

actions = sa.Table(
    "actions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("incident_id", sa.Text),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("plan", sa.JSON, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("decision", sa.JSON, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("outcome", _MaybeJson),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("approval", _MaybeJson),
    sa.Column("playbook", sa.Text),
    sa.Column("kind", sa.Text, nullable=False, server_default=""),  # this and the next four: model.track_record.Trace
    sa.Column("result", sa.Text, nullable=False, server_default=""),
    sa.Column("rule", sa.Text, nullable=False, server_default=""),
    sa.Column("took_ms", sa.BigInteger),
    sa.Column("within_ms", sa.BigInteger, nullable=False, server_default="0"),
    *(sa.Index(f"actions_of_{name}", name, "id") for name in ("incident_id", "target", "state")),
    sa.Index("actions_of_playbook", "playbook", "created_at"),
    sa.Index(
        "actions_counted",  # all that a report reads of them
        *("created_at", "playbook", "kind", "result", "rule", "took_ms", "within_ms", "incident_id"),
        sqlite_where=_OF_PLAYBOOK,
        postgresql_where=_OF_PLAYBOOK,
    ),
    sa.Index("actions_started", "target", "started_at"),
    sa.Index("actions_started_anywhere", "started_at"),
    sa.Index("actions_running", "state", sqlite_where=_RUNNING, postgresql_where=_RUNNING),
    sa.UniqueConstraint("requested_by", "idempotency_key", name="actions_idempotency"),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
    sa.Column("source", sa.Text),
    sa.Column("tenant", sa.Text),
    sa.Column("expires_at", Instant),
    sa.Column("used_at", Instant),
)

login_links = sa.Table(
    "login_links",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("root", sa.Text),
    sa.Column("session_ends_at", Instant),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("used_at", Instant, nullable=False),
    sa.Column("tenant", sa.Text),
    sa.Column("root", sa.Text),
    sa.Column("revoked_at", Instant),
)

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("id", _Row, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("problem", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

journal = sa.Table(  # webhook bodies as they came, those of one commit in one row
    "journal",
    metadata,
    sa.Column("id", _Row, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("bodies", sa.Integer, nullable=False),
    sa.Column("raw_bytes", sa.BigInteger, nullable=False),
    sa.Column("stored_bytes", sa.BigInteger, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Index("journal_at", "at", "stored_bytes"),
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("way", sa.Text, primary_key=True),
    sa.Column("outcome", sa.Text, primary_key=True),
    sa.Column("total", sa.BigInteger, nullable=False),
)

health_readings = sa.Table(
    "health_readings",
    metadata,
    sa.Column("id", _Row, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),  # empty: the score of all tenants together
    sa.Column("at", Instant, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("score", sa.Float),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Index("health_readings_at", "at"),
    sa.Index("health_readings_tenant", "source", "tenant", "id"),
)

pauses = sa.Table(
    "pauses",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("since", Instant, nullable=False),
    sa.Column("until", Instant),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("paused_by", sa.Text, nullable=False),
)

planned_pauses = sa.Table(  # those that begin later, or did: several of one scope, beside the one that was set at once
    "planned_pauses",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("begins", Instant, primary_key=True),
    sa.Column("since", Instant, nullable=False),
    sa.Column("until", Instant),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("paused_by", sa.Text, nullable=False),
)

brakes = sa.Table(  # what automation is kept from until a person lets go of it
    "brakes",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("since", Instant, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("set_by", sa.Text, nullable=False),
    sa.Column("effect", sa.Text, nullable=False),
)

promotions = sa.Table(  # playbooks that a person lets do more than their files say, one row a playbook, ended ones too
    "promotions",
    metadata,
    sa.Column("playbook", sa.Text, primary_key=True),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("promoted_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("ended_by", sa.Text),
    sa.Column("ended_because", sa.Text),
)

own_silences = sa.Table(  # those that the agent has set in an Alertmanager and has still to take away
    "own_silences",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("alertmanager", sa.Text, nullable=False),
    sa.Column("action_id", sa.Text, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
)

agent_state = sa.Table(  # single facts of the agent as a whole, by name
    "agent_state",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

channels = sa.Table(  # how far each channel has looked through the timelines: the number of the last entry
    "channels",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("cursor", sa.BigInteger, nullable=False),
)

deliveries = sa.Table(  # what a channel was told of an incident, or of a digest; one row each (model.deliveries)
    "deliveries",
    metadata,
    sa.Column("id", _Row, primary_key=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("wanted", sa.Integer, nullable=False),
    sa.Column("told", sa.Integer, nullable=False),
    sa.Column("since", Instant, nullable=False),
    sa.Column("began_at", Instant, nullable=False),
    sa.Column("due_at", Instant),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("is_unsure", sa.Boolean, nullable=False),
    sa.Column("asks", sa.Integer, nullable=False),
    sa.Column("reference", sa.JSON, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("failure", sa.Text, nullable=False),
    sa.Column("problem", sa.Text, nullable=False),
    sa.UniqueConstraint("subject", "channel", name="deliveries_subject"),
    sa.Index("deliveries_due", "channel", "due_at", sqlite_where=_DUE, postgresql_where=_DUE),
    sa.Index("deliveries_asking", "channel", "since", sqlite_where=_ASKING, postgresql_where=_ASKING),
    sa.Index("deliveries_digested", "digest", "channel", sqlite_where=_DIGESTED, postgresql_where=_DIGESTED),
    sa.Index("deliveries_digests", "channel", "began_at", sqlite_where=_DIGEST, postgresql_where=_DIGEST),
    sa.Index("deliveries_done", "since", sqlite_where=_DONE, postgresql_where=_DONE),
    sa.Index("deliveries_states", "channel", "state"),
)
