"""Pauses: while one holds, nothing is done to the world. Hearing, filing and watching go on."""

from dataclasses import dataclass, replace
from datetime import datetime

from aetherlink.model.actions import Plan
from aetherlink.model.ids import SourceName

EVERYTHING = "all"
"""The scope of a pause of the whole agent."""

KINDS = ("playbook", "tenant", "target", "source")
"""What else can be paused: a scope is such a word, a colon, and a name."""

NO_REASON = "no reason was given"
"""The reason of a pause for which nobody gave one."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Who paused what, since when, why, and until when; `until` None: until somebody resumes."""

    scope: str
    since: datetime
    reason: str
    paused_by: str
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it is in force."""
        return self.until is None or now < self.until

    def covers(self, among: frozenset[str]) -> bool:
        """Whether it stops what these scopes describe; a scope of a kind that this version does not know does too."""
        kind = self.scope.partition(":")[0]
        return self.scope == EVERYTHING or self.scope in among or kind not in KINDS

    def joined(self, wish: "Pause") -> "Pause":
        """This pause with another wished on top: it may get longer, never shorter, for ending one early is resuming."""
        ends = None if self.until is None or wish.until is None else max(self.until, wish.until)
        return replace(wish, since=self.since, until=ends)

    @property
    def words(self) -> str:
        """The pause in a few words, for people."""
        end = "" if self.until is None else f" until {self.until:%Y-%m-%d %H:%M:%S} UTC"
        what = "" if self.scope == EVERYTHING else f"{self.scope} is "
        return f"{what}paused by {self.paused_by} at {self.since:%Y-%m-%d %H:%M:%S} UTC{end}: {self.reason}"


def scopes_of(plan: Plan, source: SourceName) -> frozenset[str]:
    """The scopes of all pauses that stop this plan, besides that of everything."""
    named = {"playbook": plan.playbook, "tenant": plan.tenant, "target": plan.target, "source": source}
    return frozenset(f"{kind}:{name}" for kind, name in named.items() if name)
