"""Gathers what a batch of alerts means for incidents: opens, extends, reopens and merges them, each written once.

An incident is what is broken, not which alert said so. A symptom, which shows that something is wrong and not what,
joins the incident that began at about the same time; where it came first, the cause takes its incident over.
"""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from aetherlink.incidents.mapping import Meaning
from aetherlink.incidents.options import GroupingOptions
from aetherlink.lib.plain_text import plain
from aetherlink.model import lifecycle
from aetherlink.model.alerts import Alert, AlertStatus, Episode
from aetherlink.model.ids import IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentHead, IncidentStatus, Origin, Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Ids, IncidentRows

_MOST_NAMED = 5  # of one batch in one timeline entry; all of them are under the incident's alerts
_LONGEST_TITLE = 500
_LONGEST_NAME = 200
_MOST_LATELY = 1000  # incidents among which a symptom, or its cause, looks for its own
_FEW = 10  # alerts of an incident: each that joins may show something else


@dataclass(slots=True)
class _Draft:
    """An incident as it will be stored, with what this batch says of it."""

    head: IncidentHead
    opened: Incident | None = None
    heard: list[tuple[Alert, AlertStatus]] = field(default_factory=list)
    muted: list[Alert] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


@dataclass(slots=True)
class _Lately:
    """Incidents that began within the merge window, the newest first, so many at most; and those that are symptoms.

    Apart, for a cause looks for nothing else: in a storm that opens thousands it must not look at them all each time.
    """

    all: deque[_Draft] = field(default_factory=lambda: deque(maxlen=_MOST_LATELY))
    symptoms: deque[_Draft] = field(default_factory=lambda: deque(maxlen=_MOST_LATELY))

    def add(self, draft: _Draft) -> None:
        """It began after all the others."""
        self.all.appendleft(draft)
        if draft.head.is_symptom:
            self.symptoms.appendleft(draft)


