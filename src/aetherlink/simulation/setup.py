"""What one simulated world is made of: targets, playbooks, tenants, and how often what goes wrong. Drawn from its seed.

Not every world has everything: a fault that happens all the time hides what only comes about without it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from random import Random

from aetherlink.briefing import Restraints
from aetherlink.model.actions import DeclaredRequest, Target, Verb
from aetherlink.model.budgets import Budgets
from aetherlink.model.decisions import Mode
from aetherlink.model.dependents import STARTING_ANEW
from aetherlink.model.ids import PlaybookName, SourceName, TargetName
from aetherlink.model.playbooks import Matcher, MatchOperator, Playbook, PlaybookStep, ScaleBy, TargetChoice
from aetherlink.pipeline.step import Consent

SOURCE = SourceName("lab")
EXECUTOR = "simulated"
_NAMES = tuple(TargetName(name) for name in ("crm-api", "billing", "search", "mail"))
TENANTS = ("acme-corp", "globex", "vip-initech")
VIPS = ("vip-*",)
_REQUEST = DeclaredRequest("flush", "POST", "http://queue:8000/flush", digest="0" * 64)


class Event(StrEnum):
    """What may happen next."""

    TIME = "time moves to the next timer"
    STAGE = "the stages of an incident run"
    WEBHOOK = "a webhook arrives"
    RECONCILE = "the Alertmanager is asked what is active"
    BREAK = "a target breaks"
    HEAL = "a target is well again by itself"
    BLIP = "an alert fires for nothing"
    SILENCE = "somebody silences an alert, or takes that away"
    SIGHT = "the metrics go away or come back"
    PERSON = "a person does something"
    TROUBLE = "the store fails once"
    CRASH = "the agent dies"


_USUAL: Mapping[Event, float] = {
    Event.TIME: 14,
    Event.STAGE: 30,
    Event.WEBHOOK: 25,
    Event.RECONCILE: 1,
    Event.BREAK: 8,
    Event.HEAL: 6,
    Event.BLIP: 1.5,
    Event.SILENCE: 0.5,
    Event.SIGHT: 1,
    Event.PERSON: 3,
    Event.TROUBLE: 0.5,
    Event.CRASH: 1.5,
}
_ALWAYS = frozenset({Event.TIME, Event.STAGE, Event.WEBHOOK, Event.BREAK})

_CEILINGS = (*[(Mode.AUTO,)] * 5, (Mode.AUTO, Mode.APPROVE, Mode.OBSERVE), (Mode.OBSERVE,))
_MODES = (*[Mode.AUTO] * 10, Mode.APPROVE, Mode.OBSERVE)


@dataclass(frozen=True, slots=True)
class Trouble:
    """An alert, the metric that it watches, and the verb of the playbook that it calls; None: no playbook knows it."""

    alert: str
    metric: str
    verb: Verb | None
    scale: int = 0


TROUBLES = (
    Trouble("Down", "down", Verb.RESTART),
    Trouble("Slow", "slow", Verb.SCALE, scale=1),
    Trouble("Idle", "idle", Verb.SCALE, scale=-1),
    Trouble("BadRelease", "bad", Verb.ROLLBACK),
    Trouble("Stuck", "stuck", Verb.HTTP),
    Trouble("Strange", "strange", None),
)


@dataclass(frozen=True, slots=True)
class Setup:
    """One world. `troubles` are those that happen in it.

    `lag` is how often something waits a moment where it could go on at once, `bad_hands` how often a call to the
    executor goes wrong, `longest_jump` how far time moves where nothing is due.
    """

    targets: Mapping[TargetName, Target]
    playbooks: tuple[Playbook, ...]
    weights: Mapping[Event, float] = field(default_factory=lambda: dict(_USUAL))
    restraints: Restraints = field(default_factory=Restraints)
    consent: Consent = field(default_factory=Consent)
    ceilings: tuple[Mode, ...] = (Mode.AUTO,)
    tenants: tuple[str, ...] = TENANTS
    troubles: tuple[Trouble, ...] = TROUBLES
    lag: float = 0.1
    bad_hands: float = 0.3
    is_rolling: bool = False
    requester_may_approve: bool = True
    alert_for: timedelta = timedelta(seconds=15)
    longest_jump: timedelta = timedelta(minutes=1)


def drawn(dice: Random) -> Setup:
    """A world of its own for every seed."""
    weights = {event: usual * dice.choice((0.3, 1, 3)) for event, usual in _USUAL.items()}
    for event in Event:
        if event not in _ALWAYS and dice.random() < 0.25:
            weights[event] = 0
    setup = Setup(
        targets=_targets(dice, dice.randint(1, len(_NAMES))),
        playbooks=_playbooks(dice),
        weights=weights,
        restraints=_restraints(dice),
        consent=Consent(timedelta(minutes=dice.choice((2, 30))), second_person_for_vip=dice.random() < 0.5),
        ceilings=dice.choice(_CEILINGS),
        tenants=TENANTS[: dice.randint(1, 3)],
        troubles=tuple(dice.sample(TROUBLES, dice.randint(1, len(TROUBLES)))),
        lag=dice.choice((0.0, 0.05, 0.3)),
        bad_hands=dice.choice((0.0, 0.3, 0.7)),
        is_rolling=dice.random() < 0.7,
        requester_may_approve=dice.random() < 0.5,
    )
    return _with_dependents(setup, _aside(dice)) if len(setup.targets) > 1 else setup


def _aside(dice: Random) -> Random:
    """Dice that show what those will show, and leave them as they are: what else is drawn stays as it was."""
    other = Random()  # noqa: S311 - as those
    other.setstate(dice.getstate())
    return other


def _with_dependents(setup: Setup, dice: Random) -> Setup:
    """In some worlds most targets depend on one another, and whatever starts one anew is followed by those."""
    if dice.random() >= 0.3:
        return setup
    names = list(setup.targets)
    needed = {name: dice.choice(names[:place]) for place, name in enumerate(names) if place and dice.random() < 0.8}
    mode = dice.choice((Mode.AUTO, Mode.AUTO, Mode.AUTO, Mode.APPROVE))
    targets = {
        name: replace(target, depends_on=(needed[name],) if name in needed else (), mode=mode, floor=0)
        for name, target in setup.targets.items()
    }
    return replace(
        setup,
        targets=targets,
        playbooks=tuple(map(_restarting_dependents, setup.playbooks)),
        ceilings=(Mode.AUTO,),
        troubles=tuple(one for one in TROUBLES if one.verb in STARTING_ANEW),
    )


def _restarting_dependents(playbook: Playbook) -> Playbook:
    steps = tuple(replace(step, dependents=step.verb in STARTING_ANEW) for step in playbook.steps)
    return replace(playbook, steps=steps, mode=Mode.AUTO)


def healthy(dice: Random) -> Setup:
    """A world in which nothing is ever wrong: alerts fire for nothing, and the agent may do whatever it likes.

    In some of them nothing fires at all. Time moves a minute at once at most: what fires for nothing is over soon.
    """
    weights = dict.fromkeys(Event, 0.0) | {Event.TIME: 30, Event.STAGE: 60, Event.WEBHOOK: 60, Event.SIGHT: 0.5}
    weights[Event.BLIP] = dice.choice((0, 5, 12, 20))  # up to some twenty alerts an hour
    playbooks = tuple(replace(each, mode=Mode.AUTO) for each in _playbooks(dice))
    return Setup(_targets(dice, 3), playbooks, weights, lag=0.0, bad_hands=0.0, longest_jump=timedelta(minutes=1))


def _targets(dice: Random, count: int) -> Mapping[TargetName, Target]:
    return {name: _target(dice, name, _NAMES[:place]) for place, name in enumerate(_NAMES[:count])}


def _target(dice: Random, name: TargetName, others: tuple[TargetName, ...]) -> Target:
    return Target(
        name,
        EXECUTOR,
        name,
        minimum=1,
        maximum=3,
        floor=dice.choice((0, 0, 1)),
        depends_on=(dice.choice(others),) if others and dice.random() < 0.2 else (),
        mode=dice.choice(_MODES),
        tenant=TENANTS[-1] if name == _NAMES[0] else "",
        requests=(_REQUEST,),
    )


def _restraints(dice: Random) -> Restraints:
    """Budgets that bind now and then."""
    budgets = Budgets(
        running=dice.choice((1, 2)),
        per_ten_minutes=dice.choice((3, 10, 10)),
        per_hour=dice.choice((6, 30, 30)),
        tenant_per_hour=dice.choice((3, 10, 10)),
        playbook_per_hour=dice.choice((3, 10, 10)),
        vip_reserve=dice.choice((0, 1, 2)),
        circuit_targets=dice.choice((1, 2)),
        suspect_targets=dice.choice((3, 5)),
    )
    return Restraints(budgets, vip_mode=dice.choice(tuple(Mode)))


def _playbooks(dice: Random) -> tuple[Playbook, ...]:
    return tuple(_playbook(dice, trouble, trouble.verb) for trouble in TROUBLES if trouble.verb is not None)


def _playbook(dice: Random, trouble: Trouble, verb: Verb) -> Playbook:
    step = PlaybookStep(
        target=TargetChoice(executor=EXECUTOR),
        verb=verb,
        when=f"{trouble.metric} == 1",
        verify=f"{trouble.metric} == 0",
        verify_for=timedelta(seconds=dice.choice((5, 20))),
        verify_within=timedelta(seconds=dice.choice((30, 90))),
        scale=ScaleBy(trouble.scale) if trouble.scale else None,
        undo=dice.random() < 0.7,
        request=_REQUEST.name if verb is Verb.HTTP else "",
    )
    return Playbook(
        name=PlaybookName(f"for-{trouble.metric}"),
        match=(Matcher("alertname", MatchOperator.EQUAL, trouble.alert),),
        mode=dice.choice(_MODES),
        bind=("service",),
        steps=(step,),
        cooldown=timedelta(minutes=dice.choice((0, 0, 2, 20))),
        per_hour=dice.choice((1, 3, 6, 6)),
        escalate_after=dice.choice((1, 1, 2)),
    )
