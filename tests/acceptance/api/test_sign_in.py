"""Signing in over real HTTP: the page, the link, the cookie, the origin, the throttle, the way out."""

import re
from typing import Any

import httpx
import pytest

from aetherlink.access.options import AuthMode, AuthOptions
from aetherlink.access.throttle import PER_ADDRESS

WRONG = "aek_" + "w" * 43
TOKEN_MODE = AuthOptions(mode=AuthMode.TOKEN)
COOKIE = "aether_session"


@pytest.fixture
def agent(start_agent) -> Any:
    return start_agent(auth=TOKEN_MODE)


def own(agent, **more: str) -> dict[str, str]:
    """The headers of a form on the agent's own page."""
    return {"Origin": agent.url, "Sec-Fetch-Site": "same-origin", **more}


def sign_in(agent, code: str, *, wish: str = "/", **more: str) -> httpx.Response:
    form = {"code": code, "next": wish}
    return agent.call("POST", "/login", data=form, headers=own(agent, **more), follow_redirects=False)


def cookie_of(answer: httpx.Response) -> str:
    return answer.headers["set-cookie"].partition(";")[0].partition("=")[2]


def by_session(agent, method: str, path: str, cookie: str, **more: Any) -> httpx.Response:
    """One request of a browser that is signed in; `headers` replace those of the agent's own page."""
    headers = {"Cookie": f"{COOKIE}={cookie}", **more.pop("headers", own(agent))}
    return agent.call(method, path, headers=headers, follow_redirects=False, **more)


