"""Acts on the services of the lab through its control API. Called by the pipeline; decides nothing."""

from dataclasses import dataclass, replace
from datetime import timedelta

from aetherlink.clients.lab_control import LabControl, LabService, ServiceState
from aetherlink.errors import AetherError, ConflictError, NotFoundError, NotSentError, RejectedError
from aetherlink.executors.bounds import refusal
from aetherlink.model.actions import (
    Limits,
    Observation,
    Outcome,
    OutcomeStatus,
    Release,
    Replicas,
    Requested,
    StartedAfter,
    Target,
    Verb,
    Wish,
)

_SAID_NO = (NotFoundError, ConflictError, RejectedError)
_LOOK = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One wish on its way: what was seen before it was sent, and how long a look may take."""

    target: Target
    wish: Wish
    before: Observation
    look: timedelta


class LabExecutor:
    """See ports.Executor. The lab makes a repeat of a wish a no-op, and keeps the deadline itself."""

    verbs = frozenset({Verb.RESTART, Verb.SCALE, Verb.ROLLBACK})
    is_rolling = True  # of the replicas that are ready; those that are not are replaced all at once

    def __init__(self, control: LabControl) -> None:
        self._control = control

    async def observe(self, target: Target, *, deadline: timedelta) -> Observation:
        """What is. Raises UnreachableError, NotFoundError or AnswerError."""
        return _observation(await self._control.service(target.service, deadline=deadline))

    async def converge(self, target: Target, wish: Wish, *, deadline: timedelta) -> Outcome:
        """Make it so. Already true: not needed, without a call. A lost reply: looked at once, else unknown.

        The deadline is for all of it: a look before, the call, and a look after a reply that was lost.
        """
        look = min(deadline / 4, _LOOK)
        try:
            before = await self.observe(target, deadline=look)
        except AetherError as problem:
            return Outcome(OutcomeStatus.FAILED, f"it could not be looked at, so nothing was sent: {problem}")
        if before.shows(wish):
            return Outcome(OutcomeStatus.NOT_NEEDED, "it is so already")
        if reason := refusal(target, wish):
            return Outcome(OutcomeStatus.FAILED, f"nothing was sent: {reason}")
        return await self._carry_out(_Attempt(target, wish, before, look), call=deadline - 2 * look)

    async def _carry_out(self, attempt: _Attempt, *, call: timedelta) -> Outcome:
        try:
            seen = _observation(await self._send(attempt.target, attempt.wish, call))
        except NotSentError as problem:
            return Outcome(OutcomeStatus.FAILED, f"nothing was sent: {problem}")
        except _SAID_NO as problem:
            return await self._after_no(attempt, problem)
        except AetherError as problem:
            return await self._after_silence(attempt, problem)
        if seen.shows(attempt.wish):
            return Outcome(OutcomeStatus.DONE, _words(seen))
        return Outcome(OutcomeStatus.FAILED, f"the lab said that it is done, but it shows {_words(seen)}")

    async def _send(self, target: Target, wish: Wish, deadline: timedelta) -> LabService:
        match wish:
            case StartedAfter(instant):
                return await self._control.restart(target.service, started_after=instant, deadline=deadline)
            case Replicas(count):
                return await self._control.scale(target.service, replicas=count, deadline=deadline)
            case Release(name):
                return await self._control.deploy(target.service, release=name, deadline=deadline)
            case Limits() | Requested():
                raise NotSentError("the lab takes no limits and no requests of its targets")

    async def _after_no(self, attempt: _Attempt, problem: AetherError) -> Outcome:
        """It said no, or that the time was up. What the target shows counts, for a no may come after the act."""
        is_late = isinstance(problem, RejectedError) and problem.kind == "deadline"
        match await self._look(attempt):
            case Observation() as seen if seen.shows(attempt.wish):
                return Outcome(OutcomeStatus.DONE, f"the target shows it, in spite of this: {problem}")
            case Observation() as seen if is_late or _is_untouched(seen, attempt.before):
                return Outcome(OutcomeStatus.FAILED, str(problem))
            case Observation() as seen:
                words = f"{problem}; but the target has changed since: {_words(seen)}"
                return Outcome(OutcomeStatus.UNKNOWN, words)
            case AetherError() as second:
                return Outcome(OutcomeStatus.UNKNOWN, f"{problem}; and it could not be looked at: {second}")

    async def _after_silence(self, attempt: _Attempt, problem: AetherError) -> Outcome:
        """The reply is lost; the wish may have been carried out all the same."""
        match await self._look(attempt):
            case Observation() as seen if seen.shows(attempt.wish):
                return Outcome(OutcomeStatus.DONE, f"the reply was lost ({problem}), but the target shows its effect")
            case Observation():
                return Outcome(OutcomeStatus.UNKNOWN, f"the target does not show its effect yet: {problem}")
            case AetherError() as second:
                return Outcome(OutcomeStatus.UNKNOWN, f"{problem}; and it could not be looked at: {second}")

    async def _look(self, attempt: _Attempt) -> Observation | AetherError:
        """What the target is now, or why that cannot be told."""
        try:
            return await self.observe(attempt.target, deadline=attempt.look)
        except AetherError as problem:
            return problem


def _is_untouched(seen: Observation, before: Observation) -> bool:
    """Whether nothing was done to it; replicas may have become ready or ceased to be by themselves."""
    return replace(seen, ready=before.ready) == before


def _words(seen: Observation) -> str:
    release = f", release {seen.release}" if seen.release else ""
    return f"{seen.ready} of {seen.wanted} ready{release}"


def _observation(service: LabService) -> Observation:
    starts = [replica.started_at for replica in service.replicas]
    known = [start for start in starts if start is not None]
    return Observation(
        ready=sum(replica.state is ServiceState.READY for replica in service.replicas),
        wanted=service.wanted,
        oldest_start=min(known) if known and len(known) == len(starts) else None,
        release=service.release or "",
        previous_release=service.previous_release or "",
    )
