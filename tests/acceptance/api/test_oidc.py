"""Signing in by an identity provider over real HTTP: the way out and back, who becomes what, and every lie refused."""

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest

from aetherlink.access import oidc
from aetherlink.access.oidc_attempts import LIFE
from aetherlink.access.oidc_options import OidcOptions
from aetherlink.access.oidc_record import STRANGERS_AN_HOUR
from aetherlink.access.options import AuthMode, AuthOptions
from aetherlink.access.throttle import PER_ADDRESS
from aetherlink.agent_record import Subject
from aetherlink.model.principals import Role
from rigs import identity_provider as rigs
from rigs.identity_provider import CLIENT, SECRET, IdentityProviderRig

FRONT = "https://ops.example/aether"
BACK = f"{FRONT}/login/oidc/callback"
ROLES = {"all": Role.VIEWER, "oncall": Role.RESPONDER, "sre": Role.APPROVER, "root": Role.ADMIN}
COOKIE, ATTEMPT = "__Secure-aether_session", "__Host-aether_oidc_c65813c5"


@pytest.fixture
def provider() -> Iterator[IdentityProviderRig]:
    with rigs.serving(IdentityProviderRig(BACK, now=time.time)) as rig:
        yield rig


@pytest.fixture
def start(start_agent, provider: IdentityProviderRig, tmp_path: Path) -> Callable[..., Any]:
    """A factory of agents that trust the provider."""
    secret = tmp_path / "oidc.secret"
    secret.write_text(SECRET + "\n")

    def started(*, external_url: str = FRONT, patience: float = 5, **more: object) -> Any:
        options = OidcOptions(
            **{"issuer": provider.issuer, "client_id": CLIENT, "client_secret_file": secret, "roles": ROLES, **more}
        )
        auth = AuthOptions(mode=AuthMode.TOKEN, oidc=options)
        return start_agent(auth=auth, external_url=external_url, patience=timedelta(seconds=patience))

    return started


@pytest.fixture
def agent(start) -> Any:
    return start()


class Browser:
    """Follows redirects by hand, and keeps cookies; the front's address is the agent behind its proxy."""

    def __init__(self, agent: Any, front: str = FRONT) -> None:
        self.agent = agent
        self.front = front
        self.cookies: dict[str, str] = {}
        self.set_cookies: list[str] = []

    def get(self, url: str, **headers: str) -> httpx.Response:
        is_ours = url.startswith(self.front)
        sent = dict(headers)
        if is_ours and self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        where = self.agent.url + urlsplit(self.front).path + url.removeprefix(self.front) if is_ours else url
        answer = self.agent.client.get(where, headers=sent, follow_redirects=False)
        for line in answer.headers.get_list("set-cookie"):
            self.set_cookies.append(line)
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        return answer

    def to_provider(self, wish: str = "/") -> str:
        """Where our page leads to."""
        answer = self.get(f"{self.front}/login/oidc?{urlencode({'next': wish})}")
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def way_back(self, wish: str = "/") -> str:
        """Where the provider leads to then."""
        answer = self.get(self.to_provider(wish))
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    def sign_in(self, wish: str = "/") -> httpx.Response:
        return self.get(self.way_back(wish))

    @property
    def is_signed_in(self) -> bool:
        return COOKIE in self.cookies and self.get(f"{self.front}/").status_code == 200


@pytest.fixture
def browser(agent) -> Browser:
    return Browser(agent)


def ann_of(provider: IdentityProviderRig) -> str:
    """What the person of the provider is called here."""
    return f"oidc:ann~{hashlib.sha256(f'{provider.issuer}{chr(0)}u-1'.encode()).hexdigest()[:8]}"


def words(page: httpx.Response) -> str:
    """What a page says, as text."""
    main = page.text.partition("<main")[2].partition("</main>")[0]
    text = re.sub(r"<[^>]+>", "", main.partition(">")[2])
    return " ".join(text.replace("&#39;", "'").replace("&#34;", '"').split())


