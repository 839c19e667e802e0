"""Rules about how much the agent may do by itself."""

from aetherlink.model.decisions import Effect, Mode, Objection
from aetherlink.model.questions import Question


def mode_allows(question: Question) -> Objection | None:
    """Playbook and target can only be at or below the global ceiling; below auto, the agent does not act by itself."""
    if question.is_undo and question.ceiling is not Mode.OBSERVE:
        return None
    own = question.target.mode if question.is_automatic else Mode.AUTO
    mode = min(question.ceiling, question.mode, own, key=lambda each: each.rank)
    match mode:
        case Mode.AUTO:
            return None
        case Mode.APPROVE:
            return _approval(question, "mode_allows", "mode is approve: a person has to approve it")
        case Mode.OBSERVE:
            reason = "mode is observe: it would have acted, and only says so"
            return Objection(Effect.OBSERVE, "mode_allows", reason)


def vip_allows(question: Question) -> Objection | None:
    """What touches a VIP tenant is approved by a person, on request too, unless `vip_mode` says otherwise."""
    if not question.vip or question.is_undo:
        return None
    match question.vip_mode:
        case Mode.AUTO:
            return None
        case Mode.APPROVE:
            return _approval(question, "vip_allows", "it is for a VIP tenant: a person has to approve it (vip_mode)")
        case Mode.OBSERVE:
            return Objection(Effect.OBSERVE, "vip_allows", "it is for a VIP tenant: it only says so (vip_mode)")


def proposals_need_a_person(question: Question) -> Objection | None:
    """What an assistant proposed is approved by a person, in every mode."""
    if not question.plan.is_proposal or question.is_undo:
        return None
    return _approval(question, "proposals_need_a_person", "an assistant proposed it: a person has to approve it")


def playbook_is_trusted(question: Question) -> Objection | None:
    """A playbook that a person has called wrong is approved by a person each time."""
    brake = next((brake for brake in question.brakes if brake.effect is Effect.NEEDS_APPROVAL), None)
    if brake is None or not question.is_automatic or question.is_undo:
        return None
    return _approval(question, "playbook_is_trusted", f"{brake.words} (`aether release {brake.scope}` lets go)")


def _approval(question: Question, rule: str, reason: str) -> Objection | None:
    """Nothing where exactly this plan has been approved by everybody who is needed."""
    if question.approval is not None and question.approval.is_complete:
        return None
    return Objection(Effect.NEEDS_APPROVAL, rule, reason)
