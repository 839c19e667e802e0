"""The stored alerts, on both stores: episodes as they were reported, what is known of each fingerprint, pages."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from aetherlink.model.alerts import Alert, AlertFilter, AlertLine, AlertStatus, Episode, StoredAlert, Suppression
from aetherlink.model.ids import Fingerprint, IncidentId, SourceName
from aetherlink.ports import Transaction
from aetherlink.store.database import SqlStore
from aetherlink.testing import START
from rigs.databases import Database

LAB, OTHER = SourceName("lab"), SourceName("other")
ODD = 'Zoë\'s "café" \\ %s %(x)s :name {x} 🚨\n\t\u2028'
FAR = datetime.fromisoformat("2261-12-31T23:59:59.999999+00:00")
INCIDENT = IncidentId("inc-1")
FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED


def report(fingerprint: str, *, status: AlertStatus = FIRING, ends_at: datetime | None = None, **labels: str) -> Alert:
    named = {"alertname": "CrmApiDown", **labels}
    return Alert(LAB, Fingerprint(fingerprint), status, START, ends_at, named, {"summary": ODD})


def episode(number: int, alert: Alert, **changes: object) -> Episode:
    made = Episode(
        number, alert, alert.status, alert.since, alert.ends_at, alert.suppressed, alert.name, "acme-corp", "critical"
    )
    for name, value in {"incident_id": INCIDENT, **changes}.items():
        setattr(made, name, value)
    return made


def put(
    new: Sequence[Episode], changed: Sequence[Episode] = (), *, at: datetime = START
) -> Callable[[Transaction], None]:
    return lambda transaction: transaction.alerts.put(new, changed, at=at)


async def page(store: SqlStore, only: AlertFilter, **asked: object) -> tuple[list[int], str | None]:
    wanted = {"limit": 100, "before": None, **asked}
    found, cursor = await store.read(lambda transaction: transaction.alerts.page(only=only, **wanted))
    return [each.id for each in found], cursor


async def test_an_episode_comes_back_as_it_was_reported(store: SqlStore) -> None:
    alert = report("a" * 16, ends_at=FAR, status=RESOLVED, odd=ODD, nul="\0")
    await store.write(put([episode(1, alert, incident_id=None)]))

    found = await store.read(lambda transaction: transaction.alerts.get(1))

    expected = StoredAlert(1, alert, None, received_at=START, updated_at=START)
    assert found == expected._replace(tenant="acme-corp", severity="critical")
    assert await store.read(lambda transaction: transaction.alerts.get(2)) is None


async def test_names_are_narrowed_to_alerts_that_began_after_one_instant_and_by_another(store: SqlStore) -> None:
    starts = {"A": START, "B": START + timedelta(microseconds=1), "C": START + timedelta(microseconds=2)}
    begun = [replace(report(name, alertname=name), starts_at=at) for name, at in starts.items()]
    await store.write(put([episode(number, alert) for number, alert in enumerate(begun, 1)]))

    def names(transaction: Transaction, **bounds: datetime) -> list[str]:
        return transaction.alerts.names_of(INCIDENT, limit=9, **bounds)

    assert await store.read(lambda rows: names(rows, began_after=starts["B"])) == ["C"]
    assert await store.read(lambda rows: names(rows, began_by=starts["B"])) == ["A", "B"]
    assert await store.read(lambda rows: names(rows, began_after=starts["A"], began_by=starts["B"])) == ["B"]


async def test_a_transaction_knows_what_it_has_put_itself_and_others_do_not(store: SqlStore) -> None:
    here, there = report("a" * 16), report("b" * 16)
    keys = [(each.source, each.fingerprint) for each in (here, there)]

    def work(transaction: Transaction) -> list[set[str]]:
        before = transaction.alerts.standings(keys)
        transaction.alerts.put([episode(1, here, incident_id=None)], [], at=START)
        assert store.standings.of(*keys[0]) is None
        return [{fingerprint for _, fingerprint in found} for found in (before, transaction.alerts.standings(keys))]

    assert await store.write(work) == [set(), {"a" * 16}]
    assert store.standings.of(*keys[0]) is not None


async def test_what_changed_is_stored_beside_when_it_was_first_heard_of(store: SqlStore) -> None:
    alert = report("a")
    await store.write(put([episode(1, alert, incident_id=None)]))
    later = START + timedelta(minutes=1)
    over = episode(1, alert, status=RESOLVED, ends_at=later, since=later, suppressed=Suppression.SILENCED)
    await store.write(put([], [over], at=later))

    found = await store.read(lambda transaction: transaction.alerts.get(1))

    assert found is not None
    assert (found.alert.status, found.alert.ends_at, found.alert.suppressed) == (RESOLVED, later, Suppression.SILENCED)
    assert (found.incident_id, found.received_at, found.updated_at) == (INCIDENT, START, later)


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 200])
async def test_any_number_of_episodes_is_one_write(store: SqlStore, count: int) -> None:
    await store.write(put([episode(number, report(f"{number}")) for number in range(1, count + 1)]))
    await store.write(
        put([], [episode(number, report(f"{number}"), status=RESOLVED) for number in range(1, count + 1)])
    )

    found, _ = await page(store, AlertFilter(status=RESOLVED), limit=500)

    assert found == list(range(count, 0, -1))


async def test_what_is_known_is_the_latest_episode_also_after_a_restart(store: SqlStore, database: Database) -> None:
    await store.write(put([episode(1, report("a"), status=RESOLVED), episode(2, report("a"))]))
    await store.write(put([episode(3, report("b"), suppressed=Suppression.INHIBITED)], [episode(1, report("a"))]))
    store.close()
    again = database.opened()

    for opened in (store, again):
        known = opened.standings.of(LAB, Fingerprint("a"))
        assert known is not None
        assert (known.id, known.since, known.status, known.incident_id) == (2, START, FIRING, INCIDENT)
        assert opened.standings.firing(LAB).keys() == {"a", "b"}
        assert opened.standings.firing(LAB)[Fingerprint("b")].suppressed is Suppression.INHIBITED
        assert opened.standings.of(OTHER, Fingerprint("a")) is None
    assert await again.read(lambda transaction: transaction.alerts.last_id) == 3


async def test_the_alerts_of_an_incident_come_in_the_order_in_which_they_were_heard(store: SqlStore) -> None:
    await store.write(
        put(
            [
                episode(1, report("1", alertname="A")),
                episode(2, report("2", alertname="B"), status=RESOLVED),
                episode(3, report("3", alertname="B"), suppressed=Suppression.SILENCED),
                episode(4, report("4", alertname="B")),
                episode(5, report("5", alertname="C"), incident_id=IncidentId("inc-2")),
                episode(6, report("6", alertname="A")),
            ]
        )
    )

    def look(transaction: Transaction) -> list[object]:
        alerts = transaction.alerts
        return [
            [each.id for each in alerts.of_incident(INCIDENT, limit=3)],
            [each.id for each in alerts.of_incident(INCIDENT, limit=9, after=3)],
            [each.id for each in alerts.actionable(INCIDENT, limit=9)],
            [each.id for each in alerts.actionable(INCIDENT, limit=9, after=1, names=["A"])],
            sorted(alerts.names_of(INCIDENT, limit=9)),
            sorted(alerts.names_of(INCIDENT, limit=9, but=["A"])),
            alerts.last_of(INCIDENT),
            alerts.last_of(IncidentId("inc-none")),
        ]

    assert await store.read(look) == [[1, 2, 3], [4, 6], [1, 4, 6], [6], ["A", "B"], ["B"], 6, 0]


async def test_a_list_is_paged_from_the_newest_and_narrowed(store: SqlStore) -> None:
    await store.write(
        put(
            [
                episode(1, report("1")),
                episode(2, report("2", alertname="Other"), status=RESOLVED, tenant="globex"),
                episode(3, report("3"), suppressed=Suppression.HEARTBEAT, incident_id=None),
                episode(4, replace(report("4"), source=OTHER), severity="info"),
            ]
        )
    )

    first, cursor = await page(store, AlertFilter(), limit=3)
    rest, end = await page(store, AlertFilter(), limit=3, before=cursor)
    narrowed = {
        "status": AlertFilter(status=RESOLVED),
        "source": AlertFilter(source=OTHER),
        "name": AlertFilter(name="Other"),
        "tenant": AlertFilter(tenant="globex"),
        "severity": AlertFilter(severity="info"),
        "incident": AlertFilter(incident_id=INCIDENT),
        "suppressed": AlertFilter(suppressed=True),
        "not suppressed": AlertFilter(suppressed=False),
    }

    assert (first, rest, end) == ([4, 3, 2], [1], None)
    assert {name: (await page(store, only))[0] for name, only in narrowed.items()} == {
        "status": [2],
        "source": [4],
        "name": [2],
        "tenant": [2],
        "severity": [4],
        "incident": [4, 2, 1],
        "suppressed": [3],
        "not suppressed": [4, 2, 1],
    }


async def test_only_what_is_over_and_old_is_forgotten(store: SqlStore) -> None:
    old, now = START - timedelta(days=2), START
    await store.write(put([episode(1, report("1"), status=RESOLVED), episode(2, report("2"))], at=old))
    await store.write(put([episode(3, report("3"), status=RESOLVED)], at=now))

    gone = await store.write(lambda transaction: transaction.alerts.forget(now, limit=10))

    assert gone == 1
    assert (await page(store, AlertFilter()))[0] == [3, 2]
    assert store.standings.of(LAB, Fingerprint("1")) is None
    assert store.standings.of(LAB, Fingerprint("2")) is not None


async def test_lines_come_part_by_part_each_once_those_that_changed_last_first(store: SqlStore) -> None:
    """Those of one commit changed at one instant, so that parts end and begin among equals."""
    numbers = range(1, 24)
    await store.write(put([episode(number, report(f"{number:016d}", instance=f"i{number}")) for number in numbers]))
    later = START + timedelta(minutes=1)
    again = [episode(number, report(f"{number:016d}", instance=f"i{number}")) for number in (3, 9, 17)]
    await store.write(put([], again, at=later))
    over = [episode(number, report(f"{number:016d}", status=RESOLVED, ends_at=FAR)) for number in (5, 6)]
    await store.write(put([], over, at=later))

    for size in (1, 4, 7, 21, 100):
        found: list[AlertLine] = []
        place, parts = None, 0
        while parts == 0 or place is not None:
            part, place = await store.read(
                lambda rows, before=place, most=size: rows.alerts.lines(FIRING, limit=most, before=before)
            )
            assert len(part) <= size
            found += part
            parts += 1
        assert [one.id for one in found] == [17, 9, 3, *(n for n in reversed(numbers) if n not in (3, 5, 6, 9, 17))]
        assert [one.labels["instance"] for one in found] == [f"i{one.id}" for one in found]
        assert parts == -(-21 // size)
    assert await store.read(lambda rows: rows.alerts.count(FIRING, most=100)) == 21
    assert await store.read(lambda rows: rows.alerts.count(FIRING, most=20)) == 20
    assert await store.read(lambda rows: rows.alerts.count(RESOLVED, most=20)) == 2
