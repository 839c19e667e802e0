"""Whatever is asked, the daemon hears only what stands in a second, shorter writing of the table."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from aetherlink.errors import BadRequestError, ForbiddenError
from aetherlink.socketproxy import rights
from aetherlink.socketproxy.http_request import Request

ALLOWED = re.compile(
    r"GET (/v1\.\d{1,3})?/(_ping|version|events|containers/json|containers/\w[\w.-]*/json"
    r"|images/(sha256:)?[0-9a-f]{12,64}/json)"
    r"|POST (/v1\.\d{1,3})?/containers/\w[\w.-]*/(restart|stop|start|update)"
    r"|POST /aether/v1/(containers/[0-9a-f]{64}/replace|services/\w[\w.-]*/\w[\w.-]*/replicas)",
    re.ASCII,
)
QUERIES = {"all", "limit", "size", "trunc_cmd", "filters", "since", "until", "t"}

WORDS = st.sampled_from(
    [
        *("/", "//", "..", ".", "%2e", "%2f", "%00", "?", "&", "=", "#", ";", "\\", "v1.41", "/v1.41", "aether", "v1"),
        *("containers", "images", "json", "prune", "kill", "exec", "create", "restart", "stop", "start", "update"),
        *("events", "_ping", "version", "replace", "services", "replicas", "a" * 64, "sha256:" + "1" * 64, "api"),
        *("t", "1", "signal", "filters", "all", "size", "archive", "build", "\n", "\r\n", " ", "é", "\N{KELVIN SIGN}"),
    ]
)
TARGETS = st.builds("/{}".format, st.lists(WORDS, max_size=12).map("".join) | st.text(max_size=60))
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "get", "GET ", ""])
BODIES = st.sampled_from([b"", b"{}", b"[]", b'{"add": 1}', b'{"Memory": 268435456}', b'{"image": "x"}'])
GOOD = st.sampled_from(
    ["/_ping", "/containers/json", "/containers/api/restart", "/v1.41/containers/api/stop", "/events", "/version"]
)
MUTATED = st.builds(
    lambda path, at, put: path[: at % len(path)] + put + path[at % len(path) :], GOOD, st.integers(0, 60), WORDS
)


@given(method=METHODS, target=TARGETS | MUTATED, body=BODIES)
@settings(max_examples=3000, deadline=None)
def test_what_is_matched_is_in_the_table(method: str, target: str, body: bytes) -> None:
    try:
        call = rights.match(Request(method, target, is_newer=True, body=body))
    except (ForbiddenError, BadRequestError):
        return

    assert ALLOWED.fullmatch(f"{method} {call.version}{call.path}")
    assert call.query.keys() <= QUERIES
    path, _, query = call.target().partition("?")
    assert path == target.partition("?")[0]
    assert re.fullmatch(r"[A-Za-z0-9_.=&%+-]*", query)


@given(path=GOOD)
def test_the_fuzz_reaches_what_is_allowed(path: str) -> None:
    method = "POST" if path.endswith(("restart", "stop")) else "GET"

    assert rights.match(Request(method, path, is_newer=True)).path in path
