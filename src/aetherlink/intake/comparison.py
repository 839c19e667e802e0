"""Compares what the Alertmanagers of one source list with what is known, and says what is worth a report. No I/O.

An alert that any of them lists fires. One that is over has to be missing from every list, and every Alertmanager has to
have answered well: an error, a part of the twins, or a list that is empty because something broke closes nothing. What
a webhook may be about to say, or a single answer may have wrong, has to be seen twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import msgspec

from aetherlink.clients.listing import AlertmanagerState, ListedAlert
from aetherlink.intake.reconcile_options import ReconcileOptions
from aetherlink.model.alerts import TEST_ALERT, Standing, Suppression
from aetherlink.model.ids import Fingerprint

_FEW = 10
"""With so many standing alerts or fewer, that more than half of them are gone at once is nothing remarkable."""

Listed = Mapping[Fingerprint, ListedAlert]
Firing = Mapping[Fingerprint, Standing]


class PollStatus(StrEnum):
    """How many of the Alertmanagers of a source answered well: all, some, none."""

    OK = "ok"
    PARTIAL = "partial"
    ERROR = "error"


class Kind(StrEnum):
    """What may be found."""

    MISSED = "missed"
    GHOST = "ghost"
    SUPPRESSED = "suppressed"
    UNSUPPRESSED = "unsuppressed"


@dataclass(frozen=True, slots=True)
class Told:
    """What one Alertmanager answered."""

    alerts: Listed
    state: AlertmanagerState


@dataclass(frozen=True, slots=True)
class Poll:
    """What those answered that answered well; `asked_at` is the instant before the first question was sent."""

    asked_at: datetime
    told: Sequence[Told]
    is_whole: bool


@dataclass(slots=True)
class Findings:
    """What one poll found. `has_heartbeat` is None when the answers cannot tell; `doubt` is why nothing was closed."""

    listed: dict[Kind, list[ListedAlert]] = field(
        default_factory=lambda: {Kind.MISSED: [], Kind.SUPPRESSED: [], Kind.UNSUPPRESSED: []}
    )
    ghosts: list[Standing] = field(default_factory=list)
    has_heartbeat: bool | None = None
    doubt: str = ""


@dataclass(slots=True)
class _Seen:
    """What was seen once and waits for a second poll that agrees."""

    missed: set[Fingerprint] = field(default_factory=set)
    unsuppressed: set[Fingerprint] = field(default_factory=set)
    gone: set[Fingerprint] = field(default_factory=set)


class Comparison:
    """Remembers the poll before, for one source. `heartbeats` are the names of the alerts that always fire."""

    def __init__(self, options: ReconcileOptions, heartbeats: frozenset[str]) -> None:
        self._options = options
        self._heartbeats = heartbeats
        self._before = _Seen()
        self._ends_at: dict[Fingerprint, datetime] = {}
        self._listed: tuple[datetime, frozenset[Fingerprint]] | None = None

    def listed_at(self, fingerprint: Fingerprint) -> datetime | None:
        """When the last question was asked, if its answers list the alert."""
        if self._listed is None:
            return None
        asked_at, listed = self._listed
        return asked_at if fingerprint in listed else None

    def look(self, poll: Poll, firing: Firing, known: Callable[[Fingerprint], Standing | None]) -> Findings:
        """What is worth a report. `firing` is every alert of the source that stands; `known` knows what is over too."""
        listed = _together(poll.told)
        findings, seen = Findings(), _Seen()
        for alert in listed.values():
            if alert.name == TEST_ALERT:
                continue  # it asks whether webhooks arrive: only one of them may bring it
            standing = firing.get(alert.fingerprint)
            if standing is None:
                self._fires(poll, alert, known(alert.fingerprint), findings, seen)
            elif standing.suppressed is Suppression.NONE and alert.starts_at > standing.since:
                self._fires(poll, alert, standing, findings, seen)
            else:
                self._stands(poll, alert, standing, findings, seen)
        is_trusted = poll.is_whole and all(map(self._is_trusted, poll.told))
        findings.has_heartbeat = self._has_heartbeat(listed, is_trusted=is_trusted)
        if poll.is_whole:
            self._close(poll, listed, firing, findings, seen, is_trusted=is_trusted)
        self._remember(seen, listed, firing)
        self._listed = (poll.asked_at, frozenset(listed))
        return findings

    def _fires(self, poll: Poll, alert: ListedAlert, known: Standing | None, findings: Findings, seen: _Seen) -> None:
        """An episode that nobody reported: at once when it is old enough, else when it is seen again."""
        if known is not None and known.since >= poll.asked_at:
            return  # what is known is newer than the question
        is_settled = known is None and alert.starts_at + self._options.settle <= poll.asked_at
        if is_settled or alert.fingerprint in self._before.missed:
            findings.listed[Kind.MISSED].append(alert)
        seen.missed.add(alert.fingerprint)

    def _stands(self, poll: Poll, alert: ListedAlert, standing: Standing, findings: Findings, seen: _Seen) -> None:
        """A known episode: what may have changed is whether somebody wants it acted upon."""
        if standing.suppressed in (Suppression.HEARTBEAT, alert.suppressed):
            return
        if alert.suppressed is not Suppression.NONE:
            findings.listed[Kind.SUPPRESSED].append(alert)
        elif poll.is_whole or all(map(self._is_trusted, poll.told)):
            if alert.fingerprint in self._before.unsuppressed:
                findings.listed[Kind.UNSUPPRESSED].append(alert)
            seen.unsuppressed.add(alert.fingerprint)

    def _close(
        self, poll: Poll, listed: Listed, firing: Firing, findings: Findings, seen: _Seen, *, is_trusted: bool
    ) -> None:
        gone = firing.keys() - listed.keys()
        findings.doubt = self._doubt(len(gone), listed, firing, findings, is_trusted=is_trusted)
        if findings.doubt:
            return
        for fingerprint in gone:
            is_seen_twice = is_trusted and fingerprint in self._before.gone
            if is_seen_twice or self._has_lapsed(poll, fingerprint, firing[fingerprint]):
                findings.ghosts.append(firing[fingerprint])
        if is_trusted:
            seen.gone |= gone

    def _doubt(self, gone: int, listed: Listed, firing: Firing, findings: Findings, *, is_trusted: bool) -> str:
        """Why so many alerts that are gone at once are not believed to be over; empty when they are."""
        is_sharp = not listed or (len(firing) > _FEW and 2 * gone > len(firing))
        if not gone or not is_sharp:
            return ""
        if not is_trusted:
            return "an Alertmanager has not been up for long, or its cluster is not settled"
        has_one = any(standing.suppressed is Suppression.HEARTBEAT for standing in firing.values())
        return "the heartbeat is not in the list either" if has_one and not findings.has_heartbeat else ""

    def _has_lapsed(self, poll: Poll, fingerprint: Fingerprint, standing: Standing) -> bool:
        """Whether the end that Alertmanager foresaw, unless it heard more, is past."""
        ends_at = self._ends_at.get(fingerprint)
        return ends_at is not None and standing.since < ends_at <= poll.asked_at - self._options.settle

    def _is_trusted(self, told: Told) -> bool:
        return told.state.is_settled and told.state.up_for >= self._options.settle_after_start

    def _has_heartbeat(self, listed: Listed, *, is_trusted: bool) -> bool | None:
        if any(alert.name in self._heartbeats for alert in listed.values()):
            return True
        return False if is_trusted else None

    def _remember(self, seen: _Seen, listed: Listed, firing: Firing) -> None:
        self._before = seen
        kept = {key: ends_at for key, ends_at in self._ends_at.items() if key in firing and key not in listed}
        self._ends_at = kept | {key: alert.ends_at for key, alert in listed.items()}


def _together(told: Sequence[Told]) -> Listed:
    """What any of them lists. A silence that one of them knows counts for all."""
    if len(told) == 1:
        return told[0].alerts
    together: dict[Fingerprint, ListedAlert] = {}
    for each in told:
        for fingerprint, alert in each.alerts.items():
            other = together.get(fingerprint)
            together[fingerprint] = alert if other is None else _joined(other, alert)
    return together


def _joined(one: ListedAlert, other: ListedAlert) -> ListedAlert:
    silenced = next((each for each in (one, other) if each.suppressed is Suppression.SILENCED), None)
    suppressed = silenced.suppressed if silenced else one.suppressed or other.suppressed
    later = one if one.ends_at >= other.ends_at else other
    return later if later.suppressed is suppressed else msgspec.structs.replace(later, suppressed=suppressed)
