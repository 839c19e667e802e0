"""Cases of policy/mode_rules.py."""

from dataclasses import replace

from aetherlink.model.brakes import Brake, playbook_scope, target_scope
from aetherlink.model.decisions import Effect, Mode
from aetherlink.testing import START
from rigs.rule_cases.asking import API, ASKED, BY_PERSON, EVERYBODY, PLAYBOOK, Case, aimed, approval, each, planned

_ASK = Effect.NEEDS_APPROVAL
_WATCH = Effect.OBSERVE
_YES = approval("ann")
_HALF = approval("ann", needed=2)
_SAME_TWICE = approval("ann", "ann", needed=2)
_BOTH = approval("ann", "bob", needed=2)
_WRONG = Brake(playbook_scope(PLAYBOOK), START, "ann says that it was wrong", "ann", _ASK)

_MODES = (
    *each("mode_allows", "everything is auto", lambda asked: asked),
    *each(
        "mode_allows",
        "the ceiling is approve",
        lambda asked: replace(asked, ceiling=Mode.APPROVE),
        against=("automatic", "requested"),
        effect=_ASK,
        says="mode is approve",
    ),
    *each(
        "mode_allows",
        "the ceiling is observe",
        lambda asked: replace(asked, ceiling=Mode.OBSERVE),
        against=EVERYBODY,
        effect=_WATCH,
        says="mode is observe",
    ),
    *each(
        "mode_allows",
        "the playbook's is approve",
        lambda asked: replace(asked, mode=Mode.APPROVE),
        against=("automatic", "requested"),
        effect=_ASK,
    ),
    *each(
        "mode_allows",
        "the playbook's is observe under a ceiling of approve",
        lambda asked: replace(asked, ceiling=Mode.APPROVE, mode=Mode.OBSERVE),
        against=("automatic", "requested"),
        effect=_WATCH,
    ),
    *each(
        "mode_allows",
        "the target's is approve",
        lambda asked: aimed(asked, mode=Mode.APPROVE),
        against=("automatic",),
        effect=_ASK,
    ),
    *each(
        "mode_allows",
        "the target's is observe",
        lambda asked: aimed(asked, mode=Mode.OBSERVE),
        against=("automatic",),
        effect=_WATCH,
    ),
    *each(
        "mode_allows",
        "approve, and it is approved",
        lambda asked: replace(asked, ceiling=Mode.APPROVE, approval=_YES),
    ),
    *each(
        "mode_allows",
        "approve, and one of two has approved it",
        lambda asked: replace(asked, ceiling=Mode.APPROVE, approval=_HALF),
        against=("automatic", "requested"),
        effect=_ASK,
    ),
    *each(
        "mode_allows",
        "approve, and one has approved it twice",
        lambda asked: replace(asked, ceiling=Mode.APPROVE, approval=_SAME_TWICE),
        against=("automatic", "requested"),
        effect=_ASK,
    ),
    *each(
        "mode_allows",
        "approve, and both have approved it",
        lambda asked: replace(asked, ceiling=Mode.APPROVE, approval=_BOTH),
    ),
    *each(
        "mode_allows",
        "observe, and it was approved before",
        lambda asked: replace(asked, ceiling=Mode.OBSERVE, approval=_YES),
        against=EVERYBODY,
        effect=_WATCH,
    ),
)
_VIP = (
    *each("vip_allows", "for anybody", lambda asked: replace(asked, vip_mode=Mode.OBSERVE)),
    *each(
        "vip_allows",
        "for a VIP",
        lambda asked: replace(asked, vip=True),
        against=("automatic", "requested"),
        effect=_ASK,
        says="VIP tenant: a person has to approve it",
    ),
    *each("vip_allows", "for a VIP, approved", lambda asked: replace(asked, vip=True, approval=_YES)),
    *each("vip_allows", "for a VIP, auto", lambda asked: replace(asked, vip=True, vip_mode=Mode.AUTO)),
    *each(
        "vip_allows",
        "for a VIP, observe, approved before",
        lambda asked: replace(asked, vip=True, vip_mode=Mode.OBSERVE, approval=_YES),
        against=("automatic", "requested"),
        effect=_WATCH,
        says="VIP tenant: it only says so",
    ),
)
_PROPOSED = (
    *each("proposals_need_a_person", "nobody's proposal", lambda asked: asked),
    *each(
        "proposals_need_a_person",
        "an assistant's proposal",
        lambda asked: planned(asked, is_proposal=True),
        against=("automatic", "requested"),
        effect=_ASK,
        says="an assistant proposed it: a person has to approve it",
    ),
    *each(
        "proposals_need_a_person",
        "a proposal that one of two has approved",
        lambda asked: replace(planned(asked, is_proposal=True), approval=_HALF),
        against=("automatic", "requested"),
        effect=_ASK,
    ),
    *each(
        "proposals_need_a_person",
        "a proposal that was approved",
        lambda asked: replace(planned(asked, is_proposal=True), approval=_YES),
    ),
)
_TRUST = (
    *each("playbook_is_trusted", "nobody called it wrong", lambda asked: asked),
    *each(
        "playbook_is_trusted",
        "somebody called it wrong",
        lambda asked: replace(asked, brakes=(_WRONG,)),
        against=("automatic",),
        effect=_ASK,
        says="by ann: ann says that it was wrong (`aether release playbook:restart-crm-api` lets go)",
    ),
    *each(
        "playbook_is_trusted",
        "somebody called it wrong, and somebody approved it",
        lambda asked: replace(asked, brakes=(_WRONG,), approval=_YES),
    ),
)
_MIXED = (
    Case(
        "brake_is_released",
        "an approval lets go of no brake",
        replace(ASKED, brakes=(Brake(target_scope(API), START, "it failed", "agent"),), approval=_YES),
        Effect.DENY,
    ),
    Case("mode_allows", "a request is not held by the target's mode", aimed(BY_PERSON, mode=Mode.OBSERVE), None),
)

CASES: tuple[Case, ...] = (*_MODES, *_VIP, *_PROPOSED, *_TRUST, *_MIXED)
