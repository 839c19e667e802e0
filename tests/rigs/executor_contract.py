"""What every executor must do, as one suite: subclass it, with a `world` fixture that answers for one executor.

ExecutorContract is for all of them, the others for those that can change replicas, bring releases, or send requests.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from aetherlink.errors import NotFoundError
from aetherlink.model.actions import (
    Limits,
    Observation,
    OutcomeStatus,
    Release,
    Replicas,
    Requested,
    StartedAfter,
    Target,
    Verb,
    Wish,
)
from aetherlink.model.ids import TargetName
from aetherlink.ports import Executor

DEADLINE = timedelta(seconds=40)
MIB = 2**20


@dataclass(frozen=True)
class World:
    """An executor, a target that is well with one replica (and may have two), and that world's time of day.

    `releases` are two that it can run, the later one last. `arrived` counts what was asked of the target, by its own
    record, and `arrives` how often a request of the name `purge` does: in a dry run never.
    """

    executor: Executor
    target: Target
    now: Callable[[], datetime]
    releases: tuple[str, str] = ("1.0.0", "1.1.0")
    arrived: Callable[[], int] = lambda: 0
    arrives: int = 1

    @property
    def nowhere(self) -> Target:
        return replace(self.target, name=TargetName("nowhere"), service="nowhere")


class ExecutorContract:
    """What holds for all of them."""

    async def test_what_is_there_is_observed(self, world: World) -> None:
        seen = await world.executor.observe(world.target, deadline=DEADLINE)

        assert (seen.ready, seen.wanted) == (1, 1)
        assert seen.oldest_start is None or seen.oldest_start.utcoffset() == timedelta(0)

    async def test_what_is_not_there_is_not_found(self, world: World) -> None:
        with pytest.raises(NotFoundError):
            await world.executor.observe(world.nowhere, deadline=DEADLINE)

    async def test_a_wish_about_what_is_not_there_fails_and_does_not_raise(self, world: World) -> None:
        outcome = await world.executor.converge(world.nowhere, StartedAfter(world.now()), deadline=DEADLINE)

        assert outcome.status is OutcomeStatus.FAILED
        assert outcome.reason

    async def test_every_verb_is_one_that_it_can_do(self, world: World) -> None:
        assert world.executor.verbs
        assert world.executor.verbs <= frozenset(Verb)

    async def test_a_wish_that_is_not_for_it_fails_and_does_not_raise(self, world: World) -> None:
        wishes: dict[Verb, Wish] = {Verb.RESTART: StartedAfter(world.now()), Verb.HTTP: Requested("purge", "act-0")}
        before = world.arrived()

        for verb in wishes.keys() - world.executor.verbs:
            outcome = await world.executor.converge(world.target, wishes[verb], deadline=DEADLINE)
            assert outcome.status is OutcomeStatus.FAILED
            assert "nothing was sent" in outcome.reason
        assert world.arrived() == before


class ReplicasContract(ExecutorContract):
    """What holds for those that restart and scale."""

    async def test_it_is_known_since_when_the_oldest_replica_runs(self, world: World) -> None:
        seen = await world.executor.observe(world.target, deadline=DEADLINE)

        assert seen.oldest_start is not None
        assert seen.oldest_start <= world.now()

    async def test_a_restart_makes_every_replica_start_later_and_a_repeat_does_nothing(self, world: World) -> None:
        wish = StartedAfter(world.now())

        first = await world.executor.converge(world.target, wish, deadline=DEADLINE)
        after_first = await world.executor.observe(world.target, deadline=DEADLINE)
        repeat = await world.executor.converge(world.target, wish, deadline=DEADLINE)
        after_repeat = await world.executor.observe(world.target, deadline=DEADLINE)

        assert (first.status, repeat.status) == (OutcomeStatus.DONE, OutcomeStatus.NOT_NEEDED), (first, repeat)
        assert after_first.oldest_start is not None
        assert after_first.oldest_start > wish.instant
        assert after_repeat == after_first

    async def test_a_restart_wished_for_an_instant_before_the_start_is_not_needed(self, world: World) -> None:
        seen = await world.executor.observe(world.target, deadline=DEADLINE)
        assert seen.oldest_start is not None
        wish = StartedAfter(seen.oldest_start - timedelta(seconds=1))

        outcome = await world.executor.converge(world.target, wish, deadline=DEADLINE)

        assert outcome.status is OutcomeStatus.NOT_NEEDED
        assert await world.executor.observe(world.target, deadline=DEADLINE) == seen

    async def test_a_number_of_replicas_is_reached_and_a_repeat_does_nothing(self, world: World) -> None:
        outcomes = [
            await world.executor.converge(world.target, Replicas(count), deadline=DEADLINE) for count in (2, 2, 1)
        ]
        seen = await world.executor.observe(world.target, deadline=DEADLINE)

        assert [outcome.status for outcome in outcomes] == ["done", "not_needed", "done"], outcomes
        assert (seen.ready, seen.wanted) == (1, 1)

    async def test_what_was_seen_before_a_change_of_size_brings_it_back(self, world: World) -> None:
        before = await world.executor.observe(world.target, deadline=DEADLINE)
        wish = Replicas(before.wanted + 1)
        await world.executor.converge(world.target, wish, deadline=DEADLINE)

        back = await _brought_back(world, before, wish)

        assert (back.ready, back.wanted, back.release) == (before.ready, before.wanted, before.release)

    async def test_a_restart_cannot_be_brought_back(self, world: World) -> None:
        before = await world.executor.observe(world.target, deadline=DEADLINE)

        assert before.restoring(StartedAfter(world.now())) is None

    async def test_one_that_says_that_it_rolls_has_at_most_one_replica_away(self, world: World) -> None:
        await world.executor.converge(world.target, Replicas(2), deadline=DEADLINE)
        restart = asyncio.ensure_future(
            world.executor.converge(world.target, StartedAfter(world.now()), deadline=DEADLINE)
        )
        ready = []
        while not restart.done():
            ready.append((await world.executor.observe(world.target, deadline=DEADLINE)).ready)
            await asyncio.sleep(0.01)
        back = await world.executor.converge(world.target, Replicas(1), deadline=DEADLINE)

        assert (restart.result().status, back.status) == (OutcomeStatus.DONE, OutcomeStatus.DONE)
        assert min(ready) >= (1 if world.executor.is_rolling else 0)


class ReleasesContract(ExecutorContract):
    """What holds for those that roll back."""

    async def test_a_rollback_swaps_the_release_with_the_one_before_and_a_repeat_does_nothing(
        self, world: World
    ) -> None:
        old, new = world.releases
        await world.executor.converge(world.target, Release(new), deadline=DEADLINE)
        before = await world.executor.observe(world.target, deadline=DEADLINE)
        wish = Release(before.previous_release)

        outcomes = [await world.executor.converge(world.target, wish, deadline=DEADLINE) for _ in range(2)]
        after = await world.executor.observe(world.target, deadline=DEADLINE)

        assert [outcome.status for outcome in outcomes] == ["done", "not_needed"], outcomes
        assert (before.release, before.previous_release) == (new, old)
        assert (after.release, after.previous_release, after.ready) == (old, new, 1)

    async def test_what_was_seen_before_a_change_of_release_brings_it_back(self, world: World) -> None:
        before = await world.executor.observe(world.target, deadline=DEADLINE)
        wish = Release(next(each for each in world.releases if each != before.release))
        await world.executor.converge(world.target, wish, deadline=DEADLINE)

        back = await _brought_back(world, before, wish)

        assert (back.ready, back.wanted, back.release) == (before.ready, before.wanted, before.release)


async def _brought_back(world: World, before: Observation, wish: Wish) -> Observation:
    """What is there after the wish that takes the other one back."""
    undo = before.restoring(wish)
    assert undo is not None
    outcome = await world.executor.converge(world.target, undo, deadline=DEADLINE)
    assert outcome.status is OutcomeStatus.DONE, outcome
    return await world.executor.observe(world.target, deadline=DEADLINE)


class LimitsContract(ExecutorContract):
    """What holds for those that change limits."""

    async def test_limits_are_changed_and_a_repeat_does_nothing(self, world: World) -> None:
        before = await world.executor.observe(world.target, deadline=DEADLINE)
        wish = Limits(before.limits.memory + 64 * MIB, before.limits.nano_cpus)

        outcomes = [await world.executor.converge(world.target, wish, deadline=DEADLINE) for _ in range(2)]
        after = await world.executor.observe(world.target, deadline=DEADLINE)

        assert before.limits.memory > 0
        assert [outcome.status for outcome in outcomes] == ["done", "not_needed"], outcomes
        assert after.limits == wish
        assert (after.oldest_start, after.identity) == (before.oldest_start, before.identity)

    async def test_what_was_seen_before_a_change_of_limits_brings_it_back(self, world: World) -> None:
        before = await world.executor.observe(world.target, deadline=DEADLINE)
        wish = Limits(before.limits.memory + 64 * MIB)
        await world.executor.converge(world.target, wish, deadline=DEADLINE)

        assert (await _brought_back(world, before, wish)).limits == before.limits

    async def test_limits_beyond_the_bounds_of_the_target_are_not_sent(self, world: World) -> None:
        before, most = await world.executor.observe(world.target, deadline=DEADLINE), world.target.most

        for beyond in (Limits(most.memory + MIB), Limits(nano_cpus=most.nano_cpus + 1)):
            outcome = await world.executor.converge(world.target, beyond, deadline=DEADLINE)
            assert outcome.status is OutcomeStatus.FAILED, outcome
            assert "outside its bounds" in outcome.reason
        assert (await world.executor.observe(world.target, deadline=DEADLINE)).limits == before.limits


class RequestsContract(ExecutorContract):
    """What holds for those that send requests."""

    async def test_a_request_is_sent_once_and_no_look_shows_it(self, world: World) -> None:
        wish = Requested("purge", "act-1")

        outcome = await world.executor.converge(world.target, wish, deadline=DEADLINE)
        seen = await world.executor.observe(world.target, deadline=DEADLINE)

        assert outcome.status is OutcomeStatus.DONE, outcome
        assert world.arrived() == world.arrives
        assert not seen.shows(wish)
        assert seen.restoring(wish) is None

    async def test_a_request_that_the_settings_do_not_have_is_not_sent(self, world: World) -> None:
        outcome = await world.executor.converge(world.target, Requested("reboot", "act-2"), deadline=DEADLINE)

        assert outcome.status is OutcomeStatus.FAILED
        assert "has no request 'reboot'" in outcome.reason
        assert world.arrived() == 0
