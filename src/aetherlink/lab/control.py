"""The lab's control API: HTTP and JSON on a Unix socket that only the lab's own user can open.

The agent's lab executor, the drills and `aether lab` call it. It says what is and passes on wishes; errors are
application/problem+json. No authentication beyond the socket's mode: who may connect may already kill every process.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, TypeVar

import uvicorn
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aetherlink.errors import AetherError, BadRequestError, ConflictError, DeadlineError, NotFoundError
from aetherlink.lab.services import Service
from aetherlink.lab.states import ServiceList
from aetherlink.lab.waiting import until

_LARGEST_BODY = 64 * 1024
_BODY_SECONDS = 10.0
_START_SECONDS = 5.0
_STOP_SECONDS = 1
_DEFAULT_DEADLINE = 30.0
_STATUS = {
    BadRequestError: HTTPStatus.BAD_REQUEST,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    DeadlineError: HTTPStatus.GATEWAY_TIMEOUT,
}


class _Wish(BaseModel):
    """What every wish may carry: how many seconds it may take until the service is ready again."""

    model_config = ConfigDict(extra="forbid")

    deadline_seconds: Annotated[float, Field(gt=0, le=600)] = _DEFAULT_DEADLINE


class RestartWish(_Wish):
    """Every wanted replica shall have started after this instant."""

    started_after: AwareDatetime


class ScaleWish(_Wish):
    """There shall be so many replicas."""

    replicas: int


class DeployWish(_Wish):
    """Every replica shall run this release."""

    release: Annotated[str, Field(max_length=40)]


class KillWish(BaseModel):
    """Nothing to say."""

    model_config = ConfigDict(extra="forbid")


WishT = TypeVar("WishT", bound=BaseModel)
Handler = Callable[[Request], Awaitable[Response]]


def make_app(services: Mapping[str, Service], request_stop: Callable[[], None]) -> Starlette:
    """The API over these services; `request_stop` asks the lab to end."""
    doors = _Doors(services, request_stop)
    one = "/v1/services/{name}"
    return Starlette(
        routes=[
            Route("/v1/services", doors.list_services, methods=["GET"]),
            Route(one, doors.show, methods=["GET"]),
            Route(f"{one}/restart", doors.restart, methods=["POST"]),
            Route(f"{one}/scale", doors.scale, methods=["POST"]),
            Route(f"{one}/deploy", doors.deploy, methods=["POST"]),
            Route(f"{one}/kill", doors.kill, methods=["POST"]),
            Route("/v1/stop", doors.stop, methods=["POST"]),
        ],
        exception_handlers={AetherError: _aether_problem, HTTPException: _http_problem},
    )


@contextlib.asynccontextmanager
async def serving(path: Path, services: Mapping[str, Service], request_stop: Callable[[], None]) -> AsyncIterator[None]:
    """Serve the API on this Unix socket (mode 0600) until the block ends."""
    listener = _bind(path)
    config = uvicorn.Config(
        make_app(services, request_stop),
        lifespan="off",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = _QuietServer(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="lab control")
    try:
        await until(lambda: server.started, seconds=_START_SECONDS)
        yield
    finally:
        server.should_exit = True
        await task
        listener.close()


def _bind(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    # The directory is closed to others already; the mode says the same to those who look.
    path.chmod(0o600)
    return listener


class _QuietServer(uvicorn.Server):
    """uvicorn without signal handlers: the lab has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


class _Doors:
    """The routes."""

    def __init__(self, services: Mapping[str, Service], request_stop: Callable[[], None]) -> None:
        self._services = services
        self._request_stop = request_stop

    async def list_services(self, _request: Request) -> Response:
        """Every service."""
        return _json(ServiceList(items=tuple(service.view() for service in self._services.values())))

    async def show(self, request: Request) -> Response:
        """One service."""
        return _json(self._find(request).view())

    async def restart(self, request: Request) -> Response:
        """Restart what has not started after the instant; answers when it is ready."""
        service, wish = self._find(request), await _read(request, RestartWish)
        return await _serve(service, service.restart(wish.started_after, within=wish.deadline_seconds))

    async def scale(self, request: Request) -> Response:
        """Change the number of replicas; answers when they are ready."""
        service, wish = self._find(request), await _read(request, ScaleWish)
        return await _serve(service, service.scale(wish.replicas, within=wish.deadline_seconds))

    async def deploy(self, request: Request) -> Response:
        """Change the release; answers when it is ready."""
        service, wish = self._find(request), await _read(request, DeployWish)
        return await _serve(service, service.deploy(wish.release, within=wish.deadline_seconds))

    async def kill(self, request: Request) -> Response:
        """Break the service: SIGKILL to every replica."""
        service = self._find(request)
        await _read(request, KillWish)
        service.kill()
        return _json(service.view())

    async def stop(self, _request: Request) -> Response:
        """End the lab; answers at once."""
        self._request_stop()
        return JSONResponse({"stopping": True}, status_code=HTTPStatus.ACCEPTED)

    def _find(self, request: Request) -> Service:
        name = str(request.path_params["name"])
        service = self._services.get(name)
        if service is None:
            raise NotFoundError(f"this lab has no service {name[:80]!r}; it has {', '.join(self._services)}")
        return service


async def _serve(service: Service, wish: Awaitable[None]) -> Response:
    # A caller that hangs up does not take its wish back: half a restart would be worse than a whole one.
    await asyncio.shield(asyncio.ensure_future(wish))
    return _json(service.view())


async def _read(request: Request, kind: type[WishT]) -> WishT:
    """The wish in the body; an empty body is an empty object. Raises BadRequestError that says what is wrong."""
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _LARGEST_BODY:
                    raise BadRequestError(f"the body is larger than {_LARGEST_BODY} bytes")
    except TimeoutError as error:
        raise BadRequestError(f"the body did not arrive within {_BODY_SECONDS:.0f} s") from error
    try:
        return kind.model_validate_json(bytes(body) or b"{}")
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}" for item in error.errors())
        raise BadRequestError("; ".join(problems)) from error


def _json(model: BaseModel) -> Response:
    return Response(model.model_dump_json(), media_type="application/json")


async def _aether_problem(request: Request, error: Exception) -> Response:
    known = (status for kind, status in _STATUS.items() if isinstance(error, kind))
    return _problem(request, next(known, HTTPStatus.INTERNAL_SERVER_ERROR), str(error))


async def _http_problem(request: Request, error: Exception) -> Response:
    status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    return _problem(request, status, status.description)


def _problem(request: Request, status: HTTPStatus, detail: str) -> Response:
    content = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "instance": request.url.path,
    }
    return JSONResponse(content, status_code=status, media_type="application/problem+json")
