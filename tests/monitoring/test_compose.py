"""The compose file: taken by compose 1.29 and v2, kept to this machine, and its own commands tried on real programs."""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from aetherlink.executors.docker_options import DockerPlace
from aetherlink.lab.tools import ToolSet, find_tools
from aetherlink.model.decisions import Mode
from aetherlink.settings import load

MONITORING = Path(__file__).parents[2] / "monitoring"
COMPOSE = MONITORING / "docker-compose.yml"
STACK: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
DOCKERFILE = (MONITORING.parent / "Dockerfile").read_text()
CONTRACT = {"prometheus", "grafana", "alertmanager", "aether-agent", "socket-proxy", "crm", "postgres", "traffic"}
OURS = ("aether-agent", "socket-proxy", "webhook-token", "crm", "traffic")
DOCKER = "${DOCKER_SOCKET:-/var/run/docker.sock}:/var/run/docker.sock"


def _filled_in(value: str) -> str:
    """The value with every variable's default."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def _config(compose: Path, folder: Path, **variables: str) -> dict[str, Any]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **variables}
    done = subprocess.run(
        [compose, "-f", COMPOSE, "config"], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = yaml.safe_load(done.stdout)
    return read


def test_compose_takes_the_file(tools: ToolSet, tmp_path: Path) -> None:
    """The older generation's compose is not everywhere; where it is, it is asked as well."""
    compose = tools.docker_compose or find_tools("next", project_dir=COMPOSE.parents[1]).docker_compose
    assert compose is not None

    variables = {"AETHER_GATEWAY": "10.9.8.1", "COMPOSE_PROJECT_NAME": "shop", "DOCKER_GID": "998"}
    read = _config(compose, tmp_path, GRAFANA_IMAGE="mirror.example/grafana:1", **variables)

    assert read["services"].keys() >= CONTRACT
    assert read["services"]["grafana"]["image"] == "mirror.example/grafana:1"
    agent = read["services"]["aether-agent"]["environment"]
    assert agent["AETHER_AUTH__TRUSTED_NETWORKS"] == '["10.9.8.1/32"]'
    assert agent["AETHER_TARGETS__CRM-API__PROJECT"] == "shop"
    assert read["services"]["socket-proxy"]["group_add"] == ["998"]


def test_nothing_is_used_that_compose_1_29_refuses() -> None:
    assert STACK.keys() & {"version", "name"} == set()
    assert [name for name, service in SERVICES.items() if "profiles" in service] == []


def test_the_services_have_the_names_and_ports_of_the_contract() -> None:
    ports = {name: [_filled_in(port) for port in service.get("ports", ())] for name, service in SERVICES.items()}

    assert SERVICES.keys() >= CONTRACT
    assert SERVICES["aether-agent"]["container_name"] == "aether-agent"
    assert SERVICES["alertmanager"]["container_name"] == "aether-alertmanager"
    assert ports["prometheus"] == ["127.0.0.1:9090:9090"]
    assert ports["grafana"] == ["127.0.0.1:3000:3000"]
    assert ports["alertmanager"] == ["127.0.0.1:9093:9093"]
    assert ports["aether-agent"] == ["127.0.0.1:8088:8080"]


def test_nothing_is_published_beyond_this_machine() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), name
        assert service.get("network_mode") != "host", name


def test_every_image_can_be_had_from_elsewhere() -> None:
    for name, service in SERVICES.items():
        assert re.fullmatch(r"\$\{[A-Z]+_IMAGE:-[^}]+:[^}]+\}", service["image"]), name
        if "build" in service:
            assert service["build"]["args"] == {"BASE_IMAGE": "${BASE_IMAGE:-python:3.12-slim}"}, name


def test_whatever_is_kept_is_kept_on_a_named_volume_and_whatever_is_mounted_is_there() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", ()):
            source, _, rest = volume.partition(":")
            if volume == DOCKER:
                assert name == "socket-proxy", f"{name} holds Docker's socket"
            elif source.startswith("."):
                assert (MONITORING / source).exists(), volume
                assert rest.endswith(":ro"), f"{name} may write into the checkout: {volume}"
            else:
                assert source in STACK["volumes"], volume


def test_nothing_that_runs_the_agents_image_leaves_an_unnamed_volume() -> None:
    assert 'VOLUME ["/data"]' in DOCKERFILE
    for name, service in SERVICES.items():
        if "AETHER_IMAGE" in service["image"]:
            mounted = [volume.split(":")[1] for volume in service["volumes"]] + service.get("tmpfs", [])
            assert "/data" in mounted, name


def test_what_is_ours_has_no_privileges_and_writes_to_nothing_but_its_volumes() -> None:
    for name in OURS:
        service = SERVICES[name]
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
    users = {name: SERVICES[name].get("user") for name in OURS}
    assert users == {**dict.fromkeys(OURS), "webhook-token": "0:0"}
    assert {name for name in OURS if "cap_add" in SERVICES[name]} == {"webhook-token"}


def test_the_proxy_has_no_network_and_shares_its_socket_with_the_agent_alone() -> None:
    proxy = SERVICES["socket-proxy"]
    sharing = {
        name for name, service in SERVICES.items() if any("socket-proxy:" in v for v in service.get("volumes", ()))
    }

    assert proxy["network_mode"] == "none"
    assert sharing == {"socket-proxy", "aether-agent"}
    assert "socket-proxy:/run/socket-proxy:ro" in SERVICES["aether-agent"]["volumes"]


