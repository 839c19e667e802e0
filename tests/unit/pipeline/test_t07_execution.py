"""T07: what was approved is carried out exactly once, and only as it was shown."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.approval_commands import ApprovalCommands
from aetherlink.errors import AetherError, ConflictError, GoneError
from aetherlink.model.actions import Action, ActionState, Observation, Target
from aetherlink.model.decisions import EvidenceStatus, Mode
from aetherlink.model.ids import PlaybookName
from aetherlink.model.pauses import EVERYTHING, Pause
from aetherlink.model.timeline import EventKind
from aetherlink.pipeline.options import PipelineOptions
from aetherlink.pipeline.step import Consent
from aetherlink.testing import MemoryExecutor
from rigs.pipeline import API, Rig


@pytest.fixture
def commands(rig: Rig) -> ApprovalCommands:
    return rig.approvals()


async def approve(commands: ApprovalCommands, action: Action, by: str = "ann") -> Action:
    assert action.approval is not None
    return await commands.approve(action.id, action.approval.plan_hash, by=by)


def drift(rig: Rig) -> None:
    rig.executor.world[API] = replace(rig.executor.world[API], wanted=2, ready=2)


@pytest.mark.parametrize("clicks", [30, pytest.param(1000, marks=pytest.mark.long)])
async def test_of_many_clicks_one_execution(rig: Rig, commands: ApprovalCommands, clicks: int) -> None:
    action = await rig.asked()

    async def click(number: int) -> None:
        await approve(commands, action, by=f"person-{number}")
        await rig.run()

    async def stages() -> None:
        for _ in range(20):
            await rig.run()

    results = await asyncio.gather(*(click(number) for number in range(clicks)), stages(), return_exceptions=True)
    await rig.run_for(30)

    assert sum(isinstance(result, ConflictError) for result in results) >= clicks - 1
    assert len(rig.executor.calls) == 1
    [stored] = await rig.actions()
    assert stored.state is ActionState.FINISHED
    kinds = await rig.kinds()
    assert (kinds.count(EventKind.APPROVED), kinds.count(EventKind.ACTION_STARTED)) == (1, 1)


async def denied(rig: Rig, commands: ApprovalCommands, action: Action) -> None:
    await approve(commands, action)
    await commands.deny(action.id, "no", by="bob")


async def taken_back(rig: Rig, commands: ApprovalCommands, action: Action) -> None:
    await approve(commands, action)
    await commands.cancel(action.id, by="bob")


async def never_approved(rig: Rig, commands: ApprovalCommands, action: Action) -> None:
    pass


async def expired(rig: Rig, commands: ApprovalCommands, action: Action) -> None:
    rig.change(options=PipelineOptions())  # looks twice a minute, not every second for half an hour
    await rig.run_for((action.approval.expires_at - rig.clock.now()).total_seconds() + 2)
    assert EventKind.EXPIRED in await rig.kinds()
    with pytest.raises(GoneError):
        await approve(commands, action)


async def drifted_before(rig: Rig, commands: ApprovalCommands, action: Action) -> None:
    drift(rig)
    await rig.run_for(3)
    assert EventKind.DRIFTED in await rig.kinds()
    with pytest.raises(ConflictError, match="drifted"):
        await approve(commands, action)


async def drifted_after(rig: Rig, commands: ApprovalCommands, action: Action) -> None:
    """Between the yes and the act: the intent is not committed for what nobody saw."""
    await approve(commands, action)
    drift(rig)


async def paused(rig: Rig, commands: ApprovalCommands, action: Action) -> None:
    await approve(commands, action)
    pause = Pause(EVERYTHING, rig.clock.now(), "we move", "bob")
    await rig.store.write(lambda tx: tx.pauses.put(pause))


async def recovered(rig: Rig, commands: ApprovalCommands, action: Action) -> None:
    await approve(commands, action)
    await rig.hear(firing=False)


async def blind(rig: Rig, commands: ApprovalCommands, action: Action) -> None:
    await approve(commands, action)
    rig.probe.status = EvidenceStatus.NO_DATA


Spoil = Callable[[Rig, ApprovalCommands, Action], Awaitable[None]]


@pytest.mark.parametrize(
    "spoil", [never_approved, denied, taken_back, expired, drifted_before, drifted_after, paused, recovered, blind]
)
async def test_no_negative_case_is_carried_out(rig: Rig, commands: ApprovalCommands, spoil: Spoil) -> None:
    action = await rig.asked()
    await spoil(rig, commands, action)
    await rig.run_for(20)

    assert rig.executor.calls == []


async def test_what_drifted_is_asked_anew_and_only_the_new_hash_is_good(rig: Rig, commands: ApprovalCommands) -> None:
    action = await rig.asked()
    await approve(commands, action)
    drift(rig)
    await rig.run_for(3)
    [again] = await rig.actions()

    assert again.approval.plan_hash != action.approval.plan_hash
    assert again.approval.grants == ()
    assert again.state is ActionState.WAITING_APPROVAL
    await approve(commands, again)
    await rig.run_for(3)
    assert len(rig.executor.calls) == 1


class Approving(MemoryExecutor):
    """Somebody approves while the stage looks at the target: what it stores afterwards must not lose the grant."""

    def __init__(self, rig: Rig, commands: ApprovalCommands, action: Action) -> None:
        super().__init__(rig.clock, list(rig.executor.world))
        self.world = rig.executor.world
        self._commands = commands
        self._action = action

    async def observe(self, target: Target, *, deadline: timedelta) -> Observation:
        seen = await super().observe(target, deadline=deadline)
        with contextlib.suppress(AetherError):
            await approve(self._commands, self._action)
        return seen


async def test_a_yes_while_the_stage_looks_is_not_lost(rig: Rig, commands: ApprovalCommands) -> None:
    action = await rig.asked()
    executor = Approving(rig, commands, action)
    rig.change(executors={"memory": executor})
    await rig.run_for(5)

    assert len(executor.calls) == 1
    assert (await rig.kinds()).count(EventKind.APPROVED) == 1


async def test_for_a_vip_it_takes_two_people(rig: Rig, commands: ApprovalCommands) -> None:
    rig.change(modes={PlaybookName("restart-crm-api"): Mode.APPROVE}, consent=Consent(second_person_for_vip=True))
    await rig.hear(tenant="vip-one")
    await rig.run()
    [action] = await rig.actions()
    await approve(commands, action, by="ann")
    await rig.run_for(5)
    assert rig.executor.calls == []
    await approve(commands, action, by="bob")
    await rig.run_for(5)

    assert len(rig.executor.calls) == 1


async def test_after_wrong_the_playbook_keeps_off_and_then_asks(rig: Rig, commands: ApprovalCommands) -> None:
    await rig.hear()
    await rig.run_for(5)
    [first] = await rig.actions()
    await commands.wrong(first.id, "it was well", by="ann")
    await rig.hear(firing=False)
    await rig.run_for(3600)
    await rig.hear()
    await rig.run_for(10)
    assert len(rig.executor.calls) == 1
    assert (await rig.actions())[-1].decision.rule == "brake_is_released"

    await commands.release("playbook:restart-crm-api@crm-api", "it is mended", by="ann")
    await rig.run_for(10)
    assert len(rig.executor.calls) == 1
    second = (await rig.actions())[-1]
    assert (second.state, second.decision.rule) == (ActionState.WAITING_APPROVAL, "playbook_is_trusted")
    await approve(commands, second)
    await rig.run_for(5)
    assert len(rig.executor.calls) == 2
