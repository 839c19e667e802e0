"""Looks in the channel for what was said: after an attempt of which nobody knows whether it was heard.

Each message carries what it is about as Slack's metadata, which nobody sees.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

TOLD = "aetherlink_incident"
REPLIED = "aetherlink_timeline"
DIGESTED = "aetherlink_digest"

PAGE = 200
"""Messages asked for at once."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a message is about: an incident or a digest, and of a reply the last entry that it tells."""

    kind: str
    subject: str
    through: int = 0

    @property
    def metadata(self) -> Mapping[str, object]:
        """In Slack's form."""
        payload = {"subject": self.subject, "through": self.through}
        return {"event_type": self.kind, "event_payload": payload}


def marked(body: Mapping[str, Any], mark: Mark, bot: str) -> Iterator[Mapping[str, Any]]:
    """The messages of a page of history with this kind and subject that this bot wrote: others may write the same."""
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else []:
        if isinstance(message, Mapping) and message.get("bot_id") == bot and _is_of(message, mark):
            yield message


def through_of(message: Mapping[str, Any]) -> int:
    """The last entry that a reply tells."""
    through = message["metadata"]["event_payload"].get("through")
    return through if isinstance(through, int) else 0


def next_page(body: Mapping[str, Any]) -> str:
    """The cursor of the page after it; empty after the last."""
    more = body.get("response_metadata")
    cursor = more.get("next_cursor") if isinstance(more, Mapping) else ""
    return cursor if isinstance(cursor, str) else ""


def _is_of(message: Mapping[str, Any], mark: Mark) -> bool:
    data = message.get("metadata")
    if not isinstance(data, Mapping) or data.get("event_type") != mark.kind:
        return False
    payload = data.get("event_payload")
    return isinstance(payload, Mapping) and payload.get("subject") == mark.subject and _has_ts(message)


def _has_ts(message: Mapping[str, Any]) -> bool:
    return isinstance(message.get("ts"), str)
