"""What the tests on a real daemon share: one image with a health check, made on the spot, and services of it.

Nothing is faked: daemon and containers are real, and what they did is read through Docker's own command line.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.base_image import write_base_image
from rigs.containers import Containers, build, docker, imported
from rigs.docker_stack import Stack
from rigs.proxied_stack import Proxied
from rigs.socket_proxy import running_proxy

_DOCKERFILE = """\
ARG BASE_IMAGE
FROM $BASE_IMAGE
HEALTHCHECK --interval=300ms --timeout=5s --retries=1 CMD \
["python3", "-c", "import os, sys; sys.exit(os.path.exists('/tmp/ill'))"]
"""


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The machine's own Python, with a check that fails once /tmp/ill is there."""
    folder: Path = tmp_path_factory.mktemp("docker-executor")
    archive = folder / "base.tar"
    write_base_image(archive)
    (folder / "context").mkdir()
    (folder / "context/Dockerfile").write_text(_DOCKERFILE)
    with imported(archive) as base:
        archive.unlink()
        yield build(folder / "context", "checked", base=base)


@pytest.fixture(scope="session")
def newer(image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A second release of the image; it goes with the first."""
    folder: Path = tmp_path_factory.mktemp("newer")
    (folder / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM $BASE_IMAGE\nENV RELEASE=2\n")
    return build(folder, "newer", base=image)


@pytest.fixture
def proxied(stack: Stack, image: str, newer: str, tmp_path: Path) -> Iterator[Proxied]:
    """The proxy knows that both releases have run, the newer one last."""
    state = {"images": {f"{stack.project}/crm": [image, newer]}, "swap": None}
    (tmp_path / "socket-proxy.json").write_text(json.dumps(state))
    with running_proxy(tmp_path, workloads=[stack.project], max_replicas=3) as proxy:
        made = Proxied(stack, proxy)
        yield made
    for each in made.ids:
        docker("rm", "--force", "--volumes", each)


@pytest.fixture
def stack(image: str) -> Iterator[Stack]:
    with Containers.open() as made:
        yield Stack(image, made)
