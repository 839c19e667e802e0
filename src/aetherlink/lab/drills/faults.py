"""Ways to break the CRM: through the lab's control API, or through the CRM's own fault switchboard."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import httpx

from aetherlink.errors import RejectedError, UnreachableError
from aetherlink.lab import remote

_DEADLINE_SECONDS = 10.0


class Fault(Protocol):
    """Something that can be broken, and mended again by whoever broke it."""

    async def strike(self) -> str:
        """Break it; what was done, in words."""
        ...

    async def lift(self) -> str:
        """Mend it, when nobody else did; what was done, in words."""
        ...


class KilledService:
    """A service of the lab whose processes are killed and stay dead."""

    def __init__(self, lab_dir: Path, service: str) -> None:
        self._lab_dir = lab_dir
        self._service = service

    async def strike(self) -> str:
        """Kill every process of it."""
        before = await remote.service(self._lab_dir, self._service)
        await remote.kill(self._lab_dir, self._service)
        pids = ", ".join(str(replica.pid) for replica in before.replicas if replica.pid is not None)
        return f"{self._service} killed (SIGKILL to process {pids})"

    async def lift(self) -> str:
        """Start it again."""
        await remote.restart(self._lab_dir, self._service)
        return f"{self._service} started again by the drill"


class SwitchboardFault:
    """One fault of the CRM's switchboard, which exists where CRM_FAULTS_ENABLED is true."""

    def __init__(self, crm_url: str, name: str, settings: Mapping[str, object]) -> None:
        self._url = f"{crm_url.rstrip('/')}/faults/{name}"
        self._name = name
        self._settings = settings

    async def strike(self) -> str:
        """Switch it on."""
        await self._ask("PUT", self._settings)
        words = ", ".join(f"{key} {value}" for key, value in self._settings.items())
        return f"fault switched on: {self._name} ({words})"

    async def lift(self) -> str:
        """Switch it off."""
        await self._ask("DELETE", None)
        return f"fault switched off: {self._name}"

    async def _ask(self, method: str, body: Mapping[str, object] | None) -> None:
        try:
            async with httpx.AsyncClient(timeout=_DEADLINE_SECONDS) as client:
                answer = await client.request(method, self._url, json=body)
        except httpx.HTTPError as problem:
            raise UnreachableError(f"the CRM's fault switchboard at {self._url}: {problem}") from problem
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise RejectedError(
                f"there is no fault switchboard at {self._url}: set CRM_FAULTS_ENABLED=true for the CRM", status=404
            )
        if answer.is_error:
            raise RejectedError(f"{method} {self._url}: {answer.status_code} {answer.text[:200]}", status=400)
