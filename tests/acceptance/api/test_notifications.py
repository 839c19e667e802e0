"""What channels were told over the API and from the command line; dead letters told again, and a channel tested."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from aetherlink.errors import UndeliveredError
from aetherlink.model.deliveries import Delivery, DeliveryState, Failure
from aetherlink.model.ids import ChannelName
from rigs.hook import Hook, hook

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECRET = "s3cr3t-of-the-hook"


@pytest.fixture
def heard() -> Iterator[Hook]:
    with hook() as made:
        yield made


def put(agent, subject: str, channel: str = "chat", state: DeliveryState = DeliveryState.DEAD, **more) -> None:
    due = NOW if state is DeliveryState.WAITING else None
    one = Delivery(
        subject, ChannelName(channel), 20, state, wanted=3, told=1, since=NOW, began_at=NOW, due_at=due, **more
    )
    asyncio.run(agent.store.write(lambda rows: rows.deliveries.put(one)))


def stored(agent, subject: str, channel: str = "chat") -> Delivery:
    found = asyncio.run(agent.store.read(lambda rows: rows.deliveries.get(subject, ChannelName(channel))))
    assert found is not None
    return found


def record(agent) -> list[str]:
    """What the agent's own record says of messages."""
    incident = asyncio.run(agent.store.read(lambda rows: rows.incidents.latest_by_key("agent:messages")))
    if incident is None:
        return []
    items = agent.call("GET", f"/api/v1/incidents/{incident.id}/timeline").json()["items"]
    return [entry["text"] for entry in items]


def test_deliveries_are_listed_and_narrowed_without_what_is_between_us_and_the_other_side(agent) -> None:
    put(agent, "inc-1", problem="POST x answered 400", failure=Failure.REFUSED, asks=2, reference={"ts": "hidden"})
    put(agent, "inc-2", state=DeliveryState.WAITING)
    put(agent, "inc-3", "mail")

    everything = agent.call("GET", "/api/v1/deliveries")
    dead = agent.call("GET", "/api/v1/deliveries?state=dead&channel=chat").json()["items"]
    first = agent.call("GET", "/api/v1/deliveries?limit=1").json()
    second = agent.call("GET", f"/api/v1/deliveries?limit=2&cursor={first['next_cursor']}").json()

    assert [one["subject"] for one in everything.json()["items"]] == ["inc-3", "inc-2", "inc-1"]
    assert [(one["subject"], one["is_asking"], one["failure"]) for one in dead] == [("inc-1", True, "refused")]
    assert [one["subject"] for one in first["items"] + second["items"]] == ["inc-3", "inc-2", "inc-1"]
    assert second["next_cursor"] is None
    assert "hidden" not in everything.text
    assert agent.call("GET", "/api/v1/deliveries?cursor=inc-1").status_code == 400
    assert agent.call("GET", "/api/v1/deliveries?state=gone").status_code == 422


def test_channels_stand_as_their_deliveries_do_those_that_were_too(agent) -> None:
    agent.world.voice.problems = {ChannelName("chat"): "it answered 503"}
    put(agent, "inc-1")
    put(agent, "inc-2", state=DeliveryState.WAITING)
    put(agent, "inc-2", "former", state=DeliveryState.TOLD)

    items = {one["name"]: one for one in agent.call("GET", "/api/v1/channels").json()["items"]}
    assert list(items) == ["chat", "former", "mail"]
    chat = items["chat"]
    assert (chat["kind"], chat["dead"], chat["waiting"], chat["told"]) == ("webhook", 1, 1, 0)
    assert (chat["waiting_since"], chat["problem"]) == ("2026-01-01T12:00:00Z", "it answered 503")
    assert (items["former"]["kind"], items["former"]["told"], items["mail"]["waiting_since"]) == (None, 1, None)


def test_a_dead_letter_is_told_again_on_record(agent) -> None:
    put(agent, "inc-1", attempts=9, failure=Failure.EXPIRED, problem="it is away", is_unsure=True)

    answer = agent.call("POST", "/api/v1/deliveries/inc-1/chat/resend", token="operate")
    one = stored(agent, "inc-1")
    assert answer.status_code == 200
    assert (answer.json()["state"], one.state, one.attempts, one.problem) == ("waiting", "waiting", 0, "")
    assert one.due_at is not None
    assert one.since == one.due_at
    assert one.is_unsure, "it may have been heard all the same"
    assert agent.world.voice.woken == ["chat"]
    assert record(agent) == ["operate-test had what chat was not told of inc-1 told again"]


