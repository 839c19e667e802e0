"""`aether init` on a stack that is not ours, with the Prometheus and the Alertmanager that load its files."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from aetherlink.lab.tools import ToolSet, find_tools
from aetherlink.playbooks.loader import load_playbooks
from rigs import warm_aether
from rigs.exposition import wait_for
from rigs.foreign_servers import ForeignStack, copied, foreign_servers

ROOT = Path(__file__).parents[3]
AETHER = [sys.executable, "-c", "from aetherlink.cli import main; main()"]
SAMPLES = [
    {"alertname": "jenkins_down", "severity": "critical", "name": "jenkins"},
    {"alertname": "ContainerKilled", "severity": "warning"},
    {"alertname": "ContainerLowMemoryUsage", "severity": "info"},
    {"alertname": "without_severity"},
    {"alertname": "AetherAgentDown", "severity": "critical"},
    {"alertname": "AetherAgentBlind", "severity": "warning"},
]


@pytest.fixture(scope="session")
def tools() -> ToolSet:
    return find_tools("stable", project_dir=ROOT)


@pytest.fixture(scope="module")
def stack(tools: ToolSet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForeignStack]:
    with foreign_servers(tools, tmp_path_factory.mktemp("stack")) as running:
        targets = f"{running.prometheus_url}/api/v1/targets?state=active"
        wait_for(lambda: "shop.example.com" in httpx.get(targets, trust_env=False).text, "Prometheus has its targets")
        yield running


def aether(folder: Path, *arguments: str | Path, code: int = 0) -> str:
    done = warm_aether.run(arguments, os.environ, folder)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def init(folder: Path, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(aether(folder, "init", *arguments, "--json", code=code))
    return answer


def receivers(tools: ToolSet, file: Path, labels: dict[str, str]) -> list[str]:
    """Who would hear the alert, by amtool."""
    pairs = [f"{name}={value}" for name, value in labels.items()]
    done = _run([tools.amtool, "config", "routes", "test", f"--config.file={file}", *pairs])
    return done.strip().split(",")


def _run(arguments: Sequence[str | Path]) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The files of the stack, to be changed."""
    return copied(tmp_path)


def test_every_alert_reaches_whom_it_reached_before_and_the_agent_too(
    tools: ToolSet, files: Path, tmp_path: Path
) -> None:
    config = files / "alertmanager" / "config.yml"
    before = [receivers(tools, config, labels) for labels in SAMPLES]

    init(tmp_path, "--compose", files / "docker-compose.yml", "--apply")

    own = [[] if labels["alertname"].startswith("AetherAgent") else ["agent"] for labels in SAMPLES]
    assert [receivers(tools, config, labels) for labels in SAMPLES] == [a + b for a, b in zip(own, before, strict=True)]
    _run([tools.amtool, "check-config", config])
    _run([tools.promtool, "check", "config", files / "prometheus" / "prometheus.yml"])


GOES_ON = """\
route:
  receiver: default
  routes:
  - match: {severity: critical}
    receiver: pager
    continue: true
  - match_re: {team: 'db|dba'}
    receiver: dba
    # of theirs
    routes:
    - matchers: [severity="critical"]
      receiver: boss
  - matchers: ['alertname=~"x.*"']
    receiver: pager
    continue: true
    mute_time_intervals: [nights]
mute_time_intervals:
- name: nights
  time_intervals:
  - times: [{start_time: '20:00', end_time: '24:00'}]
receivers:
- name: default
- name: pager
- name: dba
- name: boss
"""


def test_by_amtool_nobody_hears_more_where_routes_go_on(tools: ToolSet, files: Path, tmp_path: Path) -> None:
    config = files / "alertmanager" / "config.yml"
    config.write_text(GOES_ON)
    alerts = [
        *({"alertname": name, "severity": severity} for name in ("a", "xyz") for severity in ("critical", "info")),
        *({"alertname": "a", "team": "db", "severity": severity} for severity in ("critical", "info")),
    ]
    before = [receivers(tools, config, labels) for labels in alerts]

    init(tmp_path, "--compose", files / "docker-compose.yml", "--apply")

    assert [receivers(tools, config, labels) for labels in alerts] == [["agent", *one] for one in before]
    _run([tools.amtool, "check-config", config])


