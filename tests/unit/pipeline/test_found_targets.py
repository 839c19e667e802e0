"""A target that an alert's labels name among what runs: planned, bound by its identity, told; or why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from aetherlink.briefing import Restraints
from aetherlink.errors import UnreachableError
from aetherlink.lib.deriving import Deriving
from aetherlink.model.actions import ActionState, Observation, Target
from aetherlink.model.findings import Finding
from aetherlink.model.ids import TargetName
from aetherlink.model.playbooks import TargetChoice
from aetherlink.model.timeline import EventKind
from aetherlink.pipeline.rehearsal import Meant, rehearse
from aetherlink.testing import MemoryExecutor
from rigs.pipeline import API, Rig, with_step

FOUND = TargetName("compose:shop.crm")


@dataclass
class ScriptedFinder:
    """Says what the test says, and notes what it was asked."""

    finding: Finding | Exception
    executor: str = "memory"
    asked: list[tuple[str, datetime | None]] = field(default_factory=list)

    async def find(self, labels: Mapping[str, str], *, since: datetime | None, deadline: timedelta) -> Finding:
        """See ports.TargetFinder."""
        assert deadline <= timedelta(seconds=5)
        self.asked.append((labels["instance"], since))
        if isinstance(self.finding, Exception):
            raise self.finding
        return self.finding


class Identified(MemoryExecutor):
    """Tells who the target is; `anew` after how many looks it is made anew."""

    identity = "a1"
    anew_after = 1_000

    async def observe(self, target: Target, *, deadline: timedelta) -> Observation:
        """See ports.Executor."""
        self.anew_after -= 1
        seen = await super().observe(target, deadline=deadline)
        return replace(seen, identity=self.identity if self.anew_after >= 0 else "b2")


def derived(name: TargetName) -> Target | None:
    return Target(name, "memory", "crm") if name.startswith("compose:") else None


@pytest.fixture
def finder() -> ScriptedFinder:
    return ScriptedFinder(Finding(derived(FOUND), "instance='crm:8000' means shop-crm-1"))


@pytest.fixture
def hands(rig: Rig) -> Identified:
    return Identified(rig.clock, [API, FOUND])


@pytest.fixture(autouse=True)
def by_labels(rig: Rig, finder: ScriptedFinder, hands: Identified) -> None:
    [playbook] = rig.world.playbooks
    rig.change(
        playbooks=(with_step(playbook, target=TargetChoice(executor="memory")),),
        executors={"memory": hands},
        targets=Deriving(rig.world.targets, derived),
        finder=finder,
    )


async def texts(rig: Rig, kind: EventKind) -> list[str]:
    incident = await rig.incident()
    entries = await rig.store.read(lambda tx: tx.incidents.timeline(incident.id, limit=100, after=0))
    return [stored.entry.text for stored in entries if stored.entry.kind is kind]


async def test_it_is_acted_on_and_the_timeline_says_how_it_was_found(
    rig: Rig, finder: ScriptedFinder, hands: Identified
) -> None:
    await rig.hear()
    await rig.run_for(4)

    [action] = await rig.actions()
    assert (action.plan.target, action.plan.identity, action.verdict) == (FOUND, "a1", "recovered")
    assert len(hands.calls) == 1
    assert "instance='crm:8000' means shop-crm-1" in (await texts(rig, EventKind.PLANNED))[0]
    assert finder.asked == [("crm:8000", rig.clock.now() - timedelta(seconds=4))]


async def test_why_there_is_none_reaches_the_timeline_and_a_person(rig: Rig, finder: ScriptedFinder) -> None:
    finder.finding = Finding(None, "instance='crm:8000' means several: a, b")

    await rig.hear()
    await rig.run()

    assert await rig.actions() == []
    [told] = await texts(rig, EventKind.ESCALATED)
    assert "restart-crm-api matches, but instance='crm:8000' means several: a, b" in told


async def test_what_labels_name_and_may_not_be_acted_on_is_not_replaced_by_a_declared_target(
    rig: Rig, finder: ScriptedFinder
) -> None:
    finder.finding = Finding(None, "shop-crm-1 was not given to the agent", is_named=True)

    await rig.hear(service="crm-api")
    await rig.run()

    assert await rig.actions() == []


@pytest.mark.parametrize(("service", "target"), [("crm-api", API), ("else", None)])
async def test_where_no_label_speaks_of_a_container_the_declared_targets_are_asked(
    rig: Rig, finder: ScriptedFinder, service: str, target: TargetName | None
) -> None:
    finder.finding = Finding(None, "no label of the alert speaks of a container", is_named=False)

    await rig.hear(service=service)
    await rig.run()

    assert [action.plan.target for action in await rig.actions()] == ([target] if target else [])
    if target is None:
        [told] = await texts(rig, EventKind.ESCALATED)
        assert "no label of the alert speaks of a container, and no target under `targets`" in told


@pytest.mark.parametrize("is_reached", [True, False])
async def test_a_step_for_any_executor_may_have_a_declared_target_of_another_one(
    rig: Rig, finder: ScriptedFinder, is_reached: bool
) -> None:
    """What the labels name there is gone, or nobody can look: the target of the other executor is still the one."""
    [playbook] = rig.world.playbooks
    rig.change(playbooks=(with_step(playbook, target=TargetChoice()),))
    finder.executor = "docker"
    finder.finding = Finding(None, "gone") if is_reached else UnreachableError("Docker hangs")

    await rig.hear()
    await rig.run()

    assert [action.plan.target for action in await rig.actions()] == [API]


async def test_a_step_for_any_executor_takes_what_the_labels_find(rig: Rig) -> None:
    [playbook] = rig.world.playbooks
    rig.change(playbooks=(with_step(playbook, target=TargetChoice()),))

    await rig.hear(service="crm-api")
    await rig.run()

    assert [action.plan.target for action in await rig.actions()] == [FOUND]


async def test_another_executors_targets_are_not_looked_for(rig: Rig, finder: ScriptedFinder) -> None:
    finder.executor = "docker"

    await rig.hear()
    await rig.run()

    assert finder.asked == []
    assert [action.plan.target for action in await rig.actions()] == [API]


async def test_while_it_cannot_be_looked_for_the_plan_waits_and_then_a_person_is_called(
    rig: Rig, finder: ScriptedFinder
) -> None:
    finder.finding = UnreachableError("Docker hangs")
    await rig.hear()
    await rig.run_for(10)
    assert await rig.actions() == []
    assert await texts(rig, EventKind.ESCALATED) == []

    await rig.run_for(rig.world.options.resolve_within.total_seconds())

    assert len(await texts(rig, EventKind.ESCALATED)) == 1
    assert len(finder.asked) > 10


async def test_one_that_was_made_anew_since_the_plan_is_planned_again_and_not_acted_on_unseen(
    rig: Rig, hands: Identified
) -> None:
    hands.anew_after = 1  # the plan's look

    await rig.hear()
    await rig.run()
    assert hands.calls == []
    [refused] = await rig.actions()
    assert (refused.state, refused.plan.identity) == (ActionState.REFUSED, "a1")
    assert "was made anew since its plan was made" in (await texts(rig, EventKind.ACTION_FINISHED))[0]

    await rig.run_for(4)

    done = (await rig.actions())[-1]
    assert (done.plan.identity, len(hands.calls)) == ("b2", 1)


async def test_an_approval_is_void_once_it_was_made_anew(rig: Rig, hands: Identified) -> None:
    action = await rig.asked()
    assert action.approval is not None
    assert action.plan.target == FOUND
    hands.identity = "b2"

    await rig.run_for(4)

    assert hands.calls == []
    newest = (await rig.actions())[-1]
    assert newest.state is ActionState.WAITING_APPROVAL
    assert newest.approval is not None
    assert newest.approval.plan_hash != action.approval.plan_hash


async def test_another_target_that_the_labels_name_meanwhile_makes_another_plan(
    rig: Rig, finder: ScriptedFinder, hands: Identified
) -> None:
    action = await rig.asked()
    finder.finding = Finding(derived(API), "it moved")

    await rig.run_for(4)

    assert [one.plan.target for one in await rig.actions()] == [action.plan.target]
    assert hands.calls == []


async def test_what_the_agent_lives_on_is_denied_whoever_found_it(rig: Rig, hands: Identified) -> None:
    rig.change(restraints=Restraints(protected=Deriving({}, lambda name: "Prometheus" if name == FOUND else None)))

    await rig.hear()
    await rig.run()

    [action] = await rig.actions()
    assert (action.decision.rule, hands.calls) == ("target_is_not_its_own", [])


async def test_its_budget_its_cooldown_and_its_brakes_are_its_own(rig: Rig, hands: Identified) -> None:
    await rig.hear()
    await rig.run_for(4)
    await rig.hear(firing=False)
    await rig.run()

    await rig.hear(minutes=1)
    await rig.run_for(70)

    assert len(hands.calls) == 1
    assert (await rig.actions())[-1].decision.rule == "cooldown_is_over"
    standing = await rig.store.read(lambda tx: tx.actions.started_since(FOUND, rig.clock.now() - timedelta(hours=1)))
    assert len(standing) == 1


async def test_a_pause_of_it_holds(rig: Rig, hands: Identified) -> None:
    plan_scopes = Restraints(freeze=lambda _, scopes: "frozen" if f"target:{FOUND}" in scopes else None)
    rig.change(restraints=plan_scopes)

    await rig.hear()
    await rig.run()

    assert hands.calls == []
    assert (await rig.actions())[0].decision.rule == "no_window_forbids"


CHOSEN_BY = {
    "a label that nothing is bound to": (("target",), ("job", "instance"), False),
    "a label that is bound": (("instance",), ("job", "instance"), True),
    "one of several that is bound": (("id", "instance"), ("job", "instance"), True),
    "a label that the query names itself": (("job",), (), True),
    "the service alone": ((), (), True),
}


@pytest.mark.parametrize("case", CHOSEN_BY)
async def test_what_the_evidence_is_of_is_what_was_found(rig: Rig, finder: ScriptedFinder, case: str) -> None:
    by, bind, is_planned = CHOSEN_BY[case]
    [playbook] = rig.world.playbooks
    own = with_step(replace(playbook, bind=bind), when='up{job="crm"} == 0')
    rig.change(playbooks=(own,))
    finder.finding = Finding(derived(FOUND), "as the labels say", by=by)

    await rig.hear()
    await rig.run_for(4)

    assert len(await rig.actions()) == is_planned
    if not is_planned:
        [told] = await texts(rig, EventKind.ESCALATED)
        assert "the label `target` names the container, and no query is bound to it" in told


async def test_where_the_alert_alone_is_the_evidence_no_query_has_to_be_bound(rig: Rig, finder: ScriptedFinder) -> None:
    [playbook] = rig.world.playbooks
    rig.change(playbooks=(with_step(replace(playbook, bind=("job",)), when=""),))
    finder.finding = Finding(derived(FOUND), "as the labels say", by=("target",))

    await rig.hear()
    await rig.run()

    assert await rig.actions() != []


def test_a_rehearsal_says_as_well_that_no_query_is_bound_to_what_chose(rig: Rig) -> None:
    [playbook] = rig.world.playbooks
    own = with_step(replace(playbook, bind=("job",)), target=TargetChoice(executor="docker"))
    meant = [Finding(derived(FOUND), "as the labels say", by=(label,)) for label in ("target", "job")]

    told = [rehearse(own, {"job": "crm", "target": "x"}, Meant("crm", {}, one)).steps[0].problem for one in meant]

    assert told == ["the label `target` names the container, and no query is bound to it", ""]
