"""Tells through Apprise: what is notable is a message of its own, in plain text."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from aetherlink.clients.apprise import AppriseProcess, Told
from aetherlink.clients.apprise_options import AppriseOptions
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import UndeliveredError, UnreachableError
from aetherlink.lib.retry_after import seconds_until
from aetherlink.model.deliveries import Digest, Failure, Letter
from aetherlink.model.incidents import Incident, IncidentStatus, Severity
from aetherlink.notifiers import messages, sayings, statuses
from aetherlink.notifiers.opened import Opened

_MOST_PARTLY_TOLD = 1000
_SUCCESS, _FAILURE, _WARNING, _INFO = "success", "failure", "warning", "info"  # in Apprise's words
_TYPES = {Severity.CRITICAL: _FAILURE, Severity.WARNING: _WARNING, Severity.INFO: _INFO}


def opened(settings: AppriseOptions, _clients: ClientOptions) -> Opened:
    """The notifier of one list of URLs. Raises SettingsError, ModuleNotFoundError where Apprise is not installed."""
    client = AppriseProcess(settings)
    return Opened(AppriseNotifier(client), client.aclose)


class AppriseNotifier:
    """See ports.Notifier. Which of several URLs have heard a message is remembered until all have, in memory only."""

    collapses = True

    def __init__(self, client: AppriseProcess) -> None:
        self._client = client
        self._heard: dict[str, set[int]] = {}

    async def tell(self, letter: Letter, *, deadline: timedelta) -> Mapping[str, str]:
        """Send it, where an entry of it is worth that."""
        if not sayings.is_notable(letter):
            return letter.reference
        last = letter.entries[-1].sequence if letter.entries else 0
        key = f"{letter.incident.id}-{last}"
        said = {"title": messages.title(letter), "body": messages.text(letter), "type": _type(letter.incident)}
        return await self._send(said, key, letter.at, deadline)

    async def sum_up(self, digest: Digest, *, deadline: timedelta) -> Mapping[str, str]:
        """Send how a storm stands."""
        if not sayings.is_news(digest):
            return digest.reference
        key = f"{digest.id}-{sayings.count_of(digest)}"
        kind = _WARNING if digest.open else _SUCCESS
        said = {"title": messages.digest_title(digest), "body": messages.digest_text(digest), "type": kind}
        return {**await self._send(said, key, digest.at, deadline), **sayings.told_of(digest)}

    async def check(self, *, deadline: timedelta) -> str:
        """Whether every URL can be used; that its secrets are good shows with the first message."""
        ends = asyncio.get_running_loop().time() + deadline.total_seconds()
        try:
            names = await self._client.names(ends=ends)
        except UnreachableError as problem:
            raise statuses.undelivered(problem) from problem
        for number, name in enumerate(names):
            if not name:
                raise self._problem(Told(number, is_told=False, is_unknown=True), None)
        return ", ".join(names)

    async def _send(self, said: Mapping[str, str], key: str, at: datetime, deadline: timedelta) -> Mapping[str, str]:
        ends = asyncio.get_running_loop().time() + deadline.total_seconds()
        heard = self._heard.setdefault(key, set())
        came: list[Told] = []
        try:
            left = [number for number in self._client.numbers if number not in heard]
            await self._client.tell(said, left, told=came.append, ends=ends)
        except UnreachableError as problem:
            raise statuses.undelivered(problem) from problem
        finally:
            heard.update(one.number for one in came if one.is_told)
            self._forget()
        failed = [self._problem(one, seconds_until(one.retry_after, at)) for one in came if not one.is_told]
        if failed:
            raise min(failed, key=lambda one: one.failure == Failure.REFUSED)  # what may still be heard comes first
        self._heard.pop(key, None)
        return {"key": key}

    def _forget(self) -> None:
        while len(self._heard) > _MOST_PARTLY_TOLD:
            del self._heard[next(iter(self._heard))]

    def _problem(self, told: Told, wait: float | None) -> UndeliveredError:
        """What the service said may hold the secrets of its URL: only the number of its answer is shown."""
        what = f"line {told.number + 1} of urls_file ({self._client.schemes[told.number]})"
        if told.is_unknown:
            words = f"{what} is no URL that Apprise can use, or names several recipients: write a URL for each"
            return UndeliveredError(words, failure=Failure.AUTH)
        if told.broken:
            return UndeliveredError(f"{what}: {told.broken}", failure=Failure.BROKEN, is_unsure=True)
        if told.status:
            try:
                statuses.check(told.status, what, wait=wait)
            except UndeliveredError as problem:
                return problem
        failure = Failure.DEADLINE if told.is_late else Failure.UNREACHABLE
        return UndeliveredError(f"{what} could not be told", failure=failure, is_unsure=told.is_unsure)


def _type(incident: Incident) -> str:
    return _SUCCESS if incident.status is IncidentStatus.RESOLVED else _TYPES[incident.severity]
