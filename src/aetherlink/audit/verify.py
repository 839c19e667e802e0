"""Walks over every timeline entry in the order of its number, and names the first one that is not as it was stored.

Nothing is kept but the running sum, so that a long history needs no more memory than a short one.
"""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta

from aetherlink.lib.hash_chain import FIRST, PRUNED_FACTS, PRUNED_TEXT, Key, Link, Tally, entry_hash, pruned_proof
from aetherlink.model.audit import Anchor, AuditRow
from aetherlink.ports import AuditView

_MOST_NOTICES = 20
_BACK = timedelta(minutes=1)  # stages note when a thing happened, and store it a little later
_BACK_MICROSECONDS = _BACK // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, at one entry; the incident and the sequence are not known of an entry that is gone."""

    number: int
    problem: str
    incident_id: str | None = None
    sequence: int | None = None

    def __str__(self) -> str:
        where = f" ({self.incident_id}, its entry {self.sequence})" if self.incident_id is not None else ""
        return f"entry {self.number}{where}: {self.problem}"


@dataclass(slots=True)
class Report:
    """What verify found: the first bad entry, if there is one, and what is only worth a look."""

    tally: Tally = field(default_factory=Tally)
    anchors: int = 0
    pruned: int = 0
    first_bad: Finding | None = None
    notices: list[str] = field(default_factory=list)

    def notice(self, text: str) -> None:
        """Note it, unless there are many already."""
        if len(self.notices) < _MOST_NOTICES:
            self.notices.append(text)


def verify(view: AuditView, key: Key, anchors: Sequence[Anchor]) -> Report:
    """Look at everything, up to the first thing that is wrong."""
    report = Report()
    ordered = sorted(anchors, key=lambda anchor: anchor.tally.number)
    walk = _Walk(key, ordered, report)
    with closing(view.rows()) as rows:
        first_bad = walk.along(rows)
    report.first_bad = first_bad or walk.beyond() or _stored_tally(view, report) or _heads(view)
    return report


class _Walk:
    def __init__(self, key: Key, anchors: Sequence[Anchor], report: Report) -> None:
        self._key = key
        self._anchors = anchors
        self._report = report
        self._met = 0
        self._anchored = 0  # up to this entry an anchor has agreed
        self._at = 0

    def along(self, rows: Iterable[AuditRow]) -> Finding | None:
        """The first row that is not as it was stored."""
        report, key = self._report, self._key
        for row in rows:
            expected = report.tally.number + 1
            if row.number != expected:
                return _misplaced(row, expected)
            if (problem := _problem(key, row)) is not None:
                return Finding(expected, problem, str(row.incident_id), row.sequence)
            report.tally = report.tally.plus(key, row.hash)
            report.pruned += row.pruned is not None
            if (finding := self._meet_anchors()) is not None:
                return finding
            self._watch_the_clock(row)
        return None

    def beyond(self) -> Finding | None:
        """Anchors that reach further than the rows: the end is gone."""
        if self._met == len(self._anchors):
            return None
        anchor, number = self._anchors[-1], self._report.tally.number
        return Finding(
            number + 1,
            f"it is gone with all after it: {anchor.tally.number} entries were anchored {anchor.when}, and "
            f"{number} are here (the end was cut, or an older database was put back)",
        )

    def _meet_anchors(self) -> Finding | None:
        tally = self._report.tally
        while self._met < len(self._anchors) and self._anchors[self._met].tally.number <= tally.number:
            anchor = self._anchors[self._met]
            if anchor.tally != tally:
                first = self._anchored + 1
                which = f"entries {first} to {tally.number} are" if first < tally.number else "it is"
                return Finding(first, f"{which} not what was anchored {anchor.when}: the database was replaced")
            self._met += 1
            self._report.anchors += 1
            self._anchored = tally.number
        return None

    def _watch_the_clock(self, row: AuditRow) -> None:
        if row.at < self._at - _BACK_MICROSECONDS:
            back = timedelta(microseconds=self._at - row.at)
            self._report.notice(
                f"entry {row.number} ({row.incident_id}, its entry {row.sequence}) says that it happened {back} before "
                "the entry before it: the clock was set back"
            )
        self._at = row.at


def _misplaced(row: AuditRow, expected: int) -> Finding:
    number: object = row.number
    if isinstance(number, int) and number > expected:
        gone = "it is" if number == expected + 1 else f"it and all up to {number - 1} are"
        return Finding(expected, f"{gone} gone")
    return Finding(expected, f"there is another entry in its place, numbered {row.number}")


def _problem(key: Key, row: AuditRow) -> str | None:
    number, incident_id, sequence, kind, at, text, facts, stored, pruned, previous = row
    for value in (incident_id, kind, text, facts, stored, pruned or FIRST, previous or FIRST):
        if type(value) is not str:
            return "it holds something that is no text"
    link = Link(previous or FIRST, incident_id, sequence, kind, at, text, facts)
    try:
        if pruned is None:
            return None if entry_hash(key, number, link) == stored else _why(row)
        proof = pruned_proof(key, number, link, stored)
    except UnicodeEncodeError:
        return "it holds bytes that are no text"
    is_bare = (text, facts) == (PRUNED_TEXT, PRUNED_FACTS)
    return None if is_bare and proof == pruned else "its text is gone, or was added, and not by retention"


def _why(row: AuditRow) -> str:
    if row.sequence != 1 and row.previous is None:
        return f"its hash does not fit, and entry {row.sequence - 1} of its incident, which it rests on, is gone"
    return "its hash does not fit: it was changed, moved or added"


def _stored_tally(view: AuditView, report: Report) -> Finding | None:
    """The tally that every commit repeats in the database."""
    number, stored = report.tally.number, view.stored_tally()
    if stored == str(report.tally) or (stored is None and number == 0):
        return None
    try:
        told = Tally.read(stored or "")
    except ValueError:
        return Finding(number + 1, "what the database says of its own number of entries is gone or unreadable")
    if told.number > number:
        return Finding(number + 1, f"it is gone with all after it: the database says that there were {told.number}")
    first = min(number, told.number) + 1
    return Finding(first, f"the database says that there were {told.number} entries, with other hashes")


def _heads(view: AuditView) -> Finding | None:
    """Incidents and timelines that do not fit each other."""
    if (orphan := view.orphan()) is not None:
        number, incident_id, sequence = orphan
        return Finding(number, "its incident is gone", incident_id, sequence)
    if (head := view.wrong_head()) is not None:
        return Finding(
            head.number or 0,
            "the incident says that this is its last entry, with another hash or none, or there are later ones: the "
            "incident was changed",
            head.incident_id,
            head.entries,
        )
    return None