def record(agent) -> list[Any]:
    """The entries of the timeline of sign-ins, the newest first."""
    found = agent.call("GET", "/api/v1/incidents", token="read").json()["items"]
    own = [one["id"] for one in found if one["title"] == Subject.SIGN_INS.heading]
    entries = [agent.call("GET", f"/api/v1/incidents/{one}/timeline", token="read").json()["items"] for one in own]
    return list(reversed(entries[0])) if entries else []


def refused(browser: Browser, page: httpx.Response, status: int, why: str) -> None:
    """Nobody was let in, the page says why, and so does the record."""
    assert (page.status_code, COOKIE in browser.cookies) == (status, False), page.text
    assert page.headers["content-type"].startswith("text/html")
    assert why in words(page)
    assert why in record(browser.agent)[0]["text"]
    assert browser.agent.services.sign_in.sessions._sessions == {}


# --- in


def test_a_person_is_led_there_and_back_and_is_who_the_provider_says(browser: Browser, provider) -> None:
    login = browser.get(f"{FRONT}/login?next=%2Fincidents%3Fstatus%3Dresolved")
    assert 'href="/aether/login/oidc?next=%2Fincidents%3Fstatus%3Dresolved"' in login.text
    assert "Sign in with your account" in login.text

    page = browser.sign_in("/incidents?status=resolved")

    assert page.status_code == 200, page.text
    ann = ann_of(provider)
    assert f"You are {ann}, approver" in words(page)
    assert '<meta http-equiv="refresh" content="0; url=/aether/incidents?status=resolved">' in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert f">{ann}<" in browser.get(f"{FRONT}/incidents?status=resolved").text
    entry = record(browser.agent)[0]
    assert (entry["kind"], f"{ann} signed in as approver by the group sre" in entry["text"]) == ("signed_in", True)
    assert entry["facts"] | {"by": ann, "subject": "u-1", "role": "approver", "groups": ["sre"]} == entry["facts"]
    assert provider.requests == ["place", "token", "keys"]


def test_the_cookies_are_out_of_reach_and_that_of_the_attempt_goes(browser: Browser) -> None:
    browser.sign_in()

    begun, session, gone = browser.set_cookies
    assert re.fullmatch(rf"{ATTEMPT}=aeo_[\w-]{{43}}; HttpOnly; Max-Age=600; Path=/; SameSite=lax; Secure", begun)
    assert re.fullmatch(
        rf"{COOKIE}=aes_[\w-]{{43}}; HttpOnly; Max-Age=28800; Path=/aether; SameSite=strict; Secure", session
    )
    assert gone.startswith(f'{ATTEMPT}=""; ')
    assert "Max-Age=0" in gone


def test_what_leads_away_asks_for_a_code_with_pkce_and_names_nothing_secret(browser: Browser, provider) -> None:
    url = browser.to_provider()

    asked = dict(parse_qsl(urlsplit(url).query))
    assert url.startswith(f"{provider.issuer}/authorize?")
    assert asked | {"response_type": "code", "client_id": CLIENT, "redirect_uri": BACK} == asked
    assert (asked["scope"], asked["code_challenge_method"]) == ("openid profile", "S256")
    assert all(len(asked[name]) == 43 for name in ("state", "nonce", "code_challenge"))
    assert len({asked[name] for name in ("state", "nonce", "code_challenge")}) == 3
    assert asked["state"] != dict(parse_qsl(urlsplit(browser.to_provider()).query))["state"]
    assert SECRET not in url


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        ("all", "viewer"),
        (["all", "oncall"], "responder"),
        (["sre", "all", "none", 7, None], "approver"),
        (["oncall", "root", "sre"], "admin"),
    ],
)
def test_of_several_groups_the_highest_counts(browser: Browser, provider, groups: object, role: str) -> None:
    provider.groups = groups

    page = browser.sign_in()

    assert f"{ann_of(provider)}, {role}," in words(page)
    allowed = {"viewer": 0, "responder": 1, "approver": 2, "admin": 3}[role]
    headers = {"Cookie": f"{COOKIE}={browser.cookies[COOKIE]}", "Origin": "https://ops.example"}
    answers = [
        browser.agent.call(method, path, headers=headers).status_code
        for method, path in (
            ("POST", "/api/v1/incidents/inc-none/ack"),
            ("POST", "/api/v1/actions/act-none/deny"),
            ("GET", "/api/v1/tokens"),
        )
    ]
    assert [status != 403 for status in answers] == [number < allowed for number in range(3)]
    assert 401 not in answers


