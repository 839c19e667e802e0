"""The control API of a running lab: what it says, and that wishes repeated change nothing."""

import asyncio
import json
import signal
import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from aetherlink.errors import DeadlineError, RejectedError
from aetherlink.lab import remote
from aetherlink.lab.errors import LabNotRunningError
from aetherlink.lab.states import ServiceView, State


def _call(lab: Any, method: str, path: str, body: Any = None, *, text: str | None = None) -> httpx.Response:
    transport = httpx.HTTPTransport(uds=str(lab.dir / "control.sock"))
    with httpx.Client(transport=transport, base_url="http://lab", timeout=40) as client:
        return client.request(method, path, content=text if text is not None else json.dumps(body))


def _crm(lab: Any) -> ServiceView:
    return asyncio.run(remote.service(lab.dir, "crm"))


def _until(holds: Callable[[], bool], seconds: float = 15) -> None:
    """Fail unless it holds within so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def test_every_service_is_listed_with_its_state_and_its_log(shared_lab: Any) -> None:
    answer = _call(shared_lab, "GET", "/v1/services").json()

    assert [item["name"] for item in answer["items"]] == ["postgres", "prometheus", "alertmanager", "crm"]
    crm = answer["items"][3]
    assert {key: crm[key] for key in ("state", "release", "min", "max", "wanted")} == {
        "state": "ready",
        "release": "1.0.0",
        "min": 1,
        "max": 4,
        "wanted": 1,
    }
    (replica,) = crm["replicas"]
    assert {"index", "pid", "port", "state", "started_at", "exit_code"} <= set(replica)
    assert datetime.fromisoformat(replica["started_at"]) < datetime.now(UTC)


def test_the_control_socket_is_closed_to_others(shared_lab: Any) -> None:
    mode = (shared_lab.dir / "control.sock").stat().st_mode

    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert stat.S_IMODE(shared_lab.dir.stat().st_mode) == 0o700


def test_a_restart_makes_a_newer_replica_on_the_same_port_and_a_repeat_changes_nothing(shared_lab: Any) -> None:
    before = _crm(shared_lab).replicas[0]
    wish = {"started_after": datetime.now(UTC).isoformat()}

    first = _call(shared_lab, "POST", "/v1/services/crm/restart", wish).json()
    again = _call(shared_lab, "POST", "/v1/services/crm/restart", wish).json()

    assert first["state"] == "ready"
    assert first["replicas"][0]["pid"] != before.pid
    assert first["replicas"][0]["port"] == before.port
    assert again["replicas"] == first["replicas"]


def test_two_restarts_at_once_make_one(shared_lab: Any) -> None:
    wish = {"started_after": datetime.now(UTC).isoformat()}

    async def both() -> list[httpx.Response]:
        calls = [
            asyncio.to_thread(_call, shared_lab, "POST", "/v1/services/crm/restart", wish),
            asyncio.to_thread(_call, shared_lab, "POST", "/v1/services/crm/restart", wish),
        ]
        return await asyncio.gather(*calls)

    first, second = asyncio.run(both())

    assert first.json()["replicas"][0]["pid"] == second.json()["replicas"][0]["pid"]


def test_a_killed_service_stays_dead_until_somebody_asks(shared_lab: Any) -> None:
    asyncio.run(remote.kill(shared_lab.dir, "crm"))
    _until(lambda: _crm(shared_lab).state is State.EXITED)
    replica = _crm(shared_lab).replicas[0]
    assert (replica.pid, replica.exit_code) == (None, -signal.SIGKILL)

    wish = {"started_after": replica.started_at.isoformat()}
    answer = _call(shared_lab, "POST", "/v1/services/crm/restart", wish)

    assert answer.json()["state"] == "ready"


def test_prometheus_sees_a_killed_replica_as_down_and_a_new_one_as_up(shared_lab: Any) -> None:
    def up() -> str | None:
        url = f"{shared_lab.record().urls['prometheus']}/api/v1/query"
        result = httpx.get(url, params={"query": 'up{job="peakpro_crm"}'}).json()["data"]["result"]
        return result[0]["value"][1] if len(result) == 1 else None

    _until(lambda: up() == "1")
    asyncio.run(remote.kill(shared_lab.dir, "crm"))
    _until(lambda: up() == "0")
    asyncio.run(remote.scale(shared_lab.dir, 1))
    _until(lambda: up() == "1")


def test_replicas_come_and_go_behind_one_address(shared_lab: Any) -> None:
    more = asyncio.run(remote.scale(shared_lab.dir, 3))
    listed = json.loads((shared_lab.dir / "config" / "crm_targets.json").read_text())

    assert more.state is State.READY
    assert [replica.index for replica in more.replicas] == [0, 1, 2]
    assert [target for entry in listed for target in entry["targets"]] == [
        f"127.0.0.1:{replica.port}" for replica in more.replicas
    ]

    fewer = asyncio.run(remote.scale(shared_lab.dir, 1))

    assert [replica.pid for replica in fewer.replicas] == [more.replicas[0].pid]
    assert httpx.get(f"{fewer.url}/livez").status_code == 200


def test_a_rolling_restart_answers_every_request(shared_lab: Any) -> None:
    crm = asyncio.run(remote.scale(shared_lab.dir, 2))
    wish = {"started_after": datetime.now(UTC).isoformat()}

    async def ask_all_along() -> list[int]:
        restart = asyncio.create_task(asyncio.to_thread(_call, shared_lab, "POST", "/v1/services/crm/restart", wish))
        codes: list[int] = []
        while not restart.done():
            # A connection for each request: one that is kept would be closed by a replica that ends.
            async with httpx.AsyncClient(timeout=10) as client:
                codes.append((await client.get(f"{crm.url}/readyz")).status_code)
            await asyncio.sleep(0.02)
        assert (await restart).json()["state"] == "ready"
        return codes

    codes = asyncio.run(ask_all_along())

    assert len(codes) > 10
    assert set(codes) == {200}


def test_a_deployed_release_remembers_the_one_before(shared_lab: Any) -> None:
    bad = asyncio.run(remote.deploy(shared_lab.dir, "1.1.0"))
    repeated = asyncio.run(remote.deploy(shared_lab.dir, "1.1.0"))
    good = asyncio.run(remote.deploy(shared_lab.dir, "1.0.0"))

    assert (bad.release, bad.previous_release) == ("1.1.0", "1.0.0")
    assert repeated == bad
    assert (good.release, good.previous_release) == ("1.0.0", "1.1.0")


def test_a_hung_replica_is_unhealthy_and_a_restart_does_not_wait_for_it(shared_lab: Any) -> None:
    httpx.put(f"{_crm(shared_lab).url}/faults/hang", json={"seconds": 30}).raise_for_status()
    _until(lambda: _crm(shared_lab).state is State.UNHEALTHY)
    assert "no answer" in str(_crm(shared_lab).replicas[0].detail)

    started = datetime.now(UTC)
    answer = _call(shared_lab, "POST", "/v1/services/crm/restart", {"started_after": started.isoformat()})

    assert answer.json()["state"] == "ready"
    assert datetime.now(UTC) - started < timedelta(seconds=8)


def test_a_service_that_is_not_ready_in_time_is_answered_504_with_its_state(shared_lab: Any) -> None:
    with pytest.raises(DeadlineError, match="crm is starting"):
        asyncio.run(remote.deploy(shared_lab.dir, "1.1.0", within=0.05))

    assert _crm(shared_lab).release == "1.1.0"


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        pytest.param("crm/scale", {"replicas": 0}, 409, "1 to 4 replicas", id="too few"),
        pytest.param("crm/scale", {"replicas": 5}, 409, "1 to 4 replicas", id="too many"),
        pytest.param("prometheus/scale", {"replicas": 2}, 409, "1 to 1 replicas", id="not scalable"),
        pytest.param("crm/deploy", {"release": "9"}, 409, "known: 1.0.0, 1.1.0", id="unknown release"),
        pytest.param("postgres/deploy", {"release": "1.0.0"}, 409, "known: none", id="no releases"),
        pytest.param("nobody/kill", {}, 404, "it has postgres", id="unknown service"),
        pytest.param("crm/scale", {"replicas": "two"}, 400, "replicas", id="wrong type"),
        pytest.param("crm/scale", {"replicas": 1, "x": 1}, 400, "x", id="unknown key"),
        pytest.param("crm/restart", {}, 400, "started_after", id="missing key"),
        pytest.param("crm/restart", {"started_after": "2026-01-01T00:00:00"}, 400, "timezone", id="naive time"),
        pytest.param("crm/restart", {"started_after": "2999-01-01T00:00:00Z"}, 400, "future", id="future"),
    ],
)
def test_a_wish_that_cannot_be_served_is_a_problem_that_says_why(
    shared_lab: Any, path: str, body: dict[str, Any], status: int, words: str
) -> None:
    answer = _call(shared_lab, "POST", f"/v1/services/{path}", body)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]


def test_malformed_and_oversized_bodies_are_refused(shared_lab: Any) -> None:
    malformed = _call(shared_lab, "POST", "/v1/services/crm/scale", text="{")
    oversized = _call(shared_lab, "POST", "/v1/services/crm/scale", text=" " * 70_000)
    wrong_method = _call(shared_lab, "DELETE", "/v1/services/crm")

    assert (malformed.status_code, oversized.status_code, wrong_method.status_code) == (400, 400, 405)
    assert "larger than" in oversized.json()["detail"]
    assert wrong_method.headers["content-type"] == "application/problem+json"


def test_rejections_reach_the_command_line_as_errors_with_the_labs_words(shared_lab: Any) -> None:
    with pytest.raises(RejectedError, match="1 to 4 replicas"):
        asyncio.run(remote.scale(shared_lab.dir, 7))


def test_where_no_lab_runs_that_is_said(tmp_path: Any) -> None:
    assert asyncio.run(remote.status(tmp_path)).running is False
    assert asyncio.run(remote.down(tmp_path)) is False
    with pytest.raises(LabNotRunningError, match="aether lab up"):
        asyncio.run(remote.deploy(tmp_path, "1.0.0"))
