"""Socket Mode against a real WebSocket server that speaks as Slack's does."""

import asyncio
import json
import logging
import ssl
from pathlib import Path
from typing import Any

import pytest

from aetherlink.model.actions import Action
from aetherlink.slackdoor import listening
from aetherlink.slackdoor.hearing import Hearing
from rigs.slack_clicks import press
from rigs.slack_server import APP_TOKEN, TICKET, frame


def hash_of(action: Action) -> str:
    assert action.approval is not None
    return action.approval.plan_hash


@pytest.fixture
async def hearing(house: Any, monkeypatch: pytest.MonkeyPatch) -> Hearing:
    monkeypatch.setattr(listening, "_SHORTEST_REST", 0.01)
    made = house.hears(house.options(app=True, secrets=()))
    made.start()
    await house.slack.connected()
    return made


async def heals(hearing: Hearing) -> None:
    """Wait until nothing is wrong any more."""
    async with asyncio.timeout(10):
        while hearing.problems:  # noqa: ASYNC110 - there is nothing to wait for but time
            await asyncio.sleep(0.01)


async def test_a_press_is_done_acknowledged_and_answered(house: Any, hearing: Hearing) -> None:
    asked = await house.desk.asked()
    await house.slack.click(press("approve", asked.id, hash_of(asked)))

    assert (await house.desk.action(asked.id)).approval.is_complete
    assert house.slack.acks == [{"envelope_id": "e-1"}]
    assert [user for user, _ in house.told] == ["U0ANN"]
    assert f"Bearer {APP_TOKEN}" in house.slack.authorizations


async def test_an_envelope_that_comes_again_is_acknowledged_and_changes_nothing(house: Any, hearing: Hearing) -> None:
    asked = await house.desk.asked(needed=2)
    payload = press("approve", asked.id, hash_of(asked))
    await house.slack.click(payload)
    house.slack.acks.clear()
    await house.slack.click(payload)

    assert len((await house.desk.action(asked.id)).approval.grants) == 1
    assert len(house.told) == 1


async def test_what_is_no_button_is_acknowledged_too(house: Any, hearing: Hearing) -> None:
    for number, payload in enumerate(({"type": "shortcut"}, {"user": 7}, press("approve", "nonsense"), [])):
        await house.slack.click(payload, envelope=f"e-{number}")
    house.slack.send({"type": "events_api", "envelope_id": "e-9", "payload": {}})
    asked = await house.desk.asked()
    await house.slack.click(press("approve", asked.id, hash_of(asked)), envelope="e-10")

    assert [one["envelope_id"] for one in house.slack.acks] == ["e-0", "e-1", "e-2", "e-3", "e-9", "e-10"]
    assert house.slack.sockets == 1


LONG = b"\x81\x7f" + (2**62).to_bytes(8, "big")
ENDS = {
    "a refresh": {"type": "disconnect", "reason": "refresh_requested"},
    "a goodbye": frame(8, b"\x03\xe8"),
    "no JSON": frame(1, b"{"),
    "a length of 2^62": LONG,
    "a masked frame": b"\x81\x81\x00\x00\x00\x00x",
    "half a frame": b"\x81\x7e\x00",
    "a ping of 70,000 bytes": frame(9, b"x" * 70_000),
    "pieces without an end": frame(1, b"x" * 60_000, is_last=False) * 20,
}


@pytest.mark.parametrize("what", [*ENDS, "a broken connection"])
async def test_after_any_end_a_new_socket_hears_on(house: Any, hearing: Hearing, what: str) -> None:
    house.slack.drop() if what == "a broken connection" else house.slack.send(ENDS[what])
    if what == "half a frame":
        house.slack.drop()
    await house.slack.connected(2)
    asked = await house.desk.asked()
    await house.slack.click(press("approve", asked.id, hash_of(asked)))

    assert (await house.desk.action(asked.id)).approval.is_complete
    await heals(hearing)


