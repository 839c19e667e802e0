"""Silences for the time of an action: set, written down, taken away, and none left behind, whatever fails."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from aetherlink.errors import AetherError, AnswerError, NotSentError, StoreError
from aetherlink.model.actions import Action, ActionState, Plan, Verb
from aetherlink.model.alerts import Alert, AlertStatus
from aetherlink.model.decisions import Decision, Effect
from aetherlink.model.ids import ActionId, Fingerprint, SourceName, TargetName
from aetherlink.model.silences import OwnSilence
from aetherlink.silencing import silences as silencing
from aetherlink.silencing.metrics import SilenceMetrics
from aetherlink.silencing.silences import MOST_AT_ONCE, Silences
from aetherlink.store.database import SqlStore
from aetherlink.testing import START, ManualClock

PROD = SourceName("prod")
ONE = ActionId("act-1")
PLAN = Plan(Verb.RESTART, TargetName("crm-api"), verify_within_seconds=60, silence=True)
ACTION = Action(ONE, PLAN, "", "agent", Decision(Effect.ALLOW, "all_rules", ""), ActionState.RUNNING, START)
LABELS = {"alertname": "CrmApiDown", "job": "crm"}
ALERT = Alert(PROD, Fingerprint("aa"), AlertStatus.FIRING, START, None, LABELS, {})


@dataclass
class Set:
    matchers: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime
    comment: str
    created_by: str


class Peer:
    """An Alertmanager that keeps silences, or fails; `gate` holds back what is asked of it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.standing: dict[str, Set] = {}
        self.problem: AetherError | None = None
        self.lifted = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def set_silence(self, matchers: Mapping[str, str], **more: object) -> str:
        await self.gate.wait()
        if self.problem is not None:
            raise self.problem
        silence_id = f"{self.address}-{len(self.standing)}"
        self.standing[silence_id] = Set(matchers, **more)  # type: ignore[arg-type] - as the port has them
        return silence_id

    async def expire_silence(self, silence_id: str) -> None:
        await self.gate.wait()
        if self.problem is not None:
            raise self.problem
        del self.standing[silence_id]
        self.lifted.set()


class Rig:
    def __init__(self, store: SqlStore, clock: ManualClock) -> None:
        self.store = store
        self.clock = clock
        self.peers = [Peer("am-1"), Peer("am-2")]
        self.start_anew()

    def start_anew(self) -> None:
        """Another life on the same store."""
        self.registry = CollectorRegistry()
        self.silences = Silences(
            self.store,
            {PROD: self.peers},
            clock=self.clock,
            metrics=SilenceMetrics(self.registry),
            action_deadline=timedelta(seconds=30),
        )

    async def settle(self) -> None:
        """Until nothing is on its way."""
        while tasks := [task for task in asyncio.all_tasks() if task.get_name().startswith("silence of")]:
            await asyncio.gather(*tasks, return_exceptions=True)

    async def stored(self) -> list[OwnSilence]:
        return await self.store.read(lambda rows: rows.own_silences.all())

    def count(self, event: str) -> float | None:
        return self.registry.get_sample_value("aether_agent_silences_total", {"event": event})


@pytest.fixture
async def rig(store: SqlStore, clock: ManualClock) -> AsyncIterator[Rig]:
    await store.write(lambda rows: rows.actions.put(ACTION))
    rig = Rig(store, clock)
    yield rig
    await rig.silences.stop()


async def test_it_is_set_for_exactly_this_alert_and_ends_by_itself(rig: Rig) -> None:
    await rig.silences.silence(ACTION, ALERT)
    await rig.settle()

    [(silence_id, made)] = rig.peers[0].standing.items()
    ends_at = START + timedelta(seconds=30 + 2 * 60 + 60)
    assert made == Set(LABELS, START, ends_at, "restart crm-api, action act-1", "aetherlink")
    assert await rig.stored() == [OwnSilence(silence_id, PROD, "am-1", ONE, ends_at)]
    assert list(rig.silences.ids) == [silence_id]
    assert (rig.count("set"), rig.count("failed"), rig.peers[1].standing) == (1, 0, {})


async def test_it_is_lifted_and_remembered_for_a_moment(rig: Rig) -> None:
    await rig.silences.silence(ACTION, ALERT)
    await rig.settle()
    ids = rig.silences.ids
    await rig.silences.lift(ONE)
    await rig.settle()

    assert (rig.peers[0].standing, await rig.stored(), rig.count("lifted")) == ({}, [], 1)
    assert len(ids) == 1  # a list of alerts that names it may still be on its way
    rig.clock.move(121)
    await rig.silences.look()
    assert len(ids) == 0


async def test_neither_call_waits_for_anything_and_they_keep_their_order(rig: Rig) -> None:
    rig.peers[0].gate.clear()
    await rig.silences.silence(ACTION, ALERT)
    await rig.silences.lift(ONE)
    assert rig.peers[0].standing == {}

    rig.peers[0].gate.set()
    await rig.settle()
    assert (rig.count("set"), rig.count("lifted"), rig.peers[0].standing) == (1, 1, {})


async def test_lifting_what_was_never_set_asks_nobody(rig: Rig) -> None:
    rig.peers[0].problem = rig.peers[1].problem = NotSentError("away")
    await rig.silences.lift(ONE)
    await rig.settle()

    assert rig.count("failed") == 0


