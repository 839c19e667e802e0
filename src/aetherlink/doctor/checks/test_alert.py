"""Sends a test alert by each Alertmanager, when it is wished for, and waits until the agent has heard of it.

It has a reserved name, under which the agent files it as nobody's incident: nothing is ever planned for it. The other
receivers of its route hear of it too, so it is never sent unasked.
"""

import asyncio
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from aetherlink.clients.alertmanager_setup import AlertmanagerSetup, AlertmanagerState
from aetherlink.clients.credentials import connection_of
from aetherlink.clients.source_options import SourceOptions
from aetherlink.doctor.findings import Finding, Status, fault, not_checked, ok
from aetherlink.doctor.looking import LONGEST, Ground, Look
from aetherlink.doctor.routing import read_routing
from aetherlink.doctor.words import some
from aetherlink.errors import AetherError, UnreachableError
from aetherlink.model.alerts import TEST_ALERT, Suppression

_MARK = "aether_test"
_LIST = f"/api/v1/alerts?{urlencode({'alertname': TEST_ALERT, 'limit': 50})}"
_LIVES = timedelta(minutes=5)
_PAUSE = 0.2  # seconds between two looks
_SAYS = {
    "summary": "Sent by `aether doctor` to see whether alerts arrive. Nothing is wrong, and nobody has to do anything."
}
_UNTOLD = "of which all receivers of its route hear"


def looks(ground: Ground) -> Iterator[Look]:
    """One for each Alertmanager."""
    wait = ground.test_alert_wait
    for source in ground.settings.sources:
        for url in source.alertmanagers:
            subject = f"{url} of source {source.name}"
            if wait is None:
                yield Look(subject, partial(_not_sent, ground, source, url))
            else:
                yield Look(subject, partial(_sent_round, ground, source, url, wait), within=wait + LONGEST)


async def _not_sent(ground: Ground, source: SourceOptions, url: str) -> Sequence[Finding]:
    async with aclosing(AlertmanagerSetup(url, ground.settings.clients, connection_of(source))) as setup:
        try:
            heard = _hearing(await setup.state())
        except AetherError:
            heard = _UNTOLD
    return [not_checked("whether an alert arrives: none was sent", f"--send-test-alert sends one, {heard}")]


def _hearing(state: AlertmanagerState) -> str:
    """Who hears of a test alert."""
    try:
        names = read_routing(state.config).hearing(_labels(""))
    except AetherError:
        return _UNTOLD
    return f"of which these receivers hear: {some(names)}"


def _labels(mark: str) -> dict[str, str]:
    return {"alertname": TEST_ALERT, "severity": "none", _MARK: mark}


async def _sent_round(ground: Ground, source: SourceOptions, url: str, wait: timedelta) -> Sequence[Finding]:
    if (problem := await _unseen(ground)) is not None:
        return [problem]
    labels = _labels(secrets.token_hex(8))
    async with aclosing(AlertmanagerSetup(url, ground.settings.clients, connection_of(source))) as setup:
        state = await setup.state()
        starts_at = state.now or ground.clock.now()  # by its own clock, which decides what is over
        began = ground.clock.monotonic()
        await setup.send(labels, _SAYS, starts_at=starts_at, ends_at=starts_at + _LIVES)
        try:
            found = await _arrived(ground, labels, wait)
            took = ground.clock.monotonic() - began
        finally:
            passed = timedelta(seconds=ground.clock.monotonic() - began)
            with suppress(AetherError):  # it ends by itself, soon
                await setup.send(labels, _SAYS, starts_at=starts_at, ends_at=starts_at + passed)
    return [_judged(found, source, took, wait, _hearing(state))]


async def _unseen(ground: Ground) -> Finding | None:
    """Why it could not be seen whether one arrives; people are not told of one in vain."""
    try:
        await ground.agent.anew(_LIST)
    except UnreachableError as problem:
        return await ground.agent.unheard("no test alert was sent", problem)
    except AetherError as problem:
        fix = "run this as the agent's user, or give --token one with the scope read"
        return fault(f"no test alert was sent: the agent does not say whether it arrives: {problem}", fix)
    return None


async def _arrived(ground: Ground, labels: Mapping[str, str], wait: timedelta) -> Mapping[str, Any] | None:
    """The alert as the agent lists it; None when it does not in time. Raises AetherError."""
    end = ground.clock.monotonic() + wait.total_seconds()
    while True:
        page = await ground.agent.anew(_LIST)
        for item in page.get("items", []):
            if item.get("labels", {}).get(_MARK) == labels[_MARK]:
                found: Mapping[str, Any] = item
                return found
        if ground.clock.monotonic() >= end:
            return None
        await asyncio.sleep(_PAUSE)


def _judged(
    found: Mapping[str, Any] | None, source: SourceOptions, took: float, wait: timedelta, heard: str
) -> Finding:
    if found is None:
        fix = (
            "its log says whether it could deliver, and with which answer (401: the token; connection refused: the "
            "address); where group_wait is long, --wait longer"
        )
        return fault(f"a test alert did not arrive within {wait.total_seconds():g} s ({heard})", fix)
    if found.get("suppressed") != Suppression.TEST.value or found.get("incident_id") is not None:
        text = f"the agent took the test alert for a real one (incident {found.get('incident_id')})"
        return Finding(Status.FAULT, text, "close the incident, and start the agent anew with the version installed")
    if found.get("source") != source.name:
        text = f"a test alert arrived as one of source {found.get('source')}, and was sent by {source.name}"
        return fault(text, f"let the receiver's address end in /alertmanager/{source.name}")
    fingerprint = found.get("fingerprint")
    return ok(f"a test alert arrived after {took:.1f} s, fingerprint {fingerprint} ({heard})")
