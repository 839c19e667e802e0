"""Acts on the services of the lab through its control API. Called by the pipeline; decides nothing."""

from datetime import timedelta

from aetherlink.clients.lab_control import LabControl, LabService, ServiceState
from aetherlink.errors import AetherError, ConflictError, NotFoundError, NotSentError, RejectedError
from aetherlink.model.actions import (
    Observation,
    Outcome,
    OutcomeStatus,
    Release,
    Replicas,
    StartedAfter,
    Target,
    Verb,
    Wish,
)

_SAID_NO = (NotFoundError, ConflictError, RejectedError, NotSentError)  # the lab said so, or nothing arrived there
_LOOK = timedelta(seconds=5)


class LabExecutor:
    """See ports.Executor. The lab makes a repeat of a wish a no-op, and keeps the deadline itself."""

    verbs = frozenset({Verb.RESTART, Verb.SCALE, Verb.ROLLBACK})
    is_rolling = False

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
            if (await self.observe(target, deadline=look)).shows(wish):
                return Outcome(OutcomeStatus.NOT_NEEDED, "it is so already")
        except AetherError as problem:
            return Outcome(OutcomeStatus.FAILED, f"it could not be looked at, so nothing was sent: {problem}")
        if refusal := _refusal(target, wish):
            return Outcome(OutcomeStatus.FAILED, f"nothing was sent: {refusal}")
        return await self._carry_out(target, wish, call=deadline - 2 * look, look=look)

    async def _carry_out(self, target: Target, wish: Wish, *, call: timedelta, look: timedelta) -> Outcome:
        try:
            seen = _observation(await self._send(target, wish, call))
        except _SAID_NO as problem:
            return await self._after_no(target, wish, problem, look)
        except AetherError as problem:
            return await self._after_silence(target, wish, problem, look)
        if seen.shows(wish):
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

    async def _after_no(self, target: Target, wish: Wish, problem: AetherError, look: timedelta) -> Outcome:
        """It said no, which is final; or that the time was up, and then it may have become true since."""
        is_late = isinstance(problem, RejectedError) and problem.kind == "deadline"
        if is_late and await self._shows(target, wish, look) is True:
            return Outcome(OutcomeStatus.DONE, f"late, but the target shows it ({problem})")
        return Outcome(OutcomeStatus.FAILED, str(problem))

    async def _after_silence(self, target: Target, wish: Wish, problem: AetherError, look: timedelta) -> Outcome:
        """The reply is lost; the wish may have been carried out all the same."""
        match await self._shows(target, wish, look):
            case True:
                return Outcome(OutcomeStatus.DONE, f"the reply was lost ({problem}), but the target shows its effect")
            case False:
                return Outcome(OutcomeStatus.UNKNOWN, f"the target does not show its effect yet: {problem}")
            case AetherError() as second:
                return Outcome(OutcomeStatus.UNKNOWN, f"{problem}; and it could not be looked at: {second}")

    async def _shows(self, target: Target, wish: Wish, look: timedelta) -> bool | AetherError:
        """Whether the target is as wished, or why that cannot be told."""
        try:
            return (await self.observe(target, deadline=look)).shows(wish)
        except AetherError as problem:
            return problem


def _refusal(target: Target, wish: Wish) -> str:
    """What is never sent, whoever decided it; empty for all the rest."""
    match wish:
        case Replicas(count) if not target.minimum <= count <= target.maximum:
            return f"{count} replicas of {target.name} are outside its bounds, {target.minimum} to {target.maximum}"
        case Release(""):
            return f"there is no release to deploy to {target.name}: it has no previous one"
    return ""


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
