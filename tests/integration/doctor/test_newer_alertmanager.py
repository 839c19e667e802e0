"""A newer Alertmanager, which keeps the addresses of webhooks to itself, and a Prometheus of its age."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from aetherlink.doctor.checks import alertmanager, clocks, wiring
from aetherlink.doctor.findings import Finding, Status
from aetherlink.lab.tools import find_tools
from rigs.agent_process import free_port, wait_until
from rigs.doctor import findings, ground
from rigs.installation import is_there

ROOT = Path(__file__).parents[3]
CONFIG = yaml.safe_load((ROOT / "monitoring/alertmanager.yml").read_text())


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("newer")
    [agent] = [one for one in CONFIG["receivers"] if one["name"] == "agent"]
    chat = {"name": "chat", "webhook_configs": [{"url": "http://chat.example.org/hunter2"}]}
    quoted = {"receiver": "chat", "matchers": ['"team.name"="db"']}
    routes = [*CONFIG["route"]["routes"][:-1], quoted, CONFIG["route"]["routes"][-1]]
    for webhook in agent["webhook_configs"]:
        webhook.pop("http_config")
    config = {**CONFIG, "receivers": [*CONFIG["receivers"], chat], "route": {**CONFIG["route"], "routes": routes}}
    (folder / "am.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    program = find_tools("next", project_dir=ROOT).alertmanager
    arguments = [f"--config.file={folder / 'am.yml'}", f"--storage.path={folder}", "--cluster.listen-address="]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([program, *arguments, f"--web.listen-address={address}"], stderr=log)
    try:
        wait_until(lambda: is_there(f"http://{address}"), "Alertmanager is ready")
        yield f"http://{address}"
    finally:
        process.kill()
        process.wait()


async def wired(url: str, **more: Any) -> list[Finding]:
    source = {"name": "prod", "prometheus": f"http://127.0.0.1:{free_port()}", "alertmanagers": [url], **more}
    return await findings(wiring, ground(sources=[source]))


async def test_its_receiver_is_guessed_by_its_name_and_known_by_the_setting(url: str) -> None:
    guessed, named = await wired(url), await wired(url, receiver="agent")

    assert (guessed[0].status, "taken for the agent's by its name" in guessed[0].text) == (Status.WARNING, True)
    assert (named[0].status, "not shown" in named[0].text) == (Status.WARNING, True)
    for found in (guessed, named):
        assert [one.status for one in found[1:]] == [Status.OK, Status.OK, Status.WARNING]
        assert "hunter2" not in str(found)


async def test_matchers_in_its_newer_way_of_writing_are_said_not_to_be_followed(url: str) -> None:
    *_, odd = await wired(url)

    assert "route 2" in odd.text
    assert "team.name" in odd.text


async def test_it_is_looked_at_as_every_other_is(url: str) -> None:
    source = {"name": "prod", "prometheus": f"http://127.0.0.1:{free_port()}", "alertmanagers": [url]}
    on = ground(sources=[source])

    [found] = await findings(alertmanager, on)
    assert found.status is Status.OK
    assert "version 0.3" in found.text
    assert [one.status for one in await findings(clocks, on)] == [Status.NOT_CHECKED, Status.OK]
