"""What became of the plans of playbooks, counted by the database from one index."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from aetherlink.model.ids import IncidentId, PlaybookName
from aetherlink.model.track_record import MOST_EXAMPLES, RECOVERED, Counted, Fate, Kind, Repair, Tally
from aetherlink.store.prepared import Prepared
from aetherlink.store.statements import EPOCH
from aetherlink.store.tables import actions, incidents


def _word_of(kind: Kind) -> sa.ColumnElement[str]:
    """The kind as a constant of the statement, not a value that is bound to it."""
    return sa.literal_column(f"'{kind.value}'")


_OBSERVED, _DENIED, _RAN = _word_of(Kind.OBSERVED), _word_of(Kind.DENIED), _word_of(Kind.RAN)
_MICROSECOND = timedelta(microseconds=1)
_THOUSAND = 1000  # milliseconds in a second, and microseconds in a millisecond
_MOST_LOOKED_AT = 5000  # plans, for examples: to order all of them takes longer than to count them
_Group = tuple[str, str, str, str]


class SqlTrackRows:
    """See ports.TrackRows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def counted(self, *, since: datetime, now: datetime, most: int, playbook: PlaybookName | None = None) -> Counted:
        """See ports.TrackRows."""
        queries = _queries(is_of_one=playbook is not None)
        values = {"since": since, "at": (now - EPOCH) // _MICROSECOND, "most": most, "its_playbook": playbook}
        medians = {
            (PlaybookName(row.playbook), Kind(row.kind)): float(row.median) / _THOUSAND
            for row in queries.medians.all(self._connection, values)
        }
        looked_at = {**values, "most": min(most, _MOST_LOOKED_AT)}
        named = _named(queries.examples.all(self._connection, looked_at))
        tallies = tuple(_tally(row, named) for row in queries.numbers.all(self._connection, values))
        return Counted(tallies, medians, sum(one.number for one in tallies))

    def repairs(self, playbook: PlaybookName, *, since: datetime, most: int) -> list[Repair]:
        """See ports.TrackRows."""
        found = self._connection.execute(
            sa.select(actions.c.incident_id, actions.c.result)
            .where(
                actions.c.playbook == playbook,
                actions.c.created_at >= since,
                actions.c.kind == _RAN,
            )
            .order_by(actions.c.created_at.desc(), actions.c.id.desc())
            .limit(most)
        )
        return [Repair(row.incident_id, row.result) for row in found]


class _Queries(NamedTuple):
    """Made once: to make them takes SQLAlchemy longer than to run them."""

    medians: Prepared
    examples: Prepared
    numbers: Prepared


@lru_cache(maxsize=2)
def _queries(*, is_of_one: bool) -> _Queries:
    plans = _with_fates(_newest(is_of_one=is_of_one))
    return _Queries(Prepared(_medians(plans)), Prepared(_examples(plans)), Prepared(_numbers(plans)))


def _newest(*, is_of_one: bool) -> sa.Subquery:
    """The newest plans since then, with what is counted of each: nothing else is read."""
    of_it = actions.c.playbook == sa.bindparam("its_playbook") if is_of_one else actions.c.playbook.is_not(None)
    return (
        sa.select(
            *(actions.c.created_at, actions.c.playbook, actions.c.kind, actions.c.result),
            *(actions.c.rule, actions.c.took_ms, actions.c.within_ms, actions.c.incident_id),
        )
        .where(actions.c.playbook.is_not(None), of_it, actions.c.created_at >= sa.bindparam("since"))
        .order_by(actions.c.created_at.desc())
        .limit(sa.bindparam("most"))
        .subquery("newest")
    )


def _with_fates(newest: sa.Subquery) -> sa.Subquery:
    """The plans with their word: that of model.track_record.fate_of for those that were only observed."""
    plan = newest.c
    is_unfinished = sa.and_(plan.kind == _OBSERVED, plan.result == "")
    still_open = sa.and_(is_unfinished, incidents.c.id == plan.incident_id, incidents.c.status == "open")
    is_late = sa.func.coalesce(plan.took_ms, 0) > plan.within_ms
    age = sa.bindparam("at", type_=sa.BigInteger) - sa.type_coerce(plan.created_at, sa.BigInteger)
    fate = sa.case(
        (plan.result == "by_itself", sa.case((is_late, Fate.LATE.value), else_=Fate.EARLY.value)),
        (plan.result == "by_person", sa.case((is_late, Fate.PERSON_LATE.value), else_=Fate.PERSON_EARLY.value)),
        (plan.result == "by_repair", Fate.REPAIRED.value),
        (plan.result == "wrong", Fate.WRONG.value),
        (incidents.c.id.is_(None), Fate.LOST.value),
        (age > plan.within_ms * _THOUSAND, Fate.STAYED.value),
        else_=Fate.OPEN.value,
    )
    return (
        sa.select(
            *(plan.playbook, plan.kind, plan.took_ms, plan.incident_id, plan.created_at),
            sa.case((plan.kind == _OBSERVED, fate), (plan.kind == _DENIED, ""), else_=plan.result).label("word"),
            sa.case((plan.kind == _DENIED, plan.rule), else_="").label("rule"),
        )
        .select_from(newest.outerjoin(incidents, still_open))
        .subquery("plans")
    )


def _medians(plans: sa.Subquery) -> sa.Select[Any]:
    """Half of the times are below it: those of repairs that helped, and of what ended after it was only observed."""
    plan = plans.c
    place = sa.func.row_number().over(partition_by=(plan.playbook, plan.kind), order_by=plan.took_ms)
    among = sa.func.count().over(partition_by=(plan.playbook, plan.kind))
    is_timed = sa.or_(plan.kind == _OBSERVED, sa.and_(plan.kind == _RAN, plan.word == RECOVERED))
    timed = (
        sa.select(plan.playbook, plan.kind, plan.took_ms, place.label("place"), among.label("number"))
        .where(plan.took_ms.is_not(None), is_timed)
        .subquery("timed")
    )
    twice, number = timed.c.place * 2, timed.c.number  # one in the middle of an odd number, two of an even one
    middle = sa.or_(twice == number, twice == number + 1, twice == number + 2)
    return (
        sa.select(timed.c.playbook, timed.c.kind, sa.func.avg(timed.c.took_ms).label("median"))
        .where(middle)
        .group_by(timed.c.playbook, timed.c.kind)
    )


def _numbers(plans: sa.Subquery) -> sa.Select[Any]:
    """How many there are of each kind and word, and the newest incident: ids sort by their time."""
    plan = plans.c
    group = (plan.playbook, plan.kind, plan.word, plan.rule)
    newest = sa.func.max(plan.incident_id).label("newest")
    return sa.select(*group, sa.func.count().label("number"), newest).group_by(*group)


def _examples(plans: sa.Subquery) -> sa.Select[Any]:
    """The newest incidents of each kind and word."""
    plan = plans.c
    group = (plan.playbook, plan.kind, plan.word, plan.rule)
    place = sa.func.row_number().over(partition_by=group, order_by=plan.created_at.desc())
    numbered = sa.select(*group, plan.incident_id, place.label("place")).subquery("numbered")
    return sa.select(numbered).where(numbered.c.place <= MOST_EXAMPLES).order_by(numbered.c.place)


def _named(found: Iterable[Any]) -> Mapping[_Group, Sequence[IncidentId]]:
    named = defaultdict[_Group, list[IncidentId]](list)
    for row in found:
        named[row.playbook, row.kind, row.word, row.rule] += [row.incident_id] if row.incident_id else []
    return named


def _tally(row: Any, named: Mapping[_Group, Sequence[IncidentId]]) -> Tally:
    newest = [row.newest] if row.newest else []
    own = tuple(dict.fromkeys(named.get((row.playbook, row.kind, row.word, row.rule), newest)))
    return Tally(PlaybookName(row.playbook), Kind(row.kind), row.word, row.rule, row.number, own)
