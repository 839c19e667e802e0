"""One real installation for all tests of this folder; whoever changes it puts it right again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aetherlink.lab.tools import find_tools
from rigs.installation import Installation, installation

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    tools = find_tools("stable", project_dir=ROOT)
    with installation(tmp_path_factory.mktemp("installation"), tools) as whole:
        yield whole
