"""Tells by a webhook of its own: JSON with all that the agent knows of the incident, or as the settings form it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec

from aetherlink.clients.options import ClientOptions
from aetherlink.clients.webhook import WebhookClient
from aetherlink.clients.webhook_options import WebhookOptions
from aetherlink.errors import AnswerError, UndeliveredError, UnreachableError
from aetherlink.lib import templates
from aetherlink.lib.retry_after import seconds_until
from aetherlink.lib.templates import Json
from aetherlink.model.actions import Action
from aetherlink.model.deliveries import Digest, Failure, Letter
from aetherlink.model.incidents import Incident, IncidentStatus, Severity
from aetherlink.model.timeline import StoredEntry
from aetherlink.notifiers import messages, sayings, statuses
from aetherlink.notifiers.opened import Opened

VERSION = "1"
_OF_INCIDENT = ("version", "event", "at", "headline", "incident", "action", "entries", "left_out")
_OF_DIGEST = ("version", "event", "at", "headline", "digest")
_encode = msgspec.json.Encoder(order="deterministic").encode


def opened(settings: WebhookOptions, clients: ClientOptions) -> Opened:
    """The notifier of one address. Raises SettingsError."""
    client = WebhookClient(settings, clients)
    return Opened(WebhookNotifier(client, settings.body), client.aclose)


class WebhookNotifier:
    """See ports.Notifier. Each change is a message, told again under the same Idempotency-Key."""

    collapses = True

    def __init__(self, client: WebhookClient, template: Json = None) -> None:
        self._client = client
        self._template = template

    async def tell(self, letter: Letter, *, deadline: timedelta) -> Mapping[str, str]:
        """POST the incident with its untold entries, where one of them is worth it."""
        if not sayings.is_notable(letter):
            return letter.reference
        last = letter.entries[-1].sequence if letter.entries else 0
        key = f"{letter.incident.id}-{last}"
        await self._post(incident_words(letter, key), _OF_INCIDENT, key, letter.at, deadline)
        return {"key": key}

    async def sum_up(self, digest: Digest, *, deadline: timedelta) -> Mapping[str, str]:
        """POST how the incidents of a storm stand."""
        if not sayings.is_news(digest):
            return digest.reference
        key = f"{digest.id}-{sayings.count_of(digest)}"
        await self._post(digest_words(digest, key), _OF_DIGEST, key, digest.at, deadline)
        return {"key": key, **sayings.told_of(digest)}

    async def check(self, *, deadline: timedelta) -> str:  # noqa: ARG002 - the port's signature
        """A webhook cannot be asked without sending one."""
        return f"POST {self._client.address}"

    async def _post(
        self, words: Mapping[str, object], usual: Sequence[str], key: str, at: datetime, deadline: timedelta
    ) -> None:
        if self._template is None:
            body: object = {name: words[name] for name in usual}
        else:
            body = templates.filled(self._template, partial(templates.looked_up, words))
        try:
            answer = await self._client.post(_encode(body), key=key, at=at, deadline=deadline)
        except UnreachableError as problem:
            raise statuses.undelivered(problem) from problem
        except AnswerError as problem:  # a redirect to a login, a proxy that speaks up: no fault of the letter
            raise UndeliveredError(str(problem), failure=Failure.SERVER, is_unsure=True) from problem
        wait = seconds_until(answer.retry_after, at)
        statuses.check(answer.status, f"POST {self._client.address}", wait=wait)


def incident_words(letter: Letter, key: str) -> dict[str, object]:
    """What `body` may name of an incident, see clients.webhook_options.WORDS."""
    incident, action = letter.incident, letter.action
    return {
        "version": VERSION,
        "event": "incident",
        "at": letter.at,
        "key": key,
        "id": incident.id,
        "headline": sayings.headline(incident),
        "text": messages.text(letter),
        "status": incident.status,
        "severity": incident.severity,
        "url": letter.link or None,
        "dashboard": letter.dashboard or None,
        "incident": _incident_words(incident, letter.link),
        "action": None if action is None else _action_words(action),
        "entries": [_entry_words(one) for one in letter.entries],
        "left_out": letter.left_out,
        "digest": None,
    }


def digest_words(digest: Digest, key: str) -> dict[str, object]:
    """What `body` may name of a storm."""
    by_severity = {severity.value: count for severity, count in digest.by_severity.items()}
    return {
        "version": VERSION,
        "event": "digest",
        "at": digest.at,
        "key": key,
        "id": digest.id,
        "headline": sayings.digest_headline(digest),
        "text": messages.digest_text(digest),
        "status": IncidentStatus.OPEN if digest.open else IncidentStatus.RESOLVED,
        "severity": next((severity for severity in Severity if digest.by_severity.get(severity)), None),
        "url": digest.link or None,
        "dashboard": None,
        "incident": None,
        "action": None,
        "entries": [],
        "left_out": 0,
        "digest": {
            "id": digest.id,
            "began_at": digest.began_at,
            "incidents": digest.incidents,
            "open": digest.open,
            "by_severity": by_severity,
            "worst": [{"id": one.id, "headline": sayings.headline(one)} for one in digest.worst],
            "url": digest.link or None,
        },
    }


def _incident_words(incident: Incident, link: str) -> dict[str, object]:
    return {
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
        "acknowledged_by": incident.acknowledged_by,
        "firing": incident.firing,
        "labels": dict(incident.labels),
        "url": link or None,
    }


def _entry_words(stored: StoredEntry) -> dict[str, object]:
    entry = stored.entry
    return {
        "sequence": stored.sequence,
        "kind": entry.kind,
        "at": entry.at,
        "text": entry.text,
        "facts": dict(entry.facts),
    }


def _action_words(action: Action) -> dict[str, object]:
    return {
        "id": action.id,
        "verb": action.plan.verb,
        "target": action.plan.target,
        "playbook": action.plan.playbook,
        "state": action.state,
        "reason": action.reason,
    }
