"""`aether serve` as a process: what it says when it cannot start, what it survives, how it ends."""

import asyncio
import http.server
import signal
import socket
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from rigs import warm_aether
from rigs.agent_process import environment, serving, wait_until, wait_until_ready
from rigs.docker_server import NEW, OLD, docker_server
from rigs.lab_server import lab_server


def refusal(settings: dict[str, str], folder: Path) -> tuple[int, str]:
    done = warm_aether.run(["serve"], settings, folder)
    return done.returncode, done.stderr


def test_without_prometheus_and_alertmanager_it_serves_and_says_so(tmp_path: Path) -> None:
    settings = environment(tmp_path) | {"AETHER_HEALTH__CHECK_AT_START": "true"}
    with serving(settings, tmp_path):
        wait_until_ready(settings)
        agent = f"http://{settings['AETHER_LISTEN']}"
        wait_until(lambda: httpx.get(f"{agent}/health").json()["status"] is not None, "the score was asked for")
        health = httpx.get(f"{agent}/health").json()
        metrics = httpx.get(f"{agent}/metrics").text

    log = (tmp_path / "log").read_text()
    assert (health["ok"], health["health_score"], health["status"]) == (True, None, "error")
    assert {source["up"] for source in health["sources"]} == {False}
    assert 'aether_agent_source_up{kind="prometheus",source="default"} 0.0' in metrics
    assert "Prometheus of source default does not answer" in log
    assert "Traceback" not in log


def test_an_agent_that_cannot_read_its_database_is_not_ready_until_it_can(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    with serving(settings, tmp_path):
        wait_until_ready(settings)
        agent = f"http://{settings['AETHER_LISTEN']}"
        with closing(sqlite3.connect(tmp_path / "data/aetherlink.db")) as other:
            other.execute("ALTER TABLE promotions RENAME TO elsewhere")
            unanswered = httpx.get(f"{agent}/api/v1/playbooks").status_code
            said = httpx.get(f"{agent}/readyz"), httpx.get(f"{agent}/health")
            other.execute("ALTER TABLE elsewhere RENAME TO promotions")
        answered = httpx.get(f"{agent}/api/v1/playbooks").status_code
        healed = httpx.get(f"{agent}/readyz").status_code

    assert (unanswered, said[0].status_code, said[1].json()["ok"]) == (503, 503, False)
    assert said[0].json()["detail"] == "not ready: the store cannot be read"
    assert (answered, healed) == (200, 200)


def test_it_ends_quickly_and_well_on_sigterm(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    with serving(settings, tmp_path, cold=True) as process:
        wait_until_ready(settings)
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=10)

    log = (tmp_path / "log").read_text()
    assert code == 0
    assert log.rstrip().endswith("aetherlink.app - INFO - Stopped")
    assert "Starting AetherLink Command AI Agent" in log
    assert "alembic" not in log
    assert "Starting health check background loop (60s interval)" in log


def test_a_port_that_is_taken_is_named_with_what_to_do(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings["AETHER_LISTEN"] = f"127.0.0.1:{other.getsockname()[1]}"
        code, said = refusal(settings, tmp_path)

    assert code == 2
    assert f"cannot listen on {settings['AETHER_LISTEN']}" in said
    assert "AETHER_LISTEN" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("mdoe: auto", "aether.yaml:1: mdoe: unknown key: did you mean `mode`?"),
        ("listen: 0.0.0.0:0", "auth.mode"),
        ("playbook_modes: {restart-everything: auto}", "restart-everything"),
        ("targets: {api: {executor: lab, service: crm}}", "lab.control_socket"),
    ],
    ids=["an unknown key", "open to everybody", "an unknown playbook", "an executor that is not set up"],
)
def test_settings_that_cannot_be_are_refused_in_one_clear_line(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "aether.yaml").write_text(text)
    settings = environment(tmp_path)
    if "listen" in text:
        del settings["AETHER_LISTEN"]

    code, said = refusal(settings, tmp_path)

    assert code == 2
    assert complaint in said
    assert "Traceback" not in said


