"""The step of a playbook that comes after another one, planned; where it cannot be, a person goes on."""

from aetherlink.model.actions import Plan
from aetherlink.model.incidents import Stage
from aetherlink.model.playbooks import PlaybookStep
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline.plan import Occasion, planned
from aetherlink.pipeline.step import Case, Continue, Step, World


async def after(world: World, case: Case, plan: Plan, *, helped: bool) -> Step | None:
    """Continue to decide with the plan of the step that comes now; None when there is none, or none can be planned."""
    playbook = world.playbook_of(plan)
    is_there = playbook is not None and plan.step in {step.name for step in playbook.steps}
    if playbook is None or case.planned is None or not plan.step or not is_there:
        return None
    step = playbook.following(plan.step, helped=helped)
    if step is None:
        return None
    found = await planned(world, Occasion(case.incident, case.planned, playbook, step))
    if isinstance(found, Step) and isinstance(found.move, Continue):
        return found
    return _cannot_go_on(world, step) if helped else None


def _cannot_go_on(world: World, step: PlaybookStep) -> Step:
    """The repair is half done, and its next step cannot be planned: a person goes on."""
    text = f"a person has to look: the next step, {step.name}, cannot be planned"
    called = Entry(EventKind.ESCALATED, world.clock.now(), text)
    return Step(Continue(Stage.WATCH), (called,), escalated=True, hands_off=True)
