"""What is counted of each action, in columns and an index that a report reads alone; promotions of playbooks.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_OF_PLAYBOOK = sa.text("playbook IS NOT NULL")
_actions = sa.table(
    "actions",
    sa.column("state", sa.Text),
    sa.column("started_at", sa.BigInteger),
    *(sa.column(name, sa.JSON) for name in ("plan", "decision", "outcome", "facts")),
    *(sa.column(name, sa.Text) for name in ("kind", "result", "rule")),
    *(sa.column(name, sa.BigInteger) for name in ("took_ms", "within_ms")),
)
_then = _actions.c.facts[("then", "how")].as_string()
_is_wrong = _actions.c.facts["wrong"].as_string().is_not(None)
_status = _actions.c.outcome["status"].as_string()
_effect = _actions.c.decision["effect"].as_string()
_KIND = sa.case(
    (_actions.c.plan["undo_of"].as_string().is_not(None), "undid"),
    (_actions.c.started_at.is_not(None), "ran"),
    (_effect == "observe", "observed"),
    (_effect == "deny", "denied"),
    (_effect == "needs_approval", "asked"),
    else_="held",
)
_RESULT = sa.case(
    (sa.and_(_actions.c.kind == "asked", _actions.c.state == "waiting_approval"), "waiting"),
    (sa.and_(_actions.c.kind == "asked", _status == "not_needed"), "not_needed"),
    (_actions.c.kind == "asked", "refused"),
    (_is_wrong, "wrong"),
    (sa.and_(_actions.c.kind == "observed", _then == "resolved by itself"), "by_itself"),
    (sa.and_(_actions.c.kind == "observed", _then == "a person looked after it"), "by_person"),
    (_actions.c.kind == "observed", ""),
    (_actions.c.state == "running", "running"),
    (_status.is_(None), ""),
    (sa.or_(_status != "done", _actions.c.kind == "undid"), _status),
    else_=sa.func.coalesce(_actions.c.facts["verdict"].as_string(), "unjudged"),
)


def _milliseconds(seconds: sa.ColumnElement[float]) -> sa.ColumnElement[int]:
    return sa.cast(sa.func.round(seconds * 1000), sa.BigInteger)


FILLING: tuple[sa.Update, ...] = (
    sa.update(_actions).values(
        kind=_KIND,
        rule=sa.func.coalesce(_actions.c.decision["rule"].as_string(), ""),
        within_ms=_milliseconds(sa.func.coalesce(_actions.c.plan["verify_within_seconds"].as_float(), 0.0)),
    ),
    sa.update(_actions).values(result=_RESULT),
    sa.update(_actions)
    .where(_actions.c.kind == "observed")
    .values(took_ms=_milliseconds(_actions.c.facts[("then", "after_seconds")].as_float())),
)
"""What is known of earlier actions, in this order."""


def upgrade() -> None:
    """Everything stored stays as it is; how long earlier repairs took is not known."""
    for name in ("kind", "result", "rule"):
        op.add_column("actions", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("actions", sa.Column("took_ms", sa.BigInteger(), nullable=True))
    op.add_column("actions", sa.Column("within_ms", sa.BigInteger(), nullable=False, server_default="0"))
    for statement in FILLING:
        op.execute(statement)
    op.create_index(
        "actions_counted",
        "actions",
        ["created_at", "playbook", "kind", "result", "rule", "took_ms", "within_ms", "incident_id"],
        sqlite_where=_OF_PLAYBOOK,
        postgresql_where=_OF_PLAYBOOK,
    )
    op.create_table(
        "promotions",
        sa.Column("playbook", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("promoted_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("playbook"),
    )