@pytest.mark.parametrize("login", ["client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("kind", ["RS256", "ES256"])
def test_both_kinds_of_keys_and_of_proving_who_asks(browser: Browser, provider, login: str, kind: str) -> None:
    provider.login = login
    if kind == "ES256":
        provider.key = rigs.elliptic("ec")
        provider.keys.append(rigs.published(provider.key))

    browser.sign_in()

    assert browser.is_signed_in


def test_keys_that_were_changed_are_asked_for_again_but_once_a_minute(browser: Browser, provider, monkeypatch) -> None:
    assert browser.sign_in().status_code == 200
    provider.key = rigs.rsa("two")
    provider.keys = [rigs.published(provider.key)]

    too_soon = Browser(browser.agent)
    page = too_soon.sign_in()

    assert (page.status_code, provider.asked_for("keys")) == (502, 1)
    assert "does not publish" in words(page)
    keys = browser.agent.services.sign_in.oidc._provider._keys
    keys._asked_at -= 61
    assert Browser(browser.agent).sign_in().status_code == 200
    assert provider.asked_for("keys") == 2


def test_a_session_is_over_when_its_lifetime_is_and_cannot_be_renewed_by_a_link(start, provider) -> None:
    agent = start(lifetime=timedelta(minutes=30))
    provider.groups = ["root"]
    browser = Browser(agent)
    browser.sign_in()
    sessions = agent.services.sign_in.sessions
    (session,) = sessions._sessions.values()
    assert session.expires_at - session.created_at == timedelta(minutes=30)

    sessions._clock = Later(sessions._clock, timedelta(minutes=20))
    headers = {"Cookie": f"{COOKIE}={browser.cookies[COOKIE]}", "Origin": "https://ops.example"}
    link = agent.call("POST", "/api/v1/login-links", json={"name": "zoe"}, headers=headers).json()
    form = {"code": link["path"].partition("#")[2]}
    agent.call("POST", "/login", data=form, headers={"Origin": "https://ops.example"}, follow_redirects=False)

    made = [one for one in sessions._sessions.values() if one.name == "zoe"]
    assert [one.expires_at for one in made] == [session.expires_at]
    assert made[0].created_at - session.created_at >= timedelta(minutes=20)


class StrictBrowser(Browser):
    """Keeps strict cookies back where another's page leads to ours, as browsers do: on the way back."""

    def get(self, url: str, **headers: str) -> httpx.Response:
        kept = {}
        if url.startswith(BACK):
            strict = {line.partition("=")[0] for line in self.set_cookies if "samesite=strict" in line.lower()}
            kept = {name: self.cookies.pop(name) for name in strict & self.cookies.keys()}
        answer = super().get(url, **headers)
        self.cookies = {**kept, **self.cookies}
        return answer


def in_force(agent: Any) -> list[str]:
    """The names of the sessions that are not over, the oldest first."""
    return [one.name for one in agent.services.sign_in.sessions._sessions.values() if one.revoked_at is None]


def test_of_two_sessions_in_one_browser_only_the_new_one_is_left(agent, provider) -> None:
    browser = StrictBrowser(agent)
    browser.sign_in()
    old = browser.cookies[COOKIE]
    assert len(in_force(agent)) == 1

    browser.sign_in()

    assert len(in_force(agent)) == 1
    assert browser.is_signed_in
    assert browser.cookies[COOKIE] != old
    browser.cookies[COOKIE] = old
    assert not browser.is_signed_in


def test_the_session_stays_where_the_attempt_fails_and_is_not_that_of_another_browser(agent, provider) -> None:
    browser, other = StrictBrowser(agent), StrictBrowser(agent)
    other.sign_in()
    browser.sign_in()

    for denies, groups in (({"error": "access_denied"}, "sre"), (None, ["none"])):
        provider.denies, provider.groups = denies, groups
        assert browser.sign_in().status_code == 403
        assert browser.is_signed_in
    assert len(in_force(agent)) == 2
    provider.groups = "sre"
    assert browser.sign_in().status_code == 200
    assert (len(in_force(agent)), other.is_signed_in, browser.is_signed_in) == (2, True, True)


def test_of_two_tabs_that_come_back_one_after_the_other_one_session_is_left(agent) -> None:
    browser = StrictBrowser(agent)
    first, second = browser.way_back(), browser.way_back()

    assert [browser.get(url).status_code for url in (first, second)] == [200, 200]
    assert len(in_force(agent)) == 1
    assert browser.is_signed_in


def try_again(page: httpx.Response) -> str:
    """Where the button leads."""
    return re.findall(r'href="([^"]*)">Try again<', page.text)[0]


WISH, AGAIN = "/incidents?status=resolved", "/aether/login?next=%2Fincidents%3Fstatus%3Dresolved"


@pytest.mark.parametrize(
    ("denies", "groups"), [({"error": "access_denied"}, "sre"), ({"error": "server_error"}, "sre"), (None, ["none"])]
)
def test_who_is_refused_may_try_again_for_where_he_wanted_to_go(browser: Browser, provider, denies, groups) -> None:
    provider.denies, provider.groups = denies, groups

    assert try_again(browser.sign_in(WISH)) == AGAIN
    assert try_again(browser.get(f"{BACK}?code=a&state=b")) == "/aether/login?next=%2F"


def test_so_may_who_was_too_late_or_found_the_provider_away_but_no_other_browser(browser: Browser, provider) -> None:
    url = browser.way_back(WISH)
    assert try_again(Browser(browser.agent).get(url)) == "/aether/login?next=%2F"
    waiting = browser.agent.services.sign_in.oidc._attempts
    waiting._clock = Later(waiting._clock, LIFE)
    assert try_again(browser.get(url)) == AGAIN
    provider.lapses = {"place": rigs.answering(500, {})}
    forget(browser)

    away = browser.get(f"{FRONT}/login/oidc?{urlencode({'next': WISH})}")

    assert (away.status_code, try_again(away)) == (502, AGAIN)


def test_two_tabs_of_one_browser_both_come_back(browser: Browser) -> None:
    first, second = browser.way_back("/alerts"), browser.way_back("/actions")

    assert "/aether/alerts" in browser.get(first).text
    assert ATTEMPT in browser.cookies
    assert "/aether/actions" in browser.get(second).text
    assert ATTEMPT not in browser.cookies


@pytest.mark.parametrize(
    "wish", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "", "/\n//e", "///e"]
)
def test_nobody_is_led_elsewhere(browser: Browser, wish: str) -> None:
    page = browser.sign_in(wish)

    assert 'content="0; url=/aether/"' in page.text
    assert "evil" not in page.text


def test_a_wish_is_text_in_the_page_and_nothing_else(browser: Browser) -> None:
    page = browser.sign_in('/"><script>alert(1)</script>')

    assert page.status_code == 200
    assert "<script>alert" not in page.text


def test_without_a_base_path_and_on_this_machine(start, provider) -> None:
    front = "http://127.0.0.1:8088"
    provider.way_back = f"{front}/login/oidc/callback"
    browser = Browser(start(external_url=front), front)

    assert browser.sign_in("/alerts").status_code == 200
    assert "aether_session" in browser.cookies


# --- out: what the ID token says

LIES: dict[str, tuple[dict[str, object], str]] = {
    "another issuer": ({"iss": "https://evil.example"}, "of another issuer"),
    "another audience": ({"aud": "other"}, "for another application"),
    "several audiences, made for another": ({"aud": [CLIENT, "other"], "azp": "other"}, "made for another application"),
    "another nonce": ({"nonce": "x" * 43}, "another attempt"),
    "no nonce": ({"nonce": None}, "another attempt"),
    "expired": ({"exp": 1_000_000_000}, "has expired"),
    "from the future": ({"iat": 32_000_000_000}, "from the future"),
    "not yet valid": ({"nbf": 32_000_000_000}, "not valid yet"),
    "nobody": ({"sub": None}, "does not say who it is for"),
    "an empty name": ({"sub": ""}, "does not say who it is for"),
    "groups elsewhere": ({"groups": None, "_claim_names": {"groups": "src1"}}, "'groups' itself, for it is too long"),
}


def test_a_token_that_says_something_else_is_refused(browser: Browser, provider) -> None:
    for changed, why in LIES.values():
        provider.changed = changed
        refused(browser, browser.sign_in(), 502, why)

    assert [one["kind"] for one in record(browser.agent)] == ["sign_in_refused"] * len(LIES)
    provider.changed = {}
    assert browser.sign_in().status_code == 200, "the same without a lie"


def test_groups_elsewhere_without_the_claim_itself(browser: Browser, provider) -> None:
    provider.groups = None
    provider.changed = {"_claim_names": {"groups": "src1"}}

    refused(browser, browser.sign_in(), 502, "too long")


FORGED: dict[str, tuple[Callable[[dict[str, object]], str], str]] = {
    "alg none": (rigs.unsigned, "the only algorithms"),
    "HS256 with the public key": (rigs.signed_with_the_public_key, "the only algorithms"),
    "an unknown key": (lambda claims: rigs.signed(claims, rigs.rsa("unknown")), "does not publish"),
    "a foreign key of a known name": (
        lambda claims: rigs.signed(claims, rigs.rsa("foreign"), kid="one"),
        "not genuine",
    ),
    "no token at all": (lambda _: "no token", "not genuine"),
    "a huge one": (lambda _: "x" * 70_000, "larger than"),
}


def test_a_token_that_the_provider_did_not_sign_is_refused(browser: Browser, provider) -> None:
    for token, why in FORGED.values():
        provider.token = token
        refused(browser, browser.sign_in(), 502, why)

    provider.token = lambda claims: rigs.signed(claims, rigs.rsa("one"))
    assert browser.sign_in().status_code == 200, "the same with the right key"


# --- out: what the browser brings


def test_an_answer_is_good_once(browser: Browser) -> None:
    url = browser.way_back()
    assert browser.get(url).status_code == 200
    again = Browser(browser.agent)
    again.cookies[ATTEMPT] = browser.set_cookies[0].partition("=")[2].partition(";")[0]

    page = again.get(url)

    assert (page.status_code, COOKIE in again.cookies) == (401, False)
    assert "belongs to no attempt of this browser" in words(page)
    assert record(browser.agent)[0]["kind"] == "sign_in_refused"
    assert len(browser.agent.services.sign_in.sessions._sessions) == 1


def test_a_code_that_was_used_is_refused_by_the_provider(browser: Browser) -> None:
    first = browser.way_back()
    assert browser.get(first).status_code == 200
    again = Browser(browser.agent)
    url = again.way_back()
    used, new = (parse_qs(urlsplit(each).query)["code"][0] for each in (first, url))

    page = again.get(url.replace(new, used))

    assert (page.status_code, COOKIE in again.cookies) == (502, False)
    assert "did not take the code: it answered 400 (invalid_grant)" in words(page)
    assert "invalid_grant" in record(browser.agent)[0]["text"]


def test_the_code_of_another_attempt_is_refused(browser: Browser) -> None:
    """Somebody else's code under one's own state: who brings it lacks what it was asked for with."""
    stolen = parse_qs(urlsplit(Browser(browser.agent).way_back()).query)["code"][0]
    url = browser.way_back()
    own = parse_qs(urlsplit(url).query)["code"][0]

    refused(browser, browser.get(url.replace(own, stolen)), 502, "invalid_grant")


FOREIGN_STATES = {
    "none": lambda url: re.sub(r"&state=[^&]*", "", url),
    "an empty one": lambda url: re.sub(r"&state=[^&]*", "&state=", url),
    "an invented one": lambda url: re.sub(r"&state=[^&]*", "&state=" + "x" * 43, url),
}


@pytest.mark.parametrize("bent", FOREIGN_STATES.values(), ids=FOREIGN_STATES)
def test_a_state_that_is_not_of_this_browser_is_refused(browser: Browser, provider, bent) -> None:
    refused(browser, browser.get(bent(browser.way_back())), 401, "belongs to no attempt of this browser")
    assert provider.asked_for("token") == 0


def test_a_foreign_browser_is_refused_and_takes_nothing_from_the_one_that_began(browser: Browser) -> None:
    """An answer that somebody is made to open: he would be signed in as who began it."""
    url = browser.way_back()
    victim = Browser(browser.agent)
    refused(victim, victim.get(url), 401, "belongs to no attempt of this browser")
    victim.to_provider()
    refused(victim, victim.get(url), 401, "belongs to no attempt of this browser")

    assert browser.get(url).status_code == 200


def test_an_answer_that_comes_late_is_refused(browser: Browser) -> None:
    url = browser.way_back()
    waiting = browser.agent.services.sign_in.oidc._attempts
    waiting._clock = Later(waiting._clock, LIFE)

    refused(browser, browser.get(url), 401, "longer than 10 minutes")


class Later:
    """The same clock, so much on."""

    def __init__(self, clock: Any, by: timedelta) -> None:
        self._clock = clock
        self._by = by

    def now(self) -> datetime:
        return self._clock.now() + self._by

    def monotonic(self) -> float:
        return self._clock.monotonic() + self._by.total_seconds()


def test_another_provider_in_the_answer_is_refused(browser: Browser) -> None:
    url = re.sub(r"iss=[^&]*", "iss=https%3A%2F%2Fevil.example", browser.way_back())

    refused(browser, browser.get(url), 502, "of another identity provider")


@pytest.mark.parametrize(
    ("error", "status", "why"),
    [
        ({"error": "access_denied"}, 403, "did not let you through, or you went back: 'access_denied'"),
        ({"error": "server_error", "error_description": "no\0\nday <b>x</b>"}, 502, "'server_error' (no"),
        ({"error": "<script>alert(1)</script>"}, 502, "ended the attempt"),
        ({}, 502, "neither a code nor an error"),
        ({"code": ""}, 502, "neither a code nor an error"),
    ],
)
def test_an_error_of_the_provider_is_a_page(browser: Browser, provider, error, status: int, why: str) -> None:
    provider.denies = error

    page = browser.sign_in()

    refused(browser, page, status, why)
    assert "<script>alert" not in page.text
    assert "<b>" not in page.text


def test_words_of_strangers_are_not_shown(browser: Browser) -> None:
    page = browser.get(f"{BACK}?error=access_denied&error_description=call+555&state=x")

    assert (page.status_code, "555" in page.text) == (401, False)
    trail = browser.agent.call("GET", "/audit", token="read").text
    assert "somebody at 127.0.0.1" in trail
    assert "belongs to no attempt" in trail


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("code=a&code=b&state=c", {}),
        ("code=" + "x" * 9000, {}),
        ("code=a&state=b", {"Sec-Fetch-Dest": "image"}),
        ("code=a&state=b", {"Sec-Fetch-Dest": "iframe"}),
    ],
)
def test_what_no_provider_leads_to_is_400_and_counts_for_nothing(browser: Browser, query: str, headers) -> None:
    for _ in range(PER_ADDRESS + 1):
        assert browser.get(f"{BACK}?{query}", **headers).status_code == 400

    assert record(browser.agent) == []
    assert browser.sign_in().status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_foreign_page_leads_to_the_page_for_signing_in_only(browser: Browser, site: str) -> None:
    answer = browser.get(f"{FRONT}/login/oidc?next=%2Falerts", **{"Sec-Fetch-Site": site})

    assert (answer.status_code, answer.headers["location"]) == (303, "/aether/login?next=%2Falerts")
    assert browser.cookies == {}


