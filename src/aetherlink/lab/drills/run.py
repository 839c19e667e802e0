"""Runs one drill: strikes, tells every step with the seconds since the fault, and sums up."""

from dataclasses import dataclass, field
from datetime import datetime

from aetherlink.errors import AetherError, ConflictError, UnreachableError
from aetherlink.lab.drills.catalogue import Drill
from aetherlink.lab.drills.faults import Fault
from aetherlink.lab.drills.watch import LAST, Ask, Step, Tell, Watcher
from aetherlink.ports import Clock


@dataclass
class Report:
    """What a drill showed. `seconds` holds, by kind of step, when it first happened, counted from the fault."""

    drill: Drill
    struck_at: datetime
    seconds: dict[str, float] = field(default_factory=dict)
    was_lifted: bool = False
    problem: str = ""

    @property
    def is_resolved(self) -> bool:
        """Whether the incident came to its end."""
        return LAST in self.seconds

    @property
    def is_repaired(self) -> bool:
        """Whether the agent itself repaired it, and proved it."""
        return "verified" in self.seconds and not self.was_lifted

    @property
    def is_well(self) -> bool:
        """Whether the drill ended as it should."""
        return self.is_resolved and (self.is_repaired or not self.drill.has_repair)


async def run_drill(drill: Drill, fault: Fault, *, ask: Ask, clock: Clock, tell: Tell, within: float) -> Report:
    """Break it, watch, sum up.

    Raises UnreachableError when the agent cannot see, and ConflictError when the alert of the drill fires already:
    nothing is broken then.
    """
    await _require_sight(ask)
    await _require_calm(ask, drill)
    report = Report(drill, clock.now())
    tell(_line(0.0, "broken", await fault.strike()))
    watcher = Watcher(ask, alertname=drill.alertname, since=report.struck_at, clock=clock, tell=tell)
    try:
        async for step in watcher.steps(within=within):
            _note(report, step, tell)
            if _is_a_persons_turn(step) and not report.was_lifted:
                report.was_lifted = True
                tell(_line(_since(report, clock.now()), "lifted", await fault.lift()))
    except AetherError as problem:
        report.problem = str(problem)
        tell(_line(_since(report, clock.now()), "gave up", report.problem))
    finally:  # also after Ctrl-C: nothing stays broken because a drill ended early
        if not report.is_resolved and not report.was_lifted:
            tell(_line(_since(report, clock.now()), "lifted", await fault.lift()))
    return report


def summary(report: Report) -> list[str]:
    """The drill in a few lines."""
    if not report.is_resolved:
        return [f"{report.drill.name}: NOT RECOVERED ({report.problem})"]
    names = {
        "fired": "alert fired",
        "alerts": "heard",
        "decided": "decided",
        "action_finished": "repaired",
        "verified": "verified",
        LAST: "resolved",
    }
    times = "  ".join(f"{name} {report.seconds[kind]:.1f} s" for kind, name in names.items() if kind in report.seconds)
    if report.is_repaired:
        end = "the agent repaired it and proved it"
    elif report.drill.has_repair:
        end = "NOT REPAIRED by the agent (see the decision above); the drill lifted the fault"
    else:
        end = "the agent called a person, as it should; the drill lifted the fault"
    return [f"{report.drill.name}: {end}", f"since the fault: {times}"]


async def _require_sight(ask: Ask) -> None:
    away = [source for source in (await ask("/health")).get("sources", []) if not source["up"]]
    if away:
        words = "; ".join(f"{source['kind']} of {source['source']}: {source['detail']}" for source in away)
        raise UnreachableError(f"the agent cannot see, so a drill would prove nothing ({words})")


async def _require_calm(ask: Ask, drill: Drill) -> None:
    alerts = (await ask("/api/v1/alerts?limit=500"))["items"]
    if any(alert["status"] == "firing" and alert["labels"].get("alertname") == drill.alertname for alert in alerts):
        raise ConflictError(f"{drill.alertname} fires already: wait until it is resolved, then start the drill again")


def _note(report: Report, step: Step, tell: Tell) -> None:
    seconds = _since(report, step.at)
    report.seconds.setdefault(step.kind, seconds)
    tell(_line(seconds, step.name, step.text))


def _is_a_persons_turn(step: Step) -> bool:
    """Whether the agent said that it does nothing more by itself."""
    if step.kind == "decided":
        return step.facts.get("decision") in ("observe", "needs_approval")
    return step.kind == "escalated" or (step.kind == "planned" and not step.facts)


def _since(report: Report, at: datetime) -> float:
    return (at - report.struck_at).total_seconds()


def _line(seconds: float, name: str, text: str) -> str:
    return f"{seconds:6.1f} s  {name:<13} {text}"
