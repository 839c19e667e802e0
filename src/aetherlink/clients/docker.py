"""One Docker daemon, through the official SDK: list, inspect, events, restart, start, stop, limits, and nothing else.

Where `aether socket-proxy` is before it, also what that makes: a container anew, one more replica.

Changes workloads: called by the executor `docker` only. Decides nothing. The SDK blocks, so each call has a thread of a
bounded number and a connection of its own; at the call's deadline the connection is cut, which frees the thread,
whatever the daemon does. Of all that is ever put into a path only a container's id comes from outside.
"""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests
from docker import APIClient
from docker.constants import DEFAULT_DOCKER_API_VERSION
from docker.errors import APIError, create_api_error_from_http_exception
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

from aetherlink.clients import docker_containers
from aetherlink.clients.docker_containers import Bounds, Container, Listed, Releases, checked_id, checked_image
from aetherlink.errors import (
    AetherError,
    AnswerError,
    ConflictError,
    DeadlineError,
    NotFoundError,
    NotSentError,
    RejectedError,
    UnreachableError,
)

T = TypeVar("T")

_THREADS = 32  # more than the pipeline has workers by default: each of them looks or acts once at a time
_THREADS_OF_ONE_TARGET = 2  # a container that hangs leaves the others room
_MOST_ROOMS = 1000  # targets that an alert's labels find come and go
_MOST_BYTES = 8 * 1024 * 1024
_MOST_CONTAINERS = 100
_AFTER_THE_END = timedelta(seconds=1)  # within which the daemon tells that an end was asked for
_PIECE = 64 * 1024
_OWN = "/aether/v1"
_LONGEST_GRACE = 300  # seconds, as the socket proxy has it


class _Line:
    """The connections of one call, which can be cut from another thread."""

    def __init__(self, address: str) -> None:
        self.is_connected = False
        self._address = address
        self._lock = Lock()
        self._is_cut = False
        self._sockets: list[socket.socket] = []

    def dial(self, seconds: float) -> socket.socket:
        """A new connection. Raises OSError, also after the line was cut."""
        made = self._dialled(seconds)
        with self._lock:
            if not self._is_cut:
                self.is_connected = True
                self._sockets.append(made)
                return made
        made.close()
        raise OSError("the time was up before there was a connection")

    def cut(self) -> bool:
        """End what is open, and let nothing new begin; whether anything had been open."""
        with self._lock:
            self._is_cut = True
            for one in self._sockets:
                with suppress(OSError):  # it may have ended by itself
                    one.shutdown(socket.SHUT_RDWR)
            return self.is_connected

    def _dialled(self, seconds: float) -> socket.socket:
        parts = urlsplit(self._address)
        if parts.scheme == "tcp":
            return socket.create_connection((parts.hostname or "", parts.port or 2375), timeout=seconds)
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.settimeout(seconds)
            made.connect(parts.path)
        except BaseException:
            made.close()
            raise
        return made


