"""What `aether pause` says beside the agent's answer."""

from typing import Any

import pytest
from typer.testing import CliRunner

from aetherlink.cli import connection, pause

ANSWER = {"paused": True, "pauses": [{"scope": "all", "in_force": True, "paused_by": "ann", "reason": "why"}]}


@pytest.fixture(autouse=True)
def agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that pauses whatever it is told to."""

    def talk(_asking: object, **_how: object) -> dict[str, Any]:
        return ANSWER

    monkeypatch.setattr(connection, "talk", talk)


@pytest.mark.parametrize(
    ("arguments", "is_told"),
    [
        (["--scope", "target:compose:shop.web"], True),
        (["--scope", "target:container:cache", "--json"], True),
        (["--scope", "target:crm-api"], False),
        (["--list", "--scope", "target:container:cache"], False),
        ([], False),
    ],
)
def test_that_nobody_looked_for_what_is_found_by_its_name_is_told(arguments: list[str], is_told: bool) -> None:
    done = CliRunner().invoke(pause.group, ["pause", *arguments])

    assert done.exit_code == 0, done.output
    assert ("nobody has looked whether there is such a container" in done.stderr) is is_told
    assert "nobody has looked" not in done.stdout
