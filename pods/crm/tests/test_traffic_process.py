"""The generator as a process, against a real CRM and against a server that never answers."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

Launch = Callable[..., Any]


class SilentServer:
    """Takes every connection and never answers."""

    def __init__(self) -> None:
        self.arrivals: list[float] = []
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._visitors: list[socket.socket] = []
        self._is_open = True
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def _take(self) -> None:
        while True:
            visitor, _ = self._socket.accept()
            if not self._is_open:
                visitor.close()
                return
            self.arrivals.append(time.monotonic())
            self._visitors.append(visitor)

    def heard(self, count: int, *, within: float = 15) -> list[float]:
        """When they came, once there are so many: whoever knocked is taken a moment later."""
        deadline = time.monotonic() + within
        while len(self.arrivals) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return list(self.arrivals)

    def close(self) -> None:
        self._is_open = False
        socket.create_connection(self._socket.getsockname()).close()
        self._thread.join()
        for visitor in (*self._visitors, self._socket):
            visitor.close()


@pytest.fixture
def silent() -> Iterator[SilentServer]:
    server = SilentServer()
    yield server
    server.close()


def last_row(traffic: Any) -> list[str]:
    row: list[str] = traffic.log.read_text().splitlines()[-1].split()
    return row


def test_the_rate_is_kept_while_the_server_hangs(launch: Launch, silent: SilentServer) -> None:
    traffic = launch(
        "traffic",
        {
            "CRM_TRAFFIC_URL": silent.url,
            "CRM_TRAFFIC_RATE": "50",
            "CRM_TRAFFIC_DURATION_SECONDS": "2",
            "CRM_TRAFFIC_TIMEOUT_SECONDS": "4",
        },
    )
    assert traffic.popen.wait(30) == 0

    assert last_row(traffic)[:8] == ["all", "100", "0", "0", "0", "100", "0", "0"]
    arrivals = silent.heard(100)
    assert len(arrivals) == 100
    assert 1 < arrivals[-1] - arrivals[0] < 4  # spread out, and the last one came before the first one had an end


def test_what_exceeds_the_bound_is_dropped_and_counted(launch: Launch, silent: SilentServer) -> None:
    traffic = launch(
        "traffic",
        {
            "CRM_TRAFFIC_URL": silent.url,
            "CRM_TRAFFIC_RATE": "200",
            "CRM_TRAFFIC_DURATION_SECONDS": "0.5",
            "CRM_TRAFFIC_TIMEOUT_SECONDS": "1",
            "CRM_TRAFFIC_MAX_IN_FLIGHT": "10",
        },
    )
    assert traffic.popen.wait(20) == 0

    assert last_row(traffic)[:8] == ["all", "10", "0", "0", "0", "10", "0", "90"]


def test_a_signal_stops_it_cleanly_with_the_summary(launch: Launch, silent: SilentServer) -> None:
    traffic = launch("traffic", {"CRM_TRAFFIC_URL": silent.url, "CRM_TRAFFIC_REPORT_SECONDS": "0.3"})
    traffic.wrote("in flight")

    started = time.monotonic()
    assert traffic.stop() == 0

    assert time.monotonic() - started < 3
    _, sent, *ends = last_row(traffic)[:8]
    assert int(sent) == sum(int(count) for count in ends) > 0


def test_a_server_that_is_not_there_is_an_error_not_an_end(launch: Launch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    traffic = launch("traffic", {"CRM_TRAFFIC_URL": url, "CRM_TRAFFIC_DURATION_SECONDS": "0.5"})

    assert traffic.popen.wait(15) == 0
    assert last_row(traffic)[:8] == ["all", "10", "0", "0", "0", "10", "0", "0"]