def test_only_what_is_dead_is_told_again_and_only_where_somebody_tells_it(agent) -> None:
    put(agent, "inc-1", state=DeliveryState.WAITING)
    put(agent, "inc-2", "former")

    alive, former, unknown = (
        agent.call("POST", f"/api/v1/deliveries/{place}/resend", token="operate")
        for place in ("inc-1/chat", "inc-2/former", "inc-3/chat")
    )
    assert [one.status_code for one in (alive, former, unknown)] == [409, 409, 404]
    assert alive.json()["detail"] == "it is waiting, and not dead: what waits is told by itself"
    assert "not in notify.channels any more" in former.json()["detail"]
    assert (agent.world.voice.woken, record(agent)) == ([], [])
    assert stored(agent, "inc-2", "former").state is DeliveryState.DEAD


def test_a_channel_is_tested_on_record_and_its_failure_is_said(agent) -> None:
    told = agent.call("POST", "/api/v1/channels/chat/test", token="operate")
    agent.world.voice.refusal = UndeliveredError("it answered 401", failure=Failure.AUTH)
    refused = agent.call("POST", "/api/v1/channels/chat/test", token="operate")
    unknown = agent.call("POST", "/api/v1/channels/chatt/test", token="operate")

    assert (told.status_code, told.json()) == (200, {"channel": "chat", "told": "told chat"})
    assert (refused.status_code, refused.json()["detail"]) == (502, "it answered 401")
    assert (unknown.status_code, record(agent)) == (404, ["operate-test tested the channel chat"] * 2)


def test_the_command_line_lists_what_there_is_and_tells_again(aether, agent) -> None:
    put(agent, "inc-1", problem="POST x answered 400", failure=Failure.REFUSED)
    put(agent, "inc-2", "former")
    where = {"AETHER_URL": agent.url, "AETHER_TOKEN": agent.secrets["operator"]}

    channels, dead = aether("notify", "list", **where), aether("notify", "dead", "--channel", "chat", **where)
    again, twice = (aether("notify", "resend", "inc-1", "chat", **where) for _ in range(2))
    left = json.loads(aether("notify", "dead", "--json", **where).stdout)

    assert "former (not in the settings)" in channels.stdout
    assert "1 of 3" in dead.stdout
    assert "POST x answered 400" in dead.stdout
    assert (again.returncode, again.stdout) == (0, "inc-1 is told to chat again\n")
    assert twice.returncode == 1
    assert "not dead" in twice.stderr
    assert [one["subject"] for one in left["items"]] == ["inc-2"]


def test_a_channel_is_tested_from_the_command_line_without_an_agent(aether, heard, tmp_path) -> None:
    url = heard.url
    (tmp_path / "secret").write_text(SECRET)
    channel = {"webhook": {"url": f"{url}/x", "secret_file": str(tmp_path / "secret")}}
    (tmp_path / "aether.yaml").write_text(json.dumps({"notify": {"channels": {"ops": channel}}}))

    told = aether("notify", "test", "ops")
    checked = aether("check")
    heard.status = 401
    refused = aether("notify", "test", "ops", "--json")
    unknown = aether("notify", "test", "oops")
    (tmp_path / "secret").unlink()
    unread, unfit = aether("notify", "test", "ops"), aether("check")

    assert (told.returncode, told.stdout) == (0, f"ops: opened and resolved a test incident: POST {url}/x\n")
    assert [body["incident"]["status"] for body in heard.bodies] == ["open", "resolved", "open"]
    assert all("TEST" in body["headline"] for body in heard.bodies)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "answered 401" in refused.stderr
    assert f"channel ops: POST {url}/x\n" in checked.stdout  # not asked: that would be a message
    assert (unknown.returncode, unread.returncode, unfit.returncode) == (2, 2, 2)
    assert "notify.channels.ops: " in unfit.stderr
    assert "there are ops" in unknown.stderr
    assert str(tmp_path / "secret") in unread.stderr
    assert SECRET not in told.stdout + told.stderr + refused.stderr + unread.stderr
