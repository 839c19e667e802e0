"""What Slack sends when somebody presses a button, and how it signs it."""

import json
from itertools import count
from typing import Any
from urllib.parse import urlencode

from aetherlink.slackdoor.signatures import signature_of
from rigs.slack_server import CHANNEL

SIGNING_SECRET = "secret-signing-secret"
_presses = count(1)


def press(
    say: str, action: str, plan_hash: str = "", *, user: str = "U0ANN", reason: str | None = None
) -> dict[str, Any]:
    """An interaction in the form of Slack's documentation; `say` is approve, deny or wrong."""
    name = f"aether_{say}"
    number = next(_presses)
    return {
        "type": "block_actions",
        "user": {"id": user, "username": "somebody", "name": "somebody", "team_id": "T1"},
        "api_app_id": "A1",
        "token": "legacy",
        "container": {
            "type": "message",
            "message_ts": "1767268801.000001",
            "channel_id": CHANNEL,
            "is_ephemeral": False,
        },
        "trigger_id": f"{number}.{number}.{number:032x}",
        "team": {"id": "T1", "domain": "acme"},
        "channel": {"id": CHANNEL, "name": "ops"},
        "message": {"type": "message", "ts": "1767268801.000001", "text": "x", "blocks": []},
        "state": {"values": {"aether_reason": {"aether_reason": {"type": "plain_text_input", "value": reason}}}},
        "response_url": "http://evil.example/actions/T1/1/x",
        "actions": [
            {
                "action_id": name,
                "block_id": "aether_approval",
                "text": {"type": "plain_text", "text": say.title(), "emoji": False},
                "value": f"{action} {plan_hash}",
                "type": "button",
                "action_ts": f"1767268900.{number:06d}",
            }
        ],
    }


def form(payload: object) -> bytes:
    """The body of the request."""
    return urlencode({"payload": json.dumps(payload)}).encode()


def signed(body: bytes, at: float, secret: str = SIGNING_SECRET) -> list[tuple[bytes, bytes]]:
    """The headers of a request."""
    time = str(int(at))
    return [
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"x-slack-request-timestamp", time.encode()),
        (b"x-slack-signature", signature_of(secret, time, body).encode()),
    ]
