"""What the tests of the images share: all images of the stack, built once on a base image that is made on the spot.

Nothing is faked: the daemon, the builder and the containers are real. No image registry is asked; pip reaches its
package index by this machine's own settings, which are in the base image and never in our Dockerfiles.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.agent_process import wait_until
from rigs.compose_stack import ComposeStack, Images, local_images, running_stack
from rigs.containers import Containers


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    with local_images(tmp_path_factory.mktemp("images")) as made:
        yield made


@pytest.fixture
def containers() -> Iterator[Containers]:
    """Makes containers and volumes, and removes them after the test."""
    with Containers.open() as made:
        yield made


@pytest.fixture(scope="module")
def stack(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """The stack of the compose file, by the machine's own docker-compose, and well."""
    compose = shutil.which("docker-compose")
    assert compose is not None
    with running_stack(Path(compose), tmp_path_factory.mktemp("stack"), images, seconds=2) as running:
        wait_until(lambda: running.is_well, "the stack is up and the agent sees it", seconds=180)
        yield running
