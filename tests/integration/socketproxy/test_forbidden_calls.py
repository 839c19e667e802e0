"""The table of forbidden calls against the real daemon, whose own events are the witness that nothing happened."""

import json

import pytest

from rigs.containers import docker
from rigs.forbidden_calls import REFUSALS, forbidden
from rigs.raw_http import ask, say
from rigs.socket_proxy import Made, Proxy, Releases, shown

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]
_SECTS = {"daemon", "plugin", "secret", "config", "node", "service"}


def now() -> str:
    return docker("info", "--format", "{{.SystemTime}}")


def events(since: str, *ours: str) -> list[dict[str, object]]:
    """What the daemon has done since with anything of ours, or with all that there is; others may use it, too."""
    told = docker("events", "--since", since, "--until", now(), "--format", "{{json .}}").splitlines()
    found = [(line, json.loads(line)) for line in told]
    return [
        event
        for line, event in found
        if event["Action"] == "prune" or event["Type"] in _SECTS or any(word in line for word in ours)
    ]


async def test_of_the_forbidden_calls_none_passes(proxy: Proxy, made: Made, releases: Releases) -> None:
    id_ = made.run()
    before, since = shown(id_), now()

    calls = forbidden(made.name, id_, releases.first)
    statuses = {what: (await say(proxy.socket, call)).status for what, call in calls.items()}

    assert len(calls) > 200
    heard = {what: status for what, status in statuses.items() if status not in REFUSALS}
    assert set(heard) <= {"a header of 1 MiB"}  # who still speaks while he is refused may be cut off before he hears it
    assert set(heard.values()) <= {0}
    assert events(since, made.name, id_, releases.first) == []
    assert shown(id_) == before
    assert proxy.log.count("refused: ") >= len(calls)


async def test_the_witness_sees_what_does_happen(proxy: Proxy, made: Made) -> None:
    """Else the test above proves nothing."""
    id_ = made.run()
    since = now()

    await ask(proxy.socket, "POST", f"/containers/{id_}/restart?t=1")
    docker("exec", id_, "python3", "-c", "1")

    actions = {str(event["Action"]).partition(":")[0] for event in events(since, made.name)}
    assert {"kill", "die", "start", "restart", "exec_create", "exec_start"} <= actions


async def test_of_what_is_not_opted_in_nothing_is_changed(proxy: Proxy, made: Made, releases: Releases) -> None:
    id_ = made.run("--label=aether.managed=false")
    before, since = shown(id_), now()

    calls = [
        *((f"/containers/{made.name}/{verb}", None) for verb in ("restart", "stop", "start")),
        (f"/containers/{id_}/update", {"Memory": 2**28, "MemorySwap": 2**28}),
        (f"/aether/v1/containers/{id_}/replace", None),
    ]
    statuses = [(await ask(proxy.socket, "POST", target, body)).status for target, body in calls]

    assert statuses == [403] * len(calls)
    assert (await ask(proxy.socket, "GET", f"/aether/v1/containers/{id_}/releases")).status == 403
    assert events(since, made.name, id_) == []
    assert shown(id_) == before
