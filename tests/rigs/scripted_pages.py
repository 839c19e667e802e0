"""An HTTP service whose pages a test writes: by path, each with a status and a body; what it has not it answers 404."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class ScriptedPages:
    """`pages` are what it answers, `queries` its instant queries by their PromQL; `date` is what its clock says."""

    pages: dict[str, tuple[int, object]] = field(default_factory=dict)
    queries: dict[str, object] = field(default_factory=dict)
    date: float | None = None
    heard: list[tuple[str, str, bytes]] = field(default_factory=list)
    url: str = ""

    def says(self, path: str, body: object, *, status: int = 200) -> None:
        self.pages[path] = (status, body)

    def holds(self, query: str, *samples: tuple[Mapping[str, str], float]) -> None:
        """The query is answered with a vector of these."""
        found = [{"metric": dict(labels), "value": [1.0, str(value)]} for labels, value in samples]
        self.queries[query] = {"status": "success", "data": {"resultType": "vector", "result": found}}

    def answer(self, path: str, body: bytes) -> tuple[int, object]:
        if path == "/api/v1/query":
            query = parse_qs(body.decode())["query"][0]
            empty = {"status": "success", "data": {"resultType": "vector", "result": []}}
            return 200, self.queries.get(query, empty)
        return self.pages.get(path, (404, "404 page not found"))


@contextmanager
def scripted_pages() -> Iterator[ScriptedPages]:
    """One that listens until the block ends. It is ready, as Prometheus and Alertmanager say it."""
    script = ScriptedPages()
    script.says("/-/ready", "ready")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def do_DELETE(self) -> None:
            self._reply()

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(script.date if timestamp is None else timestamp, usegmt=True)

        def _reply(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length", 0)))
            path = urlsplit(self.path).path
            script.heard.append((self.command, self.path, sent))
            status, body = script.answer(path, sent)
            text = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