class _Wire(HTTPConnection):
    """HTTP over a line."""

    def __init__(self, line: _Line, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._line = line

    def _new_conn(self) -> socket.socket:
        return self._line.dial(float(self.timeout or 0))


class _Way(HTTPAdapter):
    """Lets the SDK's requests go over a line, to wherever that leads, and never by a proxy."""

    def __init__(self, line: _Line) -> None:
        super().__init__(max_retries=0)
        self._pool = HTTPConnectionPool("docker", maxsize=1)
        self._pool.ConnectionCls = partial(_Wire, line)  # type: ignore[assignment]  # called as the class would be

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        return self._pool

    def close(self) -> None:
        self._pool.close()
        super().close()


class _Bounded:
    """The body of an answer, which ends in an error where it is too long."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def stream(self, amount: int, decode_content: bool = False) -> Iterator[bytes]:
        size = 0
        for piece in self._body.stream(min(amount, _PIECE), decode_content=decode_content):
            size += len(piece)
            if size > _MOST_BYTES:
                raise AnswerError(f"Docker's answer is longer than {_MOST_BYTES} bytes")
            yield piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)


def _bound(response: Any, *_: Any, **__: Any) -> None:
    response.raw = _Bounded(response.raw)


class DockerDaemon:
    """The daemon, or the proxy before it, at `unix:///path` or `tcp://host:port`.

    Every method is for a target, by whose name calls are counted: those of one that hangs keep no other waiting. All
    raise NotSentError when nothing arrived there; NotFoundError, ConflictError and RejectedError when Docker said so;
    DeadlineError, UnreachableError and AnswerError when nobody can tell what it did.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="docker")
        self._free = asyncio.Semaphore(_THREADS)
        self._rooms: dict[str, asyncio.Semaphore] = {}
        self._lines: set[_Line] = set()
        self._version = ""

    async def labelled(
        self, target: str, labels: Mapping[str, str], name: str = "", *, deadline: timedelta
    ) -> list[Container]:
        """All containers, running or not, with these labels and, where one is given, this very name."""
        return await self._ask(target, partial(_labelled, labels=labels, name=name), deadline)

    async def everything(self, target: str, *, deadline: timedelta) -> list[Listed]:
        """A line for every container there is, running or not."""
        return await self._ask(target, _all, deadline)

    async def container(self, target: str, container: str, *, deadline: timedelta) -> Container:
        """The container of this id."""
        return await self._ask(target, partial(_inspect, container=checked_id(container)), deadline)

    async def happened(self, target: str, container: Container, *, deadline: timedelta) -> list[str]:
        """What the daemon remembers of its end: `kill`, `die`, `stop`, in their order. It forgets soon."""
        return await self._ask(target, partial(_happened, container=container), deadline)

    async def restart(self, target: str, container: str, *, grace: int, deadline: timedelta) -> None:
        """SIGTERM, or what the container has in its place; SIGKILL after `grace` seconds; and a new start."""
        await self._call(target, lambda client: client.restart(checked_id(container), timeout=grace), deadline)

    async def start(self, target: str, container: str, *, deadline: timedelta) -> None:
        """Start what has ended, or never ran."""
        await self._call(target, lambda client: client.start(checked_id(container)), deadline)

    async def stop(self, target: str, container: str, *, grace: int, deadline: timedelta) -> None:
        """SIGTERM, or what the container has in its place; SIGKILL after `grace` seconds."""
        await self._call(target, lambda client: client.stop(checked_id(container), timeout=grace), deadline)

    async def limit(self, target: str, container: str, bounds: Bounds, *, deadline: timedelta) -> None:
        """Let it use so much from now on; what is 0 stays as it is."""
        asked = {"Memory": bounds.memory, "MemorySwap": bounds.swap, "NanoCpus": bounds.nano_cpus}
        body = {name: value for name, value in asked.items() if value}
        work = partial(_posted, path=f"/containers/{checked_id(container)}/update", body=body)
        await self._call(target, work, deadline)

    async def releases(self, target: str, container: str, *, deadline: timedelta) -> Releases:
        """What the socket proxy can bring in the place of the container, and beside it.

        Raises NotFoundError or RejectedError where something else listens: a daemon, another proxy.
        """
        return await self._ask(target, partial(_releases, container=checked_id(container)), deadline)

    async def replace(self, target: str, container: str, image: str, *, grace: int, deadline: timedelta) -> str:
        """Have it made anew with this image, by the socket proxy; the new one's id."""
        path = f"/containers/{checked_id(container)}/replace?t={min(grace, _LONGEST_GRACE)}"
        work = partial(_posted, path=path, body={"image": checked_image(image)}, is_own=True)
        return docker_containers.made(await self._call(target, work, deadline))

    async def one_more(self, target: str, service: tuple[str, str], seen: int, *, deadline: timedelta) -> str:
        """Have one more replica made of a project's service that has `seen`, by the socket proxy; the new one's id."""
        project, name = (quote(each, safe="") for each in service)
        path = f"/services/{project}/{name}/replicas"
        work = partial(_posted, path=path, body={"add": 1, "seen": seen}, is_own=True)
        return docker_containers.made(await self._call(target, work, deadline))

    async def aclose(self) -> None:
        """Cut what is open."""
        for line in tuple(self._lines):
            line.cut()
        self._threads.shutdown(wait=False)

    async def _ask(self, target: str, work: Callable[[APIClient], T], deadline: timedelta) -> T:
        try:
            return await self._call(target, work, deadline)
        except ConflictError as problem:  # nothing was assumed that could have changed: it makes no sense
            raise AnswerError(str(problem)) from problem

    async def _call(self, target: str, work: Callable[[APIClient], T], deadline: timedelta) -> T:
        loop = asyncio.get_running_loop()
        ends = loop.time() + deadline.total_seconds()
        if target not in self._rooms and len(self._rooms) >= _MOST_ROOMS:
            self._rooms = {name: room for name, room in self._rooms.items() if room.locked()}
        room = self._rooms.setdefault(target, asyncio.Semaphore(_THREADS_OF_ONE_TARGET))
        try:
            await self._find_room(room, ends)
        except TimeoutError:
            raise NotSentError(f"too many calls to Docker hang already: nothing was sent for {target}") from None
        line = _Line(self._address)
        self._lines.add(line)
        running = self._threads.submit(self._in_thread, line, work, max(ends - loop.time(), 0.001))
        call = asyncio.wrap_future(running)
        call.add_done_callback(partial(self._over, room, line))
        return await self._answer(call, line, ends)

    async def _find_room(self, room: asyncio.Semaphore, ends: float) -> None:
        """Raises TimeoutError."""
        async with asyncio.timeout_at(ends):
            await room.acquire()
            try:
                await self._free.acquire()
            except BaseException:
                room.release()
                raise

    def _over(self, room: asyncio.Semaphore, line: _Line, call: "asyncio.Future[Any]") -> None:
        """Only when its thread is free again another call may have it."""
        self._lines.discard(line)
        self._free.release()
        room.release()
        if not call.cancelled():
            call.exception()  # whoever waited may have gone

    async def _answer(self, call: "asyncio.Future[T]", line: _Line, ends: float) -> T:
        try:
            async with asyncio.timeout_at(ends):
                return await asyncio.shield(call)
        except TimeoutError:
            if line.cut():
                raise DeadlineError(f"Docker at {self._address} did not answer in time") from None
            raise NotSentError(f"Docker at {self._address} could not be connected to in time") from None
        except asyncio.CancelledError:
            line.cut()
            raise

    def _in_thread(self, line: _Line, work: Callable[[APIClient], T], seconds: float) -> T:
        """All of a call, its connections closed in the end. Raises nothing but AetherError."""
        try:
            version = self._version or _negotiated(line, seconds)
            self._version = version
            with closing(_client(line, version, seconds)) as client:
                return work(client)
        except AetherError:
            raise
        except APIError as problem:
            raise self._refusal(problem) from problem
        except Exception as problem:  # the named boundary to an SDK that meets nonsense with any exception
            raise self._trouble(line, problem) from problem

    def _refusal(self, problem: APIError) -> AetherError:
        """The daemon's own no. After a 400 the version is asked for anew: another daemon may be there now."""
        status = int(problem.response.status_code)
        message = f"Docker answered {status}: {str(problem.explanation)[:300]}"
        match status:
            case 404:
                return NotFoundError(message)
            case 409:
                return ConflictError(message)
            case status if 400 <= status < 500:
                self._version = "" if status == 400 else self._version
                return RejectedError(message, status=status)
            case _:
                return AnswerError(message)

    def _trouble(self, line: _Line, problem: Exception) -> AetherError:
        what = f"Docker at {self._address}"
        if not line.is_connected:
            return NotSentError(f"{what} could not be connected to: {_cause(problem)}")
        if isinstance(problem, requests.Timeout):
            return DeadlineError(f"{what} did not answer in time")
        if isinstance(problem, requests.ConnectionError):
            return UnreachableError(f"{what} ended the connection before its answer: {_cause(problem)}")
        return AnswerError(f"{what} answered with something that cannot be used: {_cause(problem)}")


