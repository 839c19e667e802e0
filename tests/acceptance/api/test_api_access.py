"""T12: who may call what: every route of the API against every kind of caller, over real HTTP; what shows no secret."""

import base64
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry

from aetherlink.access.digests import new_secret
from aetherlink.access.options import AuthMode, AuthOptions
from aetherlink.api.registry import ROUTERS
from aetherlink.console import registry as pages
from aetherlink.mcp import door
from aetherlink.mcp.metrics import McpMetrics
from aetherlink.mcp.options import McpOptions
from aetherlink.model.principals import Scope
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
    "propose token": ("propose", {}),
    "operate token": ("operate", {}),
    "approve token": ("approve", {}),
    "admin token": ("admin", {}),
    "operator": ("operator", {}),
    "proxied operator": ("operator", {"X-Forwarded-For": "203.0.113.9", "Host": "agent.example"}),
    "unknown token": ("unknown", {}),
    "revoked token": ("revoked", {}),
    "expired token": ("expired", {}),
    "token of a tenant": ("tenant", {}),
}
NO_STREAM = {"Last-Event-ID": "none"}  # no number: who is let in there hears that, and not a stream without an end
# What a browser that is signed in by a link with this role holds, as tokens of one scope each.
SESSIONS: dict[str, frozenset[str]] = {
    "viewer": frozenset({"read token"}),
    "responder": frozenset({"read token", "operate token"}),
    "approver": frozenset({"read token", "operate token", "approve token"}),
    "admin": frozenset({"admin token"}),
}
PROXIED = ("query", "query_range", "labels", "series")
KEEPS_TO_A_TENANT = frozenset(
    {
        *("GET /api/v1/alerts", "GET /api/v1/incidents", "POST /query", "GET /api/v1/label/{name}/values"),
        *("GET /api/v1/caller", "POST /mcp"),
        *(f"{method} /api/v1/{name}" for method in ("GET", "POST") for name in PROXIED),
    }
)
EVERYBODY = frozenset(CALLERS)
ADMINS = frozenset({"admin token", "operator", "proxied operator"})
HERE = frozenset({"local", "local by name"})
PAGES_OF_OURS: frozenset[str] = frozenset()  # of these callers none comes from one: test_sign_in.py
READERS = ADMINS | HERE | {"read token"}
KNOWN = READERS | {f"{scope} token" for scope in Scope}
BY_TOKEN = frozenset({"POST /alertmanager", "POST /mcp"})  # no session, whatever its role

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
    "POST /api/v1/proposals": ADMINS | {"propose token"},
    "GET /api/v1/actions": READERS,
    "GET /api/v1/actions/{action_id}": READERS,
    "POST /api/v1/actions/{action_id}/approve": ADMINS | {"approve token"},
    "POST /api/v1/actions/{action_id}/deny": ADMINS | {"approve token"},
    "POST /api/v1/actions/{action_id}/cancel": ADMINS | {"operate token"},
    "POST /api/v1/actions/{action_id}/wrong": ADMINS | {"approve token"},
    "POST /api/v1/actions/{action_id}/undo": ADMINS | {"operate token"},
    "GET /api/v1/brakes": READERS,
    "DELETE /api/v1/brakes/{scope}": ADMINS | {"approve token"},
    "GET /api/v1/deliveries": READERS,
    "POST /api/v1/deliveries/{subject}/{channel}/resend": ADMINS | {"operate token"},
    "GET /api/v1/channels": READERS,
    "POST /api/v1/channels/{channel}/test": ADMINS | {"operate token"},
    "GET /api/v1/audit": READERS,
    "GET /api/v1/playbooks": READERS,
    "POST /api/v1/playbooks/{name}/dry-run": READERS,
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
    "POST /api/v1/login-links": ADMINS,
    "POST /api/v1/tokens/{name}/rotate": ADMINS,
    "POST /api/v1/tokens": ADMINS,
    "GET /api/v1/tokens": ADMINS,
    "DELETE /api/v1/tokens/{token_id}": ADMINS,
    "GET /api/v1/query": READERS,
    "POST /api/v1/query": READERS,
    "GET /api/v1/query_range": READERS,
    "POST /api/v1/query_range": READERS,
    "GET /api/v1/labels": READERS,
    "POST /api/v1/labels": READERS,
    "GET /api/v1/series": READERS,
    "POST /api/v1/series": READERS,
    "GET /api/v1/label/{name}/values": READERS,
    "GET /api/v1/policy": READERS,
    "GET /api/v1/status": READERS,
    "GET /api/v1/targets": READERS,
    "GET /api/v1/settings": ADMINS,
    "GET /api/v1/caller": KNOWN,
    "POST /mcp": ADMINS - {"proxied operator"} | {"read token"},  # a foreign Host, with whatever token
    "GET /actions": READERS,
    "HEAD /actions": READERS,
    "GET /alerts": READERS,
    "HEAD /alerts": READERS,
    "GET /audit": READERS,
    "HEAD /audit": READERS,
    "GET /ledger": READERS,
    "HEAD /ledger": READERS,
    "GET /playbooks": READERS,
    "HEAD /playbooks": READERS,
    "GET /playbooks/{name}": READERS,
    "HEAD /playbooks/{name}": READERS,
    "GET /settings": READERS,
    "HEAD /settings": READERS,
    "GET /alerts/rows": READERS,
    "POST /brakes/release": ADMINS | {"approve token"},
    "POST /channels/test": ADMINS | {"operate token"},
    "POST /deliveries/resend": ADMINS | {"operate token"},
    "POST /pauses": ADMINS | {"operate token"},
    "POST /pauses/resume": ADMINS,
    "POST /playbooks/demote": ADMINS | {"approve token"},
    "POST /playbooks/promote": ADMINS,
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
    "GET /assets/{digest}/{name}": EVERYBODY,
    "HEAD /assets/{digest}/{name}": EVERYBODY,
    "GET /actions/{action_id}/approve": READERS,
    "HEAD /actions/{action_id}/approve": READERS,
    "POST /actions/{action_id}/approve": ADMINS | {"approve token"},
    "POST /actions/{action_id}/cancel": ADMINS | {"operate token"},
    "POST /actions/{action_id}/deny": ADMINS | {"approve token"},
    "POST /actions/{action_id}/wrong": ADMINS | {"approve token"},
    "POST /actions/{action_id}/undo": ADMINS | {"operate token"},
    "POST /incidents/{incident_id}/ack": ADMINS | {"operate token"},
    "POST /incidents/{incident_id}/close": ADMINS | {"operate token"},
    "POST /incidents/{incident_id}/notes": ADMINS | {"operate token"},
    "GET /login": EVERYBODY,
    "HEAD /login": EVERYBODY,
    "POST /login": PAGES_OF_OURS,
    "GET /login/oidc": EVERYBODY,  # to be told that none is set up here, or to be led away: test_oidc.py
    "GET /login/oidc/callback": EVERYBODY,
    "POST /logout": PAGES_OF_OURS,
    "GET /docs": READERS,
    "GET /docs/assets/{name}": READERS,
    "GET /openapi.json": READERS,
}


