"""The reconciler: whom it asks, what it reports, what it logs and counts, and that it never works more than needed."""

import json
import logging
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.clients.alertmanager import AlertmanagerClient
from aetherlink.clients.listing import AlertmanagerState, ListedAlert, read_alerts
from aetherlink.errors import AetherError, StoreError, UnreachableError
from aetherlink.intake.comparison import Comparison, PollStatus
from aetherlink.intake.reconcile import Reconciler, Watched
from aetherlink.intake.reconcile_metrics import ReconcileMetrics
from aetherlink.intake.reconcile_options import ReconcileOptions
from aetherlink.model.alerts import Alert, AlertStatus, Standing, StoredAlert, Suppression
from aetherlink.model.ids import Fingerprint, SourceName
from aetherlink.model.ledger import Way
from aetherlink.ports import Clock, Store, Transaction
from aetherlink.testing import START, ManualClock
from rigs.patience import eventually

PROD = SourceName("prod")
LONG_AGO = START - timedelta(hours=1)


class Peer:
    """An Alertmanager that lists what it is told to, or fails, or hangs."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.listed: list[str] = []
        self.silenced: set[str] = set()
        self.problem: AetherError | None = None
        self.asked: list[str] = []

    async def alerts(
        self, *, receiver: str | None, max_bytes: int, max_alerts: int, own_silences: Collection[str]
    ) -> dict[Fingerprint, ListedAlert]:
        self.asked.append("alerts")
        assert max_bytes == 64 * 1024 * 1024
        if self.problem is not None:
            raise self.problem
        wires = [wire(name, silenced=name in self.silenced) for name in self.listed]
        return read_alerts(json.dumps(wires).encode(), receiver=receiver, most=max_alerts, own_silences=own_silences)

    async def state(self, _clock: Clock) -> AlertmanagerState:
        self.asked.append("state")
        return AlertmanagerState(timedelta(hours=1), is_settled=True)


def wire(name: str, *, silenced: bool) -> dict[str, Any]:
    return {
        "fingerprint": name,
        "labels": {"alertname": name, "service": "crm"},
        "annotations": {"summary": f"{name} is bad"},
        "startsAt": LONG_AGO.isoformat(),
        "endsAt": (START + timedelta(hours=1)).isoformat(),
        "receivers": [{"name": "agent"}],
        "status": {"state": "active", "silencedBy": ["s"] * silenced, "inhibitedBy": []},
    }


class World:
    """What is known and stored, and who is told: sink, standings, store and heartbeats at once."""

    def __init__(self) -> None:
        self.stored: dict[int, StoredAlert] = {}
        self.known: dict[Fingerprint, Standing] = {}
        self.received: list[Alert] = []
        self.calls: list[int] = []
        self.heartbeats: list[str] = []
        self.problem: AetherError | None = None

    async def receive(self, alerts: Sequence[Alert], *, way: Way = Way.WEBHOOK, body: object = None) -> None:
        assert (way, body) == (Way.RECONCILE, None)
        if self.problem is not None:
            raise self.problem
        self.calls.append(len(alerts))
        self.received += alerts
        for alert in alerts:
            self.file(alert)

    def file(self, alert: Alert) -> None:
        number = len(self.stored) + 1
        self.stored[number] = StoredAlert(number, alert, None, START, START)
        self.known[alert.fingerprint] = Standing(number, alert.since, alert.status, alert.suppressed, None)

    def of(self, _source: SourceName, fingerprint: Fingerprint) -> Standing | None:
        return self.known.get(fingerprint)

    def firing(self, _source: SourceName) -> dict[Fingerprint, Standing]:
        return {key: each for key, each in self.known.items() if each.status is AlertStatus.FIRING}

    def is_old_news(self, alert: Alert) -> bool:
        raise AssertionError(f"nobody asks whether {alert} is news")

    async def read(self, work: Callable[[Transaction], Any]) -> Any:
        return work(cast("Transaction", self))

    @property
    def alerts(self) -> "World":
        return self

    def get(self, number: int) -> StoredAlert | None:
        return self.stored.get(number)

    def heard(self, source: SourceName, at: datetime) -> None:
        self.heartbeats.append(f"{source} heard at {at:%H:%M:%S}")

    def stopped(self, source: SourceName) -> None:
        raise AssertionError(f"a list never says that the heartbeat of {source} ended")

    def missed(self, source: SourceName) -> None:
        self.heartbeats.append(f"{source} missed")


class Rig:
    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.world = World()
        self.own_silences: set[str] = set()
        self.peers = [Peer("http://am-1:9093"), Peer("http://am-2:9093")]
        self.reconciler = self.make(ReconcileOptions(interval=timedelta(milliseconds=100)))

    def make(self, options: ReconcileOptions) -> Reconciler:
        self.registry = CollectorRegistry()
        return Reconciler(
            Watched(PROD, cast("list[AlertmanagerClient]", self.peers), "agent"),
            options,
            comparison=Comparison(options, frozenset({"Watchdog"})),
            standings=self.world,
            sink=self.world,
            store=cast("Store", self.world),
            heartbeats=self.world,
            clock=self.clock,
            metrics=ReconcileMetrics(self.registry, [PROD]),
            own_silences=self.own_silences,
        )

    def list_everywhere(self, *names: str) -> None:
        for peer in self.peers:
            peer.listed = list(names)

    async def poll(self) -> PollStatus:
        self.clock.move(30)
        return await self.reconciler.poll()

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"aether_agent_reconcile_{name}", {"source": "prod", **labels})


@pytest.fixture
async def rig(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Rig]:
    caplog.set_level(logging.INFO, logger="aetherlink.reconcile")
    rig = Rig(clock)
    yield rig
    await rig.reconciler.stop()


async def test_a_missed_alert_is_reported_as_it_was_listed(rig: Rig) -> None:
    rig.peers[1].listed = ["a"]

    assert await rig.poll() is PollStatus.OK

    asked_at = START + timedelta(seconds=30)
    labels, annotations = {"alertname": "a", "service": "crm"}, {"summary": "a is bad"}
    assert rig.world.received == [
        Alert(
            PROD, Fingerprint("a"), AlertStatus.FIRING, LONG_AGO, None, labels, annotations, Suppression.NONE, asked_at
        )
    ]
    assert rig.metric("found_total", kind="missed") == 1


async def test_it_knows_what_was_listed_last_and_when(rig: Rig) -> None:
    rig.peers[1].listed = ["a"]
    assert rig.reconciler.listed_at(Fingerprint("a")) is None
    await rig.poll()
    for peer in rig.peers:
        peer.problem = UnreachableError("no answer")
    await rig.poll()
    assert rig.reconciler.listed_at(Fingerprint("a")) == START + timedelta(seconds=30), "no answer says nothing new"
    assert rig.reconciler.listed_at(Fingerprint("b")) is None

    rig.peers[0].problem = None
    await rig.poll()
    assert rig.reconciler.listed_at(Fingerprint("a")) is None, "who answers does not list it"


async def test_a_ghost_is_reported_as_over_with_the_labels_that_are_stored(rig: Rig) -> None:
    rig.list_everywhere("a", "b")
    await rig.poll()
    rig.list_everywhere("a")
    await rig.poll()
    await rig.poll()

    over = rig.world.received[-1]
    assert (over.fingerprint, over.status, over.starts_at) == ("b", AlertStatus.RESOLVED, LONG_AGO)
    assert (over.ends_at, over.labels["service"]) == (START + timedelta(seconds=90), "crm")
    assert rig.metric("found_total", kind="ghost") == 1


async def test_an_end_is_never_before_what_is_known(rig: Rig) -> None:
    """Clocks differ: what a webhook said may lie ahead of ours, and its end has to win all the same."""
    rig.list_everywhere("a", "b")
    await rig.poll()
    ahead = START + timedelta(minutes=9)
    rig.world.known[Fingerprint("b")] = rig.world.known[Fingerprint("b")]._replace(since=ahead)
    rig.list_everywhere("a")
    await rig.poll()
    await rig.poll()

    assert rig.world.received[-1].order == (ahead, True)


async def test_a_silence_of_our_own_is_no_suppression(rig: Rig) -> None:
    rig.list_everywhere("a")
    await rig.poll()
    rig.own_silences.add("s")
    rig.peers[0].silenced = {"a"}
    for _ in range(3):
        await rig.poll()

    assert [alert.suppressed for alert in rig.world.received] == [""]


async def test_a_silence_and_its_end_are_reported_on_change_only(rig: Rig) -> None:
    rig.list_everywhere("a")
    await rig.poll()
    rig.peers[0].silenced = {"a"}
    for _ in range(3):
        await rig.poll()
    rig.peers[0].silenced = set()
    for _ in range(4):
        await rig.poll()

    assert [alert.suppressed for alert in rig.world.received] == ["", "silenced", ""]
    assert rig.world.received[-1].seen_at == START + timedelta(seconds=180)


async def test_where_nothing_changes_nothing_is_written_and_the_work_is_the_same(rig: Rig) -> None:
    rig.list_everywhere("a", "b")
    await rig.poll()
    written = len(rig.world.calls)
    for _ in range(5):
        await rig.poll()

    assert len(rig.world.calls) == written
    assert [peer.asked for peer in rig.peers] == [["alerts", "state"] * 6] * 2


async def test_many_reports_come_in_parts(rig: Rig) -> None:
    rig.list_everywhere(*(f"alert-{number}" for number in range(4500)))

    await rig.poll()

    assert rig.world.calls == [2000, 2000, 500]


async def test_one_that_fails_closes_nothing_and_is_logged_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.list_everywhere("a", "b")
    await rig.poll()
    rig.list_everywhere("a")
    rig.peers[1].problem = UnreachableError("Alertmanager at http://am-2:9093 answered with 500")

    assert [await rig.poll() for _ in range(3)] == [PollStatus.PARTIAL] * 3
    rig.peers[0].problem = UnreachableError("gone")
    assert await rig.poll() is PollStatus.ERROR
    rig.peers[0].problem = rig.peers[1].problem = None
    assert await rig.poll() is PollStatus.OK

    assert [alert.status for alert in rig.world.received] == ["firing", "firing"]
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == [
        "source prod cannot be reconciled: Alertmanager at http://am-2:9093 answered with 500",
        "source prod cannot be reconciled: gone",
    ]
    assert sum("is reconciled again" in record.message for record in caplog.records) == 2
    counts = {status: rig.metric("polls_total", status=status) for status in ("ok", "partial", "error")}
    assert counts == {"ok": 2, "partial": 3, "error": 1}
    assert rig.metric("last_success_timestamp_seconds") == rig.clock.now().timestamp()


async def test_what_could_not_be_stored_is_found_again(rig: Rig) -> None:
    rig.list_everywhere("a", "b")
    await rig.poll()
    rig.list_everywhere("a", "c")
    await rig.poll()
    rig.world.problem = StoreError("disk full")
    with pytest.raises(StoreError):
        await rig.poll()
    assert rig.metric("found_total", kind="ghost") == 0

    rig.world.problem = None
    await rig.poll()

    assert rig.world.received[-1].fingerprint == "b"


async def test_the_heartbeat_is_passed_on(rig: Rig) -> None:
    rig.list_everywhere("Watchdog")
    await rig.poll()
    rig.list_everywhere("a")
    await rig.poll()
    rig.peers[0].problem = UnreachableError("gone")
    await rig.poll()

    assert rig.world.heartbeats == ["prod heard at 12:00:30", "prod missed"]


async def test_a_doubtful_list_is_said_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    watchdog = Alert(PROD, Fingerprint("Watchdog"), AlertStatus.FIRING, LONG_AGO, None, {}, {}, Suppression.HEARTBEAT)
    rig.world.file(watchdog)
    for _ in range(3):
        await rig.poll()

    assert [record.message for record in caplog.records] == [
        "source prod lists far fewer alerts than stand: none is closed, for the heartbeat is not in the list either"
    ]


async def test_it_asks_at_once_then_at_every_interval_and_stops(rig: Rig) -> None:
    assert not rig.reconciler.is_alive
    rig.reconciler.start()
    await eventually(lambda: len(rig.peers[0].asked) >= 6)

    assert rig.reconciler.is_alive
    await rig.reconciler.stop()
    assert not rig.reconciler.is_alive


async def test_a_fault_of_one_poll_ends_no_other(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.list_everywhere("a")
    rig.world.problem = StoreError("disk full")
    rig.reconciler.start()
    await eventually(lambda: len(rig.peers[0].asked) >= 6)
    rig.world.problem = None
    await eventually(lambda: "source prod is reconciled again: the store is well" in caplog.messages)

    assert sum("what was found could not be stored: disk full" in line for line in caplog.messages) == 1


async def test_asked_for_it_comes_before_the_interval_is_over(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aetherlink.intake.reconcile._BREATH", timedelta(seconds=0.05))
    patient = rig.make(ReconcileOptions(interval=timedelta(hours=1)))
    patient.start()
    await eventually(lambda: len(rig.peers[0].asked) >= 2)

    patient.soon()

    await eventually(lambda: len(rig.peers[0].asked) >= 4)
    await patient.stop()


async def test_switched_off_it_asks_nobody(rig: Rig) -> None:
    off = rig.make(ReconcileOptions(enabled=False))
    off.start()

    assert off.is_alive
    assert rig.peers[0].asked == []
