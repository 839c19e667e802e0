"""What is found where a server tells little, or nothing can be asked."""

import asyncio
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aetherlink.adoption.finding_out import Whereabouts, find_out
from aetherlink.clients.stack import StackClient
from aetherlink.errors import AnswerError, SettingsError, UnreachableError

ANSWERS = {
    "/api/v1/rules": {"data": {"groups": [{"name": "g", "rules": [{"name": "A", "query": "up", "type": "alerting"}]}]}},
    "/api/v1/targets": {"data": {"activeTargets": []}},
    "/api/v2/status": {"config": {"original": "receivers: [{name: slack}]"}},
}


@pytest.fixture
def server() -> Iterator[str]:
    """A server that has only just started: it knows its rules, and no targets yet."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            body = b"<html>" if path == "/page" else json.dumps(ANSWERS.get(path, {})).encode()
            self.send_response({"/gone": 404, "/ill": 503}.get(path, 200))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Silent."""

    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{served.server_address[1]}"
    served.shutdown()
    served.server_close()
    thread.join()


def test_targets_come_from_the_file_while_the_server_knows_none(server: str, tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yml"
    file.write_text("scrape_configs:\n- job_name: web\n  static_configs:\n  - targets: ['web:8000']\n")

    found = find_out(Whereabouts(prometheus=server, alertmanagers=(server,), prometheus_file=file))

    assert [one.host for one in found.stack.scraped] == ["web"]
    assert [one.name for one in found.stack.rules] == ["A"]
    assert found.stack.receivers == ("slack",)
    assert any("has no targets" in note for note in found.stack.notes)


def test_rule_files_that_are_not_here_are_named_and_the_others_are_read(tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yml"
    file.write_text("rule_files: ['*.rules', /nowhere/at/all.yml, broken.yml]\n")
    (tmp_path / "a.rules").write_text(
        "groups:\n- name: g\n  rules:\n  - {alert: A, expr: up == 0}\n  - {record: x, expr: up}\n"
    )
    (tmp_path / "broken.yml").write_text("groups: [")

    found = find_out(Whereabouts(prometheus_file=file))

    assert [one.name for one in found.stack.rules] == ["A"]
    assert any("/nowhere/at/all.yml was not found" in note for note in found.stack.notes)
    assert any("broken.yml cannot be read as YAML" in note for note in found.stack.notes)


def test_a_stack_has_to_be_named() -> None:
    with pytest.raises(SettingsError, match="name the stack"):
        find_out(Whereabouts(alertmanagers=("http://127.0.0.1:9093",)))


@pytest.mark.parametrize(
    ("path", "error"), [("/gone", AnswerError), ("/ill", UnreachableError), ("/page", AnswerError)]
)
def test_what_is_no_answer_is_said_by_whom_it_came_from(server: str, path: str, error: type[Exception]) -> None:
    async def ask() -> None:
        client = StackClient("Prometheus", server)
        try:
            await client.get(path)
        finally:
            await client.aclose()

    with pytest.raises(error, match=f"Prometheus at {server} answered GET {path}"):
        asyncio.run(ask())


@pytest.mark.parametrize("host", ["http://docker", "tcp://", "nonsense"])
def test_an_address_that_is_none_of_docker_is_refused(host: str, tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yml"
    file.write_text("{}")

    with pytest.raises(SettingsError, match="is not like unix"):
        find_out(Whereabouts(prometheus_file=file, docker=host))


def test_where_only_files_are_read_it_is_said_what_they_do_not_say(tmp_path: Path) -> None:
    compose = tmp_path / "compose.yml"
    compose.write_text("services: {web: {image: nginx}}\n")

    found = find_out(Whereabouts(compose=compose))

    assert any("only files were read" in note and "--docker" in note for note in found.stack.notes)
