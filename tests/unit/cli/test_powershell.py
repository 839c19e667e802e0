"""PowerShell is parsed, as there is none to run here: the smoke script, and the seed's snippets as printed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

SCRIPT = (Path(__file__).parents[3] / "scripts" / "test-agent.ps1").read_text()
PARSER = Parser(Language(tree_sitter_powershell.language()))

SEED = {
    "health": "Invoke-RestMethod http://localhost:8088/health | ConvertTo-Json",
    "query": """Invoke-RestMethod -Method Post -Uri http://localhost:8088/query `
  -ContentType "application/json" `
  -Body '{"ql":"aether:health_score:15m"}' | ConvertTo-Json
""",
    "act": """Invoke-RestMethod -Method Post -Uri http://localhost:8088/act `
  -ContentType "application/json" `
  -Body '{"action":"restart_api","reason":"manual test"}' | ConvertTo-Json
""",
    "metrics": '(Invoke-WebRequest http://localhost:8088/metrics).Content | Select-String "aether_agent_"',
    "logs": "# Follow agent logs\ndocker logs -f aether-agent\n\n# Last lines\ndocker logs aether-agent --tail 50",
    "reload": "docker restart aether-alertmanager",
}


def errors(text: str) -> list[str]:
    """The places that are no PowerShell."""

    def broken(node: Node) -> Iterator[str]:
        if node.is_error or node.is_missing:
            yield f"line {node.start_point.row + 1}: {node.text!r}"
        for child in node.children:
            yield from broken(child)

    return list(broken(PARSER.parse(text.encode()).root_node))


def test_the_smoke_script_parses() -> None:
    assert errors(SCRIPT) == []


@pytest.mark.parametrize("what", SEED)
def test_the_seeds_snippet_parses(what: str) -> None:
    assert errors(SEED[what]) == []


@pytest.mark.parametrize(
    "broken",
    [
        SCRIPT.replace("    exit 1\n}", "    exit 1\n"),
        SCRIPT.replace("Test-Part 'act' {", "Test-Part 'act' {{"),
        SCRIPT.replace("if ($Token) {", "if ($Token {"),
        SCRIPT.replace("'the agent can serve'", "'the agent can serve"),
        SCRIPT.replace("catch {", "catch"),
    ],
    ids=["a brace too few", "a brace too many", "an open parenthesis", "an open string", "a catch without a block"],
)
def test_a_broken_script_is_noticed(broken: str) -> None:
    assert broken != SCRIPT
    assert errors(broken) != []


def test_the_script_makes_the_checks_of_aether_smoke() -> None:
    from_script = [line.split("'")[1] for line in SCRIPT.splitlines() if line.startswith("Test-Part '")]

    assert from_script == ["health", "query", "act", "metrics", "webhook"]
