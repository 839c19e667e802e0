"""Approvals: what a person is shown, what that binds, and who has said yes so far."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime

from aetherlink.model.actions import Approval, Grant, Observation, Plan, Target

_UNBOUND = frozenset({"alert_id"})  # which of several alerts asked makes no other plan of it


def shown_of(plan: Plan, target: Target, seen: Observation, *, evidence: str, undo: str) -> Mapping[str, object]:
    """Everything that a person is shown before saying yes; JSON values only.

    `evidence` is for reading only: a query's sample changes from look to look, and what it has to show is in the plan.
    """
    return {
        "plan": _plain({key: value for key, value in asdict(plan).items() if key not in _UNBOUND}),
        "target": _plain(asdict(target)),
        "observed": _plain(asdict(seen)),
        "undo": undo,
        "evidence": evidence,
    }


def hash_of(shown: Mapping[str, object]) -> str:
    """SHA-256 in hex over what is shown, the evidence's wording left out."""
    bound = {key: value for key, value in shown.items() if key != "evidence"}
    text = json.dumps(bound, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def granted(approval: Approval, grant: Grant) -> Approval:
    """The approval with one more yes."""
    return replace(approval, grants=(*approval.grants, grant))


def _plain(value: object) -> object:
    """JSON values of a domain object's fields."""
    match value:
        case Mapping():
            return {str(key): _plain(each) for key, each in value.items()}
        case tuple() | list() | frozenset():
            return [_plain(each) for each in value]
        case datetime():
            return value.isoformat()
        case None | bool() | int() | float():
            return value
        case _:
            return str(value)