# --- out: how the provider answers


@pytest.fixture
def over() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


BROKEN: dict[str, tuple[Any, str]] = {
    "huge": (rigs.huge, "larger than"),
    "redirecting": (rigs.redirecting, "redirects to"),
    "no JSON": (rigs.answering(200, b"<html>"), "did not answer with"),
    "a deep one": (rigs.answering(200, b"[" * 100_000), "did not answer with"),
    "JSON of another form": (rigs.answering(200, ["x"]), "did not answer with"),
    "500": (rigs.answering(500, {"error": "oh <b>no</b>"}), "answered 500"),
}
PLACES = ("place", "keys", "token")


def forget(browser: Browser) -> None:
    """What the agent keeps of the provider is old."""
    provider = browser.agent.services.sign_in.oidc._provider
    for kept in (provider._place, provider._keys):
        kept._asked_at = None


@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_answer_is_refused(browser: Browser, provider, place: str) -> None:
    for lapse, why in BROKEN.values():
        provider.lapses = {place: lapse}
        forget(browser)
        if place == "place":
            page = browser.get(f"{FRONT}/login/oidc")
            assert browser.cookies == {}
        else:
            page = browser.sign_in()
        refused(browser, page, 502, why)
        assert SECRET not in page.text

    assert provider.elsewhere == 0
    provider.lapses = {}
    forget(browser)
    assert browser.sign_in().status_code == 200, "the same without a lapse"


