"""Letters and digests about an incident that waits for a yes, with what came from outside under the test's hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from aetherlink.model.actions import Action, ActionState, Outcome, OutcomeStatus
from aetherlink.model.alerts import Alert, AlertStatus, StoredAlert
from aetherlink.model.deliveries import Digest, Letter
from aetherlink.model.ids import ActionId, Fingerprint, IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.timeline import Entry, EventKind, StoredEntry
from aetherlink.testing import START
from rigs.approvals import ASKED, PLAN, approval_of

ID = IncidentId("inc-0001")
LINK = f"https://aether.example.org/incidents/{ID}"


def incident(text: str = "CrmApiDown", **changes: Any) -> Incident:
    """One whose every word from outside is this text."""
    made = Incident(
        ID,
        "key",
        Origin.ALERT,
        SourceName("prod"),
        text,
        text,
        text,
        Severity.CRITICAL,
        True,
        IncidentStatus.OPEN,
        Stage.APPROVE,
        START,
        START,
        firing=1,
        plan=PLAN,
    )
    return replace(made, **changes)


def waiting(text: str = "it is down", **shown: Any) -> Action:
    """An action that waits for a yes."""
    approval = approval_of(PLAN, at=START)
    approval = replace(approval, shown={**approval.shown, "evidence": text, "undo": text, **shown})
    return Action(
        ActionId("act-0001"),
        PLAN,
        text,
        text,
        replace(ASKED, reason=text),
        ActionState.WAITING_APPROVAL,
        START,
        incident_id=ID,
        approval=approval,
    )


def finished(action: Action, text: str = "restarted") -> Action:
    """The same, carried out."""
    outcome = Outcome(OutcomeStatus.DONE, text)
    return replace(action, state=ActionState.FINISHED, started_at=START, finished_at=START, outcome=outcome)


def alert(text: str) -> StoredAlert:
    """An alert whose summary is this."""
    made = Alert(
        SourceName("prod"), Fingerprint("f"), AlertStatus.FIRING, START, None, {"alertname": text}, {"summary": text}
    )
    return StoredAlert(1, made, ID, START, START)


def entries(*said: tuple[EventKind, str], after: int = 0) -> tuple[StoredEntry, ...]:
    """Entries with sequences from `after` on."""
    return tuple(
        StoredEntry(ID, after + place, Entry(kind, START, text)) for place, (kind, text) in enumerate(said, start=1)
    )


def letter(
    *said: tuple[EventKind, str],
    about: Incident | None = None,
    action: Action | None = None,
    reference: Mapping[str, str] | None = None,
    after: int = 0,
    alerts: Sequence[StoredAlert] = (),
    **changes: Any,
) -> Letter:
    """A letter with these entries."""
    made = Letter(
        about or incident(),
        entries(*(said or ((EventKind.OPENED, "opened"),)), after=after),
        action,
        tuple(alerts),
        reference or {},
        START,
        LINK,
    )
    return replace(made, **changes)


def digest(text: str = "CrmApiDown", **changes: Any) -> Digest:
    """A storm of incidents with this title."""
    made = Digest(
        "dig-0001", START, START + timedelta(minutes=1), 30, 20, {Severity.CRITICAL: 20}, [incident(text)], {}
    )
    return replace(made, **changes)
