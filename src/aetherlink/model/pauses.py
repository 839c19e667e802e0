"""Pauses: while one holds, nothing is done to the world. Hearing, filing and watching go on."""

from dataclasses import dataclass, replace
from datetime import datetime

EVERYTHING = "all"
"""The scope of a pause of the whole agent: the only one that there is so far."""

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

    def joined(self, wish: "Pause") -> "Pause":
        """This pause with another wished on top: it may get longer, never shorter, for ending one early is resuming."""
        ends = None if self.until is None or wish.until is None else max(self.until, wish.until)
        return replace(wish, since=self.since, until=ends)

    @property
    def words(self) -> str:
        """The pause in a few words, for people."""
        end = "" if self.until is None else f" until {self.until:%Y-%m-%d %H:%M:%S} UTC"
        return f"paused by {self.paused_by} at {self.since:%Y-%m-%d %H:%M:%S} UTC{end}: {self.reason}"
