"""Questions that nothing is against, and words to change one thing about them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from aetherlink.model.actions import (
    VERDICT_FACT,
    Action,
    ActionState,
    Approval,
    Grant,
    Observation,
    Outcome,
    OutcomeStatus,
    Plan,
    Started,
    Target,
    Verb,
    Verdict,
)
from aetherlink.model.decisions import Effect, Evidence, EvidenceStatus, Mode
from aetherlink.model.ids import ActionId, PlaybookName, TargetName
from aetherlink.model.questions import Question, Seen
from aetherlink.policy.decide import ALLOWED
from aetherlink.testing import START

API, DB, WEB, MAIL = (TargetName(name) for name in ("crm-api", "crm-db", "web", "mail"))
PLAYBOOK = PlaybookName("restart-crm-api")
HOLDS = Evidence("up == 0", EvidenceStatus.HOLDS, START, "1 series", START)
AUTOMATIC = Plan(
    Verb.RESTART, API, PLAYBOOK, when="up == 0", verify="up == 1", cooldown_seconds=120, per_hour=3, tenant="acme"
)
REQUESTED = Plan(Verb.RESTART, API, tenant="acme")
UNDOING = replace(AUTOMATIC, when="", verify="", cooldown_seconds=0, undo_of=ActionId("act-0001"))


def seen_as(ready: int, wanted: int = 1, *, is_rolling: bool = False) -> Seen:
    """A target of which so many replicas are ready."""
    return Seen(Observation(ready, wanted, START), is_rolling=is_rolling)


ASKED = Question(
    plan=AUTOMATIC,
    ceiling=Mode.AUTO,
    mode=Mode.AUTO,
    targets={
        API: Target(API, "lab", "crm", minimum=1, maximum=4, depends_on=(DB,)),
        **{name: Target(name, "lab", name) for name in (DB, WEB, MAIL)},
    },
    recent=(),
    evidence=HOLDS,
    now=START,
    paused=None,
    seen={API: seen_as(0), DB: seen_as(1)},
)
BY_PERSON = replace(ASKED, plan=REQUESTED, evidence=None)
AS_UNDO = replace(ASKED, plan=UNDOING, evidence=None)
KINDS = {"automatic": ASKED, "requested": BY_PERSON, "undo": AS_UNDO}
EVERYBODY = ("automatic", "requested", "undo")


@dataclass(frozen=True)
class Case:
    """One question, and what one rule says to it; None: nothing. `says` is a piece of the reason."""

    rule: str
    words: str
    question: Question
    effect: Effect | None
    says: str = ""


def each(
    rule: str,
    words: str,
    change: Callable[[Question], Question],
    *,
    against: tuple[str, ...] = (),
    effect: Effect = Effect.DENY,
    says: str = "",
) -> tuple[Case, ...]:
    """The same change to an automatic question, a person's and an undo; the rule is against those that are named."""
    return tuple(
        Case(rule, f"{words}: {kind}", change(question), *((effect, says) if kind in against else (None,)))
        for kind, question in KINDS.items()
    )


def planned(question: Question, **changes: object) -> Question:
    """The question with another plan."""
    return replace(question, plan=replace(question.plan, **changes))  # type: ignore[arg-type] - named by the case


def aimed(question: Question, **changes: object) -> Question:
    """The question with its target declared otherwise."""
    target = replace(question.targets[API], **changes)  # type: ignore[arg-type] - named by the case
    return replace(question, targets={**question.targets, API: target})


def looked(question: Question, **seen: Seen | None) -> Question:
    """The question with other looks, by the first part of the target's name after the dash: `api`, `db`."""
    names = {"api": API, "db": DB}
    looks = {**question.seen, **{names[key]: look for key, look in seen.items()}}
    return replace(question, seen={name: look for name, look in looks.items() if look is not None})


def acted(
    seconds_ago: float,
    *,
    plan: Plan = AUTOMATIC,
    is_running: bool = False,
    verdict: Verdict | None = Verdict.RECOVERED,
    status: OutcomeStatus = OutcomeStatus.DONE,
) -> Action:
    """An action that began so long ago."""
    at = START - timedelta(seconds=seconds_ago)
    return Action(
        id=ActionId(f"act-{seconds_ago:g}"),
        plan=plan,
        reason="",
        requested_by="test",
        decision=ALLOWED,
        state=ActionState.RUNNING if is_running else ActionState.FINISHED,
        created_at=at,
        started_at=at,
        finished_at=None if is_running else at,
        outcome=None if is_running else Outcome(status, ""),
        facts={} if verdict is None or is_running else {VERDICT_FACT: verdict.value},
    )


def counted(*actions: Action) -> tuple[Started, ...]:
    """These actions, as the budgets count them."""
    return tuple(each for one in actions if (each := one.as_started) is not None)


def elsewhere(count: int, seconds_ago: float = 60, *, plan: Plan | None = None) -> tuple[Action, ...]:
    """So many actions on another target, by nobody's playbook and for nobody's tenant."""
    other = plan or Plan(Verb.RESTART, MAIL)
    return tuple(acted(seconds_ago + number / 1000, plan=other) for number in range(count))


def approval(*people: str, needed: int = 1) -> Approval:
    """One that these people have granted."""
    grants = tuple(Grant(person, START) for person in people)
    return Approval("hash", START, START + timedelta(minutes=30), {}, needed, grants)
