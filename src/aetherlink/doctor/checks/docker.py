"""What Docker, or the proxy before it, lets the agent do: enough, and not too much. Changes nothing.

Two kinds of calls are made, all of which must fail: for a container that is not there, and with a body that cannot be
read. A proxy refuses them; what refuses them as the daemon does has let them through.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import partial

from aetherlink.clients.docker_rights import EXCESSIVE, NEEDED, USEFUL, DockerRights, Probe
from aetherlink.doctor.findings import Finding, fault, not_set_up, ok, warning
from aetherlink.doctor.looking import Ground, Look
from aetherlink.doctor.words import some
from aetherlink.errors import AetherError, UnreachableError

_TOO_MUCH = (
    "whoever takes over the agent is root on that machine: put `aether socket-proxy` before it "
    "(docs/how-to/run-the-socket-proxy.md), and set docker.host to that"
)


def looks(ground: Ground) -> Iterator[Look]:
    """One look."""
    host = ground.settings.docker.host
    if host is None:
        yield Look("docker", _none)
    else:
        yield Look(host, partial(_look, host))


async def _none() -> Sequence[Finding]:
    return [not_set_up("docker.host is not set: no target can use the executor `docker`")]


async def _look(host: str) -> Sequence[Finding]:
    async with aclosing(DockerRights(host)) as rights:
        try:
            version = await rights.version()
            may_list = await rights.may_list()
            needed, useful, excessive = await asyncio.gather(
                *(_let_through(rights, probes) for probes in (NEEDED, USEFUL, EXCESSIVE))
            )
        except UnreachableError as problem:
            return [fault(str(problem), "start Docker or the proxy, give this user its socket, or mend docker.host")]
        except AetherError as problem:
            return [fault(str(problem), "mend docker.host")]
    found = ok(f"Docker {version.engine or 'of unknown version'} answers, API {version.api}")
    missing = [*([] if may_list else ["list containers"]), *(name for name in NEEDED if name not in needed)]
    return [found, _enough(missing, [name for name in USEFUL if name not in useful]), _not_too_much(excessive)]


async def _let_through(rights: DockerRights, probes: Mapping[str, Probe]) -> list[str]:
    said = await asyncio.gather(*(rights.lets_through(probe) for probe in probes.values()))
    return [name for name, is_let_through in zip(probes, said, strict=True) if is_let_through]


def _enough(missing: Sequence[str], unhelpful: Sequence[str]) -> Finding:
    fix = "let the proxy pass the calls of docs/how-to/act-on-containers.md"
    if missing:
        return fault(f"it does not let the agent: {some([*missing, *unhelpful])}", fix)
    if unhelpful:
        return warning(f"it lets the agent do what it has to, and not: {some(unhelpful)}", fix)
    return ok(f"it lets the agent list containers, {', '.join([*NEEDED, *USEFUL])}; `targets` says of which")


def _not_too_much(excessive: Sequence[str]) -> Finding:
    if excessive:
        return warning(f"it lets through more than is needed: {some(excessive)}", _TOO_MUCH)
    return ok(f"it refuses what is not needed, such as to {', to '.join(list(EXCESSIVE)[:3])}")
