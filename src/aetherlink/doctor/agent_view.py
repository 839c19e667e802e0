"""The running agent as its own API shows it. Each page is asked for once, however many checks want it."""

import asyncio
from collections.abc import Mapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from aetherlink.clients.agent import AgentClient, Reply
from aetherlink.doctor.findings import Finding, fault, not_checked
from aetherlink.errors import AetherError, AnswerError, UnreachableError


class AgentView:
    """Asks the agent behind the client, by pages."""

    def __init__(self, client: AgentClient) -> None:
        self._client = client
        self._pages: dict[str, asyncio.Task[Any]] = {}

    @property
    def address(self) -> str:
        """Where it is, without credentials."""
        return self._client.address

    async def page(self, path: str) -> Mapping[str, Any]:
        """The object that it answers with. Raises what AgentClient.ask does."""
        if path not in self._pages:
            self._pages[path] = asyncio.create_task(self._client.ask("GET", path))
        found: Mapping[str, Any] = await asyncio.shield(self._pages[path])
        return found

    async def anew(self, path: str) -> Mapping[str, Any]:
        """The same, asked for now."""
        return await self._client.ask("GET", path)

    async def reply(self, path: str) -> Reply:
        """Whatever it answers. Raises UnreachableError, or AnswerError."""
        key = f"reply {path}"
        if key not in self._pages:
            self._pages[key] = asyncio.create_task(self._client.send("GET", path))
        found: Reply = await asyncio.shield(self._pages[key])
        return found

    async def is_reached(self) -> bool:
        """Whether an agent answered at all, well or not."""
        try:
            await self.reply("/health")
        except UnreachableError:
            return False
        except AetherError:
            return True
        return True

    async def is_agent(self) -> bool:
        """Whether what answers is an agent."""
        try:
            reply = await self.reply("/health")
        except AetherError:
            return False
        return reply.status == 200 and "health_score" in reply.data

    async def unheard(self, what: str, problem: UnreachableError) -> Finding:
        """What it means that a page was not answered: that nobody is there, or that an agent cannot read its store."""
        if not await self.is_agent():
            return not_checked(f"{what}: the agent is not reached")
        fix = "read its log, and see to its database; `aether restore` puts a backup in its place"
        return fault(f"{what}: the agent runs, and its store does not answer: {problem}", fix)

    async def metric(self, name: str, **labels: str) -> float | None:
        """Its own sample of this name and these labels; None where there is none. Raises AetherError."""
        reply = await self.reply("/metrics")
        if reply.status != 200:
            raise AnswerError(f"GET /metrics at {self.address} answered {reply.status}: {reply.detail}")
        try:
            samples = [one for family in text_string_to_metric_families(reply.text) for one in family.samples]
        except ValueError as problem:
            raise AnswerError(f"GET /metrics at {self.address} is no page of metrics: {problem}") from problem
        fitting = (one.value for one in samples if one.name == name and labels.items() <= one.labels.items())
        return next(fitting, None)

    async def aclose(self) -> None:
        """Give up what was asked for and nobody waits for."""
        for task in self._pages.values():
            task.cancel()
        await asyncio.gather(*self._pages.values(), return_exceptions=True)
