"""T12: who may call what: every route of the API against every kind of caller, over real HTTP; what shows no secret."""

import base64
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute

from aetherlink.access.digests import new_secret
from aetherlink.access.options import AuthMode, AuthOptions
from aetherlink.api.registry import ROUTERS
from aetherlink.console import registry as pages
from aetherlink.web.services import ApiServices

# Callers by name: the token they send, and headers beside it.
CALLERS: dict[str, tuple[str | None, dict[str, str]]] = {
    "local": (None, {}),
    "local by name": (None, {"Host": "localhost:8088"}),
    "foreign host": (None, {"Host": "agent.example:8088"}),
    "proxied": (None, {"X-Forwarded-For": "203.0.113.9"}),
    "proxied in the new way": (None, {"Forwarded": "for=203.0.113.9"}),
    "proxied by nginx": (None, {"X-Real-IP": "203.0.113.9"}),
    "behind a cache": (None, {"Via": "1.1 cache"}),
    "a foreign page": (None, {"Origin": "http://evil.example"}),
    "webhook token": ("webhook", {}),
    "read token": ("read", {}),
    "operate token": ("operate", {}),
    "approve token": ("approve", {}),
    "admin token": ("admin", {}),
    "operator": ("operator", {}),
    "proxied operator": ("operator", {"X-Forwarded-For": "203.0.113.9", "Host": "agent.example"}),
    "unknown token": ("unknown", {}),
    "revoked token": ("revoked", {}),
}
NO_STREAM = {"Last-Event-ID": "none"}  # no number: who is let in there hears that, and not a stream without an end
EVERYBODY = frozenset(CALLERS)
ADMINS = frozenset({"admin token", "operator", "proxied operator"})
HERE = frozenset({"local", "local by name"})
READERS = ADMINS | HERE | {"read token"}

ADMITTED: dict[str, frozenset[str]] = {
    "GET /health": EVERYBODY,
    "GET /metrics": EVERYBODY,
    "GET /livez": EVERYBODY,
    "GET /readyz": EVERYBODY,
    "POST /slack/interactions": EVERYBODY,  # its signature is asked for: tests/unit/slackdoor
    "POST /query": READERS,
    "POST /act": ADMINS | HERE | {"operate token"},
    "POST /alertmanager": ADMINS | HERE | {"webhook token"},
    "GET /alertmanager": EVERYBODY,  # to be told 405
    "PUT /alertmanager": EVERYBODY,
    "PATCH /alertmanager": EVERYBODY,
    "DELETE /alertmanager": EVERYBODY,
    "HEAD /alertmanager": EVERYBODY,
    "GET /api/v1/alerts": READERS,
    "GET /api/v1/incidents": READERS,
    "GET /api/v1/incidents/{incident_id}": READERS,
    "GET /api/v1/incidents/{incident_id}/timeline": READERS,
    "POST /api/v1/incidents/{incident_id}/notes": ADMINS | {"operate token"},
    "POST /api/v1/incidents/{incident_id}/ack": ADMINS | {"operate token"},
    "POST /api/v1/incidents/{incident_id}/close": ADMINS | {"operate token"},
    "GET /api/v1/actions": READERS,
    "GET /api/v1/actions/{action_id}": READERS,
    "POST /api/v1/actions/{action_id}/approve": ADMINS | {"approve token"},
    "POST /api/v1/actions/{action_id}/deny": ADMINS | {"approve token"},
    "POST /api/v1/actions/{action_id}/cancel": ADMINS | {"operate token"},
    "POST /api/v1/actions/{action_id}/wrong": ADMINS | {"approve token"},
    "GET /api/v1/brakes": READERS,
    "DELETE /api/v1/brakes/{scope}": ADMINS | {"approve token"},
    "GET /api/v1/deliveries": READERS,
    "POST /api/v1/deliveries/{subject}/{channel}/resend": ADMINS | {"operate token"},
    "GET /api/v1/channels": READERS,
    "POST /api/v1/channels/{channel}/test": ADMINS | {"operate token"},
    "GET /api/v1/audit": READERS,
    "GET /api/v1/playbooks": READERS,
    "PUT /api/v1/playbooks/{name}/promotion": ADMINS,
    "DELETE /api/v1/playbooks/{name}/promotion": ADMINS | {"approve token"},
    "GET /api/v1/report": READERS,
    "GET /api/v1/stream": READERS,
    "GET /api/v1/health": READERS,
    "GET /api/v1/health/history": READERS,
    "GET /api/v1/ledger": READERS,
    "GET /api/v1/pause": READERS,
    "POST /api/v1/pause": ADMINS | {"operate token"},
    "DELETE /api/v1/pause": ADMINS,
    "POST /api/v1/tokens": ADMINS,
    "GET /api/v1/tokens": ADMINS,
    "DELETE /api/v1/tokens/{token_id}": ADMINS,
    "GET /": READERS,
    "HEAD /": READERS,
    "GET /incidents": READERS,
    "HEAD /incidents": READERS,
    "GET /incidents/": READERS,
    "HEAD /incidents/": READERS,
    "GET /incidents/{incident_id}": READERS,
    "HEAD /incidents/{incident_id}": READERS,
    "GET /assets/{name}": EVERYBODY,
    "HEAD /assets/{name}": EVERYBODY,
    "GET /docs": READERS,
    "GET /docs/assets/{name}": READERS,
    "GET /openapi.json": READERS,
}