class Gathering:
    """The incidents of one batch. `is_urgent` tells whether one of them is to be looked at now."""

    def __init__(self, rows: IncidentRows, options: GroupingOptions, ids: Ids, now: datetime) -> None:
        self._rows = rows
        self._options = options
        self._ids = ids
        self.is_urgent = False
        self._now = now
        self._soon = now + options.look_again
        self._by_key: dict[str, _Draft] = {}
        self._by_id: dict[IncidentId, _Draft] = {}
        self._looked_up: set[str] = set()
        self._causes: set[str] = set()
        self._closed: dict[str, IncidentHead] = {}
        self._lately: dict[SourceName, _Lately] = {}

    def expect(self, keys: Collection[str], *, causes: Collection[str] = ()) -> None:
        """Look these identities up at once: one question for all of them. `causes` are those of no mere symptoms."""
        self._causes.update(causes)
        unknown = [key for key in keys if key not in self._looked_up]
        self._looked_up.update(unknown)
        for head in self._rows.heads(keys=unknown, closed_after=self._now - self._options.reopen_window):
            if head.status is IncidentStatus.OPEN:
                self._draft(head)
            else:
                self._closed.setdefault(head.key, head)

    def fired(self, episodes: Sequence[Episode], meaning: Meaning, *, is_again: bool) -> None:
        """New episodes, at least one, that mean the same: they join their incident, or open one."""
        draft = self._joined(episodes, meaning)
        if is_again:
            self._note_flapping(draft)
        self._wake(draft, at_once=draft.head.firing < _FEW)
        draft.head.firing += len(episodes)

    def heard_again(self, episode: Episode, meaning: Meaning) -> None:
        """An alert that was suppressed is not any more."""
        if episode.incident_id is None:
            self.fired([episode], meaning, is_again=False)
            return
        draft = self._known(episode.incident_id)
        if draft is None:
            self.fired([episode], meaning, is_again=False)
            return
        draft.heard.append((episode.alert, AlertStatus.FIRING))
        draft.head.planned_through = min(draft.head.planned_through, episode.id - 1)  # it was passed over so far
        self._wake(draft, at_once=True)

    def muted(self, episode: Episode, report: Alert) -> None:
        """An alert of an incident was silenced or inhibited; it fires on."""
        draft = self._known(episode.incident_id)
        if draft is not None:
            draft.muted.append(report)
            self._wake(draft, at_once=True)

    def ended(self, episode: Episode, report: Alert) -> None:
        """An episode is over."""
        draft = self._known(episode.incident_id)
        if draft is not None:
            draft.heard.append((report, AlertStatus.RESOLVED))
            draft.head.firing -= 1
            self._wake(draft, at_once=draft.head.firing <= 0)

    def write(self) -> None:
        """Store every incident that this batch concerns."""
        touched = []
        opened = []
        for draft in self._by_id.values():
            entries = self._entries(draft)
            if draft.opened is not None:
                opened.append((_as_opened(draft), entries))
            elif entries:
                touched.append((draft.head, entries))
        self._rows.insert_all(opened)
        self._rows.touch(touched, at=self._now)

    def _joined(self, episodes: Sequence[Episode], meaning: Meaning) -> _Draft:
        draft = self._by_key.get(meaning.key)
        if draft is None:
            draft = self._found(episodes[0].alert, meaning)
        head = draft.head
        head.is_symptom = head.is_symptom and meaning.is_symptom
        if meaning.severity.rank < head.severity.rank:
            head.severity, head.is_recast = meaning.severity, True
        if meaning.vip and not head.vip:
            head.vip, head.is_recast = True, True
        draft.heard += [(episode.alert, AlertStatus.FIRING) for episode in episodes]
        for episode in episodes:
            episode.incident_id = head.id
        return draft

    def _found(self, alert: Alert, meaning: Meaning) -> _Draft:
        """Another incident that this alert belongs to, one that was closed a moment ago, or a new one."""
        self.expect([meaning.key])
        draft = self._by_key.get(meaning.key)
        if draft is None and meaning.key in self._closed:
            return self._reopened(self._closed.pop(meaning.key), alert)
        if draft is None:
            draft = self._merged(alert, meaning)
        return draft or self._opened(alert, meaning)

    def _merged(self, alert: Alert, meaning: Meaning) -> _Draft | None:
        """A symptom joins what began lately; a cause takes over what began lately as a symptom only."""
        lately = self._began_lately(alert.source)
        for draft in lately.all if meaning.is_symptom else lately.symptoms:
            head = draft.head
            if not _may_concern(head.tenant, meaning.tenant) or not _is_of_alerts(head):
                continue
            if meaning.is_symptom:
                return draft
            if head.is_symptom and head.key not in self._causes:
                self._take_over(draft, alert, meaning)
                return draft
        return None

    def _began_lately(self, source: SourceName) -> _Lately:
        """Incidents of the source that began within the merge window, those of this batch too."""
        if source not in self._lately:
            stored = self._rows.open_since(source, self._now - self._options.merge_window)
            self._lately[source] = lately = _Lately()
            for head in reversed(stored):
                lately.add(self._draft(head))
        return self._lately[source]

    def _take_over(self, draft: _Draft, alert: Alert, meaning: Meaning) -> None:
        head = draft.head
        text = f"{_title(alert)}: this is the likely cause of what was seen so far ({head.title})"
        draft.entries.append(Entry(EventKind.MERGED, self._now, text, {"key": meaning.key, "was": head.key}))
        self._by_key.pop(head.key, None)
        self._closed.pop(head.key, None)  # what else is heard of it in this batch belongs to the cause
        head.key, head.title, head.is_symptom = meaning.key, _title(alert), False
        head.is_recast = True
        head.origin = Origin.ALERT  # from now on its alerts say when it is over
        head.tenant, head.service = head.tenant or meaning.tenant, meaning.service
        self._by_key[meaning.key] = draft

    def _reopened(self, closed: IncidentHead, alert: Alert) -> _Draft:
        """The closed incident again: as its person or its repair left it, and with nobody called for it yet."""
        incident = self._rows.get(closed.id)
        if incident is None:
            raise LookupError(f"incident {closed.id} was found and is gone, in one transaction")
        again = lifecycle.reopened(incident, at=self._now)
        text = f"opened again: {_title(alert)}"
        self._rows.update(again, [Entry(EventKind.REOPENED, self._now, text, {"times": again.reopened})])
        [head] = self._rows.heads(ids=[closed.id])
        known = self._by_id.get(head.id)
        if known is not None:  # an alert of it has ended in this batch
            head.firing, known.head = known.head.firing, head
        return self._draft(head)

    def _opened(self, alert: Alert, meaning: Meaning) -> _Draft:
        now = self._now
        incident = Incident(
            id=IncidentId(self._ids.new("inc")),
            key=meaning.key,
            origin=Origin.ALERT,
            source=alert.source,
            title=_title(alert),
            tenant=meaning.tenant,
            service=meaning.service,
            severity=meaning.severity,
            vip=meaning.vip,
            status=IncidentStatus.OPEN,
            stage=Stage.PLAN,
            opened_at=now,
            updated_at=now,
            labels={**meaning.source_labels, **alert.labels},
            wake_at=now,
            is_symptom=meaning.is_symptom,
        )
        draft = self._draft(_head_of(incident))
        draft.opened = incident
        draft.entries.append(Entry(EventKind.OPENED, now, f"incident opened: {incident.title}", {"key": incident.key}))
        self._began_lately(alert.source).add(draft)
        return draft

    def _known(self, incident_id: IncidentId | None) -> _Draft | None:
        """The incident that an alert was filed under, while it is open or was closed by hand."""
        if incident_id is None:
            return None
        if incident_id not in self._by_id:
            for head in self._rows.heads(ids=[incident_id]):
                self._draft(head)
        return self._by_id.get(incident_id)

    def _draft(self, head: IncidentHead) -> _Draft:
        draft = self._by_id.setdefault(head.id, _Draft(head))
        if head.status is IncidentStatus.OPEN:
            self._by_key.setdefault(head.key, draft)
        return draft

    def _wake(self, draft: _Draft, *, at_once: bool) -> None:
        """What joins is looked at soon, not each at once: a storm must leave room for the rest."""
        if draft.head.status is not IncidentStatus.OPEN:
            return
        self.is_urgent |= at_once
        soon = self._now if at_once else self._soon
        head = draft.head
        if head.wake_at is None or head.wake_at > soon:
            head.wake_at, head.is_rewoken = soon, True

    def _note_flapping(self, draft: _Draft) -> None:
        head, options, now = draft.head, self._options, self._now
        lately = [each for each in head.fires if each > now - options.flap_window]
        head.fires = (*lately, now)[-options.flap_count :]
        if len(head.fires) < options.flap_count:
            return
        if head.flapping_until is None or head.flapping_until <= now:
            text = f"flapping: alerts fired anew {options.flap_count} times within {options.flap_window}"
            draft.entries.append(Entry(EventKind.FLAPPING, now, text))
        head.flapping_until = now + options.flap_window

    def _entries(self, draft: _Draft) -> list[Entry]:
        heard = [_entry(draft.heard, self._now)] if draft.heard else []
        muted = [_muted_entry(draft.muted, self._now)] if draft.muted else []
        return [*draft.entries, *heard, *muted]