def test_without_apply_the_stack_keeps_its_files_and_the_diff_says_exactly_what_apply_writes(
    files: Path, tmp_path: Path
) -> None:
    content = {path: path.read_bytes() for path in files.rglob("*") if path.is_file()}
    shown = init(tmp_path, "--compose", files / "docker-compose.yml")

    assert {path: path.read_bytes() for path in files.rglob("*") if path.is_file()} == content
    diffs = {one["path"]: one["diff"] for one in shown["changes"] if one["done"] == "only shown"}
    applied = init(tmp_path, "--compose", files / "docker-compose.yml", "--apply")

    assert {one["path"]: one["diff"] for one in applied["changes"]} == diffs
    assert len(diffs) == 2
    changed = {path for path in content if path.read_bytes() != content[path]}
    assert {str(path) for path in changed} == diffs.keys()
    assert all(Path(one["backup"]).read_bytes() == content[Path(one["path"])] for one in applied["changes"])


def test_a_second_run_changes_nothing(files: Path, tmp_path: Path) -> None:
    init(tmp_path, "--compose", files / "docker-compose.yml", "--apply")
    content = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    again = init(tmp_path, "--compose", files / "docker-compose.yml", "--apply", "--overwrite")

    assert again["changes"] == []
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == content


def test_settings_that_are_there_are_shown_and_left_alone(files: Path, tmp_path: Path) -> None:
    (tmp_path / "aether.yaml").write_text("mode: observe  # mine\n")

    shown = init(tmp_path, "--compose", files / "docker-compose.yml", "--apply")

    assert (tmp_path / "aether.yaml").read_text() == "mode: observe  # mine\n"
    [one] = [one for one in shown["changes"] if one["path"].endswith("aether.yaml")]
    assert one["done"] == "only shown"
    assert "-mode: observe  # mine" in one["diff"]


def test_the_running_servers_say_the_same_as_their_files(stack: ForeignStack, tmp_path: Path) -> None:
    """Asked by their URLs, without any file; what has to be added is said, to be done by hand."""
    by_file = init(tmp_path / ".", "--compose", stack.compose, "--into", tmp_path / "a")
    urls = ("--prometheus", stack.prometheus_url, "--alertmanager", stack.alertmanager_url)
    by_url = init(tmp_path, *urls, "--compose", stack.compose, "--into", tmp_path / "b")
    alone = init(tmp_path, *urls, "--into", tmp_path / "c", code=1)

    def told(answer: dict[str, Any]) -> dict[str, Any]:
        return {one["rule"]: (one["help"], sorted(one["targets"])) for one in answer["rules"]}

    assert told(by_url) == told(by_file)
    assert len(told(alone)) == 20
    assert by_url["receivers"] == alone["receivers"] == ["slack", "pager"]
    assert {one["file"] for one in alone["by_hand"]} == {"alertmanager.yml", "prometheus.yml"}


def test_the_written_settings_pass_aether_check(stack: ForeignStack, tmp_path: Path) -> None:
    urls = ("--prometheus", stack.prometheus_url, "--alertmanager", stack.alertmanager_url)

    init(tmp_path, *urls, "--compose", stack.compose, "--on-host")
    checked = aether(tmp_path, "check")

    assert "mode observe" in checked
    assert "playbook jenkins-down-jenkins: restart jenkins, observe" in checked
    assert f"Prometheus {stack.prometheus_url}: answers" in checked
    assert "target storefront" in checked


def test_settings_for_an_agent_in_the_stack_are_read_and_its_playbooks_fit(files: Path, tmp_path: Path) -> None:
    init(tmp_path, "--compose", files / "docker-compose.yml")

    playbooks = sorted((tmp_path / "playbooks").glob("*.yaml"))
    aether(tmp_path, "playbook", "check", "--config", tmp_path / "aether.yaml", *playbooks)
    data = yaml.safe_load((tmp_path / "aether.yaml").read_text())
    assert data["targets"]["orders"] == {
        "executor": "docker",
        "project": "foreign_stack",
        "service": "orders",
        "depends_on": ["orders-db"],
    }
    assert data["targets"]["orders-db"]["mode"] == "observe"
    assert not {"prometheus", "alertmanager"} & data["targets"].keys()
    assert data["labels"]["heartbeat"] == ["PrometheusAlertmanagerE2eDeadManSwitch"]


SECOND = (
    "route:\n  receiver: x\nreceivers:\n- name: x\n- name: agent\n  webhook_configs: [{url: 'http://other/hook'}]\n"
)