def routes(services: ApiServices) -> Iterator[str]:
    assistants = door.routers(McpOptions(enabled=True), McpMetrics(CollectorRegistry()))
    for router in (*ROUTERS, *pages.ROUTERS, *assistants):
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


def expected(route: str, callers: frozenset[str]) -> frozenset[str]:
    """The callers of the table, and a tenant's token where the route keeps to a tenant."""
    return callers | {"token of a tenant"} if route in KEEPS_TO_A_TENANT else callers


def cookie_for(agent, role: str) -> str:
    """The cookie of a browser that was signed in by a link with this role."""
    link = agent.call("POST", "/api/v1/login-links", token="operator", json={"role": role}).json()
    code = link["path"].partition("#")[2]
    page = {"Origin": agent.url}
    answer = agent.call("POST", "/login", data={"code": code}, headers=page, follow_redirects=False)
    return answer.headers["set-cookie"].partition(";")[0]


def admits_session(agent, route: str, cookie: str, origin: str) -> bool:
    method, path = route.split(" ")
    headers = {**NO_STREAM, "Cookie": cookie, "Origin": origin, "Via": "1.1 a-proxy"}  # so that the place gives nothing
    answer = agent.call(method, path, headers=headers, follow_redirects=False)
    assert answer.status_code < 500
    return answer.status_code not in (401, 403)


