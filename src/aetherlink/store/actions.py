"""The actions: what was asked or planned, how it was decided, what came of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aetherlink.model.actions import (
    IDEMPOTENCY_FACT,
    TAKEN_BACK_FACT,
    VERDICT_FACT,
    WITHOUT_END,
    WITHOUT_HELP,
    WRONG_FACT,
    Action,
    ActionFilter,
    ActionState,
    Approval,
    Outcome,
    Plan,
    Started,
)
from aetherlink.model.decisions import Decision, Effect
from aetherlink.model.ids import ActionId, PlaybookName, TargetName
from aetherlink.model.precision import TAKEN_BACK, Precision
from aetherlink.model.track_record import Trace, trace_of
from aetherlink.model.would_be import HOW, THEN_FACT
from aetherlink.store import rows
from aetherlink.store.prepared import Prepared
from aetherlink.store.tables import actions

_ITS_ID = "its_id"
# Made once: to make a statement of so many columns takes SQLAlchemy longer than to run it.
_GET = Prepared(sa.select(actions).where(actions.c.id == sa.bindparam(_ITS_ID)))
_UPDATE = Prepared(
    sa.update(actions)
    .where(actions.c.id == sa.bindparam(_ITS_ID))
    .values({each: sa.bindparam(each.name, type_=each.type) for each in actions.c if each.name != "id"})
)
_INSERT = Prepared(sa.insert(actions).values({each: sa.bindparam(each.name, type_=each.type) for each in actions.c}))
_IS_RUNNING = actions.c.state == sa.literal_column("'running'")  # as the index has it
_COUNTS = sa.or_(actions.c.started_at >= sa.bindparam("since"), _IS_RUNNING)
_STARTED_SINCE = Prepared(
    sa.select(actions)
    .where(actions.c.target == sa.bindparam("its_target"), _COUNTS)
    .order_by(actions.c.started_at.desc())
)
_LAST_STARTED = Prepared(
    sa.select(actions)
    .where(actions.c.target == sa.bindparam("its_target"), actions.c.started_at.is_not(None))
    .order_by(actions.c.started_at.desc())
    .limit(sa.literal_column("1"))
)
_LAST_END = Prepared(
    sa.select(actions.c.finished_at)
    .where(
        actions.c.target == sa.bindparam("its_target"),
        actions.c.started_at.is_not(None),
        actions.c.finished_at.is_not(None),
    )
    .order_by(actions.c.started_at.desc())
    .limit(sa.literal_column("1"))
)
_STATUS, _VERDICT = actions.c.outcome["status"].as_string(), actions.c.facts[VERDICT_FACT].as_string()
_HAS_FAILED = sa.case(  # as Action.has_failed
    (_STATUS.in_([sa.literal(each.value) for each in sorted(WITHOUT_END)]), sa.true()),
    (_VERDICT.in_([sa.literal(each.value) for each in sorted(WITHOUT_HELP)]), sa.true()),
    else_=sa.false(),
)
_RUNNING = sa.select(actions.c.id).where(_IS_RUNNING).order_by(actions.c.started_at.desc())
_LATELY = (
    sa.select(actions.c.id).where(actions.c.started_at >= sa.bindparam("since")).order_by(actions.c.started_at.desc())
)
_COUNTED = sa.union_all(  # each in the order of an index, so that what is in JSON is read of so many only
    *(sa.select(one.limit(sa.bindparam("most")).subquery().c.id) for one in (_RUNNING, _LATELY))
)
_STARTED_ANYWHERE = Prepared(
    sa.select(
        actions.c.target,
        actions.c.playbook,
        sa.func.coalesce(actions.c.plan["tenant"].as_string(), sa.literal("")).label("tenant"),
        actions.c.started_at,
        actions.c.finished_at,
        _HAS_FAILED.label("has_failed"),
    )
    .where(actions.c.id.in_(_COUNTED))
    .order_by(_IS_RUNNING.desc(), actions.c.started_at.desc())
    .limit(sa.bindparam("most")),
    row=Started,
)
_IS_UNDOING = actions.c.plan["undo_of"].as_string().is_not(None)
_FOLLOWS = actions.c.plan["chain", "repair"].as_string().is_not(None)
_OF_PLAYBOOK = (
    sa.select(
        actions.c.started_at.is_not(None).label("is_executed"),
        actions.c.decision["effect"].as_string().label("effect"),
        actions.c.facts[VERDICT_FACT].as_string().label("verdict"),
        actions.c.facts[THEN_FACT, HOW].as_string().label("then"),
        actions.c.facts[WRONG_FACT].as_string().is_not(None).label("is_wrong"),
        actions.c.facts[TAKEN_BACK_FACT].as_string().is_not(None).label("is_taken_back"),
    )
    .where(
        actions.c.playbook == sa.bindparam("its_playbook"),
        actions.c.created_at >= sa.bindparam("since"),
        sa.not_(_IS_UNDOING),
        sa.not_(_FOLLOWS),
    )
    .order_by(actions.c.created_at.desc())
    .limit(sa.bindparam("most"))
    .subquery()
)
_PRECISION = sa.select(_OF_PLAYBOOK, sa.func.count().label("number")).group_by(*_OF_PLAYBOOK.c)
_UNDOING = (
    sa.select(actions.c.outcome["status"].as_string().label("status"))
    .where(
        actions.c.playbook == sa.bindparam("its_playbook"),
        actions.c.created_at >= sa.bindparam("since"),
        _IS_UNDOING,
    )
    .order_by(actions.c.created_at.desc())
    .limit(sa.bindparam("most"))
    .subquery()
)
_UNDONE = (
    sa.select(sa.func.count()).select_from(_UNDOING).where(_UNDOING.c.status.in_([one.value for one in TAKEN_BACK]))
)
_HELD_ELSEWHERE = ("target", "idempotency_key", "playbook", *(each.name for each in fields(Trace)))
_NO_FILTER = ActionFilter()
_MOST_READ = 10_000  # rows, for one page


class SqlActionRows:
    """See ports.ActionRows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def get(self, action_id: ActionId) -> Action | None:
        """The action, or None."""
        row = _GET.first(self._connection, {_ITS_ID: action_id})
        return None if row is None else _action(row)

    def by_idempotency_key(self, requested_by: str, key: str) -> Action | None:
        """The action that this caller asked for under this key before."""
        return self._one(sa.and_(actions.c.requested_by == requested_by, actions.c.idempotency_key == key))

    def put(self, action: Action) -> None:
        """Insert or replace the action."""
        values = _values(action)
        if not _UPDATE.change(self._connection, {_ITS_ID: action.id, **values}):
            _INSERT.change(self._connection, values)

    def started_since(self, target: TargetName, since: datetime) -> list[Action]:
        """Actions on the target whose intent was committed at or after that moment, newest first."""
        found = _STARTED_SINCE.all(self._connection, {"its_target": target, "since": since})
        return [_action(row) for row in found]

    def last_end(self, target: TargetName) -> datetime | None:
        """See ports.ActionRows."""
        row = _LAST_END.first(self._connection, {"its_target": target})
        return None if row is None else row.finished_at

    def last_started(self, target: TargetName) -> Action | None:
        """See ports.ActionRows."""
        row = _LAST_STARTED.first(self._connection, {"its_target": target})
        return None if row is None else _action(row)

    def started_anywhere(self, since: datetime, *, limit: int) -> list[Started]:
        """See ports.ActionRows."""
        return _STARTED_ANYWHERE.all(self._connection, {"since": since, "most": limit})

    def page(
        self, *, limit: int, before: str | None, only: ActionFilter = _NO_FILTER
    ) -> tuple[list[Action], str | None]:
        """Newest first, with the cursor of the next page or None; a narrowed page may be short and still have one."""
        within, fits = _conditions(only)
        found, cursor = rows.bounded_page(
            self._connection, actions.c.id, fits, within=within, most=_MOST_READ, limit=limit, before=before
        )
        return [_action(row) for row in found], cursor

    def precision(self, playbook: PlaybookName, *, since: datetime, most: int) -> Precision:
        """See ports.ActionRows."""
        values = {"its_playbook": playbook, "since": since, "most": most}
        undone = self._connection.execute(_UNDONE, values).scalar_one()
        return _precision(self._connection.execute(_PRECISION, values).all(), undone)

    def _one(self, condition: sa.ColumnElement[bool]) -> Action | None:
        row = self._connection.execute(sa.select(actions).where(condition)).first()
        return None if row is None else _action(row)


