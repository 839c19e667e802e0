"""Gives a store that was filled a history: incidents that are over, actions that were taken, people who were told."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from aetherlink.lib.clock import SystemClock
from aetherlink.model.actions import Action, ActionState, Outcome, OutcomeStatus, Plan, Verb
from aetherlink.model.decisions import Decision, Effect
from aetherlink.model.deliveries import Delivery, DeliveryState
from aetherlink.model.ids import ActionId, ChannelName, IncidentId, PlaybookName, TargetName
from aetherlink.store.actions import SqlActionRows
from aetherlink.store.deliveries import SqlDeliveryRows
from aetherlink.store.tables import actions, alerts, incidents
from bench.stored import DATABASE

_APART = timedelta(seconds=30)
_TARGETS = 20
_PLAYBOOKS = ("restart-crm-api", "container-down", "crm-high-latency")
_ALLOWED = Decision(Effect.ALLOW, "mode_allows", "mode is auto")
_OBSERVED = Decision(Effect.OBSERVE, "mode_allows", "mode is observe")


def add_actions(folder: Path, count: int) -> None:
    """So many, the latest half a minute ago: of three two were carried out. Nothing may run on the store meanwhile."""
    with _begun(folder) as connection:
        of = _newest(connection, count)
        rows = SqlActionRows(connection)
        for action in _actions(of, count):
            rows.put(action)
        latest = sa.select(sa.func.max(actions.c.id)).where(actions.c.incident_id == incidents.c.id).scalar_subquery()
        connection.execute(sa.update(incidents).where(incidents.c.id.in_(of)).values(action_id=latest))


def add_deliveries(folder: Path, count: int) -> None:
    """So many incidents were told to a channel, long ago."""
    now = SystemClock().now()
    with _begun(folder) as connection:
        rows = SqlDeliveryRows(connection)
        for place, incident in enumerate(_newest(connection, count)):
            at = now - place * _APART
            rows.put(Delivery(incident, ChannelName("chat"), place % 6, DeliveryState.TOLD, 2, at, at, told=2))


def close_all_but(folder: Path, count: int) -> None:
    """Only the newest so many stay open; the alerts of all others are resolved."""
    with _begun(folder) as connection:
        open_ones = sa.select(incidents.c.id).order_by(incidents.c.id.desc()).limit(count)
        over = {"status": "resolved", "stage": "done", "firing": 0, "resolved_at": incidents.c.updated_at}
        connection.execute(sa.update(incidents).where(incidents.c.id.not_in(open_ones)).values(over))
        is_over = alerts.c.incident_id.not_in(open_ones)
        connection.execute(sa.update(alerts).where(is_over).values(status="resolved", ends_at=alerts.c.updated_at))


@contextmanager
def _begun(folder: Path) -> Iterator[sa.Connection]:
    engine = sa.create_engine(f"sqlite:///{folder / DATABASE}")
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _newest(connection: sa.Connection, count: int) -> Sequence[IncidentId]:
    found = connection.scalars(sa.select(incidents.c.id).order_by(incidents.c.id.desc()).limit(count))
    return [IncidentId(one) for one in found]


def _actions(of: Sequence[IncidentId], count: int) -> Iterator[Action]:
    now = SystemClock().now()
    for place in range(count):
        at = now - (place + 1) * _APART
        is_done = place % 3 != 0
        yield Action(
            id=ActionId(f"act-{count - place:012d}"),
            plan=Plan(
                Verb.RESTART,
                TargetName(f"api-{place % _TARGETS}"),
                PlaybookName(_PLAYBOOKS[place % len(_PLAYBOOKS)]),
                when='up{job="api"} == 0',
                verify='up{job="api"} == 1',
                tenant=f"tenant-{place % 9}",
            ),
            reason="the alert fires, and the target does not answer",
            requested_by="agent",
            decision=_ALLOWED if is_done else _OBSERVED,
            state=ActionState.FINISHED if is_done else ActionState.REFUSED,
            created_at=at,
            incident_id=of[place % len(of)],
            started_at=at if is_done else None,
            finished_at=at + timedelta(seconds=9) if is_done else None,
            outcome=Outcome(OutcomeStatus.DONE, "restarted, and it is ready") if is_done else None,
            facts={"verdict": "recovered"} if is_done else {},
        )