def _may_concern(one: str, other: str) -> bool:
    """Whether two tenants may be the same trouble: one of them is everybody, or they are the same."""
    return not one or not other or one == other


def _is_of_alerts(head: IncidentHead) -> bool:
    """Whether alerts may join: what the agent saw for itself has nothing to do with them, unless it is a symptom."""
    return head.origin is Origin.ALERT or head.is_symptom


def _title(alert: Alert) -> str:
    return plain(alert.annotations.get("summary") or alert.name or "an alert without a name", _LONGEST_TITLE)


def _name(alert: Alert) -> str:
    return plain(alert.name or alert.fingerprint, _LONGEST_NAME)


def _head_of(incident: Incident) -> IncidentHead:
    return IncidentHead(
        id=incident.id,
        key=incident.key,
        origin=incident.origin,
        source=incident.source,
        tenant=incident.tenant,
        service=incident.service,
        title=incident.title,
        severity=incident.severity,
        vip=incident.vip,
        status=incident.status,
        stage=incident.stage,
        firing=incident.firing,
        is_symptom=incident.is_symptom,
        reopened=incident.reopened,
        fires=incident.fires,
        flapping_until=incident.flapping_until,
        planned_through=incident.planned_through,
        opened_at=incident.opened_at,
        updated_at=incident.updated_at,
        resolved_at=incident.resolved_at,
        wake_at=incident.wake_at,
        version=incident.version,
    )


def _as_opened(draft: _Draft) -> Incident:
    """The new incident as the whole batch has left it."""
    head = draft.head
    if draft.opened is None:
        raise LookupError(f"incident {head.id} is not a new one")
    return replace(
        draft.opened,
        key=head.key,
        title=head.title,
        tenant=head.tenant,
        service=head.service,
        severity=head.severity,
        vip=head.vip,
        firing=head.firing,
        is_symptom=head.is_symptom,
        fires=head.fires,
        flapping_until=head.flapping_until,
        wake_at=head.wake_at,
    )


def _entry(heard: list[tuple[Alert, AlertStatus]], now: datetime) -> Entry:
    named = heard[:_MOST_NAMED]
    words = [f"{_name(alert)} is {status}" for alert, status in named]
    more = len(heard) - len(words)
    text = ", ".join(words) + (f", and {more} more" if more > 0 else "")
    facts = [
        {
            "fingerprint": alert.fingerprint,
            "alertname": alert.name[:_LONGEST_NAME],
            "status": status,
            "starts_at": alert.starts_at.isoformat(),
        }
        for alert, status in named
    ]
    return Entry(EventKind.ALERTS, now, text, {"count": len(heard), "alerts": facts})


def _muted_entry(muted: list[Alert], now: datetime) -> Entry:
    words = [f"{_name(alert)} is {alert.suppressed}" for alert in muted[:_MOST_NAMED]]
    more = len(muted) - len(words)
    text = ", ".join(words) + (f", and {more} more" if more > 0 else "") + " in Alertmanager"
    return Entry(EventKind.SUPPRESSED, now, text, {"count": len(muted)})
