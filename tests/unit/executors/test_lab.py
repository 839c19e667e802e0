"""The lab's executor when things go wrong on the way (what every executor must do is in the contract suite)."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from aetherlink.clients.lab_control import LabControl
from aetherlink.errors import AnswerError, NotSentError
from aetherlink.executors.lab import LabExecutor
from aetherlink.model.actions import Observation, OutcomeStatus, Release, Replicas, StartedAfter, Target, Wish
from aetherlink.model.ids import TargetName
from rigs.lab_server import LabServer, Mishap, lab_server

API = Target(TargetName("crm-api"), executor="lab", service="crm", minimum=1, maximum=4)
DEADLINE = timedelta(seconds=20)
HASTE = timedelta(milliseconds=400)


@pytest.fixture
async def lab() -> AsyncIterator[LabServer]:
    async with lab_server() as server:
        yield server


@pytest.fixture
async def executor(lab: LabServer) -> AsyncIterator[LabExecutor]:
    control = LabControl(lab.socket)
    yield LabExecutor(control)
    await control.aclose()


def restart() -> StartedAfter:
    return StartedAfter(datetime.now(UTC))


async def test_a_lost_reply_whose_effect_shows_is_done(lab: LabServer, executor: LabExecutor) -> None:
    lab.mishap = Mishap.REPLY_LOST

    outcome = await executor.converge(API, restart(), deadline=DEADLINE)

    assert outcome.status is OutcomeStatus.DONE
    assert "the reply was lost" in outcome.reason
    assert len(lab.changes) == 1


@pytest.mark.parametrize("mishap", [Mishap.REQUEST_LOST, Mishap.NONSENSE, Mishap.GONE])
async def test_a_lost_reply_without_effect_is_unknown_and_not_sent_again(
    lab: LabServer, executor: LabExecutor, mishap: Mishap
) -> None:
    lab.mishap = mishap

    outcome = await executor.converge(API, restart(), deadline=DEADLINE)

    assert outcome.status is OutcomeStatus.UNKNOWN
    assert len(lab.changes) == 1


async def test_silence_is_unknown_within_the_deadline(lab: LabServer, executor: LabExecutor) -> None:
    lab.mishap = Mishap.SILENCE
    begun = time.monotonic()

    outcome = await executor.converge(API, restart(), deadline=HASTE)

    assert outcome.status is OutcomeStatus.UNKNOWN
    assert "no complete answer within" in outcome.reason
    assert time.monotonic() - begun < 5 * HASTE.total_seconds()


async def test_a_lab_that_is_not_there_is_failed_with_nothing_sent(lab: LabServer, executor: LabExecutor) -> None:
    await lab.stop()

    outcome = await executor.converge(API, restart(), deadline=DEADLINE)

    assert outcome.status is OutcomeStatus.FAILED
    assert "nothing was sent" in outcome.reason
    with pytest.raises(NotSentError, match="aether lab up"):
        await executor.observe(API, deadline=DEADLINE)


@pytest.mark.parametrize(
    ("mishap", "status"),
    [
        (Mishap.LATE, OutcomeStatus.DONE),
        (Mishap.NOT_READY, OutcomeStatus.FAILED),
        (Mishap.LIE, OutcomeStatus.FAILED),
        (Mishap.NO_AFTER_THE_ACT, OutcomeStatus.DONE),
        (Mishap.NO_BEFORE_IT_IS_READY, OutcomeStatus.UNKNOWN),
    ],
)
async def test_what_the_target_shows_decides_not_what_was_said(
    lab: LabServer, executor: LabExecutor, mishap: Mishap, status: OutcomeStatus
) -> None:
    lab.mishap = mishap

    assert (await executor.converge(API, restart(), deadline=DEADLINE)).status is status


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Replicas(0), "outside its bounds, 1 to 4"),
        (Replicas(5), "outside its bounds, 1 to 4"),
        (Release(""), "no previous one"),
    ],
)
async def test_what_must_not_be_is_never_sent(lab: LabServer, executor: LabExecutor, wish: Wish, words: str) -> None:
    outcome = await executor.converge(API, wish, deadline=DEADLINE)

    assert outcome.status is OutcomeStatus.FAILED
    assert words in outcome.reason
    assert lab.changes == []


async def test_a_refusal_is_passed_on_in_the_labs_words(executor: LabExecutor) -> None:
    outcome = await executor.converge(API, Release("9.9.9"), deadline=DEADLINE)

    assert outcome.status is OutcomeStatus.FAILED
    assert "409: crm cannot deploy" in outcome.reason


async def test_a_wish_that_is_true_but_for_an_unready_replica_is_sent(lab: LabServer, executor: LabExecutor) -> None:
    lab.state = "unhealthy"

    outcome = await executor.converge(API, Replicas(1), deadline=DEADLINE)

    assert (outcome.status, len(lab.changes)) == (OutcomeStatus.DONE, 1)


async def test_the_oldest_replica_counts(lab: LabServer, executor: LabExecutor) -> None:
    old, new = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    lab.started = [new, old]

    seen = await executor.observe(API, deadline=DEADLINE)

    assert seen == Observation(ready=2, wanted=2, oldest_start=old, release="1.1.0", previous_release="1.0.0")


@pytest.mark.parametrize("started", ["2026-01-01T00:00:00", "yesterday", 5])
async def test_an_instant_that_cannot_be_told_is_an_answer_that_cannot_be_used(
    lab: LabServer, executor: LabExecutor, started: object
) -> None:
    lab.told = {"replicas": [{"index": 0, "state": "ready", "started_at": started}]}

    with pytest.raises(AnswerError):
        await executor.observe(API, deadline=DEADLINE)
    assert (await executor.converge(API, restart(), deadline=DEADLINE)).status is OutcomeStatus.FAILED


async def test_an_answer_about_another_service_is_no_answer(lab: LabServer, executor: LabExecutor) -> None:
    lab.told = {"name": "crm-two"}

    with pytest.raises(AnswerError, match="asked of crm and answered of 'crm-two'"):
        await executor.observe(API, deadline=DEADLINE)
