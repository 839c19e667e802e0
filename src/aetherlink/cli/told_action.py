"""An action in a few lines: what, to what, how it was decided, what came of it, and what to type."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from aetherlink.cli.instants import away
from aetherlink.cli.printing import Marked
from aetherlink.cli.styles import STATES

Fact = tuple[str, object]

_WAITING = "waiting_approval"
_AT_ONCE = ("target", "observed", "undo", "evidence")  # of what is approved; the rest is below


def facts(found: Mapping[str, Any], now: datetime, *, is_cut: bool) -> Iterator[Fact]:
    """Name by name, the most needed first; an action is never cut, for it is what is approved."""
    del is_cut
    yield "action", f"{deed(found)} ({found.get('id')})"
    yield "stands", Marked(found.get("state"), STATES.get(str(found.get("state")), ""))
    yield from commands(found, now)
    yield "incident", found.get("incident_id") or "none: a person asked"
    playbook = f", playbook {found['playbook']}" if found.get("playbook") else ""
    yield "by", f"{found.get('requested_by')}{playbook}"
    yield "reason", found.get("reason")
    yield "decision", f"{found.get('decision')}: {found.get('decision_reason')} ({found.get('rule')})"
    others = [one for one in found.get("objections") or [] if one.get("rule") != found.get("rule")]
    for one in others:
        yield "also", f"{one.get('effect')}: {one.get('reason')} ({one.get('rule')})"
    yield from _times(found)
    yield from _approved(found)


def deed(action: Mapping[str, Any]) -> str:
    """What is done to what."""
    size = action.get("release") or action.get("replicas")
    much = "" if size is None or size == "" else f" to {size}"
    parts = (action.get("verb"), action.get("request"), action.get("target"))
    limits = f" ({action['limits']})" if action.get("limits") else ""
    return " ".join(str(part) for part in parts if part) + much + limits


def tried(action: Mapping[str, Any]) -> str:
    """What the agent wants to do, did, or would have done, and why so."""
    from aetherlink.model.action_words import ENDED, REFUSED

    by = (
        f", playbook {action['playbook']}" if action.get("playbook") else f", asked for by {action.get('requested_by')}"
    )
    why = f"{action.get('decision_reason')} ({action.get('rule')})"
    outcome = action.get("outcome") or {}
    match action.get("state"):
        case "waiting_approval":
            return f"wants to {deed(action)}{by}; asks because {why}"
        case "refused":
            words: Mapping[str, str] = {effect.value: said for effect, said in REFUSED.items()}
            return f"{words.get(str(action.get('decision')), 'refused')}: {deed(action)}{by}; {why}"
        case "finished":
            ended: Mapping[str, str] = {status.value: said for status, said in ENDED.items()}
            return f"{deed(action)}{by}: {ended.get(str(outcome.get('status')), 'ended')}; {outcome.get('reason')}"
        case state:
            return f"{deed(action)}{by}: {state}"


def shown_of(action: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What people were shown who were asked to approve; empty: nobody was."""
    approval: Mapping[str, Any] = (action or {}).get("approval") or {}
    return approval.get("shown") or {}


def commands(action: Mapping[str, Any], now: datetime) -> Iterator[Fact]:
    """What to type for one that waits for a yes or no."""
    if action.get("state") != _WAITING:
        return
    approval = action.get("approval") or {}
    if not approval:
        yield "approve", "not yet: its target is still looked at"
        return
    needed, given = approval.get("needed") or 1, len(approval.get("grants") or [])
    more = f", {given} of {needed} said yes" if needed > 1 else ""
    yield "approve", Marked(f"aether approve {action.get('id')}", "bold")
    yield "deny", f"aether deny {action.get('id')} --reason WHY"
    yield "expires", f"{away(approval.get('expires_at'), now)} ({approval.get('expires_at')}){more}"


def _times(found: Mapping[str, Any]) -> Iterator[Fact]:
    for name in ("created", "started", "finished"):
        if found.get(f"{name}_at"):
            yield name, found[f"{name}_at"]
    if outcome := found.get("outcome"):
        yield "outcome", f"{outcome.get('status')}: {outcome.get('reason')}"
    if wrong := found.get("wrong"):
        yield "wrong", f"says {wrong.get('by')} at {wrong.get('at')}: {wrong.get('reason')}"


def _approved(found: Mapping[str, Any]) -> Iterator[Fact]:
    from aetherlink.lib.flattening import flat

    approval, shown = found.get("approval") or {}, shown_of(found)
    first = {name: shown[name] for name in _AT_ONCE if name in shown}
    yield from flat(first)
    yield from flat({name: value for name, value in shown.items() if name not in first})
    for grant in approval.get("grants") or []:
        yield "yes", f"by {grant.get('by')} at {grant.get('at')}"
    if approval.get("plan_hash"):
        yield "hash", approval["plan_hash"]
