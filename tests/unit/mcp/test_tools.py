"""What a tool says that it takes: within its bounds, and nothing beside."""

import re

import pytest

from aetherlink.mcp.tools import TOOLS

BY_NAME = {tool.name: tool for tool in TOOLS}


@pytest.mark.parametrize(
    ("tool", "name", "fits", "too_much"),
    [
        ("list_actions", "limit", 500, 501),
        ("list_actions", "limit", 1, 0),
        ("list_actions", "target", "x" * 1000, "x" * 1001),
        ("propose_action", "action", "x" * 100, "x" * 101),
        ("propose_action", "reason", "x" * 1000, "x" * 1001),
        ("propose_action", "reason", "x", ""),
        ("propose_action", "service", "x" * 200, "x" * 201),
        ("propose_action", "replicas", 10_000, 10_001),
        ("propose_action", "replicas", 0, -1),
        ("query_prometheus", "query", "x" * 4000, "x" * 4001),
    ],
)
def test_an_argument_keeps_within_its_bounds(tool: str, name: str, fits: object, too_much: object) -> None:
    [argument] = [one for one in BY_NAME[tool].arguments if one.name == name]

    assert argument.problem(fits) is None
    assert name in str(argument.problem(too_much))


def test_a_pattern_is_of_the_whole_text_in_the_schema_too() -> None:
    [status] = [one for one in BY_NAME["list_incidents"].arguments if one.name == "status"]
    pattern = str(status.schema["pattern"])

    assert [text for text in ("open", "resolved", "opened", "unresolved") if re.search(pattern, text)] == [
        "open",
        "resolved",
    ]
