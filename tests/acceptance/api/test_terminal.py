"""`aether` in a terminal as a person has one: 80 columns, Ctrl-C, another size, a dumb one; and in pipes."""

import contextlib
import http.server
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.cells import cell_len

from rigs.terminal import SOURCES, terminal, without_codes

AETHER = Path(sys.executable).with_name("aether")
EVIL = "[red]\x1b[2J\u202eevil\x07 " * 20
LEFT = "\x1b[?1049l"  # the other screen is given back
CURSOR = "\x1b[?25h"


@pytest.fixture
def evil(agent):
    """An agent that knows incidents with the worst of titles."""
    labels = {"severity": "critical", "tenant": EVIL, "service": EVIL}
    alerts = [
        {"status": "firing", "labels": {**labels, "alertname": f"{number} {EVIL}"}, "startsAt": "2026-01-01T12:00:00Z"}
        for number in range(3)
    ]
    agent.call("POST", "/alertmanager", json={"alerts": alerts}).raise_for_status()
    return agent


@pytest.fixture
def at_terminal(tmp_path: Path):
    """Opens a terminal with `aether` in it."""

    @contextmanager
    def run(*words: str, url: str, columns: int = 80, lines: int = 24, **environment: str):
        variables = {"AETHER_URL": url, "HOME": str(tmp_path), **environment}
        command = [AETHER, *words]
        with terminal(command, environment=variables, cwd=tmp_path, columns=columns, lines=lines) as opened:
            yield opened

    return run


@pytest.mark.parametrize("command", ["incidents", "alerts", "health", "status", "ledger", "playbook list", "policy"])
def test_what_is_listed_keeps_to_80_columns_and_obeys_nobody(evil, at_terminal, command: str) -> None:
    with at_terminal(*command.split(), url=evil.url, NO_COLOR="1") as opened:
        opened.ended()

    lines = without_codes(opened.painted).splitlines()
    assert "\x1b" not in opened.painted
    assert "\x07" not in opened.painted
    assert "\u202e" not in opened.painted
    assert max(map(cell_len, lines)) <= 80
    if command in ("incidents", "alerts"):
        [incident, *_] = evil.call("GET", "/api/v1/incidents").json()["items"]
        assert len(lines) == len(evil.call("GET", f"/api/v1/{command}").json()["items"]) + 1
        assert incident["id"] in opened.painted


def test_colours_are_painted_on_a_terminal_only(evil, at_terminal, aether) -> None:
    with at_terminal("incidents", url=evil.url) as coloured:
        coloured.ended()
    piped = aether("incidents", AETHER_URL=evil.url, FORCE_COLOR="1", TERM="xterm-256color")

    assert "\x1b[1;31mcritical" in coloured.painted
    assert "\x1b" not in piped.stdout


def test_more_than_is_shown_is_told_beside_the_list(evil, aether) -> None:
    some = aether("alerts", "--limit", "2", AETHER_URL=evil.url)
    whole = aether("alerts", "--all", AETHER_URL=evil.url)

    assert some.stderr == "2 shown, there may be more: --limit N, or --all\n"
    assert len(some.stdout.splitlines()) == 3
    assert (whole.stderr, len(whole.stdout.splitlines())) == ("", 4)


def head(words: str, url: str, folder: Path) -> tuple[str, str]:
    """What `aether ... | head -1` says on standard error, and with which code `aether` ends."""
    script = f'timeout 25 "{AETHER}" {words} | head -1 >/dev/null; echo "${{PIPESTATUS[0]}}"'
    environment = {"PATH": os.defpath, "AETHER_URL": url, **SOURCES}
    done = subprocess.run(
        ["bash", "-c", script], env=environment, cwd=folder, capture_output=True, text=True, timeout=30, check=True
    )
    return done.stderr, done.stdout


@pytest.mark.parametrize("words", ["alerts --all", "alerts --all --json"])
def test_a_reader_that_goes_away_ends_it_without_a_word(agent, tmp_path: Path, words: str) -> None:
    labels = [{"alertname": f"A{number}", "text": "x" * 400} for number in range(300)]
    firing = {"status": "firing", "startsAt": "2026-01-01T12:00:00Z"}
    alerts = [{**firing, "labels": {**each, "tenant": "y" * 400}} for each in labels]
    agent.call("POST", "/alertmanager", json={"alerts": alerts}).raise_for_status()

    assert head(words, agent.url, tmp_path) == ("", "141\n")


class _Telling(http.server.BaseHTTPRequestHandler):
    """Tells an event every 50 ms until nobody listens."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            for number in itertools.count():
                self.wfile.write(b'id: %d\nevent: entry\ndata: {"number":%d}\n\n' % (number, number))
                time.sleep(0.05)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("words", ["watch", "watch --json"])
def test_watching_ends_with_its_reader(tmp_path: Path, words: str) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Telling) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            assert head(words, f"http://127.0.0.1:{server.server_address[1]}", tmp_path) == ("", "141\n")
        finally:
            server.shutdown()
            thread.join()


def test_ctrl_c_ends_a_question_with_130_and_nothing_more(at_terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(20)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with at_terminal("incidents", url=address) as opened, silent.accept()[0]:  # it waits for an answer now
            opened.type(b"\x03")
            assert opened.ended() == 130

    assert without_codes(opened.painted).strip() in ("", "^C")


def _is_whole(painted: str, *, columns: int, lines: int) -> bool:
    """Whether the last picture is one of this size: pictures of the size before may still be on their way."""
    last = without_codes(painted[painted.rfind("health ") :]).splitlines()
    return len(last) == lines and max(map(cell_len, last)) <= columns and any("Newest" in line for line in last)


def test_the_board_is_painted_follows_the_size_and_gives_the_screen_back(evil, at_terminal) -> None:
    [incident, *_] = evil.call("GET", "/api/v1/incidents").json()["items"]
    with at_terminal("watch", url=evil.url) as opened:
        opened.until(lambda painted: incident["id"] in painted)
        opened.resize(50, 12)
        opened.until(lambda painted: _is_whole(painted, columns=50, lines=12))
        opened.type(b"\x03")
        assert opened.ended() == 0

    assert opened.painted.rindex(LEFT) > opened.painted.rindex("Newest first")
    assert opened.painted.rindex(CURSOR) > opened.painted.rindex("Newest first")
    assert "Traceback" not in opened.painted
    assert "\u202e" not in opened.painted


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_dumb_terminal_gets_lines(agent, at_terminal, term: str) -> None:
    with at_terminal("watch", url=agent.url, TERM=term) as opened:
        opened.until(lambda painted: "health score" in painted or "agent:" in painted)
        opened.process.send_signal(signal.SIGINT)
        assert opened.ended() == 0

    assert "\x1b" not in opened.painted