@pytest.mark.parametrize("route", ADMITTED)
def test_t12_a_session_may_what_its_role_may_and_a_foreign_page_changes_nothing_with_it(agent, route: str) -> None:
    """0 wrong cells: every route, every role, from a page of the agent and from another's."""
    method = route.partition(" ")[0]
    for role, held in SESSIONS.items():
        is_open = ADMITTED[route] == EVERYBODY
        may = is_open or (bool(ADMITTED[route] & held) and route not in BY_TOKEN) or route == "POST /logout"
        may_from_afar = is_open or (may and method in ("GET", "HEAD"))

        cookie = cookie_for(agent, role)
        from_afar = admits_session(agent, route, cookie, "https://evil.example")
        from_here = admits_session(agent, route, cookie, agent.url)

        assert (from_here, from_afar) == (may, may_from_afar), role


def test_a_tenants_token_sees_its_tenant_alone(agent) -> None:
    for tenant in ("acme-corp", "globex"):
        labels = {"alertname": "Down", "tenant": tenant, "severity": "critical"}
        alert = {"status": "firing", "labels": labels, "startsAt": "2026-01-01T00:00:00Z", "fingerprint": tenant}
        body = {"version": "4", "status": "firing", "receiver": "aether", "groupLabels": {}, "commonLabels": {}}
        answer = agent.call("POST", "/alertmanager", json={**body, "groupKey": tenant, "alerts": [alert]})
        assert answer.status_code == 200, answer.text

    for path in ("/api/v1/alerts", "/api/v1/incidents"):
        everything = {item["tenant"] for item in agent.call("GET", path, token="read").json()["items"]}
        assert everything == {"acme-corp", "globex"}
        for query in ("", "?tenant=globex", "?tenant="):
            items = agent.call("GET", path + query, token="tenant").json()["items"]
            assert {item["tenant"] for item in items} == {"acme-corp"}


def test_t12_every_route_has_a_row(agent) -> None:
    assert set(routes(agent.services)) | {"POST /alertmanager"} == set(ADMITTED)


@pytest.mark.parametrize("route", ADMITTED)
def test_t12_the_route_admits_exactly(agent, route: str) -> None:
    assert admitted(agent, route) == expected(route, ADMITTED[route])


@pytest.mark.parametrize("route", ADMITTED)
def test_t12_in_mode_token_the_place_gives_nothing(start_agent, route: str) -> None:
    agent = start_agent(auth=AuthOptions(mode=AuthMode.TOKEN))

    callers = ADMITTED[route] if ADMITTED[route] == EVERYBODY else ADMITTED[route] - HERE
    assert admitted(agent, route) == expected(route, callers)


@pytest.mark.parametrize("mode", AuthMode)
def test_a_trusted_network_has_what_this_machine_has_and_a_foreign_host_has_not(start_agent, mode: AuthMode) -> None:
    agent = start_agent(auth=AuthOptions(mode=mode, trusted_networks=["127.0.0.0/8"]))

    assert admitted(agent, "GET /api/v1/alerts") == READERS | {"token of a tenant"}
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


@pytest.mark.parametrize("route", [route for route in ADMITTED if ADMITTED[route] not in (EVERYBODY, PAGES_OF_OURS)])
def test_a_password_opens_nothing(agent, route: str) -> None:
    """A browser that was given one sends it by itself, also where a foreign page has it call."""
    method, path = route.split(" ")

    answer = agent.call(method, path, headers=basic(agent.secrets["operator"]), follow_redirects=False)

    assert answer.status_code == 401


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
        for token in ("webhook", "read", "propose", "operate", "approve", "admin", "operator", "unknown", "revoked"):
            answer = agent.call(*route.split(" "), token=token, headers=NO_STREAM, json={})
            said.append(answer.content + str(answer.headers).encode())
    said.append(caplog.text.encode())
    said += [file.read_bytes() for file in agent.data_dir.iterdir() if file.name != "operator.token"]

    assert shown_in((agent.data_dir / "operator.token").read_bytes(), agent.secrets) == {"operator"}
    assert shown_in(b"\n".join(said), agent.secrets) == set()
