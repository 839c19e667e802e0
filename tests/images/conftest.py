"""What the tests of the images share: both images, built once on a base image that is made on the spot.

Nothing is faked: the daemon, the builder and the containers are real. No image registry is asked; pip reaches its
package index by this machine's own settings, which are in the base image and never in our Dockerfiles.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from rigs.base_image import write_base_image
from rigs.containers import Containers, build, imported

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Images:
    """The images under test, by id."""

    agent: str
    crm: str


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    """Both images, built beside each other as `docker compose up --build` does."""
    archive = tmp_path_factory.mktemp("images") / "base.tar"
    write_base_image(archive)
    with imported(archive) as base, ThreadPoolExecutor(max_workers=2) as pool:
        archive.unlink()
        agent = pool.submit(build, ROOT, "agent", base=base)
        crm = pool.submit(build, ROOT / "pods" / "crm", "crm", base=base)
        pool.shutdown()
        yield Images(agent=agent.result(), crm=crm.result())


@pytest.fixture
def containers() -> Iterator[Containers]:
    """Makes containers and volumes, and removes them after the test."""
    with Containers.open() as made:
        yield made
