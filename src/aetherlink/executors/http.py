"""Sends the requests that a target's settings fix. Called by the pipeline; decides nothing.

No look can show that a request arrived, so none is made after it: only what the answer says for certain counts.
"""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

from aetherlink.clients.http_target import HttpTarget
from aetherlink.errors import AetherError, NotFoundError, NotSentError
from aetherlink.executors.bounds import refusal
from aetherlink.model.actions import Observation, Outcome, OutcomeStatus, Requested, Target, Verb, Wish
from aetherlink.model.ids import TargetName

_NOT_ARRIVED = (NotSentError, NotFoundError)


class HttpExecutor:
    """See ports.Executor. A target is well or not: one replica of one."""

    verbs = frozenset({Verb.HTTP})
    is_rolling = False  # nobody knows what a request takes away

    def __init__(self, targets: Mapping[TargetName, HttpTarget]) -> None:
        self._targets = targets

    async def observe(self, target: Target, *, deadline: timedelta) -> Observation:
        """What is. Raises UnreachableError, NotFoundError or AnswerError."""
        status = await self._find(target).health(deadline=deadline)
        return Observation(ready=int(_is_good(status)), wanted=1, oldest_start=None)

    async def converge(self, target: Target, wish: Wish, *, deadline: timedelta) -> Outcome:
        """Send the request, once. A refusal: failed; no answer, or one that does not tell: unknown."""
        if not isinstance(wish, Requested):
            return Outcome(OutcomeStatus.FAILED, "nothing was sent: the executor http sends requests, and no more")
        if reason := refusal(target, wish):
            return Outcome(OutcomeStatus.FAILED, f"nothing was sent: {reason}")
        try:
            status = await self._find(target).send(wish.name, key=wish.key, deadline=deadline)
        except _NOT_ARRIVED as problem:
            return Outcome(OutcomeStatus.FAILED, f"nothing was sent: {problem}")
        except AetherError as problem:
            return Outcome(OutcomeStatus.UNKNOWN, f"it may have been carried out: {problem}")
        return _outcome(status)

    def _find(self, target: Target) -> HttpTarget:
        found = self._targets.get(target.name)
        if found is None:
            raise NotFoundError(f"target {target.name} has no `http` in the settings")
        return found


def _is_good(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _outcome(status: int) -> Outcome:
    """A redirect may come after the act, and 408 from whoever stands between: of these nobody can tell."""
    said = f"it was answered with {status}"
    if _is_good(status):
        return Outcome(OutcomeStatus.DONE, said)
    is_no = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    if is_no and status != HTTPStatus.REQUEST_TIMEOUT:
        return Outcome(OutcomeStatus.FAILED, f"{said}: it was refused")
    return Outcome(OutcomeStatus.UNKNOWN, f"{said}: it may have been carried out")