def test_the_proxy_may_change_the_crm_and_nothing_else() -> None:
    labels = {name: service.get("labels", {}) for name, service in SERVICES.items()}

    assert {name for name, own in labels.items() if own.get("aether.managed") == "true"} == {"crm"}
    assert [name for name in SERVICES["socket-proxy"].get("environment", {}) if "WORKLOADS" in name] == []


def test_the_agent_trusts_the_gateway_of_its_network_and_nobody_else() -> None:
    [network] = STACK["networks"]["default"]["ipam"]["config"]
    trusted = SERVICES["aether-agent"]["environment"]["AETHER_AUTH__TRUSTED_NETWORKS"]

    assert _filled_in(trusted) == f'["{_filled_in(network["gateway"])}/32"]'
    assert _filled_in(network["subnet"]) == "172.31.88.0/24"


def test_the_agent_takes_the_settings_of_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    image = {"AETHER_LISTEN": "0.0.0.0:8080", "AETHER_DATA_DIR": "/data"}
    for name, value in {**image, **SERVICES["aether-agent"]["environment"]}.items():
        monkeypatch.setenv(name, _filled_in(value))

    settings = load(MONITORING / "aether.yaml")

    assert all(f"{name}={value}" in DOCKERFILE for name, value in image.items())
    assert settings.mode is Mode.OBSERVE
    assert settings.sources[0].prometheus == "http://prometheus:9090"
    assert settings.sources[0].alertmanagers == ("http://alertmanager:9093",)
    assert [str(network) for network in settings.auth.trusted_networks] == ["172.31.88.1/32"]
    assert settings.auth.webhook_token_file == Path("/run/aether/webhook.token")
    assert settings.docker.host == "unix:///run/socket-proxy/docker.sock"
    assert settings.socket_proxy.listen == "unix:///run/aether/docker.sock"
    places = {name: target.docker_place for name, target in settings.targets.items()}
    assert places == {
        "crm-api": DockerPlace(project=COMPOSE.parent.name, service="crm"),
        "crm-db": DockerPlace(project=COMPOSE.parent.name, service="postgres"),
    }
    assert settings.protected_targets == {}


def test_the_webhook_token_is_made_once_and_only_for_the_two_who_need_it(tmp_path: Path) -> None:
    token = tmp_path / "webhook.token"

    _make_token(tmp_path)
    first = token.read_text()
    _make_token(tmp_path)

    assert re.fullmatch(r"[\w-]{43}\n", first)
    assert token.read_text() == first
    assert stat.S_IMODE(token.stat().st_mode) == 0o440
    assert (tmp_path / "owner").read_text() == "10001:65534"
    assert {file.name for file in tmp_path.iterdir()} == {"webhook.token", "owner"}


def _make_token(folder: Path) -> None:
    """Run the one-shot service's own program; only root may give files away, so the owner is noted instead."""
    _, _, program = SERVICES["webhook-token"]["command"]
    noting = (
        "import os, pathlib\n"
        f"owner = pathlib.Path({str(folder / 'owner')!r})\n"
        "os.chown = lambda _, *ids: owner.write_text('{}:{}'.format(*ids))\n"
    )
    subprocess.run([sys.executable, "-c", noting + program.replace("/run/aether", str(folder))], check=True)


def test_the_check_of_prometheus_tells_a_live_one_from_a_dead_one(
    tools: ToolSet, start_prometheus: Callable[..., Any]
) -> None:
    live = start_prometheus(tools, {}).port

    assert _checks("prometheus", tools.promtool, live) is True
    assert _checks("prometheus", tools.promtool, 9) is False


def test_the_check_of_alertmanager_tells_a_live_one_from_a_dead_one(
    tools: ToolSet, start_alertmanager: Callable[..., str]
) -> None:
    url = start_alertmanager(tools, {"route": {"receiver": "none"}, "receivers": [{"name": "none"}]})

    assert _checks("alertmanager", tools.amtool, int(url.rpartition(":")[2])) is True
    assert _checks("alertmanager", tools.amtool, 9) is False


def _checks(service: str, program: Path, port: int) -> bool:
    """The service's health check, asked of another port."""
    _, _, *arguments = SERVICES[service]["healthcheck"]["test"]
    arguments = [re.sub(r"(?<=127\.0\.0\.1:)\d+$", str(port), argument) for argument in arguments]
    return subprocess.run([program, *arguments], capture_output=True, check=False, timeout=10).returncode == 0


def test_what_the_images_are_told_to_do_fits_their_entry_points(root: Path) -> None:
    crm = (root / "pods" / "crm" / "Dockerfile").read_text()

    assert 'ENTRYPOINT ["python3", "-m", "peakpro_crm"]' in crm
    assert SERVICES["crm"]["command"] == ["serve"]
    assert SERVICES["traffic"]["command"] == ["traffic"]
    assert "ENTRYPOINT" not in DOCKERFILE
    assert SERVICES["webhook-token"]["command"][:2] == ["python", "-c"]


def test_the_image_builds_with_the_legacy_builder_and_does_not_run_as_root() -> None:
    assert "ARG BASE_IMAGE=python:3.12-slim" in DOCKERFILE
    assert re.search(r"^# *syntax=|^RUN --mount|<<", DOCKERFILE, re.MULTILINE) is None
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert re.search(r"^HEALTHCHECK .*--timeout=([3-9]|\d\d)s", DOCKERFILE, re.MULTILINE)
    assert DOCKERFILE.count("--require-hashes") == 2
