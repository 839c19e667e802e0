"""Pauses: while one holds, nothing is done to the world. Hearing, filing and watching go on."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from aetherlink.lib.deriving import why_not
from aetherlink.model.actions import Plan
from aetherlink.model.ids import SourceName

EVERYTHING = "all"
"""The scope of a pause of the whole agent."""

KINDS = ("playbook", "tenant", "target", "source")
"""What else can be paused: a scope is such a word, a colon, and a name."""

LONGEST_NAME = 200
"""Characters of the name in a scope: a tenant is whatever a label says."""

NO_REASON = "no reason was given"
"""The reason of a pause for which nobody gave one."""

_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Pause:
    """Who paused what, since when, why, and until when; `until` None: until somebody resumes.

    `since` is when it was asked for. One that is planned `begins` later, at an instant of its own; None: it held from
    the beginning, and a clock that is set back does not end it.
    """

    scope: str
    since: datetime
    reason: str
    paused_by: str
    until: datetime | None = None
    begins: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it is in force."""
        return (self.begins is None or self.begins <= now) and not self.is_over(now)

    def is_over(self, now: datetime) -> bool:
        """Whether its end is past."""
        return self.until is not None and self.until <= now

    def covers(self, among: frozenset[str]) -> bool:
        """Whether it stops what these scopes describe."""
        return covers(self.scope, among)

    def joined(self, wish: "Pause") -> "Pause":
        """This pause with another wished on top: it may get longer, never shorter, for ending one early is resuming."""
        ends = None if self.until is None or wish.until is None else max(self.until, wish.until)
        return replace(wish, since=self.since, until=ends)

    @property
    def words(self) -> str:
        """The pause in a few words, for people."""
        end = "" if self.until is None else f" until {self.until:%Y-%m-%d %H:%M:%S} UTC"
        start = "" if self.begins is None else f" from {self.begins:%Y-%m-%d %H:%M:%S} UTC"
        what = "" if self.scope == EVERYTHING else f"{self.scope} is "
        return f"{what}paused by {self.paused_by} at {self.since:%Y-%m-%d %H:%M:%S} UTC{start}{end}: {self.reason}"


def covers(scope: str, among: frozenset[str]) -> bool:
    """Whether a scope includes one of these; one of a kind that this version does not know includes everything."""
    return scope == EVERYTHING or scope in among or scope.partition(":")[0] not in KINDS


def scope_problem(scope: str, known: Mapping[str, Collection[str]]) -> str:
    """Why nothing can be paused by this scope, in words; empty when it can.

    `known` holds the names of each kind that has a closed set of them; a tenant is any text.
    """
    kind, colon, name = scope.partition(":")
    if scope == EVERYTHING:
        return ""
    if not colon or kind not in KINDS:
        near = _nearest(kind, (EVERYTHING, *KINDS))
        return f"{scope[:LONGEST_NAME]!r} is no scope{near}: write {EVERYTHING}, or {', '.join(KINDS)} with a name"
    if not name.strip() or name != name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        return f"a scope {kind}:NAME has a name of 1 to {LONGEST_NAME} printable characters"
    if kind in known and name not in known[kind]:
        if told := why_not(known[kind], name):
            return f"{name!r} is no {kind} of its own{told}"
        names = ", ".join(sorted(known[kind])[:_MOST_NAMED]) or "none"
        return f"there is no {kind} {name!r}{_nearest(name, known[kind])} (known: {names})"
    return ""


def _nearest(word: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""


def scopes_of(plan: Plan, source: SourceName) -> frozenset[str]:
    """The scopes of all pauses that stop this plan, besides that of everything."""
    named = {"playbook": plan.playbook, "tenant": plan.tenant, "target": plan.target, "source": source}
    return frozenset(f"{kind}:{name}" for kind, name in named.items() if name)
