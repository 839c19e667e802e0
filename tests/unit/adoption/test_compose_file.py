"""What is read from compose files of all kinds."""

from pathlib import Path

import pytest

from aetherlink.adoption.compose_file import ComposeStack, read_compose
from aetherlink.errors import SettingsError


def read(folder: Path, text: str) -> ComposeStack:
    path = folder / "compose.yml"
    path.write_text(text)
    return read_compose(path)


def test_services_containers_aliases_and_what_they_depend_on(tmp_path: Path) -> None:
    stack = read(
        tmp_path,
        "name: shop\nservices:\n"
        "  web: {image: 'example/web:1', depends_on: {db: {condition: service_healthy}}}\n"
        "  db: {image: 'registry:5000/team/postgres:16@sha256:aa', container_name: '${NAME:-The_DB}'}\n"
        "  api: {build: ., networks: {inner: {aliases: [backend]}}, labels: ['aether.managed=false']}\n"
        "  Odd: {image: x}\n",
    )

    found = {one.service: one for one in stack.workloads}
    assert found["web"].depends_on == ("db",)
    assert found["web"].names == {"web", "shop-web-1", "shop_web_1"}
    assert (found["db"].name, found["db"].container, found["db"].is_store) == ("the_db", "The_DB", True)
    assert "backend" in found["api"].names
    assert found["api"].why_not == "has the label aether.managed=false"
    assert "name that no target can have" in found["Odd"].why_not


@pytest.mark.parametrize(
    ("server", "path"),
    [
        ("volumes: ['./conf:/etc/prometheus:ro']", "conf/prometheus.yml"),
        ("volumes: ['./p.yml:/etc/prometheus/prometheus.yml']", "p.yml"),
        ("volumes: [{type: bind, source: ./conf, target: /x}], command: --config.file=/x/y/p.yml", "conf/y/p.yml"),
        ("volumes: ['./a:/x', './b:/x/y'], command: ['--config.file', '/x/y/p.yml']", "b/p.yml"),
        ("volumes: ['conf:/etc/prometheus']", None),
        ("command: [sh]", None),
    ],
)
def test_the_file_of_prometheus_is_found_through_what_is_mounted(tmp_path: Path, server: str, path: str | None) -> None:
    stack = read(tmp_path, f"services:\n  prom: {{image: 'prom/prometheus:v3', {server}}}\n")

    assert stack.prometheus is not None
    assert stack.prometheus.url == "http://prom:9090"
    assert stack.prometheus.file == (None if path is None else tmp_path / path)


@pytest.mark.parametrize("folder", ["My Stack", "_under", "ünï", "..."])
def test_a_project_is_named_as_compose_names_it(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()

    project = read(tmp_path / folder, "services: {a: {image: x}}\n").project

    assert project == {"My Stack": "mystack", "_under": "under", "ünï": "n", "...": "default"}[folder]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "services: []\n",
        "web:\n  image: x\n",
        "services: {a: {image: !reset x}}\n",
        "\t",
        "a: " + "[" * 3000,
        "x" * (1 << 21),
    ],
)
def test_what_is_no_compose_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read as a compose file"):
        read_compose(tmp_path / "none.yml")


def test_what_is_wrong_with_a_file_is_said_without_its_words(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, "services:\n  db:\n    environment: {PASSWORD: hunter2\n  x: [\n")

    assert "hunter2" not in str(caught.value)
    assert "on line" in str(caught.value)


def test_a_server_that_is_not_in_the_networks_says_so(tmp_path: Path) -> None:
    stack = read(
        tmp_path,
        "services:\n  prom: {image: 'prom/prometheus:v3', network_mode: host}\n  am: {image: 'prom/alertmanager'}\n",
    )

    assert [one.network_mode for one in stack.servers] == ["host", ""]
