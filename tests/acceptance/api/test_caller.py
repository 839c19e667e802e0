"""GET /api/v1/caller: who the agent takes a caller for."""

import pytest

from aetherlink.api.registry import ROUTERS
from aetherlink.console import registry as pages
from aetherlink.model.principals import Scope
from aetherlink.web.guard import Needs


@pytest.mark.parametrize("scope", Scope)
def test_a_token_hears_its_name_and_what_it_may(agent, scope: Scope) -> None:
    said = agent.call("GET", "/api/v1/caller", token=scope.value).json()

    role = {"read": "viewer", "admin": "admin"}.get(scope.value)
    assert said == {
        "name": f"{scope}-test",
        "scopes": [scope.value],
        "role": role,
        "tenant": None,
        "source": None,
        "expires_at": None,
    }


def test_bounds_and_ends_are_told(agent) -> None:
    wish = {"name": "acme", "role": "viewer", "tenant": "acme-corp", "expires_in": "1h"}
    made = agent.call("POST", "/api/v1/tokens", token="operator", json=wish).json()
    agent.secrets["acme"] = made["token"]
    wish = {"name": "prometheus", "scopes": ["webhook"], "source": "prod"}
    agent.secrets["prod"] = agent.call("POST", "/api/v1/tokens", token="operator", json=wish).json()["token"]

    acme = agent.call("GET", "/api/v1/caller", token="acme").json()
    assert (acme["tenant"], acme["expires_at"]) == ("acme-corp", made["expires_at"])
    assert agent.call("GET", "/api/v1/caller", token="prod").json()["source"] == "prod"


def test_this_machine_and_a_session_have_names_too_and_nobody_else(agent) -> None:
    link = agent.call("POST", "/api/v1/login-links", token="operator", json={"role": "approver", "name": "zoe"}).json()
    code = link["path"].partition("#")[2]
    page = {"Origin": agent.url}
    signed_in = agent.call("POST", "/login", data={"code": code}, headers=page, follow_redirects=False)
    cookie = {"Cookie": signed_in.headers["set-cookie"].partition(";")[0]}

    zoe = agent.call("GET", "/api/v1/caller", headers=cookie).json()
    assert (zoe["name"], zoe["role"]) == ("zoe", "approver")
    assert zoe["expires_at"] is not None
    agent.client.cookies.clear()
    here = agent.call("GET", "/api/v1/caller").json()
    assert (here["name"], here["scopes"], here["role"]) == ("local", ["read", "webhook"], None)
    assert agent.call("GET", "/api/v1/caller", headers={"Via": "1.1 x"}).status_code == 401
    for token in ("unknown", "revoked", "expired"):
        assert agent.call("GET", "/api/v1/caller", token=token).status_code == 401


def test_a_route_that_names_no_scope_is_this_one_only(agent) -> None:
    routes = [route for make in (*ROUTERS, *pages.ROUTERS) for route in make(agent.services).routes]
    open_to_any = {
        route.path
        for route in routes
        for each in route.dependant.dependencies
        if isinstance(each.call, Needs) and each.call.scope is None
    }
    assert open_to_any == {"/api/v1/caller"}
