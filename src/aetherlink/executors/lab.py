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

_SAID_NO = (NotFoundError, ConflictError, RejectedError, NotSentError)  # it is certain that nothing more happens
_LOOK = timedelta(seconds=5)


class LabExecutor:
    """See ports.Executor. The lab makes a repeat of a wish a no-op, and keeps the deadline itself."""

    verbs = frozenset({Verb.RESTART, Verb.SCALE, Verb.ROLLBACK})

    def __init__(self, control: LabControl) -> None:
        self._control = control

    async def observe(self, target: Target, *, deadline: timedelta) -> Observation:
        """What is. Raises UnreachableError, NotFoundError or AnswerError."""
        return _observation(await self._control.service(target.service, deadline=deadline))

    async def converge(self, target: Target, wish: Wish, *, deadline: timedelta) -> Outcome:
        """Make it so. Already true: not needed, without a call. A lost reply: looked at once, else unknown."""
        try:
            if is_so(await self.observe(target, deadline=min(deadline, _LOOK)), wish):
                return Outcome(OutcomeStatus.NOT_NEEDED, "it is so already")
        except AetherError as problem:
            return Outcome(OutcomeStatus.FAILED, f"it could not be looked at, so nothing was sent: {problem}")
        try:
            seen = _observation(await self._send(target, wish, deadline))
        except _SAID_NO as problem:
            return Outcome(OutcomeStatus.FAILED, str(problem))
        except AetherError as problem:
            return await self._look_again(target, wish, problem)
        if is_so(seen, wish):
            return Outcome(OutcomeStatus.DONE, f"{seen.ready} of {seen.wanted} ready")
        return Outcome(OutcomeStatus.FAILED, f"the lab answered, but only {seen.ready} of {seen.wanted} are ready")

    async def _send(self, target: Target, wish: Wish, deadline: timedelta) -> LabService:
        match wish:
            case StartedAfter(instant):
                return await self._control.restart(target.service, started_after=instant, deadline=deadline)
            case Replicas(count):
                return await self._control.scale(target.service, replicas=count, deadline=deadline)
            case Release(name):
                return await self._control.deploy(target.service, release=name, deadline=deadline)

    async def _look_again(self, target: Target, wish: Wish, problem: AetherError) -> Outcome:
        """The reply is lost; the wish may have been carried out all the same."""
        try:
            if is_so(await self.observe(target, deadline=_LOOK), wish):
                return Outcome(OutcomeStatus.DONE, f"the reply was lost ({problem}), but the target shows its effect")
        except AetherError as second:
            return Outcome(OutcomeStatus.UNKNOWN, f"{problem}; and it could not be looked at: {second}")
        return Outcome(OutcomeStatus.UNKNOWN, f"the target does not show its effect yet: {problem}")


def is_so(seen: Observation, wish: Wish) -> bool:
    """Whether what was seen is what is wished."""
    if seen.ready < seen.wanted:
        return False
    match wish:
        case StartedAfter(instant):
            return seen.oldest_start is not None and seen.oldest_start > instant
        case Replicas(count):
            return seen.wanted == count
        case Release(name):
            return seen.release == name


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
