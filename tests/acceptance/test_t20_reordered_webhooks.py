"""T20: webhooks doubled, reordered, split and late end in the state of a reference model; nothing is filed twice."""

import asyncio
import json
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Coroutine, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from aetherlink.lib.hash_chain import FIRST, Chain, Link
from aetherlink.model import lifecycle
from aetherlink.model.alerts import Alert, AlertStatus
from aetherlink.model.ids import Fingerprint, SourceName
from aetherlink.model.incidents import IncidentStatus
from aetherlink.model.journal import JournalBody
from aetherlink.model.ledger import Way
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.store.database import SqlStore
from aetherlink.store.sqlite import SqlitePlace
from aetherlink.store.statements import micros
from aetherlink.store.tables import incidents, timeline
from aetherlink.testing import CountingIds, ManualClock, fixed_key
from rigs.filing_model import FilingModel
from rigs.filing_world import ALERTS, SOURCES, Source, Wire, body, heard
from rigs.pipeline import Rig, build_rig

MEMORY = Path("/dev/shm")  # where it is: a commit waits for the disk, and no disk is what this is about
WHICH = st.integers(0, len(ALERTS) - 1)
ENDS = st.sampled_from(("now", "earlier", "later", "absent", "zero", "never"))
_ZERO, _NEVER = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
_EPISODES = "SELECT id, source, fingerprint, starts_at, since, status, suppressed, incident_id FROM alerts ORDER BY id"
_INCIDENTS = "SELECT id, source, status = 'open' OR closed_by IS NOT NULL, firing FROM incidents"
T = TypeVar("T")
Sent = tuple[SourceName, tuple[Wire, ...]]


class _Row(NamedTuple):
    """An episode as it is stored."""

    id: int
    source: str
    fingerprint: str
    starts_at: int
    since: int
    status: str
    suppressed: str
    incident_id: str | None

    @property
    def alert(self) -> tuple[str, str]:
        return self.source, self.fingerprint

    @property
    def episode(self) -> tuple[str, str, int]:
        return self.source, self.fingerprint, self.starts_at


def _told(how: str, now: datetime) -> str | None:
    """What a webhook says of the end of an alert."""
    instants = {"now": now, "earlier": now - timedelta(seconds=90), "later": now + timedelta(minutes=5)}
    return instants[how].isoformat() if how in instants else {"absent": None, "zero": _ZERO, "never": _NEVER}[how]


