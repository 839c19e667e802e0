"""What the doctor says of channels: of their settings, of the other side, of what the running agent could not tell."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from aetherlink.doctor.checks import channels, secrets
from aetherlink.doctor.findings import Status
from aetherlink.errors import UndeliveredError
from aetherlink.model.deliveries import Failure
from aetherlink.notifiers import webhook
from rigs.doctor import ScriptedAgent, down, findings, ground

WELL = {"name": "ops", "kind": "webhook", "dead": 0, "waiting": 0, "problem": ""}


def notify(**webhook_options: object) -> Mapping[str, object]:
    return {"channels": {"ops": {"webhook": {"url": "https://hooks.example.org/x", **webhook_options}}}}


def agent(*items: Mapping[str, object]) -> ScriptedAgent:
    return ScriptedAgent(pages={"/api/v1/channels": {"items": items}})


async def test_without_channels_nobody_is_told() -> None:
    [found] = await findings(channels, ground())

    assert found.status is Status.NOT_SET_UP


async def test_a_channel_that_is_well_says_whose_it_is() -> None:
    [found] = await findings(channels, ground(agent(WELL), notify=notify()))

    assert (found.status, found.text) == (Status.OK, "POST https://hooks.example.org/x")


async def test_an_agent_that_is_not_reached_is_the_business_of_other_checks() -> None:
    assert [one.status for one in await findings(channels, ground(down(), notify=notify()))] == [Status.OK]


async def test_a_secret_that_cannot_be_read_is_a_fault_with_the_channel(tmp_path: Path) -> None:
    on = ground(agent(WELL), notify=notify(secret_file=str(tmp_path / "gone")))

    [found] = await findings(channels, on)
    assert found.status is Status.FAULT
    assert found.text.startswith(f"notify.channels.ops: secret_file {tmp_path / 'gone'}")


@pytest.mark.parametrize(
    ("failure", "fix"), [(Failure.AUTH, "token"), (Failure.UNREACHABLE, "address"), (Failure.SERVER, "by itself")]
)
async def test_what_the_other_side_says_is_a_fault_with_its_fix(
    monkeypatch: pytest.MonkeyPatch, failure: Failure, fix: str
) -> None:
    async def refused(_: object, *, deadline: timedelta) -> str:
        assert deadline > timedelta()
        raise UndeliveredError("it says no", failure=failure)

    monkeypatch.setattr(webhook.WebhookNotifier, "check", refused)
    [found] = await findings(channels, ground(agent(WELL), notify=notify()))

    assert (found.status, found.text) == (Status.FAULT, "it says no")
    assert fix in found.fix


async def test_what_the_running_agent_could_not_tell_is_said() -> None:
    troubled = {**WELL, "problem": "it answered 503", "waiting": 3, "dead": 2}

    [_, away, dead] = await findings(channels, ground(agent(troubled), notify=notify()))
    assert (away.status, dead.status) == (Status.FAULT, Status.WARNING)
    assert "it answered 503; 3 wait" in away.text


async def test_an_agent_that_was_not_started_anew_is_a_warning() -> None:
    [_, found] = await findings(channels, ground(agent(), notify=notify()))

    assert (found.status, found.text) == (Status.WARNING, "the running agent does not know it")


async def test_the_files_of_channels_are_looked_at_like_all_secrets(tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    hook.write_text("hunter2")
    hook.chmod(0o644)

    [*_, found] = await findings(secrets, ground(data_dir=tmp_path, notify=notify(secret_file=str(hook))))
    assert (found.status, found.fix) == (Status.FAULT, f"chmod 0640 {hook}")
    assert found.text.startswith("secret of channel ops")


async def test_the_address_of_the_dead_man_s_switch_is_one_of_them(tmp_path: Path) -> None:
    watch = {"deadman": {"url_file": str(tmp_path / "gone")}}

    [*_, found] = await findings(secrets, ground(data_dir=tmp_path, watch=watch))
    assert (found.status, found.text) == (
        Status.FAULT,
        "the address of the dead man's switch: there is no such file",
    )