def _client(line: _Line, version: str, seconds: float) -> APIClient:
    """One whose every request goes over the line; where that leads is not the SDK's business."""
    client = APIClient(base_url="tcp://docker:2375", version=version, timeout=seconds)
    client.mount("http://", _Way(line))
    client.trust_env = False
    client.max_redirects = 0
    client.headers["Connection"] = "close"
    client.hooks["response"].append(_bound)
    return client


def _negotiated(line: _Line, seconds: float) -> str:
    with closing(_client(line, DEFAULT_DOCKER_API_VERSION, seconds)) as client:
        told = client.version(api_version=False)
    return docker_containers.spoken_version(told, ours=DEFAULT_DOCKER_API_VERSION)


def _all(client: APIClient) -> list[Listed]:
    return docker_containers.listed(client.containers(all=True))


def _labelled(client: APIClient, labels: Mapping[str, str], name: str) -> list[Container]:
    """The daemon's filter spares work; what counts is what its answer holds."""
    wanted = [f"{key}={value}" for key, value in labels.items()]
    rows = docker_containers.listed(client.containers(all=True, filters={"label": wanted}))
    found = [one for one in rows if labels.items() <= one.labels.items() and (not name or name in one.names)]
    if len(found) > _MOST_CONTAINERS:
        raise AnswerError(f"Docker has {len(found)} containers for it, and {_MOST_CONTAINERS} are the most")
    containers = []
    for one in found:
        with suppress(NotFoundError):  # it has gone since the list was made
            containers.append(_inspect(client, one.id))
    return containers


