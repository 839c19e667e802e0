"""What each report changes: episodes, silences, ends, and clocks that are wrong."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aetherlink.incidents.reception import Reception
from aetherlink.model.alerts import TEST_ALERT, Alert, AlertStatus, Standing, Suppression
from aetherlink.model.ids import Fingerprint, SourceName
from aetherlink.model.incidents import Incident
from aetherlink.model.ledger import LedgerOutcome
from aetherlink.store.database import SqlStore
from aetherlink.store.index import AlertIndex
from aetherlink.testing import START, CountingIds, ManualClock
from rigs.filing_model import FilingModel
from rigs.pipeline import NoWaker
from rigs.reception import build_reception

LAB = SourceName("lab")
PRINT = Fingerprint("one")
SILENCED = Suppression.SILENCED


@pytest.fixture
def reception(store: SqlStore, clock: ManualClock, ids: CountingIds) -> Reception:
    clock.move(3600)
    return build_reception(store, clock=clock, ids=ids, waker=NoWaker())


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def fires(minutes: float, *, name: str = "CrmApiDown", **more: object) -> Alert:
    labels = {"alertname": name, "service": "crm", "severity": "critical"}
    return replace(Alert(LAB, PRINT, AlertStatus.FIRING, at(minutes), None, labels, {}), **more)


def ends(minutes: float, *, began: float = 0, name: str = "CrmApiDown") -> Alert:
    return fires(began, name=name, status=AlertStatus.RESOLVED, ends_at=at(minutes))


def seen(minutes: float, suppressed: Suppression = Suppression.NONE, *, began: float = 0) -> Alert:
    return fires(began, seen_at=at(minutes), suppressed=suppressed)


async def standing(reception: Reception, store: SqlStore, *reports: Alert) -> Standing:
    for report in reports:
        await reception.receive([report])
    found = store.standings.of(LAB, PRINT)
    assert found is not None
    return found


async def incidents(store: SqlStore) -> list[Incident]:
    found, _ = await store.read(lambda tx: tx.incidents.page(limit=100, before=None))
    return found[::-1]


async def episodes(store: SqlStore) -> int:
    found, _ = await store.read(lambda tx: tx.alerts.page(limit=100, before=None))
    return len(found)


async def outcomes(reception: Reception) -> dict[str, int]:
    ledger = await reception.ledger()
    return {outcome.value: total for outcome, total in ledger.by_outcome().items() if total}


async def test_a_later_start_ends_the_silenced_episode_and_its_repeat_changes_nothing(
    reception: Reception, store: SqlStore
) -> None:
    await standing(reception, store, fires(0), seen(5, SILENCED))
    heard = await standing(reception, store, fires(10), fires(10))

    assert (heard.since, heard.suppressed) == (at(10), Suppression.NONE)
    assert await episodes(store) == 2
    assert await outcomes(reception) == {"opened": 2, "suppressed": 1, "duplicate": 1}


async def test_a_late_end_of_the_silenced_episode_does_not_end_the_one_after_it(
    reception: Reception, store: SqlStore
) -> None:
    found = await standing(reception, store, fires(0), seen(5, SILENCED), fires(10), ends(8))

    assert (found.status, found.since) == (AlertStatus.FIRING, at(10))


async def test_a_silence_that_is_told_late_does_not_hush_a_later_episode(reception: Reception, store: SqlStore) -> None:
    found = await standing(reception, store, fires(0), fires(10), replace(seen(5, SILENCED), starts_at=at(0)))

    assert found.status is AlertStatus.FIRING
    [incident] = await incidents(store)
    assert incident.firing == 1


async def test_a_silenced_episode_after_one_that_fired_leaves_the_incident_to_close(
    reception: Reception, store: SqlStore
) -> None:
    found = await standing(reception, store, fires(0), seen(20, SILENCED, began=10))

    assert (found.suppressed, found.incident_id) == (SILENCED, None)
    [incident] = await incidents(store)
    assert incident.firing == 0


async def test_a_webhook_does_not_end_a_silence_but_who_asks_does(reception: Reception, store: SqlStore) -> None:
    hushed = await standing(reception, store, seen(5, SILENCED), fires(0))
    assert hushed.suppressed is SILENCED
    assert await incidents(store) == []

    heard = await standing(reception, store, seen(9))
    assert heard.suppressed is Suppression.NONE
    assert [incident.firing for incident in await incidents(store)] == [1]


async def test_an_alert_that_is_seen_to_fire_on_is_no_new_episode(reception: Reception, store: SqlStore) -> None:
    await standing(reception, store, fires(0), seen(5), seen(10))

    assert await episodes(store) == 1
    assert await outcomes(reception) == {"opened": 1, "duplicate": 2}


async def test_an_end_far_in_the_future_is_an_end_now_known(
    reception: Reception, store: SqlStore, clock: ManualClock
) -> None:
    """Else the next time that the alert fires would be of the past."""
    over = await standing(reception, store, fires(0), ends(24 * 60))
    assert over.status is AlertStatus.RESOLVED

    again = await standing(reception, store, fires(30))
    assert again.status is AlertStatus.FIRING


@pytest.mark.parametrize("begins", [datetime(9999, 12, 31, tzinfo=START.tzinfo), at(24 * 60)], ids=["9999", "tomorrow"])
async def test_a_start_far_in_the_future_hides_nothing(
    reception: Reception, store: SqlStore, clock: ManualClock, begins: datetime
) -> None:
    """The sender's clock is wrong, or ours: the alert fires now, its end ends it, and the next one is heard."""
    wrong = fires(0, starts_at=begins)
    first = await standing(reception, store, wrong, wrong)
    assert (first.status, first.since, await episodes(store)) == (AlertStatus.FIRING, clock.now(), 1)

    clock.move(60)
    over = await standing(reception, store, replace(wrong, status=AlertStatus.RESOLVED))
    assert over.status is AlertStatus.RESOLVED

    clock.move(60)
    again = await standing(reception, store, fires(0, starts_at=clock.now()))
    assert again.status is AlertStatus.FIRING
    assert len(await incidents(store)) == 1


