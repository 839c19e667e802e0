"""Takes every look of every check at once, each within its time, and puts what they found in order."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aetherlink.doctor.findings import Finding, Status, fault
from aetherlink.doctor.looking import Check, Ground, Look
from aetherlink.doctor.registry import CHECKS
from aetherlink.errors import AetherError

_WELL, _FAILED, _NOT_REACHED = 0, 1, 3


@dataclass(frozen=True, slots=True)
class Line:
    """A finding with the check that made it and what it is about."""

    check: str
    subject: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, in the order of the checks."""

    lines: Sequence[Line]
    is_agent_reached: bool

    @property
    def exit_code(self) -> int:
        """0 well, 1 something is at fault, 3 the agent could not be reached."""
        if not self.is_agent_reached:
            return _NOT_REACHED
        return _FAILED if self.count(Status.FAULT) else _WELL

    def count(self, status: Status) -> int:
        """How many findings have this status."""
        return sum(line.finding.status is status for line in self.lines)


async def examine(ground: Ground, checks: Sequence[Check] = CHECKS) -> Report:
    """Look at everything. Changes nothing, but for a test alert that was wished for. Raises nothing."""
    taken = [(check.name, look) for check in checks for look in check.looks(ground)]
    found = await asyncio.gather(*(_taken(look) for _, look in taken))
    lines = [
        Line(name, look.subject, finding)
        for (name, look), findings in zip(taken, found, strict=True)
        for finding in findings
    ]
    is_reached = await ground.agent.is_reached()
    await ground.agent.aclose()
    return Report(lines, is_reached)


async def _taken(look: Look) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(look.within.total_seconds()):
            return await look.work()
    except TimeoutError:
        text = f"could not be looked at within {look.within.total_seconds():g} s"
        return [fault(text, "find out why it is so slow, and look again")]
    except AetherError as problem:
        return [fault(str(problem), "see to what it says, and look again")]
    except Exception as problem:  # noqa: BLE001 - the named boundary of a look: the others have to be heard
        text = f"the look itself broke: {type(problem).__name__}: {problem}"
        return [fault(text, "report this with the settings, secrets left out")]