class Webhooks(RuleBasedStateMachine):
    """Two sources, their webhooks in whatever order, reconciliation, the pipeline, people, and restarts."""

    empty: Path
    """A database with nothing in it but its tables."""
    place: SqlitePlace
    """Where each sequence puts a copy of it. Its connections are closed by each restart, its statements stay known."""
    file: Path

    def __init__(self) -> None:
        super().__init__()
        shutil.copy(self.empty, self.file)
        self.loop = asyncio.new_event_loop()
        self.clock = ManualClock()
        self.ids = CountingIds()
        self.model = FilingModel()
        self.sources = {name: Source(name) for name in SOURCES}
        self.sent: list[Sent] = []
        self._open()

    def _open(self) -> None:
        self.store = SqlStore(self.place, key=fixed_key)
        self.store.open()
        self.rig: Rig = build_rig(self.store, self.clock, self.ids, database=self.file)
        self.eye = sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)
        self.has_worked, self.is_aged = True, False

    def _close(self) -> None:
        self.eye.close()
        self.store.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        self.has_worked = self.is_aged = True
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self._close()
        self.loop.close()

    # What happens.

    @rule(source=st.sampled_from(SOURCES), which=WHICH, back=st.sampled_from((0, 0, 30, 3600)), is_named=st.booleans())
    def an_alert_fires(self, source: SourceName, which: int, back: int, is_named: bool) -> None:
        at = self.clock.now() - timedelta(seconds=back)
        self._send(source, self.sources[source].fires(which, at=at, has_fingerprint=is_named))

    @rule(source=st.sampled_from(SOURCES), how=ENDS, is_heard=st.booleans(), data=st.data())
    def an_alert_ends(self, source: SourceName, how: str, is_heard: bool, data: st.DataObject) -> None:
        active = sorted(self.sources[source].active)
        if active:
            which = data.draw(st.sampled_from(active))
            wire = self.sources[source].ends(which, now=self.clock.now(), ends_at=_told(how, self.clock.now()))
            self._send(source, wire, is_heard=is_heard)

    @rule(source=st.sampled_from(SOURCES), which=st.sets(WHICH, min_size=2))
    def a_group_fires(self, source: SourceName, which: set[int]) -> None:
        self._send(source, *(self.sources[source].fires(each, at=self.clock.now()) for each in sorted(which)))

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), left_out=st.sampled_from((0, 0, 3)), is_retold=st.booleans(), is_split=st.booleans())
    def earlier_webhooks_come_again(self, data: st.DataObject, left_out: int, is_retold: bool, is_split: bool) -> None:
        """From a twin, late, in another order, in other groups; all at once."""
        chosen = data.draw(st.lists(st.sampled_from(self.sent), min_size=1, max_size=6))
        together: dict[SourceName, list[Wire]] = {}
        for source, wires in chosen:
            together.setdefault(source, []).extend(wire.retold() if is_retold else wire for wire in wires)
        groups = [(source, (wire,)) for source, wires in together.items() for wire in wires]
        self._deliver(groups if is_split else list(together.items()), left_out=left_out)

    @rule(source=st.sampled_from(SOURCES), which=WHICH, hours=st.sampled_from((-2, 4, 24 * 400)))
    def a_clock_is_wrong(self, source: SourceName, which: int, hours: int) -> None:
        """An alert that fires since long ago, or since a time to come."""
        at = self.clock.now() + timedelta(hours=hours)
        self._deliver([(source, (Wire(ALERTS[which], "firing", at, _ZERO),))])
        self.clock.move(0.001)  # what was filed as from now on is no episode that truly begins now

    @rule(source=st.sampled_from(SOURCES), which=WHICH)
    def a_silence_begins_or_ends(self, source: SourceName, which: int) -> None:
        self.sources[source].silenced ^= {which}

    @rule(source=st.sampled_from(SOURCES))
    def alertmanager_is_asked(self, source: SourceName) -> None:
        now = self.clock.now()
        standing = self.store.standings.firing(source)
        prints = list(standing)
        seen = self.sources[source].listed(now)
        gone = self.sources[source].gone(prints, [standing[each].since for each in prints], now)
        self._file([*seen, *gone], way=Way.RECONCILE)

    @rule(seconds=st.sampled_from((1, 30, 200, 700, 1000)))
    def time_passes(self, seconds: int) -> None:
        self.clock.move(seconds)

    @rule()
    def the_pipeline_works(self) -> None:
        self._run(self.rig.run())

    @rule(data=st.data())
    def a_person_closes_an_incident(self, data: st.DataObject) -> None:
        found, _ = self._run(self.store.read(lambda tx: tx.incidents.page(limit=20, before=None)))
        unsettled = [one for one in found if one.status is IncidentStatus.OPEN]
        if not unsettled:
            return
        closed = lifecycle.closed(
            data.draw(st.sampled_from(unsettled)), by="token:oncall", at=self.clock.now(), is_acting=False
        )
        said = Entry(EventKind.CLOSED, self.clock.now(), "closed by hand")
        assert self._run(self.store.write(lambda tx: tx.incidents.update(closed, [said])))

    @precondition(lambda self: self.is_aged)
    @rule()
    def the_agent_starts_anew(self) -> None:
        self._run(self.rig.reception.flush())
        before = self._remembered()
        self._is_chained()
        self._close()
        self._open()
        assert self._remembered() == before

    # How it reaches the agent.

    def _send(self, source: SourceName, *wires: Wire, is_heard: bool = True) -> None:
        self.sent.append((source, wires))
        if is_heard:
            self._deliver([self.sent[-1]])

    def _deliver(self, groups: "list[Sent] | list[tuple[SourceName, list[Wire]]]", *, left_out: int = 0) -> None:
        async def all_at_once() -> None:
            await asyncio.gather(
                *(
                    self.rig.reception.receive(
                        heard(wires, source, left_out=left_out),
                        body=JournalBody(self.clock.now(), source, body(wires, left_out=left_out)),
                    )
                    for source, wires in groups
                )
            )

        for source, wires in groups:
            for report in heard(wires, source):
                self.model.hear(report, self.clock.now())
        self._run(all_at_once())

    def _file(self, reports: list[Alert], *, way: Way) -> None:
        for report in reports:
            self.model.hear(report, self.clock.now())
        self._run(self.rig.reception.receive(reports, way=way))

    # What holds after every step.

    @precondition(lambda self: self.has_worked)
    @invariant()
    def all_is_as_it_should_be(self) -> None:
        """Looked at whenever the agent did anything; a step in which it did nothing leaves nothing to look at."""
        self.has_worked = False
        episodes = list(map(_Row._make, self.eye.execute(_EPISODES)))
        self._every_fingerprint_stands_as_its_greatest_report()
        self._what_fires_is_in_one_open_incident(episodes)
        self._every_episode_is_acted_on_once(episodes)
        self._memory_equals_the_database(episodes)
        assert self.loop.run_until_complete(self.rig.reception.ledger()).received == self.model.received

    def _every_fingerprint_stands_as_its_greatest_report(self) -> None:
        for (source, print_), known in self.model.known.items():
            standing = self.store.standings.of(SourceName(source), Fingerprint(print_))
            assert standing is not None
            assert (standing.since, standing.status is AlertStatus.FIRING) == (known.since, known.fires)
            assert not known.fires or standing.suppressed.value == known.hush

    def _what_fires_is_in_one_open_incident(self, episodes: list[_Row]) -> None:
        found = {key: (source, is_open, firing) for key, source, is_open, firing in self.eye.execute(_INCIDENTS)}
        fires = [row for row in episodes if row.status == "firing"]
        assert len(fires) == len({row.alert for row in fires})
        for row in fires:
            assert row.suppressed or found[row.incident_id][1]
            assert row.incident_id is None or found[row.incident_id][0] == row.source
        counted = Counter(row.incident_id for row in fires if row.incident_id is not None)
        assert {key: firing for key, (_, _, firing) in found.items() if firing} == dict(counted)

    def _every_episode_is_acted_on_once(self, episodes: list[_Row]) -> None:
        opened = {(*row.episode, row.incident_id) for row in episodes if row.incident_id}
        assert len(opened) == len({each[:3] for each in opened}), "two incidents for one episode"
        planned = [json.loads(plan)["alert_id"] for (plan,) in self.eye.execute("SELECT plan FROM actions")]
        acted = {row.episode for row in episodes if row.id in planned}
        assert len(planned) == len(acted), "two actions for one episode"

    def _memory_equals_the_database(self, episodes: list[_Row]) -> None:
        latest = {row.alert: (row.id, row.since, row.status == "resolved", *row[6:]) for row in episodes}
        assert self._remembered() == latest | {("", ""): (max((row.id for row in episodes), default=0),)}

    def _remembered(self) -> dict[tuple[str, str], tuple[object, ...]]:
        index = self.store.standings
        return {
            (source, print_): (known[0], micros(known[1]), *known[2:])
            for source, each in index._by_source.items()
            for print_, known in each.items()
        } | {("", ""): (index.last_id,)}

    def _is_chained(self) -> None:
        chain, last = Chain(fixed_key(True)), dict[str, tuple[int, str]]()
        with self.store._place.reading.connect() as connection:
            for row in connection.execute(sa.select(timeline).order_by(timeline.c.number)):
                sequence, head = last.get(row.incident_id, (0, FIRST))
                at = (row.at - datetime.fromisoformat("1970-01-01T00:00:00Z")) // timedelta(microseconds=1)
                made = chain.append(Link(head, row.incident_id, sequence + 1, row.kind, at, row.text, row.facts))
                assert (row.number, row.sequence, row.hash) == (made[0], sequence + 1, made[1])
                last[row.incident_id] = (row.sequence, row.hash)
            heads = connection.execute(sa.select(incidents.c.id, incidents.c.entries, incidents.c.head)).all()
        assert {row.id: (row.entries, row.head) for row in heads} == last


@pytest.fixture
def machine() -> Iterator[type[Webhooks]]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        empty, file = Path(folder, "empty.db"), Path(folder, "aetherlink.db")
        made = SqlStore(empty, key=fixed_key)
        made.open()
        made.close()
        yield type("WebhooksHere", (Webhooks,), {"empty": empty, "file": file, "place": SqlitePlace(file)})


def run(machine: type[Webhooks], sequences: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=sequences, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_t20_any_order_of_webhooks_ends_as_the_model_says(machine: type[Webhooks]) -> None:
    run(machine, 40)


@pytest.mark.long
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("part", range(10))
def test_t20_10000_orders_of_webhooks_end_as_the_model_says(machine: type[Webhooks], part: int) -> None:
    run(machine, 1000)
