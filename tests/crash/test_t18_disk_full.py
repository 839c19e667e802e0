"""T18: on a full disk alerts are answered 503, the agent lives, and soon after there is room it takes them again."""

import fcntl
import os
import resource
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import Popen

import httpx
import pytest

from rigs.agent_process import environment, serving, wait_until, wait_until_ready
from rigs.failing_disk import filled, inside, on_small_disk
from rigs.honest_sender import webhook
from rigs.vitals import MIB

DATABASE = "aetherlink.db"
RECOVERED = 10  # seconds, as promised
ANSWERED = 2  # seconds, even while nothing can be written
LONG_HOLD = 60
ALARM = "the disk of data_dir is nearly full"
LOOKED_AGAIN = 40  # seconds: a look every half minute


class Sender:
    """Posts one alert after the other, and remembers which were taken."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=ANSWERED)
        self._number = 0
        self.acknowledged: set[str] = set()

    def post(self, *, alerts: int = 1) -> int:
        self._number += 1
        fingerprints = [f"alert-{self._number}-{place}" for place in range(alerts)]
        answer = self._client.post("/alertmanager", content=webhook(*fingerprints))
        if answer.is_success:
            self.acknowledged.update(fingerprints)
        return answer.status_code

    def wait_for(self, status: int, *, within: float) -> None:
        """Posts until it is answered so."""
        wait_until(lambda: self.post() == status, f"an answer {status}", seconds=within)

    def statuses_for(self, seconds: float) -> set[int]:
        end = time.monotonic() + seconds
        statuses = set()
        while time.monotonic() < end:
            statuses.add(self.post())
        return statuses

    def close(self) -> None:
        self._client.close()


@contextmanager
def sending(settings: dict[str, str]) -> Iterator[Sender]:
    wait_until_ready(settings)
    with closing(Sender(f"http://{settings['AETHER_LISTEN']}")) as sender:
        yield sender


def wait_for_alarm(settings: dict[str, str], status: str) -> None:
    """Until the API lists the incident of the disk so, and no other of the agent's own."""
    url = f"http://{settings['AETHER_LISTEN']}/api/v1/incidents?service=aetherlink"

    def is_listed() -> bool:
        items = httpx.get(url, timeout=ANSWERED).raise_for_status().json()["items"]
        return [(item["title"], item["status"]) for item in items] == [(ALARM, status)]

    wait_until(is_listed, f"the alarm is {status}", seconds=LOOKED_AGAIN)


def check_nothing_is_lost(agent: Popen[str], data: Path, copied: Path, acknowledged: set[str]) -> None:
    """On a copy of the files as they stand: SQLite itself cannot open what only the agent sees mounted."""
    copied.mkdir()
    agent.send_signal(signal.SIGSTOP)
    for file in data.glob(f"{DATABASE}*"):
        if not file.name.endswith("-shm"):
            shutil.copy(file, copied)
    agent.send_signal(signal.SIGCONT)
    with closing(sqlite3.connect(copied / DATABASE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        kept = [fingerprint for (fingerprint,) in connection.execute("SELECT fingerprint FROM alerts")]
    assert acknowledged - set(kept) == set()
    assert len(kept) == len(set(kept))


def fill_hold_and_free(folder: Path, *, megabytes: int, hold: float) -> None:
    settings = environment(folder)
    data = folder / "data"
    data.mkdir(mode=0o700)
    with serving(settings, folder, under=on_small_disk(data, megabytes)) as agent, sending(settings) as sender:
        disk = inside(agent.pid, data)
        wait_for_alarm(settings, "open")
        assert sender.post() == 200
        with filled(disk):
            sender.wait_for(503, within=60)
            assert sender.statuses_for(hold) <= {200, 503}
            assert agent.poll() is None
            wait_for_alarm(settings, "open")
        sender.wait_for(200, within=RECOVERED)
        check_nothing_is_lost(agent, disk, folder / "copied", sender.acknowledged)


@pytest.mark.mounts
def test_t18_a_full_disk_under_the_data(tmp_path: Path) -> None:
    fill_hold_and_free(tmp_path, megabytes=8, hold=0.5)


@pytest.mark.mounts
@pytest.mark.long
@pytest.mark.timeout(300)
def test_t18_a_full_disk_under_the_data_for_a_minute(tmp_path: Path) -> None:
    fill_hold_and_free(tmp_path, megabytes=64, hold=LONG_HOLD)


@pytest.mark.mounts
@pytest.mark.long
@pytest.mark.timeout(300)
def test_t18_the_alarm_comes_before_the_disk_is_full_and_goes_with_it(tmp_path: Path) -> None:
    settings = environment(tmp_path) | {"AETHER_RETENTION__LOW_DISK_BYTES": str(32 * MIB)}
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    with serving(settings, tmp_path, under=on_small_disk(data, 64)) as agent, sending(settings) as sender:
        disk = inside(agent.pid, data)
        most = disk / "most"
        most.write_bytes(bytes(40 * MIB))
        wait_for_alarm(settings, "open")
        assert sender.post() == 200
        with filled(disk):
            sender.wait_for(503, within=60)
        most.unlink()
        sender.wait_for(200, within=RECOVERED)
        wait_for_alarm(settings, "resolved")


@pytest.mark.mounts
@pytest.mark.long
@pytest.mark.timeout(300)
def test_t18_a_full_disk_under_the_logs(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    logs = tmp_path / "logs"
    logs.mkdir()
    small = on_small_disk(logs, 64, log=logs / "log")
    with serving(settings, tmp_path, under=small) as agent, sending(settings) as sender:
        with filled(inside(agent.pid, logs)):
            assert sender.statuses_for(LONG_HOLD) == {200}
        before = inside(agent.pid, logs / "log").stat().st_size

        assert sender.post() == 200
        wait_until(lambda: inside(agent.pid, logs / "log").stat().st_size > before, "the log goes on")
        check_nothing_is_lost(agent, tmp_path / "data", tmp_path / "copied", sender.acknowledged)


def test_t18_a_log_that_takes_nothing_stops_nothing(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    with serving(settings, tmp_path, log=Path("/dev/full")) as agent, sending(settings) as sender:
        assert sender.statuses_for(0.5) == {200}
        assert agent.poll() is None


def test_t18_a_log_that_nobody_reads_stops_nothing(tmp_path: Path) -> None:
    """As when a full disk has stopped the program that should read the log."""
    settings = environment(tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with serving(settings, tmp_path, log=pipe) as agent, sending(settings) as sender:
            lines = 2 * fcntl.fcntl(reading, fcntl.F_GETPIPE_SZ) // len("ALERT: Honest | severity=warning")
            while len(sender.acknowledged) < lines:
                assert sender.post(alerts=100) == 200
            assert agent.poll() is None
    finally:
        os.close(reading)


def test_t18_files_that_may_not_grow(tmp_path: Path) -> None:
    """A quota of the process, which needs no right: data and log fail together."""
    settings = environment(tmp_path)
    with serving(settings, tmp_path) as agent, sending(settings) as sender:
        assert sender.post() == 200
        soft, hard = resource.prlimit(agent.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (4096, hard))

        sender.wait_for(503, within=10)
        assert sender.statuses_for(0.5) <= {200, 503}
        assert agent.poll() is None

        resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (soft, hard))
        sender.wait_for(200, within=RECOVERED)
        check_nothing_is_lost(agent, tmp_path / "data", tmp_path / "copied", sender.acknowledged)
