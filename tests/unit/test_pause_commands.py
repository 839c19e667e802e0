"""Pausing and resuming: which scopes there are, what holds when, and what the timeline says of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from aetherlink.agent_record import AgentRecord, Subject
from aetherlink.errors import BadRequestError
from aetherlink.model.actions import Plan, Verb
from aetherlink.model.ids import PlaybookName, SourceName, TargetName
from aetherlink.model.incidents import IncidentStatus, Stage
from aetherlink.model.pauses import Pause, scopes_of
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pause_commands import MOST_PAUSES, PauseCommands, PauseWish
from aetherlink.store.database import SqlStore
from aetherlink.testing import START, CountingIds, ManualClock

HOUR = timedelta(hours=1)
LAB = SourceName("lab")
PLAN = Plan(Verb.RESTART, TargetName("crm-api"), playbook=PlaybookName("restart-crm-api"), tenant="acme")
KNOWN = {"target": ["crm-api", "billing"], "playbook": ["restart-crm-api"], "source": [LAB]}


class Desk:
    """The commands with everything around them within reach."""

    def __init__(self, store: SqlStore, clock: ManualClock, ids: CountingIds) -> None:
        self.store = store
        self.clock = clock
        self.wakes = 0
        self.commands = PauseCommands(
            store, clock=clock, waker=self, record=AgentRecord(ids=ids, source=LAB), known=lambda: KNOWN
        )

    def wake(self) -> None:
        self.wakes += 1

    async def pause(self, scope: str = "all", reason: str | None = "deploy", **when: datetime) -> None:
        await self.commands.pause(PauseWish(scope, reason, **when), principal="ann")

    async def is_paused(self, plan: Plan = PLAN) -> bool:
        """What a decision asks."""
        scopes = scopes_of(plan, LAB)
        now = self.clock.now()
        return await self.store.read(lambda rows: rows.pauses.in_force(now, scopes)) is not None

    async def told(self) -> list[Entry]:
        incident = await self.store.read(lambda rows: rows.incidents.latest_by_key(Subject.PAUSES.key))
        found = await self.store.read(lambda rows: rows.incidents.timeline(incident.id, limit=100, after=0))
        return [stored.entry for stored in found]


@pytest.fixture
def desk(store: SqlStore, clock: ManualClock, ids: CountingIds) -> Desk:
    return Desk(store, clock, ids)


@pytest.mark.parametrize("scope", ["all", "playbook:restart-crm-api", "tenant:acme", "target:crm-api", "source:lab"])
async def test_each_scope_stops_the_plan_that_it_describes_until_it_is_resumed(desk: Desk, scope: str) -> None:
    await desk.pause(scope)
    assert await desk.is_paused()

    [ended] = await desk.commands.resume(scope, principal="root")
    assert ended.scope == scope
    assert not await desk.is_paused()
    assert desk.wakes == 2


@pytest.mark.parametrize("scope", ["tenant:other", "target:billing"])
async def test_a_pause_of_something_else_stops_nothing_here(desk: Desk, scope: str) -> None:
    await desk.pause(scope)

    assert not await desk.is_paused()


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ("target:crm-apj", "there is no target 'crm-apj', did you mean 'crm-api'?"),
        ("playbook:zzz", "there is no playbook 'zzz' (known: restart-crm-api)"),
        ("source:elsewhere", "there is no source 'elsewhere'"),
        ("targets:crm-api", "is no scope, did you mean 'target'?"),
        ("everything", "is no scope: write all, or playbook, tenant, target, source with a name"),
        ("tenant:", "has a name of 1 to 200 printable characters"),
        ("tenant: acme", "printable"),
        ("tenant:a\nb", "printable"),
        ("tenant:" + "a" * 201, "1 to 200"),
    ],
)
async def test_a_scope_that_there_is_not_is_refused_in_words(desk: Desk, scope: str, words: str) -> None:
    with pytest.raises(BadRequestError) as refusal:
        await desk.pause(scope)
    assert words in str(refusal.value)
    with pytest.raises(BadRequestError):
        await desk.commands.resume(scope, principal="root")
    assert await desk.commands.pauses() == []


async def test_a_scope_that_was_taken_out_of_the_settings_can_be_resumed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.pause("target:billing")
    monkeypatch.setitem(KNOWN, "target", ["crm-api"])

    assert len(await desk.commands.resume("target:billing", principal="root")) == 1


async def test_resuming_one_scope_leaves_the_others(desk: Desk) -> None:
    await desk.pause("target:crm-api")
    await desk.pause("tenant:acme")
    await desk.commands.resume(principal="root")
    await desk.commands.resume("tenant:acme", principal="root")

    assert [pause.scope for pause, _ in await desk.commands.pauses()] == ["target:crm-api"]


async def test_one_that_is_planned_holds_from_its_beginning_to_its_end(desk: Desk) -> None:
    await desk.pause(begins=START + HOUR, until=START + 2 * HOUR)
    held = []
    for _ in range(4):
        held.append(await desk.is_paused())
        desk.clock.move(HOUR.total_seconds())

    assert held == [False, True, False, False]
    assert await desk.commands.pauses() == []


async def test_a_planned_one_stands_beside_one_at_once_and_outlives_its_end(desk: Desk) -> None:
    await desk.pause("target:crm-api", begins=START + 10 * HOUR, until=START + 12 * HOUR)
    await desk.pause("target:crm-api", until=START + HOUR)
    assert [holds for _, holds in await desk.commands.pauses()] == [True, False]

    await desk.commands.resume("target:crm-api", principal="root")
    desk.clock.move(11 * HOUR.total_seconds())
    assert await desk.is_paused()


async def test_one_that_is_planned_is_called_off_only_when_that_is_said(desk: Desk) -> None:
    await desk.pause(begins=START + HOUR)
    assert await desk.commands.resume(principal="root") == []
    assert len(await desk.commands.resume(principal="root", include_planned=True)) == 1

    desk.clock.move(2 * HOUR.total_seconds())
    assert not await desk.is_paused()


async def test_a_clock_that_is_set_back_does_not_end_a_pause(desk: Desk) -> None:
    await desk.pause()
    desk.clock.move(-3600)

    assert await desk.is_paused()


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ({"until": START}, "is past"),
        ({"begins": START + 2 * HOUR, "until": START + HOUR}, "is not after `from`"),
    ],
)
async def test_an_end_before_the_beginning_is_refused(desk: Desk, when: dict[str, datetime], words: str) -> None:
    with pytest.raises(BadRequestError, match=words):
        await desk.pause(**when)


async def test_a_beginning_that_is_past_is_at_once(desk: Desk) -> None:
    await desk.pause(begins=START - HOUR)

    [(pause, holds)] = await desk.commands.pauses()
    assert (pause.begins, holds) == (None, True)


@pytest.mark.parametrize("reason", ["x" * 1001, "a\0b"])
async def test_a_reason_that_cannot_be_kept_is_refused(desk: Desk, reason: str) -> None:
    with pytest.raises(BadRequestError, match="reason"):
        await desk.pause(reason=reason)


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ("we move the database", None, "we move the database"),
        ("we move the database", "it takes longer", "it takes longer"),
        (None, None, "no reason was given"),
        (None, "we move the database", "we move the database"),
    ],
)
async def test_a_pause_without_a_reason_keeps_the_one_that_was_given(
    desk: Desk, first: str | None, second: str | None, kept: str
) -> None:
    await desk.pause(reason=first)
    await desk.pause(reason=second)

    [(pause, _)] = await desk.commands.pauses()
    assert pause.reason == kept


async def test_the_reason_of_a_pause_that_is_over_is_not_kept(desk: Desk) -> None:
    await desk.pause(until=START + timedelta(minutes=1))
    desk.clock.move(61)
    await desk.pause(reason=None)

    [(pause, _)] = await desk.commands.pauses()
    assert pause.reason == "no reason was given"


async def test_there_is_a_bound_that_is_none_for_everything(desk: Desk) -> None:
    stored = [Pause(f"tenant:t{number}", START, "deploy", "ann", START + HOUR) for number in range(MOST_PAUSES - 1)]
    await desk.store.write(lambda rows: [rows.pauses.put(one) for one in stored])
    await desk.pause("tenant:the-last", until=START + HOUR)
    with pytest.raises(BadRequestError, match="500 pauses already"):
        await desk.pause("tenant:one-more")
    await desk.pause("tenant:t7", until=START + 2 * HOUR)
    await desk.pause("all")
    assert await desk.is_paused()

    desk.clock.move(timedelta(days=2).total_seconds())
    await desk.pause("tenant:one-more")  # those that are long over were forgotten
    assert len(await desk.store.read(lambda rows: rows.pauses.all())) == 2


# --- the timeline


async def test_every_pause_and_every_resume_is_an_entry_of_one_timeline(desk: Desk) -> None:
    await desk.pause("target:crm-api", begins=START + HOUR, until=START + 2 * HOUR)
    await desk.pause()
    await desk.commands.resume(principal="root")
    await desk.commands.resume(principal="root")  # there is none any more: nothing happens
    planned, paused, resumed = await desk.told()

    assert [each.kind for each in (planned, paused, resumed)] == [EventKind.PAUSED] * 2 + [EventKind.RESUMED]
    assert planned.text.endswith("from 2026-01-01 13:00:00 UTC until 2026-01-01 14:00:00 UTC: deploy")
    assert planned.facts["scope"] == "target:crm-api"
    assert (planned.facts["from"], planned.facts["until"]) == ("2026-01-01T13:00:00+00:00", "2026-01-01T14:00:00+00:00")
    assert paused.text == "paused by ann at 2026-01-01 12:00:00 UTC: deploy"
    assert resumed.text == f"all was resumed by root; it was {paused.text}"
    assert (resumed.facts["by"], resumed.facts["resumed_by"]) == ("ann", "root")


async def test_its_incident_was_never_open_and_asks_for_nothing(desk: Desk) -> None:
    await desk.pause()
    desk.clock.move(60)
    await desk.commands.resume(principal="root")

    incident = await desk.store.read(lambda rows: rows.incidents.latest_by_key(Subject.PAUSES.key))
    assert (incident.status, incident.stage, incident.wake_at) == (IncidentStatus.RESOLVED, Stage.DONE, None)
    assert (incident.title, incident.reopened, incident.resolved_at) == ("Pauses of the agent", 0, desk.clock.now())
    later = desk.clock.now() + timedelta(days=400)
    assert await desk.store.read(lambda rows: rows.incidents.due(later, limit=9)) == []
    assert not any((await desk.store.read(lambda rows: rows.incidents.open_by_severity())).values())


async def test_what_is_refused_leaves_no_entry_behind(desk: Desk) -> None:
    with pytest.raises(BadRequestError):
        await desk.pause("target:nothing")

    assert await desk.store.read(lambda rows: rows.incidents.latest_by_key(Subject.PAUSES.key)) is None


async def test_a_new_incident_is_begun_every_day_so_that_the_old_one_can_be_forgotten(desk: Desk) -> None:
    seen: Sequence[str] = []
    for _ in range(3):
        await desk.pause()
        incident = await desk.store.read(lambda rows: rows.incidents.latest_by_key(Subject.PAUSES.key))
        seen = [*seen, incident.id]
        desk.clock.move(timedelta(hours=16).total_seconds())

    assert seen[0] == seen[1] != seen[2]
