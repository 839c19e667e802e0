"""From a tool and its arguments to a request of /api/v1, and from its answer to a result. It decides nothing itself."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from aetherlink.errors import AetherError
from aetherlink.lib.logs import one_line
from aetherlink.mcp.marking import marked
from aetherlink.mcp.tools import LIST_INCIDENTS, READ_INCIDENT, TOOLS, Place, Tool
from aetherlink.model.principals import Scope

OPEN_INCIDENTS = "aether://incidents"
_log = logging.getLogger("aetherlink.mcp")


class Api(Protocol):
    """The agent's own API, asked with what the caller may do."""

    async def ask(
        self, method: str, path: str, params: Mapping[str, str], body: Mapping[str, object] | None
    ) -> tuple[int, object]:
        """The status and the JSON of an answer. Raises AetherError where there is none."""
        ...


class Outcome(StrEnum):
    """What became of a call: nobody could answer it now, or it was not right."""

    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool says: a text, and an object."""

    text: str
    data: Mapping[str, object]
    outcome: Outcome = Outcome.ANSWERED

    @property
    def is_error(self) -> bool:
        """Whether it is no answer."""
        return self.outcome is not Outcome.ANSWERED


class Translator:
    """The tools of one caller. A tool whose scope it lacks does not exist for it."""

    def __init__(self, api: Api, scopes: frozenset[Scope]) -> None:
        self._api = api
        held = frozenset(Scope) if Scope.ADMIN in scopes else scopes
        self._tools = {tool.name: tool for tool in TOOLS if tool.scope in held}

    @property
    def tools(self) -> Sequence[Tool]:
        """Those that the caller may use."""
        return list(self._tools.values())

    async def call(self, name: str, given: Mapping[str, object]) -> Result:
        """What the tool says; what it refuses is a result too."""
        tool = self._tools.get(name)
        if tool is None:
            return refused("there is no such tool for this token")
        problems = tool.problems(given)
        if problems:
            return refused("; ".join(problems[:10]))
        try:
            return await self._asked(tool, given)
        except Exception:  # noqa: BLE001 - the named boundary of a call: a bug is told to nobody but the log
            _log.exception("the tool %s has failed", tool.name)
            return refused("this tool has failed: the log says why", Outcome.FAILED)

    async def read(self, address: str) -> Result:
        """What stands at the address of a resource."""
        if address == OPEN_INCIDENTS:
            return await self.call(LIST_INCIDENTS.name, {"status": "open"})
        head, separator, incident_id = address.partition(f"{OPEN_INCIDENTS}/")
        if head or not separator:
            return refused("there is no such resource")
        return await self.call(READ_INCIDENT.name, {"incident_id": incident_id})

    async def _asked(self, tool: Tool, given: Mapping[str, object]) -> Result:
        placed = {place: _at(tool, place, given) for place in Place}
        path = tool.path.format_map(placed[Place.PATH])  # each of them matched its pattern, which knows no slash
        params = {name: str(value) for name, value in placed[Place.QUERY].items()}
        body = placed[Place.BODY] if tool.method == "POST" else None
        try:
            status, found = await self._api.ask(tool.method, path, params, body)
        except AetherError as problem:
            return refused(str(problem), Outcome.FAILED)
        text, data = await asyncio.to_thread(marked, found)  # it may be long, and others wait meanwhile
        if status < 300:
            return Result(text, data)
        outcome = Outcome.REFUSED if status < 500 else Outcome.FAILED
        return Result(f"The agent refused with {status}.\n{text}", {"status": status, **data}, outcome)


def _at(tool: Tool, place: Place, given: Mapping[str, object]) -> dict[str, object]:
    return {each.name: given[each.name] for each in tool.arguments if each.place is place and each.name in given}


def refused(why: str, outcome: Outcome = Outcome.REFUSED) -> Result:
    """What a tool says that does not answer, and why."""
    said = one_line(why)
    return Result(said, {"refused": said}, outcome)
