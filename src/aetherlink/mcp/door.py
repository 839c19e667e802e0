"""POST /mcp: assistants over streamable HTTP, each with its own token. Every exchange stands for itself.

No session is kept, so none can be taken over: who asks is told by the token of each request. What a tool asks goes to
this app's own API with that token, past this module's own scopes and limits.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from aetherlink.access.gate import Gate
from aetherlink.errors import AetherError, DeadlineError, SettingsError
from aetherlink.mcp.inside import Exchange, InsideApi
from aetherlink.mcp.limits import CallLimits
from aetherlink.mcp.metrics import McpMetrics
from aetherlink.mcp.options import McpOptions
from aetherlink.mcp.translating import Result, Translator
from aetherlink.model.principals import Principal, Scope
from aetherlink.web import problems
from aetherlink.web.guard import GuardedRoute, Needs, guarded_router
from aetherlink.web.presence import GoneAwayError, while_there
from aetherlink.web.services import ApiServices

PATH = "/mcp"
LARGEST_BODY = 256 * 1024  # every argument at its longest, each character escaped
LARGEST_ANSWER = 2 * 1024 * 1024  # a result is said twice, as text and as an object
_CALLER = "aetherlink.caller"
_REFUSED = -32000  # JSON-RPC's first code for what a server makes of it
_GRACE = timedelta(seconds=5)  # for what is around the call of a tool
_OverHttp = Callable[[Callable[[Request], Translator]], ASGIApp]
_PASSED_ON = frozenset({b"content-type", b"allow"})


def routers(options: McpOptions, metrics: McpMetrics) -> Sequence[Callable[[ApiServices], APIRouter]]:
    """The router of the door, none where it is not to be opened. Raises SettingsError without the SDK."""
    if not options.enabled:
        return ()
    over_http = _sdk()
    return (lambda services: _router(services, options, metrics, over_http),)


def account(options: McpOptions) -> Iterator[str]:
    """How the door would be, in words; nothing where it stays closed. Raises SettingsError without the SDK."""
    if options.enabled:
        _sdk()
        yield f"assistants: served at {PATH}, by token, {options.calls_per_minute} requests a minute each"


def _sdk() -> _OverHttp:
    try:
        from aetherlink.mcp.sdk import over_http  # noqa: PLC0415 - the SDK is an extra
    except ModuleNotFoundError as problem:
        raise SettingsError(
            f"mcp.enabled needs {problem.name}, which is not installed: pip install 'aetherlink[mcp]'"
        ) from problem
    return over_http


class NeedsAssistant(Needs):
    """A token with the scope read, from where no foreign page can stand behind it."""

    def __init__(self, gate: Gate, names: Sequence[str]) -> None:
        super().__init__(gate, Scope.READ, tenants=True, by_token=True)
        self._names = frozenset(name.lower() for name in names)

    def _admitted(self, request: Request) -> Principal:
        self._gate.check_called(request.headers.raw, self._names)
        return super()._admitted(request)


class _Counted(Translator):
    """The tools of one caller, each call counted."""

    def __init__(self, api: InsideApi, scopes: frozenset[Scope], metrics: McpMetrics) -> None:
        super().__init__(api, scopes)
        self._metrics = metrics

    async def call(self, name: str, given: Mapping[str, object]) -> Result:
        """See Translator."""
        result = await super().call(name, given)
        self._metrics.called(name, result.outcome)
        return result


class _Door:
    """Serves one exchange after another, within the limits of each token."""

    def __init__(
        self,
        options: McpOptions,
        metrics: McpMetrics,
        limits: CallLimits,
        over_http: _OverHttp,
    ) -> None:
        self._options = options
        self._metrics = metrics
        self._limits = limits
        self._sdk = over_http(self._translator)

    async def answer(self, request: Request, caller: Principal) -> Response:
        """One exchange. Raises ThrottledError, DeadlineError, HTTPException."""
        token = caller.root or caller.name
        self._limits.take(token)
        _check_content_type(request)
        body = await _body(request)
        with self._limits.through(token):
            try:
                exchange = await while_there(request, self._exchanged(request, caller, body))
            except GoneAwayError:
                raise HTTPException(408, "nobody waits for the answer any more") from None
        if exchange.is_cut:
            raise HTTPException(413, "the answer is too large: ask for less")
        headers = {name.decode(): value.decode("latin-1") for name, value in exchange.headers if name in _PASSED_ON}
        return Response(exchange.answer, exchange.status, headers={**headers, "Cache-Control": "no-store"})

    async def _exchanged(self, request: Request, caller: Principal, body: bytes) -> Exchange:
        patience = self._options.deadline + _GRACE
        exchange = Exchange(body, largest=LARGEST_ANSWER)
        try:
            async with asyncio.timeout(patience.total_seconds()):
                return await exchange.over(self._sdk, {**request.scope, _CALLER: caller})
        except TimeoutError:
            raise DeadlineError(f"no answer within {patience.total_seconds():g} s") from None

    def _translator(self, request: Request) -> Translator:
        caller: Principal = request.scope[_CALLER]
        api = InsideApi(
            request.app,
            authorization=request.headers["authorization"].encode("latin-1"),
            client=request.scope.get("client"),
            deadline=self._options.deadline,
        )
        return _Counted(api, caller.scopes, self._metrics)


def _router(
    services: ApiServices,
    options: McpOptions,
    metrics: McpMetrics,
    over_http: _OverHttp,
) -> APIRouter:
    limits = CallLimits(options, services.clock, metrics.at_once)
    door = _Door(options, metrics, limits, over_http)
    routes = guarded_router(tag="assistants", route_class=_route_class(metrics))
    is_assistant = Depends(NeedsAssistant(services.gate, options.hosts))

    @routes.post(PATH, include_in_schema=False)
    async def mcp(request: Request, caller: Annotated[Principal, is_assistant]) -> Response:
        return await door.answer(request, caller)

    return routes


def _route_class(metrics: McpMetrics) -> type[GuardedRoute]:
    """Routes whose refusals are told as the protocol tells errors: its clients show nobody a problem document."""

    class Told(GuardedRoute):
        def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]  # as in GuardedRoute
            handle = super().get_route_handler()

            async def told(request: Request) -> Response:
                try:
                    return await handle(request)
                except (AetherError, HTTPException) as refusal:
                    answer = _refusal(refusal)
                metrics.refused(answer.status_code)
                return answer

            return told

    return Told


def _refusal(error: AetherError | HTTPException) -> Response:
    if isinstance(error, HTTPException):
        status, words = error.status_code, error.detail
    else:
        found, words = problems.told(error, instance=PATH)
        status = found or 500
    said = {"jsonrpc": "2.0", "id": None, "error": {"code": _REFUSED, "message": words}}
    headers = {**problems.headers_for(status), **problems.headers_of(error)}
    return Response(json.dumps(said), status, headers=headers, media_type="application/json")


def _check_content_type(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "send JSON, with `Content-Type: application/json`")


async def _body(request: Request) -> bytes:
    """The whole body. Raises HTTPException for one that is too large, or takes too long."""
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > LARGEST_BODY:
                raise HTTPException(413, f"a request may have {LARGEST_BODY} bytes at most")
    except ClientDisconnect:
        raise HTTPException(400, "the body did not arrive") from None
    return bytes(body)
