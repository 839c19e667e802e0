"""THE list: which code runs for which state. One stage, one file."""

from collections.abc import Awaitable, Callable, Mapping

from aetherlink.model.incidents import Stage
from aetherlink.pipeline import act, approve, decide, plan, undo, verify, watch
from aetherlink.pipeline.step import Case, Step, World

STAGES: Mapping[Stage, Callable[[World, Case], Awaitable[Step]]] = {
    Stage.PLAN: plan.run,
    Stage.DECIDE: decide.run,
    Stage.APPROVE: approve.run,
    Stage.ACT: act.run,
    Stage.VERIFY: verify.run,
    Stage.UNDO: undo.run,
    Stage.WATCH: watch.run,
}
