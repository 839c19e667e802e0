"""Letters and digests as the outbox makes them, for notifiers that are told without one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from aetherlink.model.actions import Action, ActionState, Plan, Verb
from aetherlink.model.decisions import Decision, Effect
from aetherlink.model.deliveries import Digest, Letter
from aetherlink.model.ids import ActionId, IncidentId, PlaybookName, SourceName, TargetName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.timeline import Entry, EventKind, StoredEntry

START = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
LINK = "https://aether.example.org/incidents/inc-0001"


def incident(**changes: object) -> Incident:
    """An open one of a tenant."""
    made = Incident(
        IncidentId("inc-0001"),
        "key-1",
        Origin.ALERT,
        SourceName("prod"),
        "CrmApiDown",
        "acme",
        "crm",
        Severity.WARNING,
        False,
        IncidentStatus.OPEN,
        Stage.PLAN,
        START,
        START,
        labels={"alertname": "CrmApiDown", "tenant": "acme"},
    )
    return replace(made, **changes)  # type: ignore[arg-type] - fields are named by the test


def entries(*kinds: EventKind, first: int = 1, text: str = "") -> tuple[StoredEntry, ...]:
    """One of each kind."""
    return tuple(
        StoredEntry(IncidentId("inc-0001"), number, Entry(kind, START + timedelta(seconds=number), text or kind.value))
        for number, kind in enumerate(kinds, start=first)
    )


def letter(
    *kinds: EventKind,
    about: Incident | None = None,
    first: int = 1,
    text: str = "",
    reference: Mapping[str, str] | None = None,
    is_unsure: bool = False,
    action: Action | None = None,
) -> Letter:
    """A letter with entries of these kinds, the first one numbered so."""
    return Letter(
        incident=about or incident(),
        entries=entries(*(kinds or (EventKind.OPENED,)), first=first, text=text),
        action=action,
        alerts=(),
        reference=reference or {},
        at=START + timedelta(minutes=1),
        link=LINK,
        is_unsure=is_unsure,
    )


def resolved(reference: Mapping[str, str], *, is_unsure: bool = False, **changes: object) -> Letter:
    """The end of it."""
    over = incident(status=IncidentStatus.RESOLVED, resolved_at=START + timedelta(minutes=5), **changes)
    return letter(EventKind.RESOLVED, about=over, first=9, reference=reference, is_unsure=is_unsure)


def waiting_action(reason: str = "the API is down") -> Action:
    """One that a person is asked about."""
    return Action(
        ActionId("act-0001"),
        Plan(Verb.RESTART, TargetName("crm-api"), PlaybookName("crm-api-down")),
        reason,
        "playbook",
        Decision(Effect.NEEDS_APPROVAL, "mode", "its playbook asks"),
        ActionState.WAITING_APPROVAL,
        START,
        incident_id=IncidentId("inc-0001"),
    )


def digest(
    *, is_open: bool = True, reference: Mapping[str, str] | None = None, worst: Sequence[Incident] = ()
) -> Digest:
    """Of twenty incidents."""
    return Digest(
        id="dig-0001",
        began_at=START,
        at=START + timedelta(minutes=1),
        incidents=20,
        open=20 if is_open else 0,
        by_severity={Severity.WARNING: 20} if is_open else {},
        worst=worst or (incident(),),
        reference=reference or {},
        link="https://aether.example.org",
    )
