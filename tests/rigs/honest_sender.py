"""Honest traffic: one small webhook after the other, each over a connection of its own, again until it is taken."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from time import monotonic

import httpx

PAUSE = 0.05


def webhook(*fingerprints: str, service: str = "honest", **more: object) -> bytes:
    """The body that reports these alerts as firing."""
    alerts = [
        {
            "status": "firing",
            "labels": {"alertname": "Honest", "service": service},
            "startsAt": "2026-01-01T12:00:00Z",
            "fingerprint": fingerprint,
            **more,
        }
        for fingerprint in fingerprints
    ]
    return json.dumps({"version": "4", "alerts": alerts}).encode()


class HonestSender(threading.Thread):
    """Sends until it is told that it is over, and sees the last one through."""

    def __init__(self, url: str) -> None:
        super().__init__(name="honest-sender")
        self._url = url
        self._is_over = threading.Event()
        self.acknowledged: list[str] = []
        self.seconds: list[float] = []  # of each, from its first try

    @property
    def p99(self) -> float:
        """The time within which 99 of 100 were taken."""
        return sorted(self.seconds)[int(0.99 * len(self.seconds))]

    def stop(self) -> None:
        """It is over. Returns when the last one is taken."""
        self._is_over.set()
        self.join()

    def run(self) -> None:
        """Send."""
        for number in count():
            fingerprint = f"honest-{number}"
            begun = monotonic()
            while not self._is_taken(fingerprint):
                self._is_over.wait(PAUSE)
            self.seconds.append(monotonic() - begun)
            self.acknowledged.append(fingerprint)
            if self._is_over.wait(PAUSE):
                return

    def _is_taken(self, fingerprint: str) -> bool:
        try:
            return httpx.post(f"{self._url}/alertmanager", content=webhook(fingerprint), timeout=10).is_success
        except httpx.TransportError:
            return False


@contextmanager
def honest_sender(url: str) -> Iterator[HonestSender]:
    """Sends until the block ends."""
    sender = HonestSender(url)
    sender.start()
    try:
        yield sender
    finally:
        sender.stop()
