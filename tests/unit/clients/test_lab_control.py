"""The lab's control client against a Unix socket that answers as the control API does, and as it should not."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aetherlink.clients.lab_control import LabControl, ServiceState
from aetherlink.errors import (
    AetherError,
    AnswerError,
    ConflictError,
    DeadlineError,
    NotFoundError,
    NotSentError,
    RejectedError,
    SettingsError,
    UnreachableError,
)

SECOND = timedelta(seconds=1)
LONG = timedelta(seconds=5)
CRM = {
    "name": "crm",
    "state": "ready",
    "url": "http://127.0.0.1:8000",
    "log": "crm.log",
    "release": "1.0.0",
    "previous_release": None,
    "min": 1,
    "max": 4,
    "wanted": 1,
    "replicas": [
        {
            "index": 0,
            "pid": 7,
            "port": 8001,
            "state": "ready",
            "started_at": "2026-01-02T03:04:05.000006Z",
            "exit_code": None,
            "detail": "a key of a newer lab",
        }
    ],
}


@pytest.fixture
async def control(socket_wire: Any) -> AsyncIterator[LabControl]:
    socket_wire.say("200 OK", json.dumps(CRM).encode())
    control = LabControl(socket_wire.socket)
    yield control
    await control.aclose()


def sent(wire: Any) -> tuple[str, dict[str, object]]:
    head, _, body = wire.requests[-1].partition(b"\r\n\r\n")
    return head.split(b" HTTP/")[0].decode(), json.loads(body)


async def test_a_service_is_read_with_its_replicas(control: LabControl) -> None:
    service = await control.service("crm", deadline=LONG)

    assert (service.state, service.wanted, service.release) == (ServiceState.READY, 1, "1.0.0")
    assert service.replicas[0].started_at == datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


async def test_all_services_are_listed(socket_wire: Any, control: LabControl) -> None:
    socket_wire.say("200 OK", json.dumps({"items": [CRM, {**CRM, "name": "postgres"}]}).encode())

    assert [service.name for service in await control.services(deadline=LONG)] == ["crm", "postgres"]


async def test_a_restart_says_after_which_instant(socket_wire: Any, control: LabControl) -> None:
    await control.restart("crm", started_after=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), deadline=LONG)

    line, wish = sent(socket_wire)
    assert line == "POST /v1/services/crm/restart"
    assert wish == {"started_after": "2026-01-02T03:04:05.000000+00:00", "deadline_seconds": 4.0}


async def test_the_lab_gets_a_shorter_deadline_than_ours(socket_wire: Any, control: LabControl) -> None:
    """So that it can still answer how far it came."""
    await control.scale("crm", replicas=3, deadline=SECOND)

    assert sent(socket_wire) == ("POST /v1/services/crm/scale", {"replicas": 3, "deadline_seconds": 0.5})


async def test_a_deploy_names_the_release(socket_wire: Any, control: LabControl) -> None:
    await control.deploy("crm", release="1.1.0", deadline=LONG)

    assert sent(socket_wire) == ("POST /v1/services/crm/deploy", {"release": "1.1.0", "deadline_seconds": 4.0})


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("404 Not Found", NotFoundError),
        ("409 Conflict", ConflictError),
        ("422 Unprocessable", RejectedError),
        ("504 Gateway Timeout", RejectedError),
        ("500 Internal Server Error", AnswerError),
    ],
)
async def test_a_problem_is_passed_on_in_the_labs_words(
    socket_wire: Any, control: LabControl, status: str, kind: type[AetherError]
) -> None:
    socket_wire.say(status, b'{"title":"No","detail":"crm has no release 9"}', "application/problem+json")

    with pytest.raises(kind, match=f"with {status[:3]}: crm has no release 9") as caught:
        await control.deploy("crm", release="9", deadline=LONG)

    assert type(caught.value) is kind


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", json.dumps({**CRM, "state": "dreaming"}).encode(), json.dumps({**CRM, "wanted": "x"}).encode()],
)
async def test_something_else_than_a_service_is_told(socket_wire: Any, control: LabControl, body: bytes) -> None:
    socket_wire.say("200 OK", body)

    with pytest.raises(AnswerError, match="something else than a service"):
        await control.service("crm", deadline=LONG)


async def test_no_answer_in_time_is_a_deadline(socket_wire: Any, control: LabControl) -> None:
    async def silence(_: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    socket_wire.handler = silence

    with pytest.raises(DeadlineError, match=r"control\.sock: no complete answer within 0\.1 s"):
        await control.service("crm", deadline=SECOND / 10)


async def test_a_lost_reply_is_not_taken_for_nothing_sent(socket_wire: Any, control: LabControl) -> None:
    async def hang_up(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.close()

    socket_wire.handler = hang_up

    with pytest.raises(UnreachableError) as caught:
        await control.scale("crm", replicas=2, deadline=LONG)

    assert not isinstance(caught.value, NotSentError)


async def test_a_lab_that_is_not_there_is_named_with_the_way_to_start_it(socket_wire: Any) -> None:
    control = LabControl(socket_wire.socket.with_name("absent.sock"))

    with pytest.raises(NotSentError, match=r"absent\.sock: no connection: No such file .* `aether lab up`"):
        await control.service("crm", deadline=LONG)
    await control.aclose()


@pytest.mark.parametrize("name", ["", "../stop", "crm/kill", "CRM", "a b", "é"])
async def test_a_name_that_is_none_is_not_sent(socket_wire: Any, control: LabControl, name: str) -> None:
    with pytest.raises(NotFoundError, match="cannot be the name of a service"):
        await control.service(name, deadline=LONG)

    assert socket_wire.requests == []


def test_a_socket_path_beyond_the_kernels_bound_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match="longer than 107 bytes"):
        LabControl(Path("/" + "x" * 107))
