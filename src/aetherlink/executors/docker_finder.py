"""Asks the daemon what there is, and finds among it the target that the labels of an alert mean."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from aetherlink.clients.docker import DockerDaemon
from aetherlink.clients.docker_containers import Listed
from aetherlink.executors.docker_finding import UNNAMED, Grounds, finding_of, meant
from aetherlink.executors.docker_matching import Match
from aetherlink.model.findings import Finding

_CALLS = "containers by labels"  # calls are counted by target, and these are for none yet
_LISTED_FOR = 1.0  # seconds: of a storm's alerts each looks at one list


class DockerFinder:
    """See ports.TargetFinder, for the executor `docker`."""

    executor = "docker"

    def __init__(self, daemon: DockerDaemon, grounds: Grounds) -> None:
        self._daemon = daemon
        self._grounds = grounds
        self._list: asyncio.Future[list[Listed]] | None = None
        self._listed_at = 0.0

    async def find(self, labels: Mapping[str, str], *, since: datetime | None, deadline: timedelta) -> Finding:
        """The target that the labels mean, or why none.

        `since` is when the alert began: a container that was started later is not told by its address alone, for that
        may have been another's then. Raises UnreachableError, NotFoundError or AnswerError.
        """
        listed = await self._listed(deadline)
        match = meant(labels, listed, self._grounds.options)
        if match is None:
            return UNNAMED
        finding = finding_of(match, listed, self._grounds)
        if finding.target is None or since is None:
            return finding
        return await self._younger(match, since, deadline) or finding

    async def _younger(self, match: Match, since: datetime, deadline: timedelta) -> Finding | None:
        """That the container may have its address from another one that had it when the alert began."""
        for one in match.containers:
            if not match.is_by_address(one):
                continue
            seen = await self._daemon.container(_CALLS, one.id, deadline=deadline)
            if seen.started_at is None or seen.started_at > since:
                reason = (
                    f"{match.words} is {seen.name} now, which was started after the alert began: "
                    "the address may have been another's then"
                )
                return Finding(None, reason)
        return None

    async def _listed(self, deadline: timedelta) -> list[Listed]:
        """A list of a moment ago, of which there is never more than one on its way."""
        now = asyncio.get_running_loop().time()
        is_old = self._list is not None and self._list.done() and now - self._listed_at > _LISTED_FOR
        if self._list is None or is_old:
            self._list = asyncio.ensure_future(self._daemon.everything(_CALLS, deadline=deadline))
            self._list.add_done_callback(self._note)
        return await asyncio.shield(self._list)

    def _note(self, list_: "asyncio.Future[list[Listed]]") -> None:
        self._listed_at = asyncio.get_running_loop().time()
        if not list_.cancelled():
            list_.exception()  # whoever waited may have gone