def routes(services: ApiServices) -> Iterator[str]:
    for router in (*ROUTERS, *pages.ROUTERS):
        for route in router(services).routes:
            assert isinstance(route, APIRoute)
            yield from (f"{method} {route.path}" for method in route.methods)


def admitted(agent, route: str) -> frozenset[str]:
    method, path = route.split(" ")
    answers = {
        name: agent.call(method, path, token=token, headers={**NO_STREAM, **more})
        for name, (token, more) in CALLERS.items()
    }
    assert {answer.status_code for answer in answers.values()} & set(range(500, 600)) == set()
    return frozenset(name for name, answer in answers.items() if answer.status_code not in (401, 403))


def test_t12_every_route_has_a_row(agent) -> None:
    assert set(routes(agent.services)) | {"POST /alertmanager"} == set(ADMITTED)


@pytest.mark.parametrize("route", ADMITTED)
def test_t12_the_route_admits_exactly(agent, route: str) -> None:
    assert admitted(agent, route) == ADMITTED[route]


@pytest.mark.parametrize("route", ADMITTED)
def test_t12_in_mode_token_the_place_gives_nothing(start_agent, route: str) -> None:
    agent = start_agent(auth=AuthOptions(mode=AuthMode.TOKEN))

    expected = ADMITTED[route] if ADMITTED[route] == EVERYBODY else ADMITTED[route] - HERE
    assert admitted(agent, route) == expected


@pytest.mark.parametrize("mode", AuthMode)
def test_a_trusted_network_has_what_this_machine_has_and_a_foreign_host_has_not(start_agent, mode: AuthMode) -> None:
    agent = start_agent(auth=AuthOptions(mode=mode, trusted_networks=["127.0.0.0/8"]))

    assert admitted(agent, "GET /api/v1/alerts") == READERS
    assert admitted(agent, "POST /act") == ADMITTED["POST /act"]
    assert admitted(agent, "POST /api/v1/tokens") == ADMINS


def test_a_token_without_the_scope_is_403_and_everything_else_401(agent) -> None:
    assert agent.call("GET", "/api/v1/alerts", token="webhook").status_code == 403
    for name in ("unknown", "revoked"):
        answer = agent.call("GET", "/api/v1/alerts", token=name)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="aetherlink"')
    stranger = agent.call("GET", "/api/v1/alerts", headers={"Via": "1.1 cache"})
    assert stranger.status_code == 401
    assert "send `Authorization: Bearer TOKEN`" in stranger.json()["detail"]


@pytest.mark.parametrize("value", ["Basic YTpi", "Bearer", "Bearer a b", "aek_nothing", "Bearer \x80"])
def test_an_authorization_header_that_is_no_bearer_token_is_401_even_here(agent, value: str) -> None:
    answer = agent.call("GET", "/api/v1/alerts", headers={b"Authorization": value.encode("latin-1")})

    assert answer.status_code == 401


def basic(secret: str, name: str = "me") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


PAGES = ("/", "/incidents/inc-none", "/docs", "/openapi.json")