async def test_the_second_of_two_is_asked_when_the_first_is_away(rig: Rig) -> None:
    rig.peers[0].problem = NotSentError("away")
    await rig.silences.silence(ACTION, ALERT)
    await rig.settle()
    await rig.silences.lift(ONE)
    await rig.settle()

    assert (rig.count("set"), rig.count("lifted"), rig.peers[1].standing) == (1, 1, {})


@pytest.mark.parametrize("problem", [NotSentError("away"), AnswerError("nonsense")])
async def test_one_that_cannot_be_set_is_logged_and_counted(
    rig: Rig, caplog: pytest.LogCaptureFixture, problem: AetherError
) -> None:
    for peer in rig.peers:
        peer.problem = problem
    with caplog.at_level(logging.WARNING):
        await rig.silences.silence(ACTION, ALERT)
        await rig.settle()

    assert (await rig.stored(), rig.count("set"), rig.count("failed")) == ([], 0, 1)
    assert f"the alert of action act-1 is not silenced: {problem}" in caplog.text


async def test_a_source_without_an_alertmanager_is_a_failure_like_any_other(rig: Rig) -> None:
    await rig.silences.silence(ACTION, msgspec.structs.replace(ALERT, source=SourceName("lab")))
    await rig.settle()

    assert rig.count("failed") == 1


async def test_one_that_cannot_be_written_down_is_ours_all_the_same(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_: object) -> None:
        raise StoreError("full")

    monkeypatch.setattr(rig.store, "write", refuse)
    await rig.silences.silence(ACTION, ALERT)
    await rig.settle()

    assert list(rig.silences.ids) == list(rig.peers[0].standing)
    assert rig.count("failed") == 1


async def test_there_is_a_bound_on_what_is_on_its_way(rig: Rig) -> None:
    rig.peers[0].gate.clear()
    for number in range(MOST_AT_ONCE + 3):
        await rig.silences.silence(replace(ACTION, id=ActionId(f"act-{number}")), ALERT)

    assert rig.count("failed") == 3
    rig.peers[0].gate.set()
    await rig.settle()
    assert len(rig.peers[0].standing) == MOST_AT_ONCE


# --- nothing is left behind


async def set_one_and_die(rig: Rig) -> None:
    await rig.silences.silence(ACTION, ALERT)
    await rig.settle()
    await rig.silences.stop()
    rig.start_anew()


async def test_the_next_life_knows_what_the_one_before_set(rig: Rig) -> None:
    await set_one_and_die(rig)
    assert list(rig.silences.ids) == []
    await rig.silences.load()

    assert list(rig.silences.ids) == list(rig.peers[0].standing)
    await rig.silences.lift(ONE)
    await rig.settle()
    assert rig.peers[0].standing == {}


async def test_a_look_leaves_one_whose_action_runs_or_is_being_verified(rig: Rig) -> None:
    await set_one_and_die(rig)
    await rig.silences.look()
    done = replace(ACTION, state=ActionState.FINISHED, finished_at=START)
    await rig.store.write(lambda rows: rows.actions.put(done))
    rig.clock.move(179)
    await rig.silences.look()
    assert len(rig.peers[0].standing) == 1

    rig.clock.move(1)  # verification cannot take longer
    await rig.silences.look()
    assert (rig.peers[0].standing, await rig.stored()) == ({}, [])


@pytest.mark.parametrize("change", ["refused", "past its end"])
async def test_a_look_takes_away_what_is_left_over(rig: Rig, change: str) -> None:
    await set_one_and_die(rig)
    if change == "refused":
        await rig.store.write(lambda rows: rows.actions.put(replace(ACTION, state=ActionState.REFUSED)))
    else:
        rig.clock.move(210)
    await rig.silences.look()

    assert (rig.peers[0].standing, await rig.stored(), rig.count("lifted")) == ({}, [], 1)


async def test_what_could_not_be_lifted_is_tried_at_every_look(rig: Rig) -> None:
    await rig.silences.silence(ACTION, ALERT)
    await rig.settle()
    rig.peers[0].problem = NotSentError("away")
    await rig.silences.lift(ONE)
    await rig.settle()
    await rig.silences.look()
    assert (len(await rig.stored()), rig.count("failed")) == (1, 2)

    rig.peers[0].problem = None
    await rig.silences.look()
    assert (rig.peers[0].standing, await rig.stored()) == ({}, [])


async def test_one_that_nobody_can_take_away_is_forgotten_long_after_its_end(rig: Rig) -> None:
    await set_one_and_die(rig)
    rig.peers[0].problem = NotSentError("gone for ever")
    rig.clock.move(210)
    await rig.silences.look()
    assert len(await rig.stored()) == 1

    rig.clock.move(3600)
    await rig.silences.look()
    assert await rig.stored() == []


async def test_it_looks_from_time_to_time(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silencing, "_EVERY", timedelta(milliseconds=10))
    await set_one_and_die(rig)
    rig.silences.start()
    await rig.silences.load()
    rig.clock.move(210)
    async with asyncio.timeout(30):
        await rig.peers[0].lifted.wait()

    assert rig.peers[0].standing == {}
