"""What every notifier says of an incident, in plain words: each makes them harmless for its own side.

Nothing here is marked up. Titles, labels and texts came from outside.
"""

from datetime import datetime, timedelta

from aetherlink.model.actions import Action, ActionState
from aetherlink.model.deliveries import Digest, Letter
from aetherlink.model.incidents import Incident, IncidentStatus
from aetherlink.model.timeline import EventKind

_BETWEEN_DIGESTS = timedelta(minutes=10)

NOTABLE = frozenset(
    {
        EventKind.OPENED,
        EventKind.REOPENED,
        EventKind.APPROVAL_ASKED,
        EventKind.ACTION_STARTED,
        EventKind.ACTION_FINISHED,
        EventKind.VERIFIED,
        EventKind.NOT_RECOVERED,
        EventKind.CANNOT_TELL,
        EventKind.UNDONE,
        EventKind.BRAKED,
        EventKind.ESCALATED,
        EventKind.RESOLVED,
        EventKind.CLOSED,
        EventKind.WRONG,
    }
)
"""What is worth a message of its own where a message that was sent cannot be changed."""


def headline(incident: Incident) -> str:
    """The incident in one line: how bad, for whom, what."""
    is_over = incident.status is IncidentStatus.RESOLVED
    state = "resolved" if is_over else incident.severity.value
    vip = "VIP " if incident.vip else ""
    whom = f" [{vip}{incident.tenant}]" if incident.tenant else ""
    return f"{state}{whom}: {incident.title}"


def state_words(incident: Incident) -> str:
    """How it stands, in a word or two."""
    if incident.status is IncidentStatus.RESOLVED:
        return "resolved"
    if incident.acknowledged_by:
        return f"open, {incident.acknowledged_by} looks after it"
    return "open, a person has to look" if incident.hands_off or incident.escalated else "open"


def asked(letter: Letter) -> Action | None:
    """The action that a person is asked about now, or None."""
    action = letter.action
    return action if action is not None and action.state is ActionState.WAITING_APPROVAL else None


def lines(letter: Letter) -> list[str]:
    """The untold entries, one line each, with their time in UTC; that some are left out is said first."""
    told = [f"{one.entry.at:%H:%M:%S} {one.entry.text}" for one in letter.entries]
    return [f"({letter.left_out} earlier entries are left out)", *told] if letter.left_out else told


def digest_headline(digest: Digest) -> str:
    """A storm in one line."""
    if digest.incidents == 0:
        return "storm: a later message tells of its incidents"
    if digest.open == 0:
        return f"storm over: {digest.incidents} incidents, none is open"
    by = ", ".join(f"{count} {severity.value}" for severity, count in sorted(digest.by_severity.items()) if count)
    return f"storm: {digest.incidents} incidents, {digest.open} open ({by})"


def is_notable(letter: Letter) -> bool:
    """Whether it is worth a message of its own; what was left out of it may be."""
    return letter.left_out > 0 or any(letter.entries_of(*NOTABLE))


def count_of(digest: Digest) -> str:
    """How many messages of the digest there are with this one: the same until it is heard.

    For notifiers that send each as a message of its own, and keep `told_of` it as the reference.
    """
    return str(int(digest.reference.get("count", "0")) + 1)


def told_of(digest: Digest) -> dict[str, str]:
    """What is kept of a message about a digest, see `is_news`."""
    counts = {"open": str(digest.open), "incidents": str(digest.incidents)}
    return {"count": count_of(digest), "at": digest.at.isoformat(), **counts}


def is_news(digest: Digest) -> bool:
    """Whether it is worth a message of its own: it begins or ends, is twice as large, or was silent for ten minutes."""
    known = digest.reference
    if "count" not in known:
        return True
    if (digest.open == 0) is not (known["open"] == "0"):
        return True
    is_old = digest.at - datetime.fromisoformat(known["at"]) >= _BETWEEN_DIGESTS
    return digest.open > 0 and (is_old or digest.incidents >= 2 * int(known["incidents"]))
