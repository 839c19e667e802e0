"""Every command that asks an agent, against one that is away or refuses: the code, and words for people, no more."""

import http.server
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from aetherlink.cli.entry import aether, main

TOKEN = "aek_" + "x" * 43
PLAYBOOK = Path(__file__).parents[3] / "src/aetherlink/playbooks/builtin/restart-crm-api.yaml"
INCIDENT, ACTION = "inc-06f3qk2c8d1v7m4t", "act-06f3qk2c8d1v7m4t"
ASKING = {
    "ack": [INCIDENT],
    "act": ["restart", "--reason", "x"],
    "actions": [],
    "alerts": [],
    "approve": [ACTION, "--yes", "--hash", "h"],
    "audit status": [],
    "brakes": [],
    "cancel": [ACTION],
    "close": [INCIDENT, "--reason", "x"],
    "deny": [ACTION, "--reason", "x"],
    "health": [],
    "incidents": [],
    "ledger": [],
    "note": [INCIDENT, "x"],
    "notify dead": [],
    "notify list": [],
    "notify resend": [INCIDENT, "ops"],
    "open": ["--print"],
    "pause": ["--reason", "x"],
    "playbook demote": ["x"],
    "playbook list": [],
    "playbook promote": ["x", "--to", "auto", "--yes"],
    "playbook test": [str(PLAYBOOK), "--incident", INCIDENT],
    "policy": [],
    "query": ["up"],
    "release": ["target:x", "--reason", "x"],
    "report": [],
    "resume": [],
    "show": [INCIDENT],
    "status": [],
    "targets": [],
    "token create": ["x", "--role", "viewer"],
    "token list": [],
    "token revoke": ["tok-1"],
    "token rotate": ["x"],
    "undo": [ACTION, "--reason", "x"],
    "watch": [],
    "wrong": [ACTION, "--reason", "x"],
}
OTHERS = {
    "doctor": "says of each part how it is, the agent being away is one of its findings: tests/integration/doctor",
    "drill": "looks for a lab before it asks",
    "mcp": "an agent that is away is told to the assistant: tests/acceptance/api/test_mcp.py",
    "smoke": "goes on after a refusal: see below",
}
CODES = {401: 1, 403: 1, 404: 2, 409: 1, 410: 1, 422: 2, 429: 1, 500: 1, 503: 3}


class _Refusing(http.server.BaseHTTPRequestHandler):
    status = 503

    def do_GET(self) -> None:
        body = json.dumps({"detail": "no \x1b[31m[red]not\u202ethis\x07"}).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names that the library calls

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def refusing() -> Iterator[str]:
    """The address of an agent that refuses everything, with _Refusing.status."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Runs `aether` with these words; its exit code, what it said on standard output and on standard error."""

    def given(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["aether", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return given


def asking() -> set[str]:
    def names(command, name: str):
        for each, below in getattr(command, "commands", {}).items():
            yield from names(below, f"{name} {each}".strip())
        if any("--url" in parameter.opts for parameter in command.params):
            yield name

    return set(names(typer.main.get_command(aether), ""))


def test_every_command_that_asks_an_agent_is_tried_here() -> None:
    assert asking() == {*ASKING, *OTHERS}


@pytest.mark.parametrize("command", ASKING)
def test_an_agent_that_refuses_or_is_away_is_told_by_code_and_words(run, refusing: str, command: str) -> None:
    words = [*command.split(), *ASKING[command], "--token", TOKEN, "--json"]
    for status, code in CODES.items():
        _Refusing.status = status
        ended, out, err = run(*words, "--url", refusing)

        assert (status, ended, out) == (status, code, ""), err
        assert err.startswith("aether: "), err
        assert err.count("\n") == 1
        assert not {"\x1b", "\x07", "\u202e"} & set(err)
        assert status == 401 or "no \\x1b[31m[red]not\\u202ethis\\x07" in err

    ended, out, err = run(*words, "--url", "http://127.0.0.1:9")
    assert (ended, out) == (3, "")
    assert "127.0.0.1:9" in err
    assert "Traceback" not in err


def test_smoke_tells_an_agent_that_is_away_from_one_that_is_not_well(run, refusing: str) -> None:
    _Refusing.status = 500

    assert run("smoke", "--token", TOKEN, "--url", refusing)[0] == 1
    ended, out, _ = run("smoke", "--token", TOKEN, "--url", "http://127.0.0.1:9", "--json")
    assert ended == 3
    assert [check["ok"] for check in json.loads(out)["checks"]] == [False] * 5
