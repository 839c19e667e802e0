"""`aether --help` starts quickly because it loads little: counted in modules, for no test reads the clock."""

import os
import subprocess
import sys

import pytest

HEAVY = {
    *("fastapi", "starlette", "uvicorn", "uvloop", "httpx", "anyio", "ssl", "asyncio", "msgspec", "pydantic", "yaml"),
    *("sqlalchemy", "alembic", "sqlite3", "psycopg", "docker", "aiodocker", "mcp", "jinja2", "rich", "pygments"),
    *("apprise", "authlib", "joserfc", "prometheus_client", "webbrowser", "tempfile", "multiprocessing"),
}
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


@pytest.mark.parametrize(
    "arguments", [["--help"], ["playbook", "--help"], ["show", "--help"], ["lab", "up", "--help"], ["version"]]
)
def test_help_loads_nothing_heavy_and_little_altogether(arguments: list[str]) -> None:
    found = loaded(*arguments)

    assert "aetherlink.cli.entry" in found
    assert {name.partition(".")[0] for name in found} & HEAVY <= ({"tempfile"} if arguments == ["version"] else set())
    assert len(found) < _MOST_MODULES
    assert {name for name in found if name.startswith("aetherlink.")} - {"aetherlink.cli", "aetherlink.errors"} == {
        name for name in found if name.startswith("aetherlink.cli.")
    }


def test_the_tab_key_on_a_command_loads_as_little() -> None:
    found = loaded(_AETHER_COMPLETE="complete_bash", COMP_WORDS="aether\ninc", COMP_CWORD="1")

    assert {name.partition(".")[0] for name in found} & HEAVY == set()


def test_a_heavy_module_would_be_seen() -> None:
    assert {"rich", "asyncio"} & {name.partition(".")[0] for name in loaded("query", "up", "--url", "http://[::1]:9")}
