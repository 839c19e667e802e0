"""An identity provider that speaks OpenID Connect: where it says everything is, its keys, and codes for ID tokens.

What it answers is taken only whole, in time, within a bound, and never from where it redirects to. Whether an ID token
may be believed is for `id_tokens`.
"""

import base64
import hashlib
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from urllib.parse import quote_plus, urlencode, urlsplit

import msgspec

from aetherlink.clients.connection import Connection
from aetherlink.clients.exchange import UNREADABLE_JSON, Answer, Exchange
from aetherlink.clients.id_tokens import Expected, verify
from aetherlink.clients.kept import Kept
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import AnswerError, NotFoundError, SettingsError, TooLargeError
from aetherlink.lib.safe_way import is_safe_way
from aetherlink.ports import Clock

T = TypeVar("T")
Keys = Sequence[Mapping[str, object]]

WELL_KNOWN = "/.well-known/openid-configuration"
MOST_BYTES = 256 * 1024
_LIFE = timedelta(hours=1)
_KEYS_AGAIN = timedelta(minutes=1)
_MOST_KEYS = 100
_LONGEST_URL = 2000
_FORM = "application/x-www-form-urlencoded"
_ERROR_CODE = re.compile(r"[a-z_]{1,60}")


@dataclass(frozen=True, slots=True)
class Registration:
    """What the provider and this application have agreed on."""

    issuer: str
    client_id: str
    secret: str = field(repr=False)
    way_back: str
    scopes: Sequence[str]
    tls: ssl.SSLContext


class _Place(msgspec.Struct, frozen=True):
    """What it says of itself, as far as it is needed."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] | None = None


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[dict[str, object]]


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str


class _Refusal(msgspec.Struct, frozen=True):
    error: str = ""


class IdentityProvider:
    """See ports.IdentityProvider. Does no I/O before it is asked."""

    def __init__(self, own: Registration, options: ClientOptions, *, clock: Clock) -> None:
        self._own = own
        self._options = options.model_copy(update={"max_bytes": min(options.max_bytes, MOST_BYTES)})
        self._clock = clock
        self._place = Kept(self._ask_place, life=_LIFE, clock=clock)
        self._keys = Kept(self._ask_keys, life=_LIFE, clock=clock)

    async def address(self, *, state: str, nonce: str, verifier: str) -> str:
        """Where to lead a browser that is to come back with the state. Raises UnreachableError or AnswerError."""
        endpoint = (await self._place.value()).authorization_endpoint
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).decode().rstrip("=")
        query = {
            "response_type": "code",
            "client_id": self._own.client_id,
            "redirect_uri": self._own.way_back,
            "scope": " ".join(self._own.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    async def claims(self, code: str, *, nonce: str, verifier: str) -> Mapping[str, object]:
        """What the ID token for this code says, once it is believed. Raises UnreachableError or AnswerError."""
        token = await self._redeemed(await self._place.value(), code, verifier)
        expected, now = Expected(self._own.issuer, self._own.client_id, nonce), self._clock.now()
        try:
            return verify(token, await self._keys.value(), expected, now=now)
        except NotFoundError:
            pass  # its keys may have been changed since
        try:
            return verify(token, await self._keys.value(newer_than=_KEYS_AGAIN), expected, now=now)
        except NotFoundError as unknown:
            raise AnswerError(str(unknown)) from unknown

    async def check(self) -> int:
        """How many keys it publishes, all being as it should be. Raises UnreachableError or AnswerError."""
        return len(await self._keys.value())

    async def _redeemed(self, place: _Place, code: str, verifier: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._own.way_back,
            "code_verifier": verifier,
        }
        methods = place.token_endpoint_auth_methods_supported
        headers = {}
        if methods is None or "client_secret_basic" in methods:
            login = f"{quote_plus(self._own.client_id)}:{quote_plus(self._own.secret)}"
            headers["authorization"] = f"Basic {base64.b64encode(login.encode('ascii')).decode('ascii')}"
        else:
            form |= {"client_id": self._own.client_id, "client_secret": self._own.secret}
        answer = await self._ask("POST", place.token_endpoint, urlencode(form).encode("ascii"), headers)
        if not answer.is_success:
            raise AnswerError(f"the provider did not take the code: it answered {answer.status}{_error_in(answer)}")
        return _read(answer, _Tokens, "an answer with an ID token").id_token

    async def _ask_place(self) -> _Place:
        answer = await self._ask("GET", self._own.issuer.rstrip("/") + WELL_KNOWN)
        if not answer.is_success:
            raise AnswerError(f"{self._own.issuer}{WELL_KNOWN} answered {answer.status}: is this the issuer?")
        place = _read(answer, _Place, "the description of an identity provider")
        if place.issuer != self._own.issuer:
            raise AnswerError(
                f"the provider calls itself {place.issuer[:200]!r}, and auth.oidc.issuer is {self._own.issuer!r}: they "
                "have to be the same, letter by letter"
            )
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            self._check_endpoint(name, getattr(place, name))
        return place

    async def _ask_keys(self) -> Keys:
        answer = await self._ask("GET", (await self._place.value()).jwks_uri)
        if not answer.is_success:
            raise AnswerError(f"the provider's keys could not be had: it answered {answer.status}")
        keys = _read(answer, _KeySet, "a set of keys").keys
        if not 0 < len(keys) <= _MOST_KEYS:
            raise AnswerError(f"the provider publishes {len(keys)} keys, and 1 to {_MOST_KEYS} are taken")
        return keys

    def _check_endpoint(self, name: str, url: str) -> None:
        """A browser and the secret are led there: over TLS, unless all of it is on this machine."""
        is_plain = len(url) <= _LONGEST_URL and url.isascii() and url.isprintable() and " " not in url
        is_as_safe = is_plain and is_safe_way(url) and urlsplit(url).scheme == urlsplit(self._own.issuer).scheme
        if not is_as_safe or "@" in urlsplit(url).netloc or "#" in url:
            raise AnswerError(f"the provider's {name} is {url[:200]!r}, which is no address to lead anybody to")

    async def _ask(
        self, method: str, url: str, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        try:
            exchange = Exchange(
                "the identity provider",
                f"{parts.scheme}://{parts.netloc}",
                options=self._options,
                connection=Connection(tls=self._own.tls),
            )
        except SettingsError as problem:
            raise AnswerError(str(problem)) from problem
        try:
            return await exchange.ask(method, path, content=content, content_type=_FORM, headers=headers)
        except TooLargeError as problem:
            raise AnswerError(f"the provider's answer is larger than {self._options.max_bytes} bytes") from problem
        finally:
            await exchange.aclose()


def _read(answer: Answer, form: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(answer.body, type=form)
    except UNREADABLE_JSON as problem:
        raise AnswerError(f"the provider did not answer with {what}") from problem


def _error_in(answer: Answer) -> str:
    """The word that the specification has for it; the rest is not shown: it may repeat what was sent."""
    try:
        error = msgspec.json.decode(answer.body, type=_Refusal).error
    except UNREADABLE_JSON:
        return ""
    return f" ({error})" if _ERROR_CODE.fullmatch(error) else ""