@pytest.mark.parametrize("place", PLACES)
def test_a_provider_that_does_not_answer_is_given_up(start, provider, over: threading.Event, place: str) -> None:
    browser = Browser(start(patience=0.3))
    provider.lapses[place] = rigs.slow(over)

    page = browser.get(f"{FRONT}/login/oidc") if place == "place" else browser.sign_in()

    refused(browser, page, 504, "no complete answer within 0.3 s")


@pytest.mark.parametrize("keys", [[], [{"kty": "oct", "kid": "one", "k": "AAAA"}], [{"kty": "RSA", "kid": "one"}]])
def test_keys_that_are_none_are_refused(browser: Browser, provider, keys) -> None:
    provider.keys = keys

    page = browser.sign_in()

    assert (page.status_code, COOKIE in browser.cookies) == (502, False)
    assert record(browser.agent)[0]["kind"] == "sign_in_refused"


@pytest.mark.parametrize(
    "says",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://evil.example/authorize"},
        {"token_endpoint": "http://evil.example/token"},
        {"token_endpoint": "https://user:word@evil.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "http://[::1"},
        {"jwks_uri": None},
        {"token_endpoint": "x" * 3000},
    ],
)
def test_a_description_that_leads_astray_is_refused(browser: Browser, provider, says) -> None:
    provider.says = says

    page = browser.get(f"{FRONT}/login/oidc")

    assert (page.status_code, browser.cookies) == (502, {})


