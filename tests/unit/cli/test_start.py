"""`aether --help` starts quickly because it loads little: counted in modules, for no test reads the clock."""

import os
import re
import subprocess
import sys

import pytest

HEAVY = {
    *("fastapi", "starlette", "uvicorn", "uvloop", "httpx", "anyio", "ssl", "asyncio", "msgspec", "pydantic", "yaml"),
    *("sqlalchemy", "alembic", "sqlite3", "psycopg", "docker", "aiodocker", "mcp", "jinja2", "rich", "pygments"),
    *("apprise", "authlib", "joserfc", "prometheus_client", "webbrowser", "tempfile", "multiprocessing"),
}
OF_TYPER = {"pydantic", "tempfile"}  # it reads the words behind a command by pydantic, which takes tempfile
OF_THE_AGENT = r"aetherlink\.(?!cli\b|errors$|lib$|lib\.hidden$)"  # which is two patterns, for all that is printed
_MOST_MODULES = 330  # of which Python and typer have some 260
_CODE = """
import sys
sys.argv = ["aether", *sys.argv[1:]]
from aetherlink.cli import main
try:
    main()
except SystemExit:
    print(*sorted(sys.modules), file=sys.stderr)
"""


def loaded(*arguments: str, **environment: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _CODE, *arguments],
        env={name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stderr.split())


def test_help_loads_nothing_heavy_and_little_altogether() -> None:
    found = loaded("--help")

    assert "aetherlink.cli.entry" in found
    assert {name.partition(".")[0] for name in found} & HEAVY == set()
    assert len(found) < _MOST_MODULES


@pytest.mark.parametrize(
    "arguments",
    [["playbook", "--help"], ["show", "--help"], ["lab", "up", "--help"], ["doctor", "--help"], ["version"]],
)
def test_the_help_of_a_command_loads_none_of_what_it_does(arguments: list[str]) -> None:
    found = loaded(*arguments)

    assert {name.partition(".")[0] for name in found} & HEAVY <= OF_TYPER
    assert [name for name in found if re.match(OF_THE_AGENT, name)] == []


def test_the_tab_key_on_a_command_loads_as_little() -> None:
    found = loaded(_AETHER_COMPLETE="complete_bash", COMP_WORDS="aether\ninc", COMP_CWORD="1")

    assert {name.partition(".")[0] for name in found} & HEAVY <= OF_TYPER


def test_a_heavy_module_would_be_seen() -> None:
    assert {"rich", "asyncio"} & {name.partition(".")[0] for name in loaded("query", "up", "--url", "http://[::1]:9")}