async def test_a_message_in_pieces_with_a_ping_between_them_is_one_message(house: Any, hearing: Hearing) -> None:
    asked = await house.desk.asked()
    envelope = {"type": "interactive", "envelope_id": "e-1", "payload": press("approve", asked.id, hash_of(asked))}
    data = json.dumps(envelope).encode()
    pieces = [
        frame(1, data[:10], is_last=False),
        frame(9, b"hi"),
        frame(0, data[10:200], is_last=False),
        frame(0, data[200:]),
    ]
    for piece in pieces:
        house.slack.send(piece)
    async with asyncio.timeout(5):
        while not house.slack.acks:  # noqa: ASYNC110 - the rig's event is for clicks
            await asyncio.sleep(0.01)

    assert (await house.desk.action(asked.id)).approval.is_complete


@pytest.mark.parametrize("problem", ["invalid_auth", "500", "reset", "garbage", "429"])
async def test_where_slack_gives_no_socket_it_is_said_and_tried_again(
    house: Any, problem: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listening, "_SHORTEST_REST", 0.01)
    house.slack.retry_after = "0"
    house.slack.script(problem, problem)
    hearing = house.hears(house.options(app=True, secrets=()))
    hearing.start()
    await house.slack.connected()
    await heals(hearing)

    assert "no button is heard" in caplog.text
    assert len(house.slack.said("apps.connections.open")) == 3


async def test_a_silent_socket_is_asked_and_then_given_up(
    house: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listening, "_SHORTEST_REST", 0.01)
    monkeypatch.setattr(listening, "_PATIENCE", listening.timedelta(seconds=0.2))
    hearing = house.hears(house.options(app=True, secrets=()))
    hearing.start()
    await house.slack.connected()
    await house.slack.pinged(3)
    assert house.slack.sockets == 1
    house.slack.answers_pings = False
    await house.slack.connected(2)

    assert "the socket is silent" in caplog.text


@pytest.mark.parametrize(
    "url", ["ws://slack.example/link", "http://127.0.0.1/", "wss:///x", "wss://a\r\nb", "wss://a:b/", 7, None]
)
async def test_an_address_that_is_no_safe_socket_is_not_opened(
    house: Any, monkeypatch: pytest.MonkeyPatch, url: object
) -> None:
    monkeypatch.setattr(type(house.slack), "_apps_connections_open", lambda *_: {"ok": True, "url": url})
    hearing = house.hears(house.options(app=True, secrets=()))
    await hearing._sockets[0].session()

    assert "address" in hearing.problems[0]
    assert house.slack.sockets == 0


async def test_neither_token_nor_ticket_is_in_the_log(
    house: Any, hearing: Hearing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for number, end in enumerate([*ENDS.values()], start=2):
        house.slack.send(end)
        house.slack.drop()
        await house.slack.connected(number)

    assert TICKET not in caplog.text
    assert "secret" not in caplog.text


async def test_one_app_in_two_channels_has_one_socket(house: Any) -> None:
    options = house.options(app=True, secrets=())
    both = {"ops": options, "more": options.model_copy(update={"channel": "C0MORE"})}
    made = Hearing(both, house.desk.commands(), house.desk.store, house.desk.clock)
    house.made.append(made)

    assert len(made._sockets) == 1


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_over_tls_only_a_server_that_is_trusted_is_listened_to(
    house: Any, monkeypatch: pytest.MonkeyPatch, is_trusted: bool
) -> None:
    certificates = Path(__file__).parents[2] / "rigs/certificates"
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    await house.slack.stop()
    await house.slack.start(served)
    if is_trusted:
        trust = ssl.create_default_context(cafile=certificates / "ca.pem")
        monkeypatch.setattr(ssl, "create_default_context", lambda: trust)
    hearing = house.hears(house.options(app=True, secrets=()))
    if not is_trusted:
        await hearing._sockets[0].session()
        assert "no connection" in hearing.problems[0]
        return
    hearing.start()
    await house.slack.connected()
    asked = await house.desk.asked()
    await house.slack.click(press("approve", asked.id, hash_of(asked)))

    assert (await house.desk.action(asked.id)).approval.is_complete
