"""What tamper evidence is made of: the rows as they stand in the database, and the anchors that were written elsewhere.

A row is read as it is stored: where somebody changed it, a field may hold anything.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from aetherlink.lib.hash_chain import Tally

TALLY_NAME = "audit"  # the row of agent_state that repeats the tally


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the timeline came to at one moment. `at` is None for one that was read from a line of the log."""

    tally: Tally
    at: datetime | None = None

    @property
    def words(self) -> str:
        """As the log says it."""
        return f"AUDIT anchor number={self.tally.number} digest={self.tally.hex}"

    @property
    def when(self) -> str:
        """Its time, for a sentence."""
        return "in the log" if self.at is None else self.at.astimezone(UTC).strftime("at %Y-%m-%d %H:%M:%S UTC")


class AuditRow(NamedTuple):
    """A timeline entry as stored; `at` in microseconds. `previous` is the hash before it in its incident, if any."""

    number: int
    incident_id: str
    sequence: int
    kind: str
    at: int
    text: str
    facts: str
    hash: str
    pruned: str | None
    previous: str | None


class HeadRow(NamedTuple):
    """An incident whose `entries` and `head` do not fit its timeline; `number` is of its entry number `entries`."""

    incident_id: str
    entries: int
    number: int | None


class ChainState(NamedTuple):
    """How many entries of an incident's timeline are as they were stored, from the first one on, and the first bad one.

    `is_whole` says that all of them were looked at.
    """

    checked: int
    first_bad: int | None
    is_whole: bool