def test_the_description_is_asked_for_once_and_after_a_failure_not_by_everybody(browser: Browser, provider) -> None:
    provider.lapses["place"] = rigs.answering(503, {})
    assert [browser.get(f"{FRONT}/login/oidc").status_code for _ in range(3)] == [502] * 3
    assert provider.asked_for("place") == 1

    del provider.lapses["place"]
    browser.agent.services.sign_in.oidc._provider._place._asked_at -= 6
    for _ in range(3):
        browser.to_provider()
    assert provider.asked_for("place") == 2


# --- out: people without a role


def test_who_is_in_no_group_of_ours_hears_which_were_seen_and_what_to_set(browser: Browser, provider) -> None:
    provider.groups = ["dev", "<script>alert(1)</script>", *(f"g-{number}" for number in range(30))]

    page = browser.sign_in()

    assert (page.status_code, COOKIE in browser.cookies) == (403, False)
    said = words(page)
    assert f"knows you as {ann_of(provider)}," in said
    assert "dev" in said
    assert "and 12 more" in said
    assert "roles:" in said
    assert "<script>alert" not in page.text
    entry = record(browser.agent)[0]
    assert entry["kind"] == "sign_in_refused"
    assert (entry["facts"]["by"], entry["facts"]["groups"][0]) == (ann_of(provider), "dev")
    assert f"{ann_of(provider)} was not signed in" in entry["text"]
    assert browser.agent.services.sign_in.sessions._sessions == {}


