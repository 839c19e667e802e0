"""What holds of every command: it answers for programs, it tells its exit codes, and only printing.py prints."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from aetherlink.cli import exit_codes
from aetherlink.cli.entry import aether

# Commands that report nothing that a program could read, and why.
WITHOUT_JSON = {
    "serve": "runs until it is told to stop, and logs; log_format is its form for programs",
    "socket-proxy": "runs until it is told to stop, and logs; log_format is its form for programs",
    "mcp": "standard output is the protocol's",
    "lab up": "runs until Ctrl-C; `aether lab status --json` says how it stands",
    "lab demo": "a show for people; `aether drill --json` is the same for programs",
}


def walked(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every command at the end of the tree with its words."""
    for each, below in getattr(command, "commands", {}).items():
        yield from walked(below, f"{name} {each}".strip())
    if not getattr(command, "commands", {}):
        yield name, command


COMMANDS = dict(walked(typer.main.get_command(aether)))


def options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


def test_the_tree_was_walked() -> None:
    assert len(COMMANDS) > 40
    assert {"show", "token list", "playbook promote"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_for_programs_or_says_why_not(name: str) -> None:
    assert ("--json" in options(COMMANDS[name])) is (name not in WITHOUT_JSON)


def test_no_exemption_is_left_over_or_bare() -> None:
    assert set(WITHOUT_JSON) <= set(COMMANDS)
    assert min(map(len, WITHOUT_JSON.values())) > 20


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_tells_its_exit_codes(name: str) -> None:
    command = COMMANDS[name]
    told = exit_codes.codes_in(command.epilog)

    assert {0, 2} <= told, f"{name} tells {told}: give it an epilog of exit_codes"
    assert not options(command) & {"--url"} or {1, 3} <= told, "it asks an agent, which may refuse or be away"
    assert given(command) <= told, "it exits with a code that it does not tell"
    assert not re.search(r"\b[Ee]xits? (with )?\d|^\s*0 \w+, 1 ", command.help or ""), "the epilog tells them"


def given(command: Any) -> set[int]:
    """The codes that stand in the command's own `typer.Exit(...)`, and in functions of its module that it names."""
    function = inspect.unwrap(command.callback)
    module = inspect.getmodule(function)
    found, seen, ahead = set(), set(), [function]
    while ahead:
        one = ahead.pop()
        seen.add(one)
        tree = ast.parse(textwrap.dedent(inspect.getsource(one)))
        found |= codes(tree)
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        below = (getattr(module, name, None) for name in names if name.startswith("_"))
        ahead += [each for each in below if inspect.isfunction(each) and each not in seen]
    return found


def codes(tree: ast.AST) -> set[int]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "typer.Exit"]
    parts = [part for call in calls for argument in call.args for part in outcomes(argument)]
    numbers = {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, int)}
    return numbers | {exit_codes.FAILED for part in parts if ast.unparse(part) == "exit_codes.FAILED"}


def outcomes(part: ast.expr) -> list[ast.expr]:
    """What the expression may come to."""
    return [*outcomes(part.body), *outcomes(part.orelse)] if isinstance(part, ast.IfExp) else [part]


def test_codes_are_found_in_what_a_command_does() -> None:
    text = "raise typer.Exit(0 if a else 3 if b else exit_codes.FAILED)"

    assert codes(ast.parse(text)) == {0, 1, 3}
    assert given(COMMANDS["smoke"]) == {0, 1, 3}
    assert exit_codes.codes_in("Exit codes: 0 done; 12 no.") == {0, 12}
    assert exit_codes.codes_in("0 done") == exit_codes.codes_in(None) == set()


def test_nobody_else_writes_to_the_terminal(sources) -> None:
    """Standard output belongs to the answer, and outside text is made harmless in one place."""
    writing = re.compile(r"\btyper\.(echo|secho)\(|\bprint\(|sys\.std(out|err)\.write")
    found = [
        f"{source.name}:{number}"
        for source in sources
        if "/cli/" in source.name and not source.name.endswith("/printing.py")
        for number, line in enumerate(source.lines, start=1)
        if writing.search(line)
    ]

    assert found == []


def test_every_list_says_when_there_is_more_and_can_give_all() -> None:
    limited = {name for name, command in COMMANDS.items() if "--limit" in options(command)}

    assert {"actions", "alerts", "incidents", "brakes", "token list", "notify dead", "targets"} <= limited
    assert [name for name in limited if "--all" not in options(COMMANDS[name])] == []