def test_two_alertmanagers_get_a_receiver_of_one_name_that_is_free_in_both(tmp_path: Path) -> None:
    """The settings have one name for all of them."""
    (tmp_path / "one.yml").write_text("route:\n  receiver: x\nreceivers:\n- name: x\n")
    (tmp_path / "two.yml").write_text(SECOND)
    services = {
        name: {"image": "prom/alertmanager", "volumes": [f"./{name}.yml:/etc/alertmanager/alertmanager.yml"]}
        for name in ("one", "two")
    }
    compose = tmp_path / "docker-compose.yml"
    compose.write_text(yaml.safe_dump({"services": {"prometheus": {"image": "prom/prometheus"}, **services}}))

    init(tmp_path, "--compose", compose, "--into", "own", "--apply", code=1)  # prometheus.yml is nowhere

    [source] = yaml.safe_load((tmp_path / "own" / "aether.yaml").read_text())["sources"]
    named = [yaml.safe_load((tmp_path / f"{name}.yml").read_text())["receivers"][-1]["name"] for name in services]
    assert [source["receiver"], *named] == ["aether-agent"] * 3


def test_an_alertmanager_on_the_hosts_network_needs_an_agent_there(tmp_path: Path) -> None:
    compose = tmp_path / "docker-compose.yml"
    services = "prometheus: {image: prom/prometheus}, am: {image: prom/alertmanager, network_mode: host}"
    compose.write_text(f"services: {{{services}}}\n")
    command = [*AETHER, "init", "--compose", "docker-compose.yml", "--into", "own"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "service am has `network_mode: host`" in done.stderr
    assert "--on-host" in done.stderr
    assert list(tmp_path.iterdir()) == [compose]


def test_where_no_playbook_is_drafted_the_settings_are_read_all_the_same(tmp_path: Path) -> None:
    """The agent, and the mount of its compose file, want the folder that `playbooks_dir` names."""
    compose = tmp_path / "docker-compose.yml"
    compose.write_text("services: {prometheus: {image: prom/prometheus}, web: {image: nginx}}\n")
    init(tmp_path, "--compose", compose, "--into", "own", code=1)

    settings = yaml.safe_load((tmp_path / "own" / "aether.yaml").read_text())
    assert settings["playbooks_dir"] == "/etc/aether/playbooks"
    assert [one.name for one in (tmp_path / "own" / "playbooks").iterdir()] == ["README.md"]
    assert load_playbooks(tmp_path / "own" / "playbooks") == load_playbooks(None)


def test_compose_takes_the_second_file_beside_the_first(files: Path, tmp_path: Path) -> None:
    compose = find_tools("next", project_dir=ROOT).docker_compose
    assert compose is not None
    init(tmp_path, "--compose", files / "docker-compose.yml")

    both = [compose, "-f", files / "docker-compose.yml", "-f", tmp_path / "docker-compose.aether.yml"]
    merged = yaml.safe_load(_run([*both, "config"]))

    services = merged["services"]
    assert services["aether-agent"]["networks"].keys() == {"monitor-net"}
    assert "/var/run/docker.sock" not in json.dumps(services["aether-agent"])
    mounts = {one["target"] for one in services["alertmanager"]["volumes"]}
    assert mounts == {"/etc/alertmanager", "/run/aether"}


def test_nothing_that_is_written_holds_a_secret(files: Path, tmp_path: Path) -> None:
    shown = aether(tmp_path, "init", "--compose", files / "docker-compose.yml", "--apply")

    assert "T00/B00" not in shown
    assert "url: ..." in shown
    assert "pager.example.com" not in shown
    assert not list(tmp_path.rglob("*.token"))


def test_a_file_that_cannot_be_edited_is_left_with_the_lines_to_add(files: Path, tmp_path: Path) -> None:
    config = files / "alertmanager" / "config.yml"
    config.write_text("{route: {receiver: x}, receivers: [{name: x}]}\n")

    told = aether(tmp_path, "init", "--compose", files / "docker-compose.yml", "--apply", code=1)

    assert config.read_text() == "{route: {receiver: x}, receivers: [{name: x}]}\n"
    assert "NOT EDITED" in told
    assert '- receiver: "x"' in told


def test_when_nothing_can_be_written_the_diff_is_seen_and_all_is_as_it_was(files: Path, tmp_path: Path) -> None:
    content = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)); "
    command = [sys.executable, "-B", "-c", full + AETHER[-1], "init", "--compose", str(files / "docker-compose.yml")]

    done = subprocess.run([*command, "--apply"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "- name: agent" in done.stdout
    assert "cannot be written: File too large; nothing was changed" in done.stderr.replace("\n", " ")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == content


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "name the stack"),
        (["--compose", "none.yml"], 2, "cannot be read as a compose file"),
        (["--prometheus", "http://127.0.0.1:1"], 3, "no connection"),
        (["--prometheus", "nonsense"], 2, "nonsense"),
    ],
)
def test_what_is_wrong_with_a_call_is_said(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    done = warm_aether.run(["init", *arguments], os.environ, tmp_path)

    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []
