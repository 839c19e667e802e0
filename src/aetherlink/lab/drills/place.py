"""Where drills take place, and running one or all of them there."""

from dataclasses import dataclass
from pathlib import Path

from aetherlink.errors import SettingsError
from aetherlink.lab import remote
from aetherlink.lab.drills.catalogue import Ground, choose
from aetherlink.lab.drills.run import Report, run_drill, summary
from aetherlink.lab.drills.watch import Ask, Tell
from aetherlink.ports import Clock


@dataclass(frozen=True, slots=True)
class Place:
    """The ground of the drills and, in a lab, its agent's address."""

    ground: Ground
    agent_url: str | None


async def find(lab_dir: Path, *, crm_url: str | None) -> Place:
    """The lab in the directory; without one, the CRM's address has to be given. Raises SettingsError."""
    found = await remote.status(lab_dir)
    if found.running:
        return Place(Ground(lab_dir, crm_url or found.urls["crm"]), found.urls.get("agent"))
    if crm_url is None:
        raise SettingsError(f"no lab runs in {lab_dir}: start one with `aether lab up`, or name a CRM with --crm-url")
    return Place(Ground(None, crm_url), None)


async def run_all(
    name: str, ground: Ground, *, ask: Ask, clock: Clock, tell: Tell, within: float | None = None
) -> list[Report]:
    """Run the drill of that name, or every one that can take place here; each is told and summed up.

    `within` seconds are given to each; None: as many as the drill itself says.
    """
    reports = []
    for drill in choose(name, has_lab=ground.lab_dir is not None):
        tell(f"drill {drill.name}: {drill.summary}")
        report = await run_drill(
            drill, drill.fault(ground), ask=ask, clock=clock, tell=tell, within=within or drill.within
        )
        tell("")
        for line in summary(report):
            tell(line)
        reports.append(report)
    return reports