def test_a_source_is_asked_with_its_token_and_headers(tmp_path: Path) -> None:
    heard: list[tuple[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append((self.headers["authorization"], self.headers["x-scope-orgid"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    settings = environment(tmp_path)
    del settings["PROM_URL"], settings["ALERTMANAGER_URL"]
    (tmp_path / "token").write_text("s3cret\n")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        (tmp_path / "aether.yaml").write_text(
            f"sources: [{{name: a, prometheus: '{url}', alertmanagers: ['{url}'], "
            "bearer_token_file: token, headers: {X-Scope-OrgID: acme}}]"
        )
        done = warm_aether.run(["check"], settings, tmp_path)
        server.shutdown()
        thread.join()

    assert done.returncode == 0, done.stderr
    assert heard == [("Bearer s3cret", "acme")] * 2
    assert "s3cret" not in done.stdout + done.stderr


def test_a_token_file_that_is_missing_is_named_at_the_start(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    (tmp_path / "aether.yaml").write_text(
        "sources: [{name: a, prometheus: 'http://127.0.0.1:9', bearer_token_file: nowhere/token}]"
    )

    code, said = refusal(settings, tmp_path)

    assert code == 2
    assert "bearer_token_file nowhere/token cannot be read: No such file or directory" in said
    assert "Traceback" not in said


def check(folder: Path, *arguments: str, **more: str) -> tuple[int, str]:
    """The exit code of `aether check` and all that it said."""
    settings = environment(folder) | more
    done = warm_aether.run(["check", *arguments], settings, folder)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_data_folder_that_cannot_be_is_refused_by_its_setting(tmp_path: Path, command: str) -> None:
    settings = environment(tmp_path) | {"AETHER_DATA_DIR": "/proc/nope"}
    done = warm_aether.run([command], settings, tmp_path)

    assert done.returncode == 2
    assert "aether: data_dir: /proc/nope cannot be made or written" in done.stderr
    assert "AETHER_DATA_DIR" in done.stderr


def test_check_leaves_no_data_folder_behind(tmp_path: Path) -> None:
    check(tmp_path, AETHER_DATA_DIR=str(tmp_path / "a" / "b"))

    assert list(tmp_path.iterdir()) == []


def test_check_says_which_settings_file_it_read_or_that_it_read_none(tmp_path: Path) -> None:
    assert check(tmp_path)[1].startswith("no settings file: ./aether.yaml is not there, none was named\n")

    (tmp_path / "aether.yaml").write_text("mode: approve\n")
    (tmp_path / "other.yaml").write_text("mode: auto\n")

    assert check(tmp_path)[1].startswith("settings from aether.yaml\nmode approve")
    assert check(tmp_path, "--config", "other.yaml")[1].startswith("settings from other.yaml\nmode auto")
    assert check(tmp_path, AETHER_CONFIG="other.yaml")[1].startswith("settings from other.yaml\nmode auto")


def test_check_says_that_the_database_is_not_reached_and_nothing_of_its_password(tmp_path: Path) -> None:
    code, said = check(tmp_path, AETHER_DATABASE_URL="postgresql://aether:s3cret@127.0.0.1:1/aether")

    assert code == 3
    assert "database postgresql://aether@127.0.0.1:1/aether: NOT REACHED: " in said
    assert "s3cret" not in said


def test_check_says_that_an_executor_is_not_reached(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.sock"
    (tmp_path / "aether.yaml").write_text(
        f"targets: {{crm-api: {{executor: lab, service: crm}}}}\nlab: {{control_socket: {nowhere}}}\n"
    )

    code, said = check(tmp_path)

    assert code == 3
    assert "target crm-api: crm by executor lab: NOT REACHED: " in said
    assert "nowhere.sock" in said


async def test_check_says_that_an_executor_answers(tmp_path: Path) -> None:
    async with lab_server() as lab:
        (tmp_path / "aether.yaml").write_text(
            "targets: {crm-api: {executor: lab, service: crm}, other: {executor: lab, service: other}}\n"
            f"lab: {{control_socket: {lab.socket}}}\n"
        )
        _, said = await asyncio.to_thread(check, tmp_path)

    assert "target crm-api: crm by executor lab: answers\n" in said
    assert "target other: other by executor lab: NOT REACHED: the lab answered" in said


async def test_check_says_what_a_daemon_without_the_socket_proxy_cannot_do(tmp_path: Path) -> None:
    target = "{executor: docker, project: peakpro, service: crm, max: 3}"
    said = []
    async with docker_server() as daemon:
        (tmp_path / "aether.yaml").write_text(
            f"targets: {{crm-api: {target}}}\ndocker: {{host: 'unix://{daemon.socket}'}}\n"
        )
        for daemon.images in (None, [OLD], [NEW, OLD]):
            said.append((await asyncio.to_thread(check, tmp_path))[1])
        daemon.containers[0].aliases = ("prometheus",)
        said.append((await asyncio.to_thread(check, tmp_path))[1])

    crm = "target crm-api: crm by executor docker: "
    reason = "making containers needs `aether socket-proxy` at docker.host"
    assert all(f"{crm}answers\n" in each for each in said)
    assert f"{crm}more than 2 replicas are refused, 3 are its max: {reason}" in said[0]
    assert f"{crm}rollback is refused: {reason}" in said[0]
    assert f"{crm}rollback is refused: no other release is known to have run\n" in said[1]
    assert "is refused" not in said[2]
    assert "are refused" not in said[2]
    assert f"{crm}everything is refused: it is what the agent lives on (prometheus)\n" in said[3]


def test_a_database_that_is_none_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "aetherlink.db").write_bytes(b"these are only notes, and no database at all " * 50)

    code, said = refusal(environment(tmp_path), tmp_path)

    assert code == 1
    assert "aetherlink.db" in said
    assert "Traceback" not in said


def test_the_data_and_the_operators_token_are_for_the_owners_eyes_only(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    with serving(settings, tmp_path):
        wait_until_ready(settings)
        modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "data").iterdir()}

    assert set(modes) >= {"aetherlink.db", "aetherlink.db-wal", "aetherlink.db-shm", "operator.token"}
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    token = tmp_path / "data" / "operator.token"
    assert token.stat().st_mode & 0o777 == 0o600
    assert token.read_text().strip() not in (tmp_path / "log").read_text()