@pytest.mark.parametrize("groups", [None, [], {"sre": True}, 7, ["SRE"], [["sre"]], "sre,all"])
def test_what_is_no_group_of_ours_gives_no_role(browser: Browser, provider, groups) -> None:
    provider.groups = groups

    assert browser.sign_in().status_code == 403
    assert COOKIE not in browser.cookies


# --- bounds


def test_strangers_are_held_back_and_those_who_began_here_are_not(browser: Browser) -> None:
    url = browser.way_back()
    answers = [browser.get(f"{BACK}?code=a&state=b").status_code for _ in range(PER_ADDRESS + 1)]

    assert answers == [401] * PER_ADDRESS + [429]
    assert len(record(browser.agent)) == PER_ADDRESS, "what is held back writes nothing"
    form, own = {"code": browser.agent.secrets["read"]}, {"Origin": "https://ops.example"}
    answer = browser.agent.call("POST", "/login", data=form, headers=own, follow_redirects=False)
    assert answer.status_code == 303, "a token is another matter"
    assert browser.get(url).status_code == 200


def test_who_begins_again_and_again_is_held_back(browser: Browser, monkeypatch) -> None:
    answers = [browser.get(f"{FRONT}/login/oidc").status_code for _ in range(oidc.BEGUN_PER_ADDRESS + 1)]

    assert answers == [303] * oidc.BEGUN_PER_ADDRESS + [429]


def test_who_succeeds_is_not_counted(browser: Browser) -> None:
    for _ in range(3):
        assert browser.sign_in().status_code == 200

    assert browser.agent.services.sign_in.oidc._begun._by_address.total() == 0


def test_the_record_of_strangers_does_not_grow_without_end(browser: Browser) -> None:
    kept = browser.agent.services.sign_in.oidc._record
    kept._written[False] = STRANGERS_AN_HOUR

    page = browser.get(f"{BACK}?code=a&state=b")
    assert (page.status_code, record(browser.agent)) == (401, [])
    kept._hour_began -= 3601
    browser.get(f"{BACK}?code=a&state=b")

    (entry,) = record(browser.agent)
    assert entry["facts"]["not_written_before"] == 1


def test_without_the_setting_there_is_no_button_and_no_way(start_agent) -> None:
    agent = start_agent(auth=AuthOptions(mode=AuthMode.TOKEN))

    assert 'id="provider"' not in agent.call("GET", "/login").text
    for path in ("/login/oidc", "/login/oidc/callback?code=a&state=b"):
        answer = agent.call("GET", path)
        assert (answer.status_code, "set-cookie" in answer.headers) == (404, False)