def _conditions(only: ActionFilter) -> tuple[list[sa.ColumnElement[bool]], list[sa.ColumnElement[bool]]]:
    """The one for which an index knows the order, and the rest."""
    asked = ((actions.c.incident_id, only.incident_id), (actions.c.target, only.target), (actions.c.state, only.state))
    given = [(column, wanted) for column, wanted in asked if wanted is not None]
    within = [column == wanted for column, wanted in given[:1]]
    return within, [rows.unindexed(column) == wanted for column, wanted in given[1:]]


def _precision(groups: Sequence[sa.Row[Any]], undone: int) -> Precision:
    verdicts, would_be = Counter[str](), Counter[str]()
    for group in groups:
        if group.is_executed:
            verdicts[group.verdict or ""] += group.number
        elif group.effect == Effect.OBSERVE.value:
            would_be[group.then or ""] += group.number
    wrong = sum(group.number for group in groups if group.is_wrong)
    by_people = sum(group.number for group in groups if group.is_taken_back)
    return Precision(verdicts.total(), wrong, dict(verdicts), dict(would_be), undone + by_people)


def _values(action: Action) -> dict[str, object]:
    return {
        "id": action.id,
        "incident_id": action.incident_id,
        "target": action.plan.target,
        "plan": rows.to_json(action.plan),
        "reason": action.reason,
        "requested_by": action.requested_by,
        "idempotency_key": action.facts.get(IDEMPOTENCY_FACT),
        "decision": rows.to_json(action.decision),
        "state": action.state.value,
        "created_at": action.created_at,
        "started_at": action.started_at,
        "finished_at": action.finished_at,
        "outcome": rows.to_json(action.outcome),
        "facts": dict(action.facts),
        "approval": rows.to_json(action.approval),
        "playbook": action.plan.playbook,
        **rows.to_json(trace_of(action)),
    }


def _action(row: Any) -> Action:
    values = row._asdict()
    for name in _HELD_ELSEWHERE:
        del values[name]
    values |= {
        "plan": rows.from_json(row.plan, Plan),
        "decision": rows.from_json(row.decision, Decision),
        "state": ActionState(row.state),
        "outcome": None if row.outcome is None else rows.from_json(row.outcome, Outcome),
        "approval": None if row.approval is None else rows.from_json(row.approval, Approval),
    }
    return Action(**values)