@pytest.mark.parametrize("mode", AuthMode)
def test_a_browser_may_send_the_token_as_a_password_for_pages(start_agent, mode: AuthMode) -> None:
    agent = start_agent(auth=AuthOptions(mode=mode))

    for path in PAGES:
        answers = [
            agent.call("GET", path, headers={"Via": "1.1 x", **basic(agent.secrets[name])}).status_code
            for name in ("read", "webhook", "unknown", "revoked")
        ]
        assert answers == [404 if "none" in path else 200, 403, 401, 401], path


@pytest.mark.parametrize("route", [route for route in ADMITTED if ADMITTED[route] != EVERYBODY])
def test_a_password_that_a_browser_sends_by_itself_opens_nothing_but_pages(agent, route: str) -> None:
    """Else a foreign page could have the browser of somebody who has given it call for it."""
    method, path = route.split(" ")
    pages = (
        "/",
        "/incidents",
        "/incidents/",
        "/incidents/{incident_id}",
        "/docs",
        "/docs/assets/{name}",
        "/openapi.json",
    )
    is_page = path in pages

    answer = agent.call(method, path, headers=basic(agent.secrets["operator"]), follow_redirects=False)

    assert (answer.status_code != 401) == is_page


@pytest.mark.parametrize("value", ["", " !", " bWU=", " bWU6", " bWU6YWVr", " //86//8=", " YQ=="])
def test_basic_without_a_good_password_is_401(agent, value: str) -> None:
    assert agent.call("GET", "/", headers={"Authorization": f"Basic{value}"}).status_code == 401


def test_two_passwords_are_none(agent) -> None:
    twice = [("Authorization", value) for value in basic(agent.secrets["read"]).values() for _ in range(2)]

    assert agent.call("GET", "/", headers=twice).status_code == 401


def test_a_strangers_body_is_not_judged_before_the_stranger_is(agent) -> None:
    answer = agent.call("POST", "/act", content=b"{", headers={"Via": "1.1 x", "Content-Type": "application/json"})

    assert answer.status_code == 401


def test_a_page_of_the_agent_itself_may_call(agent) -> None:
    answer = agent.call("POST", "/query", json={"ql": "vector(1)"}, headers={"Origin": agent.url})

    assert answer.status_code == 200, answer.text


def test_t12_the_webhook_file_is_good_for_the_webhook_only(start_agent, tmp_path) -> None:
    file = tmp_path / "webhook.token"
    agent = start_agent(auth=AuthOptions(mode=AuthMode.TOKEN, webhook_token_file=file))
    agent.secrets["file"] = file.read_text().strip()

    assert agent.call("POST", "/alertmanager", token="file", json={"alerts": []}).status_code == 200
    assert agent.call("GET", "/api/v1/alerts", token="file").status_code == 403
    assert file.stat().st_mode & 0o777 == 0o640
    assert (agent.data_dir / "operator.token").stat().st_mode & 0o777 == 0o600


def traces_of(secret: str) -> set[bytes]:
    """What would give it away: it, a part of eight characters, and what people encode it as."""
    text = secret.removeprefix("aek_")
    encoded = {base64.b64encode(secret.encode()), secret.encode().hex().encode(), quote(secret).encode()}
    return encoded | {text[start : start + 8].encode() for start in range(len(text) - 7)}


def shown_in(text: bytes, secrets: dict[str, str]) -> set[str]:
    """The names of the secrets that it gives away."""
    return {name for name, secret in secrets.items() if any(trace in text for trace in traces_of(secret))}


def test_t12_no_answer_log_metric_or_file_shows_a_token(agent, caplog: pytest.LogCaptureFixture) -> None:
    """Not even one that is unknown: it may be good elsewhere. Left out: the file that is there to hold it."""
    caplog.set_level(logging.DEBUG)
    agent.secrets["unknown"] = new_secret()
    said = []
    for route in ADMITTED:
        for token in ("webhook", "read", "operate", "approve", "admin", "operator", "unknown", "revoked"):
            answer = agent.call(*route.split(" "), token=token, headers=NO_STREAM, json={})
            said.append(answer.content + str(answer.headers).encode())
    said.append(caplog.text.encode())
    said += [file.read_bytes() for file in agent.data_dir.iterdir() if file.name != "operator.token"]

    assert shown_in((agent.data_dir / "operator.token").read_bytes(), agent.secrets) == {"operator"}
    assert shown_in(b"\n".join(said), agent.secrets) == set()
