"""Images of two releases, containers to change, and a running proxy."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.base_image import write_base_image
from rigs.containers import build, docker, imported
from rigs.socket_proxy import Made, Proxy, Releases, running_proxy


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Releases]:
    folder = tmp_path_factory.mktemp("images")
    write_base_image(folder / "base.tar")
    (folder / "Dockerfile").write_text(
        'ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nENV RELEASE=2\nLABEL release=2\nCMD ["nothing"]\n'
    )
    with imported(folder / "base.tar") as base:
        (folder / "base.tar").unlink()
        second = build(folder, "second", base=base)
        subprocess.run(["tar", "-cf", folder / "empty.tar", "-C", folder, "Dockerfile"], check=True)
        with imported(folder / "empty.tar") as broken:
            yield Releases(docker("image", "inspect", "--format", "{{.Id}}", base), second, broken)


@pytest.fixture
def made(releases: Releases) -> Iterator[Made]:
    containers = Made(releases.first)
    try:
        yield containers
    finally:
        containers.remove_all()


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    with running_proxy(tmp_path, max_replicas=3) as process:
        yield process