def link_of(agent, **body: str) -> dict[str, Any]:
    answer = agent.call("POST", "/api/v1/login-links", token="operator", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


def code_of(link: dict[str, Any]) -> str:
    return link["path"].partition("#")[2]


def test_a_token_signs_in_and_the_cookie_is_out_of_reach(agent) -> None:
    answer = sign_in(agent, agent.secrets["read"])

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert re.fullmatch(
        rf"{COOKIE}=aes_[\w-]{{43}}; HttpOnly; Max-Age=604800; Path=/; SameSite=strict", answer.headers["set-cookie"]
    )
    page = by_session(agent, "GET", "/", cookie_of(answer))
    assert page.status_code == 200
    assert agent.secrets["read"] not in answer.text + page.text


def test_a_link_signs_in_once_and_looking_at_it_uses_nothing_up(agent) -> None:
    link = link_of(agent, role="approver", name="zoe")
    assert (link["name"], link["role"], link["url"]) == ("zoe", "approver", None)
    for _ in range(3):  # what a mail program and a chat do with it; the code never reaches the agent
        assert agent.call("GET", "/login").status_code == 200

    first, second = sign_in(agent, code_of(link)), sign_in(agent, code_of(link))

    assert (first.status_code, second.status_code) == (303, 401)
    assert "set-cookie" not in second.headers
    assert "a link is good once" in second.text
    assert ">zoe<" in by_session(agent, "GET", "/", cookie_of(first)).text


@pytest.mark.parametrize(
    ("role", "allowed"),
    [("viewer", 0), ("responder", 1), ("approver", 2), ("admin", 3)],
)
def test_the_role_of_a_link_is_what_its_session_may_do(agent, role: str, allowed: int) -> None:
    cookie = cookie_of(sign_in(agent, code_of(link_of(agent, role=role))))

    answers = [
        by_session(agent, method, path, cookie).status_code
        for method, path in (
            ("POST", "/api/v1/incidents/inc-none/ack"),
            ("POST", "/api/v1/actions/act-none/deny"),
            ("GET", "/api/v1/tokens"),
        )
    ]

    assert [status != 403 for status in answers] == [number < allowed for number in range(3)]
    assert 401 not in answers
    assert by_session(agent, "GET", "/api/v1/alerts", cookie).status_code == 200


def test_a_session_makes_links_for_no_more_than_it_is(agent) -> None:
    cookie = cookie_of(sign_in(agent, code_of(link_of(agent))))
    assert by_session(agent, "POST", "/api/v1/login-links", cookie, json={}).status_code == 201

    narrow = cookie_of(sign_in(agent, code_of(link_of(agent, role="approver"))))

    assert by_session(agent, "POST", "/api/v1/login-links", narrow, json={}).status_code == 403


FOREIGN = {
    "no origin": {},
    "a foreign page": {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    "a page of a neighbour": {"Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "same-site"},
    "a sandboxed page": {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    "our origin, but said to be another's": {"Sec-Fetch-Site": "cross-site"},
    "our origin over TLS": {"Origin": "https"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/pause"),
        ("DELETE", "/api/v1/pause"),
        ("POST", "/api/v1/tokens"),
        ("POST", "/act"),
        ("POST", "/logout"),
        ("POST", "/login"),
    ],
)
def test_t12_a_foreign_page_changes_nothing_with_a_cookie(
    agent, method: str, path: str, headers: dict[str, str]
) -> None:
    cookie = cookie_of(sign_in(agent, agent.secrets["operator"]))
    sent = dict(headers)
    if sent.get("Origin") == "https":
        sent["Origin"] = agent.url.replace("http:", "https:")
    elif "Origin" not in sent and sent:
        sent["Origin"] = agent.url

    answer = by_session(agent, method, path, cookie, headers=sent)

    assert answer.status_code == 403
    assert "own pages only" in answer.text
    assert by_session(agent, "GET", "/api/v1/tokens", cookie).status_code == 200


def test_two_origins_are_none(agent) -> None:
    cookie = cookie_of(sign_in(agent, agent.secrets["operator"]))
    headers = [("Cookie", f"{COOKIE}={cookie}"), ("Origin", agent.url), ("Origin", agent.url)]

    assert agent.call("DELETE", "/api/v1/pause", headers=headers).status_code == 403


def test_a_token_needs_no_origin_and_counts_before_a_cookie(agent) -> None:
    cookie = cookie_of(sign_in(agent, agent.secrets["operator"]))
    headers = {"Cookie": f"{COOKIE}={cookie}", "Origin": "https://evil.example"}

    assert agent.call("DELETE", "/api/v1/pause", token="admin", headers=headers).status_code == 200
    assert agent.call("GET", "/api/v1/tokens", token="read", headers=headers).status_code == 403
    assert agent.call("GET", "/api/v1/tokens", token="revoked", headers=headers).status_code == 401


def test_a_session_is_no_token_and_a_token_no_session(agent) -> None:
    cookie = cookie_of(sign_in(agent, agent.secrets["operator"]))

    as_token = agent.call("GET", "/api/v1/alerts", headers={"Authorization": f"Bearer {cookie}"})

    assert as_token.status_code == 401
    for value in (agent.secrets["operator"], "", "x", cookie[:-1], f"{cookie}; {COOKIE}={cookie}"):
        assert by_session(agent, "GET", "/api/v1/alerts", value).status_code == 401


def test_a_session_posts_no_alerts(agent) -> None:
    cookie = cookie_of(sign_in(agent, agent.secrets["operator"]))

    assert by_session(agent, "POST", "/alertmanager", cookie, json={}).status_code == 401


def test_who_signs_out_is_out_and_the_cookie_goes(agent) -> None:
    cookie = cookie_of(sign_in(agent, agent.secrets["operator"]))

    answer = by_session(agent, "POST", "/logout", cookie)

    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert by_session(agent, "GET", "/", cookie).status_code == 401


def test_signing_in_ends_the_session_that_was_there_and_takes_no_cookie_that_was_brought(agent) -> None:
    old = cookie_of(sign_in(agent, agent.secrets["operator"]))
    new = cookie_of(sign_in(agent, agent.secrets["read"], Cookie=f"{COOKIE}={old}"))
    planted = "aes_" + "p" * 43
    made = cookie_of(sign_in(agent, agent.secrets["read"], Cookie=f"{COOKIE}={planted}"))

    assert by_session(agent, "GET", "/", old).status_code == 401
    assert by_session(agent, "GET", "/", new).status_code == 200
    assert made != planted
    assert by_session(agent, "GET", "/", planted).status_code == 401


def test_a_session_dies_with_its_token(agent) -> None:
    made = agent.call("POST", "/api/v1/tokens", token="operator", json={"name": "ci", "role": "viewer"}).json()
    cookie = cookie_of(sign_in(agent, made["token"]))
    assert by_session(agent, "GET", "/", cookie).status_code == 200

    agent.call("DELETE", f"/api/v1/tokens/{made['id']}", token="operator")

    assert by_session(agent, "GET", "/", cookie).status_code == 401


def test_too_many_wrong_codes_are_429_and_a_programs_token_is_never_held_back(agent) -> None:
    answers = [sign_in(agent, WRONG) for _ in range(PER_ADDRESS + 1)]

    assert [answer.status_code for answer in answers] == [401] * PER_ADDRESS + [429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert sign_in(agent, agent.secrets["read"]).status_code == 429, "whether it is right is not looked at"
    assert agent.call("GET", "/api/v1/alerts", token="read").status_code == 200
    assert WRONG not in answers[0].text


@pytest.mark.parametrize("wish", ["/incidents/inc-1?after=3", "/?status=resolved"])
def test_one_comes_back_to_where_one_wanted_to(agent, wish: str) -> None:
    assert sign_in(agent, agent.secrets["read"], wish=wish).headers["location"] == wish


@pytest.mark.parametrize(
    "wish",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "",
        "incidents",
        "/\nSet-Cookie: a=b",
        "/\t/evil.example",
        "/" + "x" * 600,
        "///evil.example",
        "//[",
        "http:/evil",
    ],
)
def test_nobody_is_led_elsewhere(agent, wish: str) -> None:
    assert sign_in(agent, agent.secrets["read"], wish=wish).headers["location"] == "/"


def test_the_page_of_a_refusal_leads_to_the_page_for_signing_in(agent) -> None:
    page = agent.call("GET", "/incidents/inc-1")

    assert (page.status_code, page.headers["www-authenticate"]) == (401, 'Bearer realm="aetherlink"')
    assert 'href="/login?next=%2Fincidents%2Finc-1"' in page.text


def test_a_link_from_elsewhere_is_followed_once_more_by_the_page_itself(agent) -> None:
    """A browser keeps a strict cookie back where another's page leads here; from our own page it sends it."""
    first = agent.call("GET", "/incidents/inc-1", headers={"Sec-Fetch-Site": "cross-site"})
    again = agent.call("GET", "/incidents/inc-1", headers={"Sec-Fetch-Site": "same-origin"})

    assert '<meta http-equiv="refresh" content="0">' in first.text
    assert "http-equiv" not in again.text


@pytest.mark.parametrize("body", [b"", b"code", b"code=%ff%fe", b"&" * 500, b"code=" + b"x" * 9000])
def test_a_form_that_holds_no_code_is_401(agent, body: bytes) -> None:
    headers = own(agent, **{"Content-Type": "application/x-www-form-urlencoded"})

    assert agent.call("POST", "/login", content=body, headers=headers).status_code == 401


def test_a_form_in_another_form_is_401_and_a_long_one_400(agent) -> None:
    code = agent.secrets["read"]
    long = own(agent, **{"Content-Type": "application/x-www-form-urlencoded"})

    assert agent.call("POST", "/login", json={"code": code}, headers=own(agent)).status_code == 401
    assert agent.call("POST", "/login", content=b"x" * 20_000, headers=long).status_code == 400


# --- behind a proxy

FRONT = "https://ops.example"


@pytest.mark.parametrize("before", ["", "/aether"], ids=["the proxy takes the path away", "the proxy leaves the path"])
def test_behind_a_proxy_with_a_base_path(start_agent, before: str) -> None:
    agent = start_agent(auth=TOKEN_MODE, external_url=f"{FRONT}/aether")
    front = {"Origin": FRONT, "Sec-Fetch-Site": "same-origin", "Host": "ops.example"}
    link = link_of(agent)
    assert link["url"] == f"{FRONT}/aether{link['path']}"

    form = agent.call("GET", f"{before}/login").text
    answer = agent.call("POST", f"{before}/login", data={"code": code_of(link)}, headers=front, follow_redirects=False)

    assert 'action="/aether/login"' in form
    assert answer.headers["location"] == "/aether/"
    cookie = answer.headers["set-cookie"]
    assert re.search(r"^__Secure-aether_session=.*; HttpOnly;.* Path=/aether; SameSite=strict; Secure$", cookie)
    signed_in = {**front, "Cookie": cookie.partition(";")[0]}
    assert agent.call("GET", f"{before}/", headers=signed_in).status_code == 200
    assert agent.call("GET", f"{before}/api/v1/alerts", headers=signed_in).status_code == 200
    assert agent.call("DELETE", f"{before}/api/v1/pause", headers=signed_in).status_code == 200
    foreign = {**signed_in, "Origin": "http://ops.example.evil.example"}
    assert agent.call("DELETE", f"{before}/api/v1/pause", headers=foreign).status_code == 403


def test_forwarded_headers_are_not_believed(start_agent) -> None:
    agent = start_agent(auth=TOKEN_MODE, external_url=FRONT)
    cookie = sign_in(agent, agent.secrets["operator"], Origin=FRONT).headers["set-cookie"].partition(";")[0]
    headers = {
        "Cookie": cookie,
        "Origin": "https://evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Forwarded": "host=evil.example;proto=https",
    }

    assert agent.call("DELETE", "/api/v1/pause", headers=headers).status_code == 403


def test_the_cookies_of_plain_http_are_nothing_behind_tls(start_agent) -> None:
    """A neighbour's page on plain HTTP could have planted one; it cannot plant one of this name."""
    agent = start_agent(auth=TOKEN_MODE, external_url=FRONT)
    answer = sign_in(agent, agent.secrets["read"], Origin=FRONT)
    assert answer.headers["set-cookie"].startswith("__Host-aether_session=")

    assert by_session(agent, "GET", "/", cookie_of(answer)).status_code == 401
