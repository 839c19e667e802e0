"""Cases of policy/evidence_rules.py."""

from dataclasses import replace

from aetherlink.model.actions import Chain, Target
from aetherlink.model.budgets import Budgets
from aetherlink.model.decisions import Effect, EvidenceStatus
from aetherlink.model.ids import ActionId, TargetName
from aetherlink.model.questions import Question
from rigs.rule_cases.asking import ASKED, HOLDS, Case, each

_BLIND = "its Prometheus has not answered for 5 min"
_ON_ITS_ALERT = replace(ASKED.plan, when="")
_CHAIN = Chain(ActionId("act-1"), TargetName("crm-db"), since=ASKED.now, turn_at=ASKED.now)
_AFTER_A_REPAIR = replace(_ON_ITS_ALERT, chain=_CHAIN)
_UNPROMPTED = ("automatic", "undo")


def _unwell(question: Question, count: int, known: int, **budgets: float) -> Question:
    """So many of so many targets are unwell; the target itself and what it stands on are not among them."""
    others = [TargetName(f"other-{number}") for number in range(known - len(question.targets))]
    targets = {**question.targets, **{name: Target(name, "lab", name) for name in others}}
    return replace(
        question,
        targets=targets,
        unwell=frozenset(others[:count]),
        budgets=replace(Budgets(), **budgets),  # type: ignore[arg-type] - named by the case
    )


_EVIDENCE = tuple(
    Case(
        "evidence_holds",
        f"the condition shows {status}",
        replace(ASKED, evidence=replace(HOLDS, status=status)),
        None if status is EvidenceStatus.HOLDS else Effect.DENY,
        f"the condition `up == 0` shows {status}: 1 series",
    )
    for status in EvidenceStatus
)

CASES: tuple[Case, ...] = (
    *each("source_is_believed", "a source that is believed", lambda asked: asked),
    *each(
        "source_is_believed",
        "a source whose silence says nothing",
        lambda asked: replace(asked, blind=_BLIND),
        against=_UNPROMPTED,
        says=_BLIND,
    ),
    *_EVIDENCE,
    Case(
        "evidence_holds",
        "the condition was not asked",
        replace(ASKED, evidence=None),
        Effect.DENY,
        "the condition `up == 0` was not asked",
    ),
    Case(
        "evidence_holds",
        "the alert that it rests on fires",
        replace(ASKED, plan=_ON_ITS_ALERT, evidence=replace(HOLDS, query="")),
        None,
    ),
    Case(
        "evidence_holds",
        "the alert that it rests on began before an action",
        replace(ASKED, plan=_ON_ITS_ALERT, evidence=replace(HOLDS, query="", status=EvidenceStatus.NO_DATA)),
        Effect.DENY,
        "the alert that it rests on shows no_data: 1 series",
    ),
    Case(
        "evidence_holds",
        "the alert that it rests on was not looked at",
        replace(ASKED, plan=_ON_ITS_ALERT, evidence=None),
        Effect.DENY,
        "the alert that it rests on was not asked",
    ),
    Case(
        "evidence_holds",
        "the repair that it follows is proved",
        replace(ASKED, plan=_AFTER_A_REPAIR, evidence=replace(HOLDS, query="")),
        None,
    ),
    *(
        Case(
            "evidence_holds",
            f"the repair that it follows shows {status}",
            replace(ASKED, plan=_AFTER_A_REPAIR, evidence=replace(HOLDS, query="", status=status)),
            Effect.DENY,
            f"the repair of crm-db that it follows shows {status}: 1 series",
        )
        for status in EvidenceStatus
        if status is not EvidenceStatus.HOLDS
    ),
    Case(
        "evidence_holds",
        "the repair that it follows was not looked at",
        replace(ASKED, plan=_AFTER_A_REPAIR, evidence=None),
        Effect.DENY,
        "the repair of crm-db that it follows was not asked",
    ),
    *each("evidence_holds", "what has a condition has it shown", lambda asked: asked),
    *each(
        "incident_does_not_flap",
        "it comes and goes",
        lambda asked: replace(asked, flapping=True),
        against=_UNPROMPTED,
        says="stop and fire again and again",
    ),
    *each("incident_does_not_flap", "it stays", lambda asked: asked),
    *each(
        "sensor_is_trusted",
        "half of all are unwell",
        lambda asked: _unwell(asked, 5, 10),
        against=_UNPROMPTED,
        says="5 of 10 targets are unwell at once",
    ),
    *each("sensor_is_trusted", "one less than half", lambda asked: _unwell(asked, 4, 10)),
    *each("sensor_is_trusted", "half of a few", lambda asked: _unwell(asked, 2, 6, suspect_share=0.1)),
    *each(
        "sensor_is_trusted",
        "as many as are suspected at all",
        lambda asked: _unwell(asked, 3, 8, suspect_share=0.1),
        against=_UNPROMPTED,
    ),
)
