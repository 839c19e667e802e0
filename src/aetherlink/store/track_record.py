"""What became of the plans of playbooks, counted by the database from one index."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from aetherlink.model.ids import IncidentId, PlaybookName
from aetherlink.model.track_record import MOST_EXAMPLES, RECOVERED, Counted, Fate, Kind, Repair, Tally
from aetherlink.store.statements import EPOCH
from aetherlink.store.tables import actions, incidents

_OBSERVED, _DENIED, _RAN = (sa.literal_column(f"'{kind.value}'") for kind in (Kind.OBSERVED, Kind.DENIED, Kind.RAN))
_A_SECOND = 1_000_000  # microseconds, as instants are stored


class SqlTrackRows:
    """See ports.TrackRows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def counted(self, *, since: datetime, now: datetime, most: int, playbook: PlaybookName | None = None) -> Counted:
        """See ports.TrackRows."""
        plans = _with_fates(_newest(since, most, playbook), now)
        medians = {
            (PlaybookName(row.playbook), Kind(row.kind)): float(row.median)
            for row in self._connection.execute(_medians(plans))
        }
        tallies = tuple(_tallies(self._connection.execute(_examples(plans))))
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


def _newest(since: datetime, most: int, playbook: PlaybookName | None) -> sa.Subquery:
    """The newest plans since then, with what is counted of each: nothing else is read."""
    of_it = actions.c.playbook.is_not(None) if playbook is None else actions.c.playbook == playbook
    return (
        sa.select(
            *(actions.c.created_at, actions.c.playbook, actions.c.kind, actions.c.result),
            *(actions.c.rule, actions.c.seconds, actions.c.within_seconds, actions.c.incident_id),
        )
        .where(actions.c.playbook.is_not(None), of_it, actions.c.created_at >= since)
        .order_by(actions.c.created_at.desc())
        .limit(most)
        .subquery("newest")
    )


def _with_fates(newest: sa.Subquery, now: datetime) -> sa.Subquery:
    """The plans with their word: that of model.track_record.fate_of for those that were only observed."""
    plan = newest.c
    is_unfinished = sa.and_(plan.kind == _OBSERVED, plan.result == "")
    still_open = sa.and_(is_unfinished, incidents.c.id == plan.incident_id, incidents.c.status == "open")
    is_late = sa.func.coalesce(plan.seconds, 0.0) > plan.within_seconds
    age = sa.literal((now - EPOCH) // timedelta(microseconds=1)) - sa.type_coerce(plan.created_at, sa.BigInteger)
    fate = sa.case(
        (plan.result == "by_itself", sa.case((is_late, Fate.LATE.value), else_=Fate.EARLY.value)),
        (plan.result == "by_person", sa.case((is_late, Fate.PERSON_LATE.value), else_=Fate.PERSON_EARLY.value)),
        (plan.result == "by_repair", Fate.REPAIRED.value),
        (plan.result == "wrong", Fate.WRONG.value),
        (incidents.c.id.is_(None), Fate.LOST.value),
        (age > plan.within_seconds * _A_SECOND, Fate.STAYED.value),
        else_=Fate.OPEN.value,
    )
    return (
        sa.select(
            *(plan.playbook, plan.kind, plan.seconds, plan.incident_id, plan.created_at),
            sa.case((plan.kind == _OBSERVED, fate), (plan.kind == _DENIED, ""), else_=plan.result).label("word"),
            sa.case((plan.kind == _DENIED, plan.rule), else_="").label("rule"),
        )
        .select_from(newest.outerjoin(incidents, still_open))
        .subquery("plans")
    )


def _medians(plans: sa.Subquery) -> sa.Select[Any]:
    """Half of the times are below it: those of repairs that helped, and of what ended after it was only observed."""
    plan = plans.c
    place = sa.func.row_number().over(partition_by=(plan.playbook, plan.kind), order_by=plan.seconds)
    among = sa.func.count().over(partition_by=(plan.playbook, plan.kind))
    is_timed = sa.or_(plan.kind == _OBSERVED, sa.and_(plan.kind == _RAN, plan.word == RECOVERED))
    timed = (
        sa.select(plan.playbook, plan.kind, plan.seconds, place.label("place"), among.label("number"))
        .where(plan.seconds.is_not(None), is_timed)
        .subquery("timed")
    )
    twice, number = timed.c.place * 2, timed.c.number  # one in the middle of an odd number, two of an even one
    middle = sa.or_(twice == number, twice == number + 1, twice == number + 2)
    return (
        sa.select(timed.c.playbook, timed.c.kind, sa.func.avg(timed.c.seconds).label("median"))
        .where(middle)
        .group_by(timed.c.playbook, timed.c.kind)
    )


def _examples(plans: sa.Subquery) -> sa.Select[Any]:
    """The newest of each kind and word, each with how many there are of it."""
    plan = plans.c
    group = (plan.playbook, plan.kind, plan.word, plan.rule)
    place = sa.func.row_number().over(partition_by=group, order_by=plan.created_at.desc())
    number = sa.func.count().over(partition_by=group)
    numbered = sa.select(*group, plan.incident_id, place.label("place"), number.label("number")).subquery("numbered")
    return sa.select(numbered).where(numbered.c.place <= MOST_EXAMPLES).order_by(*numbered.c[:4], numbered.c.place)


def _tallies(found: Iterable[sa.Row[Any]]) -> Iterable[Tally]:
    named: dict[tuple[str, str, str, str, int], list[IncidentId]] = defaultdict(list)
    for row in found:
        named[row.playbook, row.kind, row.word, row.rule, row.number] += [row.incident_id] if row.incident_id else []
    for (playbook, kind, word, rule, number), examples in named.items():
        yield Tally(PlaybookName(playbook), Kind(kind), word, rule, number, tuple(dict.fromkeys(examples)))
