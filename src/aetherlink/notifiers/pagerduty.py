"""Tells PagerDuty: an incident is triggered once, acknowledged where a person looks after it, and resolved once."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from aetherlink.clients.exchange import Answer
from aetherlink.clients.options import ClientOptions
from aetherlink.clients.pagerduty import PagerDutyEvents
from aetherlink.clients.pagerduty_options import PagerDutyOptions
from aetherlink.errors import AnswerError, UndeliveredError, UnreachableError
from aetherlink.lib.retry_after import seconds_until
from aetherlink.model.actions import Action
from aetherlink.model.alerts import Alert
from aetherlink.model.deliveries import Digest, Failure, Letter
from aetherlink.model.incidents import Incident, IncidentStatus, Severity
from aetherlink.model.timeline import EventKind
from aetherlink.notifiers import sayings, statuses
from aetherlink.notifiers.inert import inert
from aetherlink.notifiers.opened import Opened

_ABSENT = 404
_LONGEST_SUMMARY = 1024
_LONGEST_KEY = 255
_LARGEST = 500_000  # bytes; theirs is 512 KB for all of an event, and the key and the frame come on top
_SEVERITIES = {Severity.CRITICAL: "critical", Severity.WARNING: "warning", Severity.INFO: "info"}
_OF_VIPS = {Severity.CRITICAL: "critical", Severity.WARNING: "error", Severity.INFO: "warning"}
_TRIGGERED, _ACKNOWLEDGED, _RESOLVED = "triggered", "acknowledged", "resolved"


def opened(settings: PagerDutyOptions, clients: ClientOptions) -> Opened:
    """The notifier of one integration. Raises SettingsError."""
    client = PagerDutyEvents(settings, clients)
    return Opened(PagerDutyNotifier(client), client.aclose)


class PagerDutyNotifier:
    """See ports.Notifier. What is sent twice under a key is one incident there, so that an attempt is safe to repeat.

    The reference says what is known there: `key`, `state`, `episode`, which counts how often it was opened again, and
    `ask`, the action that a person was asked about.
    """

    collapses = True

    def __init__(self, client: PagerDutyEvents) -> None:
        self._client = client

    async def tell(self, letter: Letter, *, deadline: timedelta) -> Mapping[str, str]:
        """Send what changes the state there; nothing where it is right already."""
        incident, known = letter.incident, letter.reference
        episode = str(incident.reopened)
        state = known.get("state", "") if known.get("episode", "") == episode else ""
        wanted = _wanted(incident, state)
        steps = _Steps(self._client, letter.at, deadline)
        is_unheard_of = not known and not letter.is_unsure
        if wanted != state and not (wanted == _RESOLVED and is_unheard_of):  # over before anybody was paged
            await steps.bring(letter, state, wanted)
        ask = _request(letter, state)
        await steps.ask(letter, known.get("ask", ""), ask)
        told = {"key": incident.id, "state": wanted, "episode": episode}
        return {**told, "ask": ask} if ask else told

    async def sum_up(self, digest: Digest, *, deadline: timedelta) -> Mapping[str, str]:
        """One incident there for all of a storm; resolved when none of them is open."""
        wanted = _TRIGGERED if digest.open else _RESOLVED
        state = digest.reference.get("state", "")
        if wanted == state:
            return digest.reference
        steps = _Steps(self._client, digest.at, deadline)
        if wanted == _TRIGGERED:
            await steps.take("trigger", digest.id, **_digest_event(digest))
        elif state or digest.is_unsure:
            await steps.take("resolve", digest.id)
        return {"key": digest.id, "state": wanted}

    async def check(self, *, deadline: timedelta) -> str:  # noqa: ARG002 - the port's signature
        """Events can only be sent: whether the key is good shows with the first one."""
        return f"PagerDuty at {self._client.address}"


class _Steps:
    """Events one after another within one deadline. All raise UndeliveredError."""

    def __init__(self, client: PagerDutyEvents, at: datetime, deadline: timedelta) -> None:
        self._client = client
        self._at = at
        self._ends = asyncio.get_running_loop().time() + deadline.total_seconds()
        self._is_begun = False

    async def bring(self, letter: Letter, state: str, wanted: str) -> None:
        """From one state to the other."""
        key = letter.incident.id
        if wanted == _RESOLVED:
            await self.take("resolve", key)
            return
        if not state:
            await self.take("trigger", key, **_event(letter))
        if wanted == _ACKNOWLEDGED:
            await self.take("acknowledge", key)

    async def ask(self, letter: Letter, known: str, wanted: str) -> None:
        """A request for approval is an incident of its own: what is open already pages nobody again."""
        incident = letter.incident
        for over in dict.fromkeys((known, *_perhaps_asked(letter))):
            if over and over != wanted:
                await self.take("resolve", f"{incident.id}/{over}")
        if wanted and known != wanted:
            await self.take("trigger", f"{incident.id}/{wanted}", **_event(letter))

    async def take(self, action: str, key: str, **event: object) -> None:
        """Send one. After an earlier one was heard, a failure leaves in doubt how far it came."""
        left = timedelta(seconds=max(self._ends - asyncio.get_running_loop().time(), 0.001))
        try:
            await self._client.send(action, key[:_LONGEST_KEY], refuse=self._refuse, deadline=left, **event)
            self._is_begun = True
        except UndeliveredError as problem:
            problem.is_unsure = problem.is_unsure or self._is_begun
            raise
        except UnreachableError as problem:
            undelivered = statuses.undelivered(problem)
            undelivered.is_unsure = undelivered.is_unsure or self._is_begun
            raise undelivered from problem
        except AnswerError as problem:
            raise UndeliveredError(str(problem), failure=Failure.SERVER, is_unsure=True) from problem

    def _refuse(self, answer: Answer, said: str) -> None:
        """Their 400 is for an unknown key, too: that is nothing about the letter. A 404 is for a wrong `url`."""
        what = f"PagerDuty at {self._client.address}"
        if answer.status == _ABSENT:
            raise UndeliveredError(f"{what} answered 404: is `url` without /v2/enqueue?", failure=Failure.AUTH)
        if answer.status == 400 and "routing" in said.lower():
            raise UndeliveredError(f"{what} answered 400: {said}", failure=Failure.AUTH)
        statuses.check(answer.status, what, wait=seconds_until(answer.retry_after, self._at), said=said)


def _wanted(incident: Incident, state: str) -> str:
    """Whoever has acknowledged it there is not called again."""
    if incident.status is IncidentStatus.RESOLVED:
        return _RESOLVED
    return _ACKNOWLEDGED if incident.acknowledged_by or state == _ACKNOWLEDGED else _TRIGGERED


def _request(letter: Letter, state: str) -> str:
    """The action that is asked about by an incident of its own, or an empty text; a first event tells of it itself."""
    action = sayings.asked(letter)
    if action is None:
        return ""
    is_new = bool(state) and any(letter.entries_of(EventKind.APPROVAL_ASKED))
    return action.id if is_new or letter.reference.get("ask", "") == action.id else ""


def _perhaps_asked(letter: Letter) -> Iterator[str]:
    """The actions that a failed attempt may have asked about there, though the reference does not know of it."""
    if letter.is_unsure and letter.reference:
        yield from (str(one.entry.facts.get("action_id", "")) for one in letter.entries_of(EventKind.APPROVAL_ASKED))
        if letter.action is not None:
            yield letter.action.id


def _summary(letter: Letter) -> str:
    action = sayings.asked(letter)
    asks = "" if action is None else f"may it {action.plan.verb} {action.plan.target}? "
    return inert(f"{asks}{sayings.headline(letter.incident)}", _LONGEST_SUMMARY)


def _event(letter: Letter) -> dict[str, object]:
    incident = letter.incident
    payload: dict[str, object] = {
        "timestamp": incident.opened_at.isoformat(),
        "component": inert(incident.service),
        "group": inert(incident.tenant),
        "class": "vip" if incident.vip else "",
    }
    event: dict[str, object] = {
        "client": "AetherLink Command",
        "links": [{"href": letter.link, "text": "The incident in AetherLink"}] if letter.link else [],
        "client_url": letter.link,
    }
    payload |= {
        "summary": _summary(letter),
        "source": inert(incident.service or incident.source) or "aetherlink",
        "severity": (_OF_VIPS if incident.vip else _SEVERITIES)[incident.severity],
        "custom_details": _fitting(_details(letter)),
    }
    return {**_said(event), "payload": _said(payload)}


def _details(letter: Letter) -> dict[str, object]:
    """What a person wants to know who is woken by it."""
    incident = letter.incident
    return {
        "incident": incident.id,
        "state": sayings.state_words(incident),
        "tenant": inert(incident.tenant),
        "vip": incident.vip,
        "source": inert(incident.source),
        "likely_cause": inert(incident.title),
        "alerts": [_alert_words(one.alert) for one in letter.alerts],
        "labels": {inert(name, 100): inert(value) for name, value in sorted(incident.labels.items())},
        **_plan(letter.action),
        "timeline": [inert(line) for line in sayings.lines(letter)],
    }


def _alert_words(alert: Alert) -> str:
    said = alert.annotations.get("summary", "")
    return inert(f"{alert.status}: {alert.labels.get('alertname', '')}{f', {said}' if said else ''}")


def _plan(action: Action | None) -> dict[str, object]:
    if action is None:
        return {}
    plan, decision = action.plan, action.decision
    return {
        "plan": inert(f"{plan.verb} {plan.target}, by {plan.playbook or 'a person'}: {action.reason}"),
        "decision": inert(f"{decision.effect} ({decision.rule}): {decision.reason}"),
        "action_state": action.state.value,
    }


def _fitting(details: dict[str, object]) -> dict[str, object]:
    """The details within the bound; what had to go is said: labels first, then the oldest of the timeline."""
    if _size(details) <= _LARGEST:
        return details
    kept = {**details, "labels": "(cut: more than PagerDuty takes)"}
    timeline = details["timeline"]
    lines = list(timeline) if isinstance(timeline, list) else []
    gone = 0
    while lines and _size(kept) > _LARGEST:
        gone += 1
        lines.pop(0)
        kept["timeline"] = [f"({gone} entries are cut: more than PagerDuty takes)", *lines]
    return kept


def _size(details: Mapping[str, object]) -> int:
    return len(json.dumps(details, ensure_ascii=False, separators=(",", ":")).encode())


def _digest_event(digest: Digest) -> dict[str, object]:
    worst = min((one for one in digest.by_severity if digest.by_severity[one]), key=lambda one: one.rank, default=None)
    event: dict[str, object] = {
        "client": "AetherLink Command",
        "client_url": digest.link,
        "links": [{"href": digest.link, "text": "The incidents in AetherLink"}] if digest.link else [],
    }
    return {
        **_said(event),
        "payload": {
            "summary": inert(sayings.digest_headline(digest), _LONGEST_SUMMARY),
            "source": "aetherlink",
            "severity": _SEVERITIES[worst or Severity.WARNING],
            "timestamp": digest.began_at.isoformat(),
            "class": "storm",
            "custom_details": {
                "incidents": digest.incidents,
                "open": digest.open,
                "by_severity": {severity.value: count for severity, count in digest.by_severity.items()},
                "worst": [inert(sayings.headline(one)) for one in digest.worst],
            },
        },
    }


def _said(fields: Mapping[str, object]) -> dict[str, object]:
    """Without those that say nothing."""
    return {name: value for name, value in fields.items() if value not in ("", [], None)}
