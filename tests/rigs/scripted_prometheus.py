"""A Prometheus that answers every instant query with one sample, or with nothing, as the test says at the moment."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote_plus

from aetherlink.probes.expression import PART

_PART = re.compile(rf'"{PART}",\s+"([^"]+)",\s+"",\s+""')  # each part of the one query that a probe asks


@dataclass
class ScriptedPrometheus:
    """`holds` decides whether a query has a sample at all. Its samples are of now, and a second apart."""

    holds: bool = True
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, query: str) -> dict[str, object]:
        """The answer to one query."""
        self.asked.append(query)
        now = time.time()
        parts: list[str] = _PART.findall(unquote_plus(query))
        values = {part: "1" if part.startswith(("value", "spacing-")) else f"{now}" for part in parts}
        if not self.holds:
            values.pop("value", None)
        result = [{"metric": {PART: part}, "value": [now, value]} for part, value in values.items()]
        return {"status": "success", "data": {"resultType": "vector", "result": result}}


@contextmanager
def scripted_prometheus() -> Iterator[ScriptedPrometheus]:
    """One that listens until the block ends."""
    script = ScriptedPrometheus()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply(self.path)

        def do_POST(self) -> None:
            self._reply(self.rfile.read(int(self.headers.get("content-length", 0))).decode())

        def _reply(self, query: str) -> None:
            body = json.dumps(script.answer(query)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