def _inspect(client: APIClient, container: str) -> Container:
    try:
        return docker_containers.inspected(client.inspect_container(container), asked=container)
    except APIError as problem:
        if problem.response.status_code == 404:
            raise NotFoundError(f"Docker has no container {container[:12]}") from problem
        raise


def _happened(client: APIClient, container: Container) -> list[str]:
    """The stream ends at `until`, which is past or a moment ahead by the daemon's own clock."""
    ended = container.ending.at
    if ended is None:
        return []
    began = container.started_at or ended
    filters = {"container": [container.id], "event": ["kill", "die", "stop"]}
    asked = {
        "since": _unix(min(began, ended)),
        "until": _unix(ended + _AFTER_THE_END),
        "filters": json.dumps(filters),
    }
    # The SDK's own `events` reads past every bound, so the same request is made with its session.
    response = client.get(f"{client.base_url}/v{client.api_version}/events", params=asked, timeout=client.timeout)
    if response.status_code != 200:
        raise RejectedError(f"Docker tells no events: {response.status_code}", status=response.status_code)
    return docker_containers.actions(response.content)


def _releases(client: APIClient, container: str) -> Releases:
    url = f"{client.base_url}{_OWN}/containers/{container}/releases"
    return docker_containers.releases(_checked(client.get(url, timeout=client.timeout)))


def _posted(client: APIClient, path: str, body: Mapping[str, object], *, is_own: bool = False) -> Any:
    """The proxy's own verbs have no version of Docker's before them. The SDK knows them not, nor all limits."""
    where = _OWN if is_own else f"/v{client.api_version}"
    return _checked(client.post(f"{client.base_url}{where}{path}", json=body, timeout=client.timeout))


def _checked(response: requests.Response) -> Any:
    """What it says. Raises APIError for a no, as the SDK does, and ValueError where it is no JSON."""
    if 300 <= response.status_code < 400:
        raise RejectedError(f"Docker answered {response.status_code}: elsewhere is not followed", status=502)
    try:
        response.raise_for_status()
    except requests.HTTPError as problem:
        create_api_error_from_http_exception(problem)
    return response.json()


def _unix(instant: datetime) -> str:
    return f"{instant.timestamp():.6f}"


def _cause(problem: BaseException) -> str:
    """The innermost reason, which says most."""
    while problem.__context__ is not None:
        problem = problem.__context__
    return f"{type(problem).__name__}: {problem}"[:300]
