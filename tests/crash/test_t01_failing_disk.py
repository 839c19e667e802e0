"""T01: what the disk did not take is answered 503 and never 2xx; when it takes again, so does the agent, by itself."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import httpx
import pytest

from rigs.agent_process import environment, is_ready, serving, wait_until, wait_until_ready
from rigs.failing_disk import failing, unsafe_commits
from rigs.honest_sender import webhook

MOST = 500  # webhooks until a fault has to have come and gone
FAULTS = {
    "the disk cannot sync": "fdatasync,fsync:error=EIO:when=20..40",
    "the disk is full": "pwrite64:error=ENOSPC:when=100..200",
}

pytestmark = pytest.mark.strace


def statuses(url: str, acknowledged: set[str]) -> Iterator[int]:
    """One webhook after the other, each with an alert of its own; those with 2xx are noted."""
    with httpx.Client(base_url=url) as client:
        for number in range(MOST):
            fingerprint = f"alert-{number}"
            answer = client.post("/alertmanager", content=webhook(fingerprint))
            if answer.is_success:
                acknowledged.add(fingerprint)
            yield answer.status_code


def seen_through(url: str, acknowledged: set[str]) -> list[int]:
    """The statuses until a fault has come and gone, each once for as long as it lasts."""
    changes: list[int] = []
    for status in statuses(url, acknowledged):
        if changes[-1:] != [status]:
            changes.append(status)
        if changes[-2:] == [503, 200]:
            break
    return changes


def stored(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [fingerprint for (fingerprint,) in connection.execute("SELECT fingerprint FROM alerts")]


@pytest.mark.parametrize("what", FAULTS)
def test_t01_what_is_not_durable_is_answered_503(tmp_path: Path, what: str) -> None:
    settings = environment(tmp_path)
    database = tmp_path / "data/aetherlink.db"
    acknowledged: set[str] = set()
    with serving(settings, tmp_path):  # tables are made without a fault: it is to hit webhooks
        wait_until_ready(settings)
    with serving(settings, tmp_path, under=failing(tmp_path / "trace", FAULTS[what])) as agent:
        wait_until_ready(settings)

        assert seen_through(f"http://{settings['AETHER_LISTEN']}", acknowledged) == [200, 503, 200]
        agent.kill()

    kept = stored(database)
    assert acknowledged - set(kept) == set()
    assert len(kept) == len(set(kept))
    traces = list(tmp_path.glob("trace.*"))
    assert any("INJECTED" in trace.read_text() for trace in traces)
    assert unsafe_commits(traces, database) == []


def test_the_witness_sees_a_commit_over_what_a_failed_sync_may_have_lost(tmp_path: Path) -> None:
    written = 'pwrite64(7</data/a.db-wal>, ""..., 4096, {}) = 4096'
    failed = "fdatasync(7</data/a.db-wal>)                   = -1 EIO (Input/output error) (INJECTED)"
    synced = "fdatasync(7</data/a.db-wal>)                   = 0"

    def unsafe(*calls: str, threads: int = 1) -> int:
        """The commits at fault where these calls came one after the other, the threads taking turns."""
        lines = [f"{time}.000001 {call}" for time, call in enumerate(calls, 9)]
        traces = [tmp_path / f"trace.{number}" for number in range(threads)]
        for number, trace in enumerate(traces):
            trace.write_text("\n".join(lines[number::threads]))
        return len(unsafe_commits(traces, Path("/data/a.db")))

    assert unsafe(written.format(32), failed, written.format(32), synced) == 0
    assert unsafe(written.format(32), failed, synced) == 0  # nothing was committed beyond it
    assert unsafe(written.format(32), failed, written.format(4128), synced) == 1
    beyond = [written.format(32), synced, written.format(4128), synced]  # by whichever thread
    assert unsafe(written.format(32), failed, *beyond, threads=3) == 0


@pytest.mark.long
@pytest.mark.timeout(2400)
@pytest.mark.parametrize(("calls", "error", "most"), [("fdatasync,fsync", "EIO", 60), ("pwrite64", "ENOSPC", 150)])
def test_t01_the_nth_call_fails(tmp_path: Path, calls: str, error: str, most: int) -> None:
    for n in range(1, most + 1):
        folder = tmp_path / str(n)
        folder.mkdir()
        fail_once(folder, f"{calls}:error={error}:when={n}")


def fail_once(folder: Path, fault: str) -> None:
    """One failure, wherever it strikes: at the start the agent says so and ends, later it answers 503 and goes on."""
    settings = environment(folder)
    acknowledged: set[str] = set()
    with serving(settings, folder, under=failing(folder / "trace", fault)) as agent:
        wait_until(lambda: agent.poll() is not None or is_ready(settings), "the agent is ready or gone")
        if agent.poll() is None:
            assert set(islice(statuses(f"http://{settings['AETHER_LISTEN']}", acknowledged), 40)) <= {200, 503}
        else:
            assert agent.returncode in (1, 2, 3), fault
    assert "Traceback" not in (folder / "log").read_text(), fault
    with serving(settings, folder):
        wait_until_ready(settings)
    kept = stored(folder / "data/aetherlink.db")
    assert acknowledged - set(kept) == set(), fault
    assert len(kept) == len(set(kept)), fault
