"""Senders that behave like Alertmanager: distinct alerts, each sent again and again until it is answered with 2xx."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg

from rigs.agent_process import wait_until

SENDERS = 8
_PAUSE = 0.02  # after a refusal: eight senders that never pause would starve the machine


@dataclass
class Load:
    """What the senders saw. Their log is the oracle: whatever they were told is stored has to be stored, once."""

    prefix: str
    unanswered: list[str] = field(default_factory=list)
    """What nobody has answered yet; sent before anything new."""
    acknowledged: set[str] = field(default_factory=set)
    statuses: set[int] = field(default_factory=set)
    refused: int = 0
    longest_refusal: float = 0.0
    """Seconds from the request to its 503."""
    _is_over: bool = False
    _is_dead: bool = False

    async def send(self, client: httpx.AsyncClient, number: int) -> None:
        """One sender, until the load ends or the agent is dead."""
        count = 0
        while not self._is_over and not self._is_dead:
            count += 1
            await self._deliver(client, self.unanswered.pop() if self.unanswered else f"{self.prefix}-{number}-{count}")

    async def _deliver(self, client: httpx.AsyncClient, fingerprint: str) -> None:
        alert = {
            "status": "firing",
            "labels": {"alertname": "Load", "service": f"service-{hash(fingerprint) % 10}", "of": fingerprint},
            "startsAt": "2026-01-01T12:00:00Z",
            "fingerprint": fingerprint,
        }
        while not self._is_over:
            begun = time.monotonic()
            try:
                answer = await client.post("/alertmanager", json={"alerts": [alert]})
            except httpx.TransportError:
                self._is_dead = True
                self.unanswered.append(fingerprint)
                return
            self.statuses.add(answer.status_code)
            if answer.is_success:
                self.acknowledged.add(fingerprint)
                return
            self.refused += 1
            self.longest_refusal = max(self.longest_refusal, time.monotonic() - begun)
            await asyncio.sleep(_PAUSE)
        self.unanswered.append(fingerprint)

    def stop(self) -> None:
        """Each sender ends after the answer that it waits for."""
        self._is_over = True

    async def acknowledges(self, more: int = 20) -> None:
        """Until that many more alerts are acknowledged."""
        before = len(self.acknowledged)
        await asyncio.to_thread(
            wait_until,
            lambda: len(self.acknowledged) >= before + more,
            "alerts are acknowledged",
            seconds=5,  # as promised
        )

    async def is_refused(self, more: int = 20) -> None:
        """Until that many more requests are refused."""
        before = self.refused
        await asyncio.to_thread(wait_until, lambda: self.refused >= before + more, "alerts are refused", seconds=5)


@asynccontextmanager
async def sending(url: str, prefix: str, *, again: list[str] | None = None) -> AsyncIterator[Load]:
    """Senders at work until the end of the block; `again` is what an earlier load was not answered."""
    load = Load(prefix, again or [])
    async with httpx.AsyncClient(base_url=url, timeout=30) as client, asyncio.TaskGroup() as senders:
        for number in range(SENDERS):
            senders.create_task(load.send(client, number))
        try:
            yield load
        finally:
            load.stop()


def stored(database: Path | str) -> list[str]:
    """The fingerprints in an SQLite file, or in the PostgreSQL database of this address."""
    question = "SELECT fingerprint FROM alerts"
    if isinstance(database, Path):
        with closing(sqlite3.connect(database)) as file:
            return [fingerprint for (fingerprint,) in file.execute(question)]
    with psycopg.connect(database) as connection:
        return [fingerprint for (fingerprint,) in connection.execute(question)]


def check_nothing_lost_or_doubled(acknowledged: set[str], database: Path | str) -> None:
    """Every acknowledged alert is stored, and each that is stored is there once."""
    kept = stored(database)
    assert acknowledged - set(kept) == set()
    assert len(kept) == len(set(kept))
