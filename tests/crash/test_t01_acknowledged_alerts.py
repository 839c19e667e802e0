"""T01: an alert that was answered with 2xx survives kill -9, and is there once."""

import asyncio
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from rigs.agent_process import environment, serving, wait_until_ready

SENDERS = 8


async def send_until_it_dies(url: str, kill: Callable[[], None], *, prefix: str, after: float) -> set[str]:
    """Post distinct alerts from several senders, kill the agent in the midst; the fingerprints that were answered."""
    acknowledged: set[str] = set()

    async def sender(client: httpx.AsyncClient, number: int) -> None:
        for count in range(100_000):
            fingerprint = f"{prefix}-{number}-{count}"
            alert = {
                "status": "firing",
                "labels": {"alertname": "T01", "service": f"service-{count % 10}"},
                "startsAt": "2026-01-01T12:00:00Z",
                "fingerprint": fingerprint,
            }
            try:
                answer = await client.post("/alertmanager", json={"alerts": [alert]})
            except httpx.TransportError:
                return
            if answer.is_success:
                acknowledged.add(fingerprint)

    async with httpx.AsyncClient(base_url=url) as client:
        senders = [asyncio.create_task(sender(client, number)) for number in range(SENDERS)]
        await asyncio.sleep(after)
        kill()
        await asyncio.gather(*senders)
    return acknowledged


def stored(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [fingerprint for (fingerprint,) in connection.execute("SELECT fingerprint FROM alerts")]


def kill_again_and_again(folder: Path, kills: int) -> None:
    settings = environment(folder)
    database = folder / "data" / "aetherlink.db"
    acknowledged: set[str] = set()
    for number in range(kills):
        with serving(settings, folder) as agent:
            wait_until_ready(settings)
            answered = send_until_it_dies(
                f"http://{settings['AETHER_LISTEN']}",
                agent.kill,
                prefix=f"kill-{number}",
                after=random.uniform(0.05, 0.6),  # pytest-randomly seeds it, and prints the seed
            )
            acknowledged |= asyncio.run(answered)
        kept = stored(database)
        assert acknowledged - set(kept) == set(), f"lost after kill {number + 1}"
        assert len(kept) == len(set(kept))
    assert len(acknowledged) > kills


def test_t01_no_acknowledged_alert_is_lost_in_a_few_kills(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, kills=4)


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_t01_no_acknowledged_alert_is_lost_in_200_kills(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, kills=200)
