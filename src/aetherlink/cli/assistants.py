"""What stands between an assistant and the agent's API for `aether mcp`."""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlencode

from aetherlink.clients.agent import AgentClient
from aetherlink.errors import AetherError, AnswerError, SettingsError
from aetherlink.mcp.limited import LimitedTranslator
from aetherlink.mcp.translating import Translator
from aetherlink.model.principals import Scope
from aetherlink.ports import Clock


class OverHttp:
    """See mcp.translating.Api: the agent that the command line talks to, with its token."""

    def __init__(self, agent: AgentClient) -> None:
        self._agent = agent

    async def ask(
        self, method: str, path: str, params: Mapping[str, str], body: Mapping[str, object] | None
    ) -> tuple[int, object]:
        """The status and the JSON. Raises UnreachableError, AnswerError."""
        reply = await self._agent.send(method, f"{path}?{urlencode(params)}" if params else path, body)
        if not reply.data:
            raise AnswerError(
                f"{path} at {self._agent.address} answered with {reply.status} and no JSON object: is this the agent's "
                "address?"
            )
        return reply.status, reply.data


async def translator(agent: AgentClient, *, propose: bool, clock: Clock) -> Translator:
    """The tools that read, and the one that proposes only where that was asked for: the token may be an operator's.

    A token that may not propose has no such tool; an agent that does not say refuses it when it is called.
    """
    wanted = {Scope.READ, Scope.PROPOSE} if propose and await _may_propose(agent) else {Scope.READ}
    return LimitedTranslator(OverHttp(agent), frozenset(wanted), clock)


async def _may_propose(agent: AgentClient) -> bool:
    try:
        reply = await agent.send("GET", "/api/v1/caller")
    except AetherError:
        return True
    held = reply.data.get("scopes")
    return not isinstance(held, list) or not {Scope.PROPOSE, Scope.ADMIN}.isdisjoint(held)


def server() -> Callable[[Translator], Awaitable[None]]:
    """What serves a translator's tools on standard input and output. Raises SettingsError without the SDK."""
    try:
        from aetherlink.mcp.sdk import serve_stdio
    except ModuleNotFoundError as problem:
        raise SettingsError(
            f"`aether mcp` needs {problem.name}, which is not installed: pip install 'aetherlink[mcp]'"
        ) from problem
    return serve_stdio
