"""A page of somebody else: another port of this machine, which to a browser is another origin on the same site.

Its script tries to change something at an agent in every way that a page has, with the cookie of whoever looks at it.
"""

import http.server
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_SCRIPT = """
const tried = [];
const bodies = {
  'application/json': '{"reason":"x","text":"x","scope":"all","plan_hash":"HASH","action":"restart_api","alerts":[]}',
  'text/plain': '{"reason":"x","text":"x","scope":"all","plan_hash":"HASH","action":"restart_api","alerts":[]}',
  'application/x-www-form-urlencoded': 'reason=x&text=x&plan_hash=HASH&scope=all',
};
async function send(url, method, mode, credentials, type) {
  const body = method === 'GET' ? undefined : bodies[type];
  try {
    const answer = await fetch(url, {method, mode, credentials, body, headers: {'content-type': type}});
    tried.push([method, url, answer.type, answer.status]);
  } catch (error) {
    tried.push([method, url, 'failed', 0]);
  }
}
async function byFetch(routes) {
  for (const [method, url] of routes)
    for (const credentials of ['include', 'omit'])
      for (const type of Object.keys(bodies)) {
        if (method === 'POST' || method === 'GET') await send(url, method, 'no-cors', credentials, type);
        await send(url, method, 'cors', credentials, type);
      }
}
async function byForm(routes) {
  for (const [method, url] of routes.filter(([method]) => method === 'POST'))
    for (const enctype of ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data']) {
      const frame = document.createElement('iframe');
      frame.name = `frame${tried.length}`;
      document.body.append(frame);
      const form = Object.assign(document.createElement('form'), {method, action: url, target: frame.name, enctype});
      for (const [name, value] of new URLSearchParams(bodies['application/x-www-form-urlencoded']))
        form.append(Object.assign(document.createElement('input'), {name, value}));
      document.body.append(form);
      const ended = new Promise(resolve => { frame.onload = resolve; setTimeout(resolve, 1000); });
      form.submit();
      await ended;
      frame.remove();
      form.remove();
      tried.push([method, url, 'form', 0]);
    }
}
async function byStream(home) {
  const stream = new EventSource(`${home}/api/v1/stream`, {withCredentials: true});
  await new Promise(resolve => { stream.onerror = resolve; stream.onopen = resolve; setTimeout(resolve, 3000); });
  tried.push(['GET', 'EventSource', stream.readyState === 1 ? 'open' : 'failed', 0]);
  stream.close();
  const socket = new WebSocket(`${home.replace('http', 'ws')}/api/v1/stream`);
  await new Promise(resolve => { socket.onerror = resolve; socket.onopen = resolve; setTimeout(resolve, 3000); });
  tried.push(['GET', 'WebSocket', socket.readyState === 1 ? 'open' : 'failed', 0]);
}
"""
_FROM_NOWHERE = """
addEventListener('message', async event => {
  await byFetch(event.data);
  await byForm(event.data);
  parent.postMessage(tried, '*');
});
"""


def script(routes: Sequence[tuple[str, str]], home: str, plan_hash: str, *, from_nowhere: bool) -> str:
    """What the page runs: all ways for all routes. `from_nowhere`: out of a sandbox, whose origin is `null`."""
    asked = json.dumps([[method, home + path] for method, path in routes])
    common = _SCRIPT.replace("HASH", plan_hash)
    if not from_nowhere:
        ways = f"byFetch({asked}).then(() => byForm({asked})).then(() => byStream({json.dumps(home)}))"
        return f"{common}; {ways}.then(() => window.tried = tried)"
    inner = json.dumps(f"<body><script>{common}{_FROM_NOWHERE}<\\/script>").replace("<\\\\/", "<\\/")
    return f"""
        new Promise(resolve => {{
            const frame = document.createElement('iframe');
            frame.sandbox = 'allow-scripts allow-forms';
            frame.srcdoc = {inner};
            frame.onload = () => frame.contentWindow.postMessage({asked}, '*');
            addEventListener('message', event => resolve(window.tried = event.data));
            document.body.append(frame);
        }})
    """


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<!doctype html><title>Somebody else</title><body>"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def foreign_page() -> Iterator[str]:
    """Its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
