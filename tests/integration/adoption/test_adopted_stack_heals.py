"""A stack that is not ours, adopted and looked over: a rule of it observes, is promoted, and heals its container.

Daemon, container, Prometheus, Alertmanager and agent are real. Only cAdvisor is small: it tells of one container what
Docker says of it.
"""

import contextlib
import json
import re
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from aetherlink.lab.tools import find_tools
from rigs import warm_aether
from rigs.agent_process import environment, free_port, serving, wait_until
from rigs.base_image import write_base_image
from rigs.containers import Container, Containers, docker, imported
from rigs.exposition import Exposition
from rigs.foreign_servers import ForeignStack, foreign_servers

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]
AETHER = [sys.executable, "-c", "from aetherlink.cli import main; main()"]
_PATIENCE = 120.0  # seconds; a machine may be busy with other tests
DOCKER = "unix:///var/run/docker.sock"


@pytest.fixture
def jenkins(tmp_path: Path) -> Iterator[Container]:
    """A container that stays until it is killed, as a service of a compose project of its own."""
    archive = tmp_path / "base.tar"
    write_base_image(archive)
    labels = {"project": f"aether-test-{secrets.token_hex(6)}", "service": "ci", "oneoff": "False"}
    options = tuple(f"--label=com.docker.compose.{name}={value}" for name, value in labels.items())
    with imported(archive) as image, Containers.open() as made:
        yield made.start(image, "python3", "-c", "import signal; signal.pause()", options=options)


@contextlib.contextmanager
def cadvisor(container: Container, name: str) -> Iterator[Exposition]:
    """Shows the container for as long as it runs."""
    eye, done = Exposition("cadvisor", 0), threading.Event()

    def look() -> None:
        while not done.is_set():
            shown = (
                f'container_memory_usage_bytes{{name="{name}"}} 1\ncontainer_last_seen{{name="{name}"}} {time.time()}\n'
            )
            eye.text = shown if container.state["Running"] else "machine_cpu_cores 2\n"
            done.wait(0.2)

    eye.start()
    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield eye
    finally:
        done.set()
        thread.join()
        eye.kill()


def quick(stack: ForeignStack, name: str, eye: Exposition) -> None:
    """The same files, for this container, with intervals of a test and the addresses of this machine."""
    config = stack.prometheus_file
    text = re.sub(r"(scrape|evaluation)_interval:\s*\d+s", r"\1_interval: 500ms", config.read_text())
    text = text.replace("cadvisor:8080", f"127.0.0.1:{eye.port}")
    config.write_text(text.replace("alertmanager:9093", stack.alertmanager_url.removeprefix("http://")))
    rules = config.parent / "alert.rules"
    rules.write_text(rules.read_text().replace('name="jenkins"', f'name="{name}"').replace("for: 30s", "for: 0s"))


def aether(folder: Path, env: dict[str, str], *arguments: str | Path) -> Any:
    done = warm_aether.run(arguments, env, folder, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def events(url: str) -> list[str]:
    """What the timelines of all incidents say, oldest first."""
    found: list[str] = []
    for incident in reversed(httpx.get(f"{url}/api/v1/incidents", trust_env=False).json()["items"]):
        timeline = httpx.get(f"{url}/api/v1/incidents/{incident['id']}/timeline", trust_env=False).json()["items"]
        found += [entry["text"] for entry in timeline]
    return found


def test_a_rule_of_the_stack_observes_then_acts_then_heals(jenkins: Container, tmp_path: Path) -> None:
    tools = find_tools("stable", project_dir=ROOT)
    name = docker("inspect", "--format", "{{.Name}}", jenkins.id).removeprefix("/")
    project = docker("inspect", "--format", '{{index .Config.Labels "com.docker.compose.project"}}', jenkins.id)
    folder = tmp_path / "agent"
    folder.mkdir()
    agent = f"http://127.0.0.1:{free_port()}"
    env = {key: value for key, value in environment(folder).items() if key not in ("PROM_URL", "ALERTMANAGER_URL")}
    env = {**env, "AETHER_LISTEN": agent.removeprefix("http://"), "AETHER_DATA_DIR": str(folder / "aetherlink-data")}
    env |= {"AETHER_PROBES__MAX_AGE": "5s", "AETHER_RECONCILE__INTERVAL": "2s"}

    with (
        cadvisor(jenkins, name) as eye,
        foreign_servers(tools, tmp_path, change=lambda s: quick(s, name, eye)) as stack,
    ):
        urls = ("--prometheus", stack.prometheus_url, "--alertmanager", stack.alertmanager_url)
        files = ("--prometheus-file", stack.prometheus_file, "--alertmanager-file", stack.alertmanager_file)
        place = ("--docker", DOCKER, "--project", project, "--agent", agent, "--apply", "--json")
        targets = f"{stack.prometheus_url}/api/v1/targets?state=active"
        wait_until(lambda: str(eye.port) in _text(targets), "targets are known")
        adopted = aether(folder, env, "init", *urls, *files, *place)
        [rule] = [one for one in adopted["rules"] if one["rule"] == "jenkins_down"]
        assert rule["help"] == "would help"
        assert adopted["targets"] == rule["targets"] == [name]
        for url in (stack.prometheus_url, stack.alertmanager_url):
            httpx.post(f"{url}/-/reload", trust_env=False).raise_for_status()

        with serving(env, folder):
            wait_until(lambda: _is_up(agent), "the agent answers", seconds=_PATIENCE)
            scraped = f"{stack.prometheus_url}/api/v1/query?query=aether_agent_build_info"
            wait_until(lambda: "aether_agent" in _text(scraped), "Prometheus scrapes it", seconds=_PATIENCE)
            looked = aether(folder, env, "doctor", "--json")  # exits with 0: no fault
            assert "ok" in {one["status"] for one in looked["findings"]}
            docker("kill", jenkins.id)
            wait_until(
                lambda: any("observe" in text for text in events(agent)), "it says what it would do", seconds=_PATIENCE
            )
            assert not jenkins.state["Running"]
            docker("start", jenkins.id)
            wait_until(
                lambda: any("resolved" in text for text in events(agent)), "the alert is over", seconds=_PATIENCE
            )

        for given in ((*urls, *files), urls):  # by what the servers say alone, too
            again = aether(folder, env, "init", *given, *place)
            assert (again["changes"], again["by_hand"]) == ([], [])
        _raise_ceiling(folder / "aether.yaml")
        with serving(env, folder):
            wait_until(lambda: _is_up(agent), "the agent answers", seconds=_PATIENCE)
            [playbook] = rule["playbooks"]
            [seen] = aether(folder, env, "report", "--playbook", playbook, "--json")["items"]
            assert seen["observed"]["total"] >= 1
            promoted = aether(folder, env, "playbook", "promote", playbook, "--to", "auto", "--yes", "--json")
            assert promoted["mode"] == "auto"
            docker("kill", jenkins.id)
            wait_until(lambda: bool(jenkins.state["Running"]), "the agent has started it again", seconds=_PATIENCE)
            wait_until(
                lambda: any("the repair worked" in text for text in events(agent)), "it is verified", seconds=_PATIENCE
            )


def _raise_ceiling(settings: Path) -> None:
    data = yaml.safe_load(settings.read_text())
    settings.write_text(yaml.safe_dump({**data, "mode": "auto"}))


def _text(url: str) -> str:
    return httpx.get(url, trust_env=False).text


def _is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).is_success
    except httpx.TransportError:
        return False
