"""T30: `aether mcp` with a client that sends nonsense, sends too much, or is gone, and with an agent that refuses."""

import json
import os
import signal
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from aetherlink.mcp.lines import LONGEST
from aetherlink.mcp.marking import WARNING
from rigs.agent_process import AETHER, free_port
from rigs.assistants import message, tool_call

SECONDS = 30
HANDSHAKE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


class Served:
    """`aether mcp` as a process, spoken to line by line."""

    def __init__(self, process):
        self.process = process

    def send(self, sent):
        line = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def ask(self, sent):
        self.send(sent)
        return json.loads(self.process.stdout.readline())

    def call(self, name, arguments=None):
        result = self.ask(tool_call(name, arguments))["result"]
        return result["content"][0]["text"], result.get("isError", False)

    def ended(self):
        """Its exit code and what it said on standard error."""
        code = self.process.wait(SECONDS)
        return code, self.process.stderr.read().decode()


@contextmanager
def serving(folder: Path, url: str, token: str, *arguments: str):
    environment = {**os.environ, "AETHER_TOKEN": token, "HOME": str(folder)}
    with subprocess.Popen(
        [AETHER, "mcp", "--url", url, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        served = Served(process)
        try:
            assert served.ask(message("initialize", HANDSHAKE))["result"]["serverInfo"]["name"] == "aetherlink-command"
            served.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
            yield served
        finally:
            process.kill()


def grown(process) -> int:
    """The most memory that it ever had, in KiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def test_nonsense_is_left_out_and_what_follows_is_answered(agent, tmp_path: Path) -> None:
    with serving(tmp_path, agent.url, agent.secrets["read"]) as served:
        for garbage in (b"", b"\x00\xff\xfe", b"{", b"[" * 10_000, b"null", b'{"jsonrpc":"2.0","id":{},"method":1}'):
            served.send(garbage)

        text, is_error = served.call("get_pauses")
        assert not is_error, text
        served.process.stdin.close()
        assert served.ended() == (0, "")


def test_a_line_without_an_end_is_not_kept_and_what_follows_is_answered(agent, tmp_path: Path) -> None:
    with serving(tmp_path, agent.url, agent.secrets["read"]) as served:
        served.call("get_pauses")
        before = grown(served.process)
        served.send(b" " * 50 * LONGEST)

        text, is_error = served.call("get_pauses")
        assert not is_error, text
        assert grown(served.process) - before < 20 * 1024
        served.process.stdin.close()
        code, said = served.ended()
    assert code == 0
    assert said == f"a line of more than {LONGEST} bytes is left out\n"


def test_a_client_that_is_gone_ends_it_even_while_a_tool_waits(start_agent, answering, tmp_path: Path) -> None:
    asked, hangs = threading.Event(), threading.Event()

    def answer(_):
        asked.set()
        hangs.wait(SECONDS)

    agent = start_agent(prometheus_url=answering(answer))
    try:
        with serving(tmp_path, agent.url, agent.secrets["read"]) as served:
            served.send(tool_call("query_prometheus", {"query": "vector(1)"}))
            assert asked.wait(SECONDS)
            served.process.stdin.close()
            assert served.ended() == (0, "")
    finally:
        hangs.set()


def test_a_client_that_reads_no_more_ends_it_without_a_traceback(agent, tmp_path: Path) -> None:
    with serving(tmp_path, agent.url, agent.secrets["read"]) as served:
        served.process.stdout.close()
        served.send(tool_call("get_pauses"))

        assert served.ended() == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_while_its_client_is_silent(agent, tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path, agent.url, agent.secrets["read"]) as served:
        served.call("get_pauses")
        served.process.send_signal(number)

        code, said = served.ended()
    assert code in (130, -number)
    assert "Traceback" not in said


def test_parallel_calls_are_bounded_and_each_is_answered(agent, tmp_path: Path) -> None:
    sent = [tool_call("list_incidents") for _ in range(40)]
    with serving(tmp_path, agent.url, agent.secrets["tenant"]) as served:
        for one in sent:
            served.send(one)
        answers = [json.loads(served.process.stdout.readline()) for _ in sent]
        text, is_error = served.call("get_timeline", {"incident_id": "nonsense"})
        after = served.call("list_incidents")
        served.process.stdin.close()
        assert served.ended() == (0, "")

    assert {answer["id"] for answer in answers} == {one["id"] for one in sent}
    results = [answer["result"] for answer in answers]
    refused = [result["content"][0]["text"] for result in results if result["isError"]]
    assert len(refused) <= len(sent) - 8
    for told in refused:
        assert told == "too many calls: 240 a minute and 8 at once are answered; try again in 1 seconds"
    assert is_error
    assert "does not look like one" in text
    assert not after[1]


ANSWERS = {
    401: ("unknown, revoked or expired", "application/problem+json"),
    403: ("does not have the scope read", "application/problem+json"),
    429: ("too many attempts", "application/problem+json"),
    503: ("the store cannot be used", "application/problem+json"),
    502: ("<html>a proxy of somebody</html>", "text/html"),
    200: ("<html>Grafana</html>", "text/html"),
    302: ("", "text/html"),
}


@pytest.mark.parametrize("status", ANSWERS)
def test_what_an_agent_or_somebody_else_answers_is_told_as_an_error_in_words(
    answering, tmp_path: Path, status: int
) -> None:
    words, kind = ANSWERS[status]
    problem = json.dumps({"status": status, "detail": words}) if "problem" in kind else words

    def answer(request):
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(problem)))
        request.end_headers()
        request.wfile.write(problem.encode())

    with serving(tmp_path, answering(answer), "aek_" + "x" * 40) as served:
        text, is_error = served.call("get_pauses")

    assert is_error, text
    if "problem" in kind:
        assert text.startswith(f"The agent refused with {status}.\n{WARNING}")
        assert words in text
    else:
        assert str(status) in text
        assert "is this the agent's address?" in text or "redirect" in text


def test_an_agent_that_is_gone_or_lets_nobody_in_any_more_is_told_and_the_next_call_is_made(
    start_agent, tmp_path: Path
) -> None:
    agent = start_agent()
    with serving(tmp_path, agent.url, agent.secrets["read"]) as served:
        assert not served.call("get_pauses")[1]
        tokens = agent.call("GET", "/api/v1/tokens", token="operator").json()["items"]
        [own] = [token["id"] for token in tokens if token["name"] == "read-test"]
        agent.call("DELETE", f"/api/v1/tokens/{own}", token="operator")
        text, is_error = served.call("get_pauses")
        assert is_error
        assert "The agent refused with 401." in text
        assert agent.secrets["read"] not in text
    with serving(tmp_path, f"http://127.0.0.1:{free_port()}", agent.secrets["read"]) as served:
        for _ in range(2):
            text, is_error = served.call("get_pauses")
            assert is_error
            assert "no connection" in text
