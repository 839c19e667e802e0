"""T20: webhooks doubled, reordered, split and late end in the state of a reference model; nothing is filed twice."""

import asyncio
import shutil
import tempfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

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
from aetherlink.store.index import AlertIndex
from aetherlink.store.tables import actions, alerts, incidents, timeline
from aetherlink.testing import START, CountingIds, ManualClock, fixed_key
from rigs.filing_model import FilingModel
from rigs.filing_world import ALERTS, SOURCES, Source, Wire, body, heard
from rigs.pipeline import Rig, build_rig

WHICH = st.integers(0, len(ALERTS) - 1)
ENDS = st.sampled_from(("now", "earlier", "later", "absent", "zero", "never"))
_ZERO, _NEVER = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
Sent = tuple[SourceName, tuple[Wire, ...]]


def _told(how: str, now: datetime) -> str | None:
    """What a webhook says of the end of an alert."""
    instants = {"now": now, "earlier": now - timedelta(seconds=90), "later": now + timedelta(minutes=5)}
    return instants[how].isoformat() if how in instants else {"absent": None, "zero": _ZERO, "never": _NEVER}[how]


class Webhooks(RuleBasedStateMachine):
    """Two sources, their webhooks in whatever order, reconciliation, the pipeline, people, and restarts."""

    empty: Path
    """A database with nothing in it but its tables."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=self.empty.parent))
        self.file = self.folder / "aetherlink.db"
        shutil.copy(self.empty, self.file)
        self.runner = asyncio.Runner()
        self.clock = ManualClock()
        self.ids = CountingIds()
        self.model = FilingModel()
        self.sources = {name: Source(name) for name in SOURCES}
        self.sent: list[Sent] = []
        self._open()

    def _open(self) -> None:
        self.store = SqlStore(self.file, key=fixed_key)
        self.store.open()
        self.rig: Rig = build_rig(self.store, self.clock, self.ids, database=self.file)

    def teardown(self) -> None:
        self.store.close()
        self.runner.close()
        shutil.rmtree(self.folder)

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
        self.runner.run(self.rig.run())

    @rule(data=st.data())
    def a_person_closes_an_incident(self, data: st.DataObject) -> None:
        found, _ = self.runner.run(self.store.read(lambda tx: tx.incidents.page(limit=20, before=None)))
        unsettled = [one for one in found if one.status is IncidentStatus.OPEN]
        if not unsettled:
            return
        closed = lifecycle.closed(
            data.draw(st.sampled_from(unsettled)), by="token:oncall", at=self.clock.now(), is_acting=False
        )
        said = Entry(EventKind.CLOSED, self.clock.now(), "closed by hand")
        assert self.runner.run(self.store.write(lambda tx: tx.incidents.update(closed, [said])))

    @rule()
    def the_agent_starts_anew(self) -> None:
        self.runner.run(self.rig.reception.flush())
        before = self._remembered(self.store.standings)
        self._is_chained()
        self.store.close()
        self._open()
        assert self._remembered(self.store.standings) == before

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
        self.runner.run(all_at_once())

    def _file(self, reports: list[Alert], *, way: Way) -> None:
        for report in reports:
            self.model.hear(report, self.clock.now())
        self.runner.run(self.rig.reception.receive(reports, way=way))

    # What holds after every step.

    @invariant()
    def every_fingerprint_stands_as_its_greatest_report(self) -> None:
        for (source, print_), known in self.model.known.items():
            standing = self.store.standings.of(SourceName(source), Fingerprint(print_))
            assert standing is not None
            assert (standing.since, standing.status is AlertStatus.FIRING) == (known.since, known.fires)
            assert not known.fires or standing.suppressed.value == known.hush

    @invariant()
    def the_ledger_counts_every_alert_once(self) -> None:
        ledger = self.runner.run(self.rig.reception.ledger())
        assert ledger.received == self.model.received

    @invariant()
    def what_fires_is_in_one_open_incident_and_acted_on_once(self) -> None:
        with self.store._place.reading.connect() as connection:
            episodes = connection.execute(sa.select(alerts)).all()
            found = {row.id: row for row in connection.execute(sa.select(incidents))}
            planned = [plan["alert_id"] for plan in connection.scalars(sa.select(actions.c.plan))]
        fires = [row for row in episodes if row.status == "firing"]
        assert len(fires) == len({(row.source, row.fingerprint) for row in fires})
        for row in fires:
            assert row.suppressed or found[row.incident_id].status == "open" or found[row.incident_id].closed_by
            assert row.incident_id is None or found[row.incident_id].source == row.source
        counted = Counter(row.incident_id for row in fires if row.incident_id is not None)
        assert {key: row.firing for key, row in found.items() if row.firing} == dict(counted)
        opened = {(row.source, row.fingerprint, row.starts_at, row.incident_id) for row in episodes if row.incident_id}
        assert len(opened) == len({each[:3] for each in opened}), "two incidents for one episode"
        acted = Counter((row.source, row.fingerprint, row.starts_at) for row in episodes if row.id in planned)
        assert len(planned) == len(acted), "two actions for one episode"

    @invariant()
    def memory_equals_the_database(self) -> None:
        index = AlertIndex()
        with self.store._place.reading.connect() as connection:
            index.load(connection, resolved_after=START - timedelta(days=1))
        assert self._remembered(index) == self._remembered(self.store.standings)

    def _remembered(self, index: AlertIndex) -> dict[tuple[str, str], tuple[object, ...]]:
        return {
            (source, print_): known for source, each in index._by_source.items() for print_, known in each.items()
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
def machine(tmp_path: Path) -> type[Webhooks]:
    empty = tmp_path / "empty" / "aetherlink.db"
    made = SqlStore(empty, key=fixed_key)
    made.open()
    made.close()
    return type("WebhooksHere", (Webhooks,), {"empty": empty})


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
