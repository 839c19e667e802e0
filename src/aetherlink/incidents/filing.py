"""Files reports under incidents, inside one transaction: what is news, what it changes, which incident hears of it.

Deduplication is a join, not "a row exists": of all reports of one fingerprint the greatest is the state (Alert.order).
A repeat, a late one and an HA twin's copy change nothing, in whatever order they come. Everything is written once a
batch, with one timeline entry for each incident: thousands of alerts must not hold the one writer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from aetherlink.incidents.gathering import Gathering
from aetherlink.incidents.mapping import LabelMapping, Meaning
from aetherlink.incidents.options import GroupingOptions
from aetherlink.model.alerts import Alert, AlertStatus, Episode, Standing, Suppression
from aetherlink.model.ids import Fingerprint, SourceName
from aetherlink.model.ledger import LedgerOutcome
from aetherlink.ports import Ids, Transaction

_AHEAD = timedelta(minutes=10)  # an instant further ahead of our clock than this is not believed
_FIRING = AlertStatus.FIRING
_RESOLVED = AlertStatus.RESOLVED
_HEARD = Suppression.NONE
_BY_NAME = frozenset({Suppression.HEARTBEAT, Suppression.TEST})  # nobody's incident, whatever else is said of them
_OPENED = LedgerOutcome.OPENED
_UPDATED = LedgerOutcome.UPDATED
_NOTHING = dict.fromkeys(LedgerOutcome, 0)
_Key = tuple[SourceName, Fingerprint]


@dataclass(slots=True)
class Filed:
    """What became of a batch: how many had which outcome, and what changed something, in order, with its meaning.

    `meanings` are those of all its reports.
    """

    meanings: Sequence[Meaning] = ()
    outcomes: dict[LedgerOutcome, int] = field(default_factory=_NOTHING.copy)
    news: list[tuple[Alert, Meaning]] = field(default_factory=list)


class Filing:
    """One batch of reports, filed at one moment in one transaction."""

    def __init__(
        self, transaction: Transaction, mapping: LabelMapping, grouping: GroupingOptions, ids: Ids, now: datetime
    ) -> None:
        self._alerts = transaction.alerts
        self._mapping = mapping
        self._now = now
        self._latest = now + _AHEAD
        self._gathering = Gathering(transaction.incidents, grouping, ids, now)
        self._next_id = transaction.alerts.last_id + 1
        self._new: list[Episode] = []
        self._changed: dict[int, Episode] = {}
        self._known: dict[_Key, Episode | Standing] = {}

    def file_all(self, batches: Sequence[Sequence[Alert]]) -> list[Filed]:
        """File every report of every batch and store what came of them. Call once."""
        meaning = self._mapping.meaning
        meanings = [[meaning(report) for report in reports] for reports in batches]
        self._gathering.expect(
            {each.key for its in meanings for each in its},
            causes={each.key for its in meanings for each in its if not each.is_symptom},
        )
        self._known.update(self._alerts.standings([(one.source, one.fingerprint) for its in batches for one in its]))
        filed = [self._file(reports, its) for reports, its in zip(batches, meanings, strict=True)]
        self._gathering.write()
        self._alerts.put(self._new, list(self._changed.values()), at=self._now)
        return filed

    @property
    def is_urgent(self) -> bool:
        """Whether an incident is to be looked at now."""
        return self._gathering.is_urgent

    def _file(self, reports: Sequence[Alert], meanings: Sequence[Meaning]) -> Filed:
        """What nobody knew, which is most of a storm, is filed together; what is known changes things in its turn."""
        filed = Filed(meanings)
        known, latest = self._known, self._latest
        fresh: dict[Meaning, list[Episode]] = {}
        for report, meaning in zip(reports, meanings, strict=True):
            standing = known.get((report.source, report.fingerprint))
            if standing is None and _is_plain(report, meaning) and report.starts_at <= latest:
                fresh.setdefault(meaning, []).append(self._add(report, meaning))
                outcome = _OPENED
            else:
                self._gather(fresh)
                outcome = self._outcome(report, standing, meaning)
            filed.outcomes[outcome] += 1
            if outcome is _OPENED or outcome is _UPDATED:
                filed.news.append((report, meaning))
        self._gather(fresh)
        return filed

    def _gather(self, fresh: dict[Meaning, list[Episode]]) -> None:
        for meaning, episodes in fresh.items():
            self._gathering.fired(episodes, meaning, is_again=False)
        fresh.clear()

    def _outcome(self, report: Alert, known: Episode | Standing | None, meaning: Meaning) -> LedgerOutcome:
        report = self._believed(report, known)
        if meaning.is_heartbeat or meaning.is_test:
            why = Suppression.TEST if meaning.is_test else Suppression.HEARTBEAT
            self._heard_of(replace(report, suppressed=why), known, meaning)
            return LedgerOutcome.SUPPRESSED
        return self._heard_of(report, known, meaning)

    def _believed(self, report: Alert, known: Episode | Standing | None) -> Alert:
        """Without instants far ahead of our clock: an alert that begins in years would hide the next one for years."""
        latest = self._latest
        if report.ends_at is not None and report.ends_at > latest:
            report = replace(report, ends_at=None)
        if report.starts_at <= latest:
            return report
        goes_on = known is not None and known.status is _FIRING and report.status is _FIRING
        return replace(report, starts_at=known.since if known is not None and goes_on else self._now)

    def _heard_of(self, report: Alert, known: Episode | Standing | None, meaning: Meaning) -> LedgerOutcome:
        if report.status is _RESOLVED:
            return self._is_over(report, known, meaning)
        if known is not None and known.status is _FIRING and report.starts_at <= known.since:
            return self._goes_on(report, known, meaning)
        if known is not None and known.order >= report.order:
            return LedgerOutcome.DUPLICATE
        return self._fires(report, known, meaning)

    def _fires(self, report: Alert, known: Episode | Standing | None, meaning: Meaning) -> LedgerOutcome:
        if known is not None and known.status is _FIRING:  # its end was never told: a later start tells it
            self._end(report, known, ends_at=report.starts_at)
        episode = self._add(report, meaning)
        if report.suppressed is not _HEARD:
            return LedgerOutcome.SUPPRESSED
        self._gathering.fired([episode], meaning, is_again=known is not None)
        return _OPENED

    def _goes_on(self, report: Alert, known: Episode | Standing, meaning: Meaning) -> LedgerOutcome:
        """The episode that is known: only who asks Alertmanager hears that it was silenced, or is not any more.

        A webhook may have been sent before the silence. A heartbeat and a test are told by their name alone.
        """
        is_said = report.seen_at is not None or not _BY_NAME.isdisjoint((report.suppressed, known.suppressed))
        if not is_said or known.suppressed is report.suppressed:
            return LedgerOutcome.DUPLICATE
        episode = self._set(report, known, _FIRING, report.suppressed, since=known.since)
        if report.suppressed is _HEARD:
            self._gathering.heard_again(episode, meaning)
            return _UPDATED
        if report.suppressed in _BY_NAME:
            self._gathering.ended(episode, report)
            episode.incident_id = None
        else:
            self._gathering.muted(episode, report)
        return LedgerOutcome.SUPPRESSED

    def _is_over(self, report: Alert, known: Episode | Standing | None, meaning: Meaning) -> LedgerOutcome:
        if known is None:
            self._add(report, meaning)
            return _UPDATED
        if known.order >= report.order:
            return LedgerOutcome.DUPLICATE
        if known.status is _FIRING:
            self._end(report, known, ends_at=report.since)
            return _UPDATED
        if report.starts_at > known.since:  # of an episode that was never heard of
            self._add(report, meaning)
            return _UPDATED
        self._set(report, known, _RESOLVED, known.suppressed)
        return LedgerOutcome.DUPLICATE

    def _end(self, report: Alert, known: Episode | Standing, *, ends_at: datetime) -> None:
        episode = self._set(report, known, _RESOLVED, known.suppressed, since=max(ends_at, known.since))
        self._gathering.ended(episode, report)

    def _add(self, report: Alert, meaning: Meaning) -> Episode:
        episode = Episode(
            self._next_id,
            report,
            report.status,
            report.since,
            report.ends_at,
            report.suppressed,
            meaning.name,
            meaning.tenant,
            meaning.counted_severity,
        )
        self._next_id += 1
        self._new.append(episode)
        self._known[report.source, report.fingerprint] = episode
        return episode

    def _set(
        self,
        report: Alert,
        known: Episode | Standing,
        status: AlertStatus,
        suppressed: Suppression,
        *,
        since: datetime | None = None,
    ) -> Episode:
        """How the known episode stands from now on."""
        since = report.since if since is None else since
        ends_at = since if status is _RESOLVED else None
        if isinstance(known, Episode):
            episode = known
        else:
            episode = Episode(known.id, report, status, since, ends_at, suppressed, "", "", "", known.incident_id)
            self._changed[episode.id] = self._known[report.source, report.fingerprint] = episode
        episode.status, episode.since, episode.ends_at, episode.suppressed = status, since, ends_at, suppressed
        return episode


def _is_plain(report: Alert, meaning: Meaning) -> bool:
    """Whether it says no more than that an alert fires."""
    is_firing = report.status is _FIRING and report.suppressed is _HEARD and report.ends_at is None
    return is_firing and not (meaning.is_heartbeat or meaning.is_test)
