"""Approvals: what a person is shown, what that binds, and who has said yes so far."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime

from aetherlink.model.actions import Approval, Grant, Observation, Plan, Target

_PASSING = ("ready", "oldest_start")
_WHERE_KNOWN = frozenset(  # left out while empty: an upgrade voids no request that is open
    {"place", "identity", "limits", "most", "least", "dependents", "chain", "is_proposal", "restores"}
)
_UNSHOWN = frozenset(  # policy has them looked at
    {"most_replicas", "no_more", "no_release", "no_change", "aliases", "is_agent"}
)
_UNBOUND = frozenset({"alert_id", "digest"})  # which of several alerts asked, by which file, makes no other plan of it


def shown_of(
    plan: Plan,
    target: Target,
    seen: Observation,
    *,
    evidence: str,
    undo: str,
    needed: int,
    asked_at: datetime,
    seal: str,
) -> Mapping[str, object]:
    """Everything that a person is shown before saying yes; JSON values only.

    `evidence` is for reading only: a query's sample changes from look to look, and what it has to show is in the plan.
    `asked_at` makes each request one of its own: a yes to an earlier one is none to this one. `seal` is the approval's.
    """
    return {
        "asked_at": asked_at.isoformat(),
        "needed": needed,
        "plan": _known({key: value for key, value in asdict(plan).items() if key not in _UNBOUND}),
        "target": _known(asdict(_sealed(target, seal))),
        "observed": _known({key: value for key, value in asdict(seen).items() if key not in _UNSHOWN}),
        "undo": undo,
        "evidence": evidence,
    }


def _sealed(target: Target, seal: str) -> Target:
    """The target with digests of its requests that nobody can make who does not know the seal."""
    requests = (replace(one, digest=_hmac(seal, one.digest)) for one in target.requests)
    return replace(target, requests=tuple(requests))


def _hmac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _known(values: Mapping[str, object]) -> object:
    return _plain({key: value for key, value in values.items() if key not in _WHERE_KNOWN or _is_said(value)})


def _is_said(value: object) -> bool:
    return any(value.values()) if isinstance(value, Mapping) else bool(value)


def hash_of(shown: Mapping[str, object]) -> str:
    """SHA-256 in hex over what is shown, the evidence's wording left out."""
    bound = {key: value for key, value in shown.items() if key != "evidence"}
    text = json.dumps(bound, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def is_still(approval: Approval, shown: Mapping[str, object]) -> bool:
    """Whether what is shown now, under the same `asked_at`, is what the request shows.

    A target that was not whole when people were asked comes and goes: how much of it is ready, and since when, is not
    compared then.
    """
    then, now = approval.shown.get("observed"), shown.get("observed")
    if isinstance(then, Mapping) and isinstance(now, Mapping) and not _is_whole(then):
        passing = {key: then[key] for key in _PASSING if key in then}
        shown = {**shown, "observed": {**now, **passing}}
    return hash_of(shown) == approval.plan_hash


def _is_whole(observed: Mapping[str, object]) -> bool:
    ready, wanted = observed.get("ready"), observed.get("wanted")
    return isinstance(ready, int) and isinstance(wanted, int) and ready >= wanted


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
