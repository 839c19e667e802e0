"""What each channel was told, on every store: what is due in its order, storms counted, nothing pruned too early."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.model.deliveries import KEPT_TRYING, LOWEST_PRIORITY, Delivery, DeliveryState, Failure
from aetherlink.model.ids import ChannelName, IncidentId
from aetherlink.model.incidents import Incident, IncidentStatus, Severity
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Store, Transaction
from aetherlink.testing import START
from rigs import letters

CHAT = ChannelName('chat "room" \\ %s 🚨')
MAIL = ChannelName("mail")
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def delivery(subject: str, channel: ChannelName = CHAT, **changes: object) -> Delivery:
    plain = Delivery(
        subject, channel, 20, DeliveryState.WAITING, wanted=3, since=START, began_at=START, told=1, due_at=START
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields of its own


def put(*found: Delivery) -> Callable[[Transaction], None]:
    def work(transaction: Transaction) -> None:
        for one in found:
            transaction.deliveries.put(one)

    return work


def incident(number: int, **changes: object) -> Incident:
    own = {"id": IncidentId(f"inc-{number:04d}"), "key": f"key-{number}", "opened_at": START, "updated_at": START}
    return letters.incident(**{**own, **changes})


def insert(*found: Incident) -> Callable[[Transaction], None]:
    def work(transaction: Transaction) -> None:
        for one in found:
            transaction.incidents.insert(one, [Entry(EventKind.OPENED, START, f"opened {one.id}")])

    return work


async def subjects_due(store: Store, **asked: object) -> list[str]:
    def work(transaction: Transaction) -> list[str]:
        return [one.subject for one in transaction.deliveries.due(CHAT, START, **{"limit": 10, **asked})]  # type: ignore[arg-type]  # a test's own words

    return await store.read(work)


async def test_a_delivery_comes_back_as_it_was_put(store: Store) -> None:
    full = delivery(
        "inc-0001",
        state=DeliveryState.SENDING,
        attempts=4,
        is_unsure=True,
        asks=2,
        reference={"ts": "1.5", "thread": "ö"},
        digest="dig-1",
        failure=Failure.SERVER,
        problem="POST x answered 500",
    )
    await store.write(put(delivery("inc-0001"), delivery("inc-0001", MAIL, due_at=None)))
    await store.write(put(full))

    found = await store.read(lambda rows: rows.deliveries.get("inc-0001", CHAT))
    assert found == full
    assert await store.read(lambda rows: rows.deliveries.get("inc-0002", CHAT)) is None
    both = await store.read(lambda rows: rows.deliveries.of("inc-0001"))
    assert [one.channel for one in both] == [CHAT, MAIL]


async def test_a_cursor_is_kept_by_channel(store: Store) -> None:
    assert await store.read(lambda rows: rows.deliveries.cursor(CHAT)) is None
    await store.write(lambda rows: rows.deliveries.set_cursor(CHAT, 7))
    await store.write(lambda rows: rows.deliveries.set_cursor(CHAT, 2**40))
    await store.write(lambda rows: rows.deliveries.set_cursor(MAIL, 1))

    assert await store.read(lambda rows: rows.deliveries.cursor(CHAT)) == 2**40
    assert await store.read(lambda rows: rows.deliveries.cursor(MAIL)) == 1


async def test_who_is_asked_comes_first_then_the_urgent_then_who_has_waited(store: Store) -> None:
    await store.write(
        put(
            delivery("later", due_at=START + SECOND),
            delivery("told", due_at=None),
            delivery("elsewhere", MAIL),
            delivery("new", priority=20, since=START + SECOND),
            delivery("old", priority=20),
            delivery("urgent", priority=0, since=START + 5 * SECOND),
            delivery("asked", priority=30, asks=3, since=START + 9 * SECOND),
            delivery("passed on", priority=30, asks=-3, since=START + 10 * SECOND),
        )
    )

    assert await subjects_due(store) == ["asked", "passed on", "urgent", "old", "new"]
    assert await subjects_due(store, limit=3) == ["asked", "passed on", "urgent"]
    assert await subjects_due(store, lowest_priority=0) == ["urgent"]


async def test_after_the_clock_was_set_back_nothing_sleeps_until_the_old_time(store: Store) -> None:
    await store.write(
        put(delivery("soon", due_at=START + 400 * SECOND), delivery("asleep", due_at=START + 3600 * SECOND))
    )

    assert await subjects_due(store) == ["asleep"]


async def test_a_request_is_unheard_once_it_has_waited_whether_or_not_it_was_given_up(store: Store) -> None:
    await store.write(
        put(
            delivery("asked", asks=3, since=START),
            delivery("dead", asks=3, since=START - SECOND, state=DeliveryState.DEAD, due_at=None),
            delivery("fresh", asks=3, since=START + SECOND),
            delivery("plain"),
            delivery("passed on", asks=-3),
            delivery("elsewhere", MAIL, asks=3),
        )
    )

    found = await store.read(lambda rows: rows.deliveries.unheard_requests(CHAT, START, limit=10))
    first = await store.read(lambda rows: rows.deliveries.unheard_requests(CHAT, START, limit=1))
    assert [one.subject for one in found] == ["dead", "asked"]
    assert first == found[:1]


async def test_a_storm_goes_on_in_the_newest_digest(store: Store) -> None:
    def digest(name: str, began: timedelta, channel: ChannelName = CHAT) -> Delivery:
        return delivery(f"dig-{name}", channel, priority=LOWEST_PRIORITY, began_at=START + began)

    await store.write(
        put(
            digest("new", 9 * SECOND),
            digest("old", SECOND),
            digest("mail", DAY, MAIL),
            delivery("inc-1", began_at=START + DAY),
        )
    )

    async def open_after(seconds: int) -> str | None:
        after = START + seconds * SECOND
        found = await store.read(lambda rows: rows.deliveries.open_digest(CHAT, after))
        return None if found is None else found.subject

    assert [await open_after(seconds) for seconds in (0, 5, 9)] == ["dig-new", "dig-new", None]


async def test_a_digest_counts_its_own_incidents_and_names_the_most_urgent(store: Store) -> None:
    over = incident(3, status=IncidentStatus.RESOLVED, resolved_at=START)
    await store.write(insert(incident(1), incident(2, severity=Severity.CRITICAL), over, incident(4)))
    await store.write(
        put(
            *(delivery(f"inc-000{number}", digest="dig-1") for number in (1, 2, 3)),
            delivery("inc-0004", MAIL, digest="dig-1"),
            delivery("inc-0004", digest="dig-2"),
        )
    )

    counts = await store.read(lambda rows: rows.deliveries.digest_counts("dig-1", CHAT, most=1))
    assert (counts.incidents, counts.open) == (3, 2)
    assert dict(counts.by_severity) == {Severity.WARNING: 1, Severity.CRITICAL: 1}
    assert [one.id for one in counts.worst] == ["inc-0002"]


async def test_entries_of_all_incidents_come_in_the_order_in_which_they_were_stored(store: Store) -> None:
    await store.write(insert(incident(2), incident(1)))
    await store.write(insert(incident(3)))

    found = await store.read(lambda rows: rows.incidents.entries_after(0, limit=10))
    assert [one.entry.text for one in found] == ["opened inc-0002", "opened inc-0001", "opened inc-0003"]
    rest = await store.read(lambda rows: rows.incidents.entries_after(found[0].number, limit=1))
    assert rest == found[1:2]


async def test_the_list_is_newest_first_and_can_be_narrowed(store: Store) -> None:
    dead = {"state": DeliveryState.DEAD, "due_at": None}
    await store.write(put(delivery("a", **dead), delivery("b"), delivery("c", MAIL, **dead), delivery("d", **dead)))  # type: ignore[arg-type]  # fields of its own

    async def pages(**asked: object) -> list[list[str]]:
        found, before = [], None
        while True:
            page, before = await store.read(
                lambda rows, at=before: rows.deliveries.page(limit=2, before=at, **asked)  # type: ignore[misc,arg-type]  # a test's own words
            )
            found.append([one.subject for one in page])
            if before is None:
                return found

    assert await pages() == [["d", "c"], ["b", "a"]]
    assert await pages(state=DeliveryState.DEAD) == [["d", "c"], ["a"]]
    assert await pages(channel=CHAT, state=DeliveryState.DEAD) == [["d", "a"]]
    assert await pages(channel=ChannelName("nobody")) == [[]]


async def test_a_channel_stands_as_its_deliveries_do(store: Store) -> None:
    await store.write(
        put(
            delivery("a", since=START + SECOND),
            delivery("b", since=START + 2 * SECOND),
            delivery("c", since=START, due_at=None, state=DeliveryState.DEAD),
            delivery("d", MAIL, due_at=None, state=DeliveryState.TOLD),
        )
    )

    found = {one.channel: one for one in await store.read(lambda rows: rows.deliveries.states())}
    assert list(found) == sorted([CHAT, MAIL])
    assert found[CHAT].by_state == {DeliveryState.WAITING: 2, DeliveryState.DEAD: 1}
    assert (found[CHAT].waiting_since, found[MAIL].waiting_since) == (START + SECOND, None)
    assert await store.read(lambda rows: rows.deliveries.waiting()) == {CHAT: START + SECOND}


async def test_what_a_channel_that_is_gone_was_to_be_told_goes_in_the_end(store: Store) -> None:
    over = {"status": IncidentStatus.RESOLVED, "resolved_at": START}
    await store.write(insert(incident(1, **over), incident(2, **over), incident(3)))
    await store.write(put(delivery("inc-0001"), delivery("inc-0002", since=START + SECOND), delivery("inc-0003")))

    went = [
        await store.write(lambda rows, at=at: rows.deliveries.prune(at, limit=10))
        for at in (START + KEPT_TRYING, START + KEPT_TRYING + SECOND)
    ]

    left, _ = await store.read(lambda rows: rows.deliveries.page(limit=100, before=None))
    assert went == [0, 1]
    assert {one.subject for one in left} == {"inc-0002", "inc-0003"}


@pytest.mark.parametrize("limit", [1, 100])
async def test_what_is_pruned_is_old_and_over_and_told(store: Store, limit: int) -> None:
    over = {"status": IncidentStatus.RESOLVED, "resolved_at": START}
    await store.write(insert(incident(1), *(incident(number, **over) for number in (2, 3, 4, 5))))
    done = {"due_at": None, "state": DeliveryState.TOLD}
    await store.write(
        put(
            delivery("inc-0001", **done),  # type: ignore[arg-type]  # fields of its own
            delivery("inc-0002", **done),  # type: ignore[arg-type]  # fields of its own
            delivery("inc-0003"),
            delivery("inc-0004", **done, since=START + DAY),  # type: ignore[arg-type]  # fields of its own
            delivery("inc-0001", MAIL, **done, digest="dig-1"),  # type: ignore[arg-type]  # fields of its own
            delivery("dig-1", MAIL, **done, priority=LOWEST_PRIORITY),  # type: ignore[arg-type]  # fields of its own
            delivery("inc-0005", **done, digest="dig-2"),  # type: ignore[arg-type]  # fields of its own
            delivery("dig-2", **done, priority=LOWEST_PRIORITY),  # type: ignore[arg-type]  # fields of its own
        )
    )

    went = []
    while count := await store.write(lambda rows: rows.deliveries.prune(START + SECOND, limit=limit)):
        went.append(count)

    left, _ = await store.read(lambda rows: rows.deliveries.page(limit=100, before=None))
    assert sum(went) == 3
    assert max(went) <= limit
    assert sorted((one.subject, one.channel == MAIL) for one in left) == [
        ("dig-1", True),
        ("inc-0001", False),
        ("inc-0001", True),
        ("inc-0003", False),
        ("inc-0004", False),
    ]
