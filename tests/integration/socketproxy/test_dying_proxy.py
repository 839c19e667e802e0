"""A proxy that dies at any of its calls in the middle of a replacement: the next one brings it to one end or the other.

Deterministic: the proxy's real code on the real daemon, cut off before or after its n-th call.
"""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from aetherlink.socketproxy.daemon import Answer, Daemon
from aetherlink.socketproxy.making import Making
from aetherlink.socketproxy.remembered import Remembered
from aetherlink.socketproxy.workloads import Workloads
from rigs.containers import docker
from rigs.socket_proxy import Made, docker_socket, shown

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]
CALLS = 9  # that a replacement makes
SOME = {(4, True), (5, True), (7, True), (9, False)}  # made, stopped, renamed, started: and died
CUTS = [
    pytest.param(*cut, marks=[] if cut in SOME else pytest.mark.long)
    for cut in itertools.product(range(1, CALLS + 1), (False, True))
]


class _DiedError(BaseException):
    """No `except` of the product sees a kill -9 either."""


class DyingDaemon(Daemon):
    """Dies at its n-th call: before it is made, or when it was carried out."""

    def __init__(self, socket: Path, *, at: int, after: bool) -> None:
        super().__init__(socket)
        self.calls = 0
        self._at = at
        self._after = after

    async def ask(self, method: str, target: str, body: Mapping[str, Any] | None = None, *, seconds: float) -> Answer:
        self.calls += 1
        if self.calls == self._at and not self._after:
            raise _DiedError
        answer = await super().ask(method, target, body, seconds=seconds)
        if self.calls == self._at:
            raise _DiedError
        return answer


def making(daemon: Daemon, folder: Path) -> Making:
    """A proxy's inner part as it starts: it knows only what is on disk."""
    remembered = Remembered.read(folder / "state.json")
    return Making(daemon, Workloads((), own=""), remembered, max_replicas=3, seconds=20)


@pytest.mark.parametrize(("at", "after"), CUTS)
async def test_a_proxy_that_dies_leaves_one_container_that_runs(
    tmp_path: Path, made: Made, at: int, after: bool
) -> None:
    old = made.run("--volume=/kept")
    dying = DyingDaemon(docker_socket(), at=at, after=after)
    with pytest.raises(_DiedError):
        await making(dying, tmp_path).replace(old, None, grace=1)

    next_one = making(Daemon(docker_socket()), tmp_path)
    await next_one.look()
    after_it = shown(made.name)
    if after_it["Id"] == old:  # taken back: then it can be tried again, whatever was left lying about
        await next_one.replace(old, None, grace=1)

    there = docker("ps", "--all", "--quiet", "--no-trunc", "--filter", f"name={made.name}").split()
    assert after_it["State"]["Running"]
    assert there == [shown(made.name)["Id"]]
    assert there != [old]
    assert shown(made.name)["State"]["Running"]
    assert Remembered.read(tmp_path / "state.json").swap is None


async def test_a_replacement_makes_as_many_calls_as_are_cut_off_above(tmp_path: Path, made: Made) -> None:
    counting = DyingDaemon(docker_socket(), at=0, after=False)

    await making(counting, tmp_path).replace(made.run("--volume=/kept"), None, grace=1)

    assert counting.calls == CALLS
