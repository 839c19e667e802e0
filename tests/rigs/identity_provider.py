"""An identity provider on the loopback: real HTTP, real keys, real codes with PKCE; and all that one can do wrong.

It speaks OpenID Connect as the specification has it: what it is to do otherwise, a test sets for one of its places.
"""

import base64
import hashlib
import http.server
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

CLIENT, SECRET = "aether", "s3cret/with+odd%signs"
PATH = "/realms/ops"
Handler = http.server.BaseHTTPRequestHandler
Lapse = Callable[[Handler], None]


@cache
def rsa(kid: str) -> RSAKey:
    """One key for each id: making one takes a while."""
    return RSAKey.generate_key(2048, {"kid": kid})


@cache
def elliptic(kid: str) -> ECKey:
    """The same, of the other kind."""
    return ECKey.generate_key("P-256", {"kid": kid})


def published(key: RSAKey | ECKey) -> dict[str, object]:
    """As a provider shows it."""
    return {**key.as_dict(private=False), "use": "sig"}


def unsigned(claims: dict[str, object], kid: str = "one") -> str:
    """A token that says `none`."""
    parts = ({"alg": "none", "kid": kid}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def signed_with_the_public_key(claims: dict[str, object]) -> str:
    """HS256, whose secret is what everybody knows."""
    secret = OctKey.import_key(base64.urlsafe_b64encode(rsa("one").as_pem(private=False)).decode())
    return jwt.encode({"alg": "HS256", "kid": "one"}, claims, secret, algorithms=["HS256"])


def signed(claims: dict[str, object], key: RSAKey | ECKey, *, kid: str | None = None) -> str:
    """A token that this key signs; `kid` is what it says that the key is called."""
    algorithm = "RS256" if isinstance(key, RSAKey) else "ES256"
    return jwt.encode({"alg": algorithm, "kid": kid or key.kid}, claims, key, algorithms=[algorithm])


@dataclass
class IdentityProviderRig:
    """One person is signed in there already, and lets the application know."""

    way_back: str
    now: Callable[[], float]
    host: str = "127.0.0.1"
    port: int = 0
    key: RSAKey | ECKey = field(default_factory=lambda: rsa("one"))
    keys: list[dict[str, object]] = field(default_factory=lambda: [published(rsa("one"))])
    person: dict[str, object] = field(default_factory=lambda: {"sub": "u-1", "preferred_username": "ann"})
    groups: object = field(default_factory=lambda: ["sre"])
    changed: dict[str, object] = field(default_factory=dict)
    token: Callable[[dict[str, object]], str] | None = None
    says: dict[str, object] = field(default_factory=dict)
    denies: dict[str, str] | None = None
    lapses: dict[str, Lapse] = field(default_factory=dict)
    login: str = "client_secret_basic"
    requests: list[str] = field(default_factory=list)
    elsewhere: int = 0
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def issuer(self) -> str:
        return self.origin + PATH

    def asked_for(self, place: str) -> int:
        """How often one of its places was asked."""
        return self.requests.count(place)

    def get(self, handler: Handler) -> None:
        match urlsplit(handler.path).path.removeprefix(PATH):
            case "/.well-known/openid-configuration":
                self._answer(handler, "place", self.place)
            case "/keys":
                self._answer(handler, "keys", {"keys": self.keys})
            case "/authorize":
                self._authorize(handler)
            case _:
                self.elsewhere += 1
                handler.send_error(404)

    def post(self, handler: Handler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"])).decode()
        self.requests.append("token")
        if "token" in self.lapses:
            self.lapses["token"](handler)
            return
        form = {name: values[0] for name, values in parse_qs(body).items()}
        problem = self._problem(handler, form)
        if problem is not None:
            reply(handler, 400, {"error": problem, "error_description": f"heard {body}"})
            return
        reply(handler, 200, {"id_token": self._id_token(self._codes.pop(form["code"])), "token_type": "Bearer"})

    @property
    def place(self) -> dict[str, object]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint_auth_methods_supported": [self.login],
            **self.says,
        }

    def _answer(self, handler: Handler, place: str, body: object) -> None:
        self.requests.append(place)
        if place in self.lapses:
            self.lapses[place](handler)
        else:
            reply(handler, 200, body)

    def _authorize(self, handler: Handler) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(handler.path).query).items()}
        is_right = (
            asked["client_id"] == CLIENT
            and asked["redirect_uri"] == self.way_back
            and asked["response_type"] == "code"
            and asked["code_challenge_method"] == "S256"
            and "openid" in asked["scope"].split()
        )
        if not is_right:
            handler.send_error(400)
            return
        if self.denies is None:
            code = secrets.token_urlsafe(16)
            self._codes[code] = asked
            answer = {"code": code, "iss": self.issuer}
        else:
            answer = self.denies
        handler.send_response(302)
        handler.send_header("Location", f"{self.way_back}?{urlencode({**answer, 'state': asked['state']})}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def _problem(self, handler: Handler, form: dict[str, str]) -> str | None:
        if self._credentials(handler, form) != (CLIENT, SECRET):
            return "invalid_client"
        asked = self._codes.get(form.get("code", ""))
        if asked is None or form["redirect_uri"] != asked["redirect_uri"]:
            return "invalid_grant"
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        is_same = base64.urlsafe_b64encode(digest).decode().rstrip("=") == asked["code_challenge"]
        return None if is_same else "invalid_grant"

    def _credentials(self, handler: Handler, form: dict[str, str]) -> tuple[str, str]:
        if self.login == "client_secret_post":
            return form.get("client_id", ""), form.get("client_secret", "")
        login = base64.b64decode(handler.headers["authorization"].partition(" ")[2]).decode()
        name, _, secret = login.partition(":")
        return unquote_plus(name), unquote_plus(secret)

    def _id_token(self, asked: dict[str, str]) -> str:
        now = int(self.now())
        claims: dict[str, object] = {
            "iss": self.issuer,
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
            **self.person,
            "groups": self.groups,
            **self.changed,
        }
        if self.token is not None:
            return self.token(claims)
        return signed(claims, self.key)


def reply(handler: Handler, status: int, body: object) -> None:
    """JSON, or bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def slow(over: threading.Event) -> Lapse:
    """It does not answer until the test is over."""
    return lambda _: over.wait(60) and None


def huge(handler: Handler) -> None:
    """Its answer has no end."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 65536)


def redirecting(handler: Handler) -> None:
    """It leads elsewhere."""
    handler.send_response(307)
    handler.send_header("Location", "/elsewhere")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def answering(status: int, body: object) -> Lapse:
    """It answers with this."""
    return lambda handler: reply(handler, status, body)


@contextmanager
def serving(rig: IdentityProviderRig) -> Iterator[IdentityProviderRig]:
    """On a free port, on threads of its own."""

    class Listening(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(ConnectionError):
                rig.get(self)

        def do_POST(self) -> None:
            with suppress(ConnectionError):
                rig.post(self)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listening)
    server.daemon_threads = True
    rig.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield rig
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
