"""A request for approval as a page shows it: the exact target, what is bound by the yes, and what would undo it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aetherlink.lib.flattening import flat
from aetherlink.model.actions import Action, ActionState, Approval, Grant

_SHORT = 12  # digits of a hash that people compare
_NAMED = ("executor", "service", "place")
_SEEN = ("identity", "release")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person says yes to. `target` is its name, `ids` what else it is known by, `seen` how it was."""

    action: Action
    plan_hash: str
    target: str
    ids: Sequence[tuple[str, str]]
    seen: str
    evidence: str
    undo: str
    expires_at: datetime
    needed: int
    grants: Sequence[Grant]
    everything: Sequence[tuple[str, object]]

    @property
    def short_hash(self) -> str:
        """The beginning of the hash, which is enough to compare two by eye."""
        return self.plan_hash[:_SHORT]


def asked(action: Action | None) -> Asked | None:
    """What the action asks of people; None: nothing, or its target is still looked at."""
    if action is None or action.state is not ActionState.WAITING_APPROVAL or action.approval is None:
        return None
    return _of(action, action.approval)


def _of(action: Action, approval: Approval) -> Asked:
    shown = approval.shown
    target, observed = _part(shown, "target"), _part(shown, "observed")
    return Asked(
        action=action,
        plan_hash=approval.plan_hash,
        target=str(target.get("name") or action.plan.target),
        ids=[*_said(target, _NAMED), *_said(observed, _SEEN)],
        seen=_seen(observed),
        evidence=str(shown.get("evidence") or ""),
        undo=str(shown.get("undo") or ""),
        expires_at=approval.expires_at,
        needed=approval.needed,
        grants=approval.grants,
        everything=[(path, value) for path, value in flat(shown) if value not in (None, "")],
    )


def _part(shown: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = shown.get(name)
    return part if isinstance(part, Mapping) else {}


def _said(part: Mapping[str, object], names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, str(part[name])) for name in names if part.get(name)]


def _seen(observed: Mapping[str, object]) -> str:
    """How much of it was ready, in words; empty where that is not known."""
    if "ready" not in observed or "wanted" not in observed:
        return ""
    return f"{observed['ready']} of {observed['wanted']} ready"
