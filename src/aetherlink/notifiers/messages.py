"""One message of plain text, for services that can neither change it later nor show more than text."""

from aetherlink.model.deliveries import Digest, Letter
from aetherlink.model.incidents import Incident, IncidentStatus
from aetherlink.notifiers import sayings
from aetherlink.notifiers.inert import inert

_LONGEST_TITLE = 200
_TIME = "%Y-%m-%d %H:%M:%S"


def title(letter: Letter) -> str:
    """One line."""
    return inert(sayings.headline(letter.incident), _LONGEST_TITLE)


def text(letter: Letter) -> str:
    """How it stands, what a person is asked, what has happened; the only link is the agent's own.

    What services cut is the end: what has happened is last.
    """
    incident = letter.incident
    parts = [
        [inert(sayings.headline(incident)), _standing(incident)],
        _question(letter),
        [letter.link] if letter.link else [],
        [inert(line) for line in sayings.lines(letter)],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def digest_title(digest: Digest) -> str:
    """One line."""
    return inert(sayings.digest_headline(digest), _LONGEST_TITLE)


def digest_text(digest: Digest) -> str:
    """How many there are, and the worst of them."""
    parts = [
        [inert(sayings.digest_headline(digest))],
        [digest.link] if digest.link else [],
        [f"- {inert(sayings.headline(one))}" for one in digest.worst],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _question(letter: Letter) -> list[str]:
    action = sayings.asked(letter)
    if action is None:
        return []
    plan = action.plan
    return [
        f"You are asked: may it {plan.verb} {inert(plan.target)}? {inert(action.reason)}",
        f"Answer with: aether approve {action.id}, or aether deny {action.id}",
    ]


def _standing(incident: Incident) -> str:
    began = f"It began at {incident.opened_at:{_TIME}} UTC"
    if incident.status is IncidentStatus.RESOLVED and incident.resolved_at is not None:
        return f"{began}, and ended at {incident.resolved_at:{_TIME}} UTC."
    return f"{began}, and is {inert(sayings.state_words(incident))}."