async def test_a_start_in_the_year_1_is_a_start(reception: Reception, store: SqlStore) -> None:
    first = await standing(reception, store, fires(0, starts_at=datetime(1, 1, 1, tzinfo=START.tzinfo)))

    assert (first.status, await episodes(store)) == (AlertStatus.FIRING, 1)


@pytest.mark.parametrize("watchdog", [fires(1, name="Watchdog"), replace(seen(5), labels={"alertname": "Watchdog"})])
async def test_what_turns_out_to_be_a_heartbeat_leaves_its_incident_and_comes_back_to_it(
    reception: Reception, store: SqlStore, watchdog: Alert
) -> None:
    """By other settings, or by a sender who gives an alert's fingerprint to a Watchdog: it must hide nothing."""
    await standing(reception, store, fires(0), watchdog)
    assert [incident.firing for incident in await incidents(store)] == [0]

    found = await standing(reception, store, fires(0))
    assert found.suppressed is Suppression.NONE
    assert [incident.firing for incident in await incidents(store)] == [1]


async def test_each_heartbeat_counts_as_suppressed(reception: Reception, store: SqlStore) -> None:
    watchdog = fires(0, name="Watchdog")
    await standing(reception, store, watchdog, watchdog, replace(watchdog, status=AlertStatus.RESOLVED), watchdog)

    assert await outcomes(reception) == {LedgerOutcome.SUPPRESSED.value: 4}


REPORTS = [fires(0), ends(3), fires(5), ends(5, began=5), ends(2), ends(30 * 60, began=5), fires(5.5), ends(9, began=4)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(heard=st.lists(st.sampled_from(REPORTS), min_size=1, max_size=8), data=st.data())
async def test_any_order_of_the_same_reports_ends_in_the_same_state(
    reception: Reception, store: SqlStore, clock: ManualClock, heard: list[Alert], data: st.DataObject
) -> None:
    model = FilingModel()
    for number, order in enumerate((heard, data.draw(st.permutations(heard)))):
        its_print = Fingerprint(f"{clock.monotonic()}-{number}")
        for report in order:
            await reception.receive([replace(report, fingerprint=its_print)])
        found = store.standings.of(LAB, its_print)
        assert found is not None
        assert found.order == max(_known(each, clock).order for each in heard)
        for report in order:
            model.hear(replace(report, fingerprint=its_print), clock.now())
        known = model.known[LAB, its_print]
        assert (found.since, found.status is AlertStatus.FIRING) == (known.since, known.fires)
    clock.move(0.001)


def _known(report: Alert, clock: ManualClock) -> Alert:
    """With the end that is believed."""
    is_believed = report.ends_at is None or report.ends_at <= clock.now() + timedelta(minutes=10)
    return report if is_believed else replace(report, ends_at=None)


async def test_ids_go_on_after_everything_was_forgotten(reception: Reception, store: SqlStore) -> None:
    await standing(reception, store, fires(0), ends(3), fires(5), ends(8, began=5))
    assert await store.write(lambda tx: tx.alerts.forget(START + timedelta(days=1), limit=10)) == 1
    index = AlertIndex()
    with store._place.reading.connect() as connection:
        index.load(connection, resolved_after=START)

    assert index.last_id == store.standings.last_id == 2


async def test_a_test_alert_is_kept_and_is_nobodys_incident(reception: Reception, store: SqlStore) -> None:
    known = await standing(reception, store, fires(0, name=TEST_ALERT), fires(0, name=TEST_ALERT, suppressed=SILENCED))

    assert (known.status, known.suppressed, known.incident_id) == (AlertStatus.FIRING, Suppression.TEST, None)
    assert await incidents(store) == []
    await reception.receive([ends(1, name=TEST_ALERT)])
    assert await outcomes(reception) == {"suppressed": 3}
    assert await incidents(store) == []
