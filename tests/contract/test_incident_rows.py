"""The stored incidents and their timelines, on both stores."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import pytest

from aetherlink.errors import StoreError
from aetherlink.model.actions import Plan, Verb
from aetherlink.model.ids import ActionId, IncidentId, PlaybookName, SourceName, TargetName
from aetherlink.model.incidents import Due, Incident, IncidentFilter, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Transaction
from aetherlink.store.database import SqlStore
from aetherlink.testing import START
from rigs.databases import Database

T = TypeVar("T")

LAB = SourceName("lab")
ODD = 'Zoë\'s "café" \\ %s %(x)s :name {x} 🚨\n\t\u2028'
FAR = datetime.fromisoformat("2261-12-31T23:59:59.999999+00:00")
MINUTE = timedelta(minutes=1)


def incident(number: int, **changes: object) -> Incident:
    made = Incident(
        id=IncidentId(f"inc-{number:04d}"),
        key=f"key {number} {ODD}",
        origin=Origin.ALERT,
        source=LAB,
        title=ODD,
        tenant="acme-corp",
        service="crm",
        severity=Severity.WARNING,
        vip=False,
        status=IncidentStatus.OPEN,
        stage=Stage.PLAN,
        opened_at=START,
        updated_at=START,
        labels={"odd": ODD},
    )
    return replace(made, **changes)


FULL = incident(
    1,
    plan=Plan(Verb.SCALE, TargetName("crm"), PlaybookName("scale"), replicas=3, when=ODD, alert_id=7),
    planned_through=2**40,
    action_id=ActionId("act-1"),
    vip=True,
    verified_since=START,
    resolved_at=FAR,
    wake_at=START + timedelta(microseconds=1),
    escalated_at=START,
    hands_off=True,
    firing=3,
    is_symptom=True,
    reopened=2,
    fires=(START, FAR),
    flapping_until=FAR,
    acknowledged_at=START,
    acknowledged_by=ODD,
    closed_by=ODD,
)


def entry(text: str, **facts: object) -> Entry:
    return Entry(EventKind.NOTE, START, text, facts)


def insert(*incidents: Incident, entries: Sequence[Entry] = ()) -> Callable[[Transaction], None]:
    return lambda transaction: transaction.incidents.insert_all([(each, entries) for each in incidents])


async def read(store: SqlStore, work: Callable[[Transaction], T]) -> T:
    return await store.read(work)


async def test_an_incident_comes_back_as_it_was_put_by_any_way(store: SqlStore) -> None:
    alone, plain = replace(FULL, id=IncidentId("inc-0002"), key="other"), incident(3)
    await store.write(insert(FULL, plain))
    await store.write(lambda transaction: transaction.incidents.insert(alone, []))

    for each in (FULL, alone, plain):
        assert await store.read(lambda transaction, it=each.id: transaction.incidents.get(it)) == each
    assert await store.read(lambda transaction: transaction.incidents.get(IncidentId("inc-none"))) is None


async def test_an_update_counts_the_version_and_a_stale_one_changes_nothing(store: SqlStore) -> None:
    await store.write(insert(incident(1)))
    changed = replace(FULL, status=IncidentStatus.RESOLVED)

    assert await store.write(lambda transaction: transaction.incidents.update(changed, [entry("one")]))
    assert not await store.write(lambda transaction: transaction.incidents.update(changed, [entry("two")]))

    assert await store.read(lambda transaction: transaction.incidents.get(FULL.id)) == replace(changed, version=1)
    entries = await store.read(lambda transaction: transaction.incidents.timeline(FULL.id, limit=9, after=0))
    assert [each.entry.text for each in entries] == ["one"]


async def test_only_one_incident_is_open_under_a_key(store: SqlStore) -> None:
    over = incident(1, key="k", status=IncidentStatus.RESOLVED)
    await store.write(insert(over, incident(2, key="k", status=IncidentStatus.RESOLVED), incident(3, key="k")))

    with pytest.raises(StoreError):
        await store.write(insert(incident(4, key="k")))

    found = await store.read(lambda transaction: transaction.incidents.open_by_key("k"))
    assert found == incident(3, key="k")
    assert await store.read(lambda transaction: transaction.incidents.open_by_key("other")) is None


async def test_heads_are_found_by_key_and_by_id_and_stored_as_they_stand(store: SqlStore) -> None:
    lately = incident(2, key="lately", status=IncidentStatus.RESOLVED, resolved_at=START)
    long_ago = incident(3, key="long ago", status=IncidentStatus.RESOLVED, resolved_at=START - MINUTE)
    await store.write(insert(incident(1, key="open"), lately, long_ago, incident(4), entries=[entry("first")]))
    keys = ["open", "lately", "long ago", *(f"none {number}" for number in range(600))]

    def ids(**asked: object) -> Callable[[Transaction], list[str]]:
        return lambda transaction: sorted(head.id for head in transaction.incidents.heads(**asked))

    assert await store.read(ids(keys=keys)) == ["inc-0001"]
    assert await store.read(ids(keys=keys, closed_after=START)) == ["inc-0001", "inc-0002"]
    assert await store.read(ids(ids=[lately.id, IncidentId("inc-0004")])) == ["inc-0004"]
    assert await store.read(ids()) == []

    def touch(transaction: Transaction) -> None:
        [head] = transaction.incidents.heads(keys=["open"])
        head.severity, head.vip, head.is_recast, head.is_rewoken = Severity.CRITICAL, True, True, True
        head.firing, head.is_symptom = 7, True
        head.fires, head.flapping_until, head.wake_at, head.title = (START, FAR), FAR, FAR, ODD
        transaction.incidents.touch([(head, [entry("second"), entry("third")])], at=START + MINUTE)

    await store.write(touch)

    changed = await store.read(lambda transaction: transaction.incidents.get(IncidentId("inc-0001")))
    assert changed == incident(
        1,
        key="open",
        severity=Severity.CRITICAL,
        vip=True,
        firing=7,
        is_symptom=True,
        fires=(START, FAR),
        flapping_until=FAR,
        wake_at=FAR,
        updated_at=START + MINUTE,
        version=1,
    )


async def test_a_symptom_is_put_down_to_the_oldest_incident_that_fits(store: SqlStore) -> None:
    await store.write(
        insert(
            incident(1, tenant="globex"),
            incident(2, origin=Origin.REQUEST),
            incident(3, opened_at=START - 2 * MINUTE),
            incident(4, status=IncidentStatus.RESOLVED, resolved_at=START - 2 * MINUTE),
            incident(5, status=IncidentStatus.RESOLVED, resolved_at=START),
            incident(6),
            incident(7, source=SourceName("other")),
        )
    )

    def explaining(*tenants: str) -> Callable[[Transaction], str | None]:
        def work(transaction: Transaction) -> str | None:
            since = {"opened_since": START - MINUTE, "resolved_since": START - MINUTE}
            found = transaction.incidents.explaining(LAB, tenants, **since)
            return None if found is None else found.id

        return work

    assert await store.read(explaining("acme-corp")) == "inc-0005"
    assert await store.read(explaining("acme-corp", "globex")) == "inc-0001"
    assert await store.read(explaining("nobody")) is None
    since = await store.read(lambda transaction: transaction.incidents.open_since(LAB, START))
    assert [head.id for head in since] == ["inc-0006", "inc-0002", "inc-0001"]


async def test_what_is_due_comes_by_urgency_then_by_waiting(store: SqlStore) -> None:
    await store.write(
        insert(
            incident(1, wake_at=START),
            incident(2, wake_at=START - MINUTE),
            incident(3, wake_at=START, severity=Severity.CRITICAL),
            incident(4, wake_at=START, vip=True),
            incident(5, wake_at=START + timedelta(microseconds=1)),
            incident(6, wake_at=START, status=IncidentStatus.RESOLVED),
            incident(7),
        )
    )

    due = await store.read(lambda transaction: transaction.incidents.due(START, limit=3))

    assert [each.id for each in due] == ["inc-0004", "inc-0003", "inc-0002"]
    assert await store.read(lambda transaction: transaction.incidents.next_wake()) == START - MINUTE
    assert await store.read(lambda transaction: transaction.incidents.open_by_severity()) == {
        "critical": 1,
        "warning": 5,
    }


async def test_a_clock_that_was_set_back_wakes_who_sleeps_longer_and_nobody_else(store: SqlStore) -> None:
    later = START + timedelta(hours=6)
    asleep = incident(1, wake_at=later, verified_since=later)
    since_before = incident(2, wake_at=later, verified_since=START)
    due = incident(3, wake_at=START - MINUTE, verified_since=later)
    others = [due, incident(4), incident(5, wake_at=later, status=IncidentStatus.RESOLVED)]
    await store.write(insert(asleep, since_before, *others))
    await store.write(lambda rows: rows.incidents.heads(ids=[asleep.id]))  # its head is known from now on

    assert await store.write(lambda rows: rows.incidents.wake_all(START)) == 2

    def all_of_them(transaction: Transaction) -> list[Incident]:
        return transaction.incidents.page(limit=9, before=None)[0][::-1]

    woken = [
        replace(asleep, wake_at=START, verified_since=None, version=1),
        replace(since_before, wake_at=START, version=1),
    ]
    assert await store.read(all_of_them) == [*woken, *others]
    [head] = await store.write(lambda rows: rows.incidents.heads(ids=[asleep.id]))
    assert (head.wake_at, head.version) == (START, 1)
    assert await store.write(lambda rows: rows.incidents.wake_all(START)) == 0


async def test_nothing_is_due_where_nothing_is_open(store: SqlStore) -> None:
    assert await store.read(lambda transaction: transaction.incidents.next_wake()) is None
    assert await store.read(lambda transaction: transaction.incidents.due(FAR, limit=3)) == []
    assert not any((await store.read(lambda transaction: transaction.incidents.open_by_severity())).values())


async def test_a_list_is_paged_from_the_newest_and_narrowed(store: SqlStore) -> None:
    await store.write(
        insert(
            incident(1, status=IncidentStatus.RESOLVED),
            incident(2, severity=Severity.INFO),
            incident(3, source=SourceName("other")),
            incident(4, tenant="globex"),
            incident(5, service="billing", vip=True),
        )
    )

    async def page(only: IncidentFilter, **asked: object) -> tuple[list[int], str | None]:
        wanted = {"limit": 9, "before": None, **asked}
        found, cursor = await store.read(lambda transaction: transaction.incidents.page(only=only, **wanted))
        return [int(each.id.removeprefix("inc-")) for each in found], cursor

    first, cursor = await page(IncidentFilter(), limit=3)
    rest, end = await page(IncidentFilter(), limit=3, before=cursor)

    assert (first, rest, end) == ([5, 4, 3], [2, 1], None)
    assert (await page(IncidentFilter(status=IncidentStatus.RESOLVED)))[0] == [1]
    assert (await page(IncidentFilter(severity=Severity.INFO)))[0] == [2]
    assert (await page(IncidentFilter(source="other")))[0] == [3]
    assert (await page(IncidentFilter(tenant="globex")))[0] == [4]
    assert (await page(IncidentFilter(service="billing")))[0] == [5]
    assert (await page(IncidentFilter(vip=True)))[0] == [5]
    assert (await page(IncidentFilter(vip=False)))[0] == [4, 3, 2, 1]


async def test_the_newest_entries_may_be_asked_for_of_one_kind(store: SqlStore) -> None:
    def again(text: str) -> Entry:
        return replace(entry(text), kind=EventKind.REOPENED)

    said = [again("one"), entry("two"), again("three"), entry("four")]
    await store.write(insert(incident(1), incident(2), entries=said))

    def latest(transaction: Transaction, **asked: object) -> list[str]:
        found = transaction.incidents.latest_entries(IncidentId("inc-0001"), **asked)
        return [each.entry.text for each in found]

    assert await store.read(lambda rows: latest(rows, limit=2)) == ["four", "three"]
    assert await store.read(lambda rows: latest(rows, limit=1, kind=EventKind.REOPENED)) == ["three"]
    assert await store.read(lambda rows: latest(rows, limit=9, kind=EventKind.REOPENED)) == ["three", "one"]
    assert await store.read(lambda rows: latest(rows, limit=9, kind=EventKind.CLOSED)) == []


async def test_a_timeline_is_numbered_without_a_gap_and_goes_on_after_a_restart(
    store: SqlStore, database: Database
) -> None:
    one, two = incident(1), incident(2)
    facts = {"odd": ODD, "nul": "\0", "nested": {"list": [1, 2.5, None, True]}, "z": 1, "a": 2}
    await store.write(insert(one, two, entries=[entry(ODD, **facts)]))
    with pytest.raises(StoreError):
        await store.write(insert(incident(3, key=one.key), entries=[entry("undone")]))
    store.close()
    again = database.opened()
    await again.write(lambda transaction: transaction.incidents.update(one, [entry("b"), entry("c")]))

    entries = await again.read(lambda transaction: transaction.incidents.timeline(one.id, limit=9, after=0))

    assert [(each.number, each.sequence, each.entry.text) for each in entries] == [
        (1, 1, ODD),
        (3, 2, "b"),
        (4, 3, "c"),
    ]
    assert entries[0].entry == entry(ODD, **facts)
    assert len({each.hash for each in entries}) == 3
    later = await again.read(lambda transaction: transaction.incidents.timeline(one.id, limit=1, after=1))
    assert [each.sequence for each in later] == [2]


async def test_the_services_that_an_open_incident_stands_for_are_told_of_any_number_asked(store: SqlStore) -> None:
    over = incident(3, service="mail", status=IncidentStatus.RESOLVED, key="over")
    await store.write(insert(incident(1, service="crm"), incident(2, service=ODD, key="two"), over))
    wanted = [incident(4, service="wiki", origin=Origin.REQUEST), incident(5, service="crm", origin=Origin.REQUEST)]
    await store.write(insert(*wanted))
    asked = ["crm", "mail", "wiki", ODD, *(f"service-{number}" for number in range(1200))]

    assert await store.read(lambda rows: rows.incidents.open_services(asked)) == {"crm", ODD}
    assert await store.read(lambda rows: rows.incidents.open_services([])) == frozenset()
    first, second = incident(1).id, incident(2).id
    assert await store.read(lambda rows: rows.incidents.open_services(asked, besides=first)) == {ODD}
    assert await store.read(lambda rows: rows.incidents.open_services(asked, besides=second)) == {"crm"}


def due_of(one: Incident) -> Due:
    return Due(one.id, one.priority)


async def test_who_has_waited_longest_is_told_however_urgent_the_others_are(store: SqlStore) -> None:
    old = incident(1, wake_at=START, severity=Severity.INFO)
    older = incident(2, wake_at=START - MINUTE, severity=Severity.INFO, key="two")
    urgent = incident(3, wake_at=START + timedelta(seconds=1), severity=Severity.CRITICAL, vip=True, key="three")
    over = incident(4, wake_at=START - MINUTE, status=IncidentStatus.RESOLVED, key="over")
    await store.write(insert(old, older, urgent, over))

    assert await store.read(lambda rows: rows.incidents.longest_due(START, limit=9)) == [due_of(older), due_of(old)]
    assert await store.read(lambda rows: rows.incidents.longest_due(START, limit=1)) == [due_of(older)]


async def test_what_the_agent_has_given_up_and_what_still_fires_is_found_the_newest_first(store: SqlStore) -> None:
    given_up = [incident(number, key=str(number), hands_off=True, firing=1) for number in (1, 2, 3)]
    over = incident(4, key="over", hands_off=True, firing=1, status=IncidentStatus.RESOLVED)
    quiet = incident(5, key="quiet", hands_off=True, firing=0)
    at_work = incident(6, key="at work", firing=1)
    await store.write(insert(*given_up, over, quiet, at_work))

    assert await store.read(lambda rows: rows.incidents.given_up(limit=9)) == given_up[::-1]
    assert await store.read(lambda rows: rows.incidents.given_up(limit=2)) == given_up[:0:-1]
    newest = given_up[-1].id
    assert await store.read(lambda rows: rows.incidents.given_up(limit=1, before=newest)) == [given_up[1]]
    assert await store.read(lambda rows: rows.incidents.given_up(limit=9, before=given_up[0].id)) == []


async def test_what_people_did_is_found_among_all_that_is_told(store: SqlStore) -> None:
    """By the facts that name somebody, whatever the words are; the newest first, between two numbers."""
    told = [
        entry("nobody"),
        entry("ann", by="ann"),
        entry('says "by": bob', note='"by": bob'),
        entry("zoë", resumed_by=ODD),
        entry("nobody again", standby=1),
        entry("cleo", by="cleo", more={"by": "x"}),
    ]
    await store.write(insert(incident(1), entries=told))

    async def names(*, above: int = 0, up_to: int = 6, limit: int = 9) -> list[str]:
        found = await store.read(lambda rows: rows.incidents.deeds(above=above, up_to=up_to, limit=limit))
        return [one.entry.text for one in found]

    assert await names() == ["cleo", "zoë", "ann"]
    assert await names(above=2, up_to=5) == ["zoë"]
    assert await names(limit=2) == ["cleo", "zoë"]
    assert await names(above=4, up_to=5) == []
