"""THE list of drills: what is broken, which alert is to fire, and whether the agent has a repair for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aetherlink.errors import SettingsError
from aetherlink.lab.drills.faults import Fault, KilledService, SwitchboardFault


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a drill takes place: a lab's directory (None: no lab, a compose stack say) and the CRM's address."""

    lab_dir: Path | None
    crm_url: str


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill. `has_repair` says whether a built-in playbook repairs it; else the drill lifts the fault itself.

    `within` is how many seconds it may take, at the intervals of a fresh install.
    """

    name: str
    summary: str
    alertname: str
    has_repair: bool
    needs_lab: bool
    within: float
    fault: Callable[[Ground], Fault]


def _killed_api(ground: Ground) -> Fault:
    if ground.lab_dir is None:
        raise SettingsError("this drill kills processes of a lab: start one with `aether lab up`")
    return KilledService(ground.lab_dir, "crm")


def _errors(ground: Ground) -> Fault:
    return SwitchboardFault(ground.crm_url, "errors", {"ratio": 0.8})


_ALL = (
    Drill(
        "crm-api-killed",
        "the CRM's API is killed; the agent has to start it again",
        "CrmApiDown",
        has_repair=True,
        needs_lab=True,
        within=180.0,
        fault=_killed_api,
    ),
    Drill(
        "crm-errors",
        "the CRM answers most requests with an error; the agent hears it and calls a person",
        "CrmHighErrorRate",
        has_repair=False,
        needs_lab=False,
        within=600.0,
        fault=_errors,
    ),
)
DRILLS: Mapping[str, Drill] = {drill.name: drill for drill in _ALL}


def choose(name: str, *, has_lab: bool) -> list[Drill]:
    """The drills of that name; `all` are those that can take place here. Raises SettingsError for an unknown name."""
    if name == "all":
        return [drill for drill in _ALL if has_lab or not drill.needs_lab]
    if name not in DRILLS:
        raise SettingsError(f"no drill is called {name!r}: known are {', '.join(DRILLS)} and all")
    return [DRILLS[name]]
