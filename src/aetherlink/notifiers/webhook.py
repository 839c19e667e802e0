"""Tells by a webhook of its own: JSON with everything that the agent knows of the incident."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from aetherlink.clients.options import ClientOptions
from aetherlink.clients.webhook import WebhookClient
from aetherlink.clients.webhook_options import WebhookOptions
from aetherlink.errors import AnswerError, UndeliveredError, UnreachableError
from aetherlink.lib.retry_after import seconds_until
from aetherlink.model.actions import Action
from aetherlink.model.deliveries import Digest, Failure, Letter
from aetherlink.notifiers import sayings, statuses
from aetherlink.notifiers.opened import Opened

VERSION = "1"
_encode = msgspec.json.Encoder(order="deterministic").encode


def opened(settings: WebhookOptions, clients: ClientOptions) -> Opened:
    """The notifier of one address. Raises SettingsError."""
    client = WebhookClient(settings, clients)
    return Opened(WebhookNotifier(client), client.aclose)


class WebhookNotifier:
    """See ports.Notifier. Each change is a message, told again under the same Idempotency-Key."""

    collapses = True

    def __init__(self, client: WebhookClient) -> None:
        self._client = client

    async def tell(self, letter: Letter, *, deadline: timedelta) -> Mapping[str, str]:
        """POST the incident with its untold entries."""
        last = letter.entries[-1].sequence if letter.entries else 0
        key = f"{letter.incident.id}-{last}"
        await self._post(_encode(incident_body(letter)), key, letter.at, deadline)
        return {"key": key}

    async def sum_up(self, digest: Digest, *, deadline: timedelta) -> Mapping[str, str]:
        """POST how the incidents of a storm stand."""
        key = f"{digest.id}-{int(digest.at.timestamp())}"
        await self._post(_encode(digest_body(digest)), key, digest.at, deadline)
        return {"key": key}

    async def check(self, *, deadline: timedelta) -> str:  # noqa: ARG002 - the port's signature
        """A webhook cannot be asked without sending one."""
        return f"POST {self._client.address}"

    async def _post(self, body: bytes, key: str, at: datetime, deadline: timedelta) -> None:
        try:
            answer = await self._client.post(body, key=key, at=at, deadline=deadline)
        except UnreachableError as problem:
            raise statuses.undelivered(problem) from problem
        except AnswerError as problem:
            raise UndeliveredError(str(problem), failure=Failure.REFUSED, is_unsure=True) from problem
        wait = seconds_until(answer.retry_after, at)
        statuses.check(answer.status, f"POST {self._client.address}", wait=wait)


def incident_body(letter: Letter) -> dict[str, object]:
    """What is sent of an incident."""
    incident, action = letter.incident, letter.action
    return {
        "version": VERSION,
        "event": "incident",
        "at": letter.at,
        "headline": sayings.headline(incident),
        "incident": {
            "id": incident.id,
            "title": incident.title,
            "status": incident.status,
            "severity": incident.severity,
            "tenant": incident.tenant,
            "service": incident.service,
            "source": incident.source,
            "vip": incident.vip,
            "opened_at": incident.opened_at,
            "resolved_at": incident.resolved_at,
            "firing": incident.firing,
            "labels": dict(incident.labels),
            "url": letter.link or None,
        },
        "action": None if action is None else _action_body(action),
        "entries": [
            {"kind": one.entry.kind, "at": one.entry.at, "text": one.entry.text, "facts": dict(one.entry.facts)}
            for one in letter.entries
        ],
        "left_out": letter.left_out,
    }


def digest_body(digest: Digest) -> dict[str, object]:
    """What is sent of a storm."""
    return {
        "version": VERSION,
        "event": "digest",
        "at": digest.at,
        "headline": sayings.digest_headline(digest),
        "digest": {
            "id": digest.id,
            "began_at": digest.began_at,
            "incidents": digest.incidents,
            "open": digest.open,
            "by_severity": {severity.value: count for severity, count in digest.by_severity.items()},
            "worst": [{"id": one.id, "headline": sayings.headline(one)} for one in digest.worst],
            "url": digest.link or None,
        },
    }


def _action_body(action: Action) -> dict[str, object]:
    return {
        "id": action.id,
        "verb": action.plan.verb,
        "target": action.plan.target,
        "playbook": action.plan.playbook,
        "state": action.state,
        "reason": action.reason,
    }
