"""Looks at and talks to a lab from another process: `aether lab status`, `down` and `deploy`, and the drills.

Goes by the lab's record and its control socket; when the socket does not answer, by the processes' identities.
"""

import asyncio
import shutil
import signal
from pathlib import Path
from typing import Any

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from aetherlink.errors import AetherError, AnswerError, DeadlineError, RejectedError
from aetherlink.lab import database_folder, identity, layout, record
from aetherlink.lab.errors import LabError, LabNotRunningError
from aetherlink.lab.identity import ProcessIdentity
from aetherlink.lab.record import LabRecord
from aetherlink.lab.states import ServiceList, ServiceView, rfc3339
from aetherlink.lab.waiting import until
from aetherlink.lib.clock import SystemClock

_LOOK_SECONDS = 5.0
_DEADLINE_SECONDS = 60.0
_STOP_SECONDS = 30.0
_KILL_SECONDS = 5.0
_SWEEPS, _SWEEP_PAUSE = 20, 0.25
_STORED = frozenset(
    ("config", "control.sock", "data", "lab.json", "lock", "logs", "postgres", "postgres.home", "secrets")
)


class LabStatus(BaseModel):
    """What `aether lab status` shows. `running` is False when no lab holds the directory; the rest is empty then."""

    model_config = ConfigDict(frozen=True)

    running: bool
    dir: str
    pid: int | None = None
    started_at: AwareDatetime | None = None
    control_socket: str | None = None
    urls: dict[str, str] = {}
    moved: tuple[str, ...] = ()
    services: tuple[ServiceView, ...] = ()


async def status(lab_dir: Path) -> LabStatus:
    """What runs in the directory. Raises LabError when a lab runs there but does not answer."""
    found = _running(lab_dir)
    if found is None:
        return LabStatus(running=False, dir=str(lab_dir))
    answer = await _ask(found, "GET", "/v1/services", seconds=_LOOK_SECONDS)
    try:
        services = ServiceList.model_validate_json(answer.content).items
    except ValidationError as error:
        raise AnswerError(f"the lab in {lab_dir} gave an answer that is none: {error}") from error
    return LabStatus(
        running=True,
        dir=str(lab_dir),
        pid=found.lab.pid,
        started_at=found.started_at,
        control_socket=found.control_socket,
        urls=found.urls,
        moved=found.moved,
        services=services,
    )


async def service(lab_dir: Path, name: str) -> ServiceView:
    """One service of the lab in the directory."""
    return _view(await _ask(_require(lab_dir), "GET", f"/v1/services/{name}", seconds=_LOOK_SECONDS))


async def deploy(lab_dir: Path, release: str, *, name: str = "crm", within: float = _DEADLINE_SECONDS) -> ServiceView:
    """Put a release of the service in place and wait for it. Raises DeadlineError when it is not ready in time."""
    return await _wish(lab_dir, name, "deploy", {"release": release}, within)


async def scale(lab_dir: Path, replicas: int, *, name: str = "crm", within: float = _DEADLINE_SECONDS) -> ServiceView:
    """Change the number of replicas and wait for them."""
    return await _wish(lab_dir, name, "scale", {"replicas": replicas}, within)


async def restart(lab_dir: Path, name: str, *, within: float = _DEADLINE_SECONDS) -> ServiceView:
    """Start every replica of the service anew and wait for them."""
    now = rfc3339(SystemClock().now())
    return await _wish(lab_dir, name, "restart", {"started_after": now}, within)


async def kill(lab_dir: Path, name: str) -> ServiceView:
    """Break the service: its processes are killed and stay dead."""
    answer = await _ask(_require(lab_dir), "POST", f"/v1/services/{name}/kill", seconds=_LOOK_SECONDS, body={})
    return _view(answer)


async def down(lab_dir: Path) -> bool:
    """End the lab in the directory and whatever an earlier one left behind; False when there was nothing to end.

    Asks first; a lab that neither answers nor ends is killed, and its children with it. Removes the databases of labs
    whose directories are gone.
    """
    ended = await _end_lab(_places(lab_dir))
    await asyncio.to_thread(database_folder.sweep)
    return ended


async def purge(lab_dir: Path) -> list[Path]:
    """Remove what the lab in the directory has stored, its database wherever that is; the folders that are gone.

    Raises LabBusyError when a lab runs there, LabError when something lies there that no lab has put there.
    """
    places = _places(lab_dir)
    root = places.root
    if not places.lock.exists():
        return []
    async with layout.hold(places):
        strange = sorted(entry.name for entry in root.iterdir() if entry.name not in _STORED)
        if strange:
            raise LabError(f"{root} holds what no lab has put there: take {', '.join(strange)} away and try again")
        found = database_folder.remembered(root)
        await asyncio.to_thread(shutil.rmtree, root)
    if found is None:
        return [root]
    # The server of a lab that was killed a moment ago may be on its way out still.
    for _ in range(_SWEEPS):
        await asyncio.to_thread(database_folder.sweep)
        if not found.exists():
            return [root, found]
        await asyncio.sleep(_SWEEP_PAUSE)
    raise LabError(f"{found} is still in use: end what works there, then `aether lab down` removes it")


async def _end_lab(places: layout.Layout) -> bool:
    holder = layout.holder(places)
    if holder is not None:
        await _end(places, holder)
        return True
    found = record.read(places)
    return bool(found and await record.end_leftovers(found))


async def _end(places: layout.Layout, holder: ProcessIdentity) -> None:
    found = record.read(places)
    try:
        if found is None or found.lab.identity != holder:
            raise LabNotRunningError("it has not said yet where it listens")
        await _ask(found, "POST", "/v1/stop", seconds=_LOOK_SECONDS)
    except AetherError:
        identity.send_signal(holder, signal.SIGTERM)
    if await until(lambda: layout.holder(places) != holder, seconds=_STOP_SECONDS):
        return
    identity.send_signal(holder, signal.SIGKILL)
    if not await until(lambda: layout.holder(places) != holder, seconds=_KILL_SECONDS):
        raise LabError(f"the lab in {places.root} (pid {holder.pid}) does not end, not even by force")
    found = record.read(places)
    if found is not None:
        await record.end_leftovers(found)


def _places(lab_dir: Path) -> layout.Layout:
    return layout.Layout(lab_dir.expanduser().absolute())


def _running(lab_dir: Path) -> LabRecord | None:
    """The record of the lab that runs in the directory; None also while it starts and has nothing to show yet."""
    places = _places(lab_dir)
    holder, found = layout.holder(places), record.read(places)
    return found if found is not None and found.lab.identity == holder else None


def _require(lab_dir: Path) -> LabRecord:
    found = _running(lab_dir)
    if found is None:
        raise LabNotRunningError(f"no lab runs in {lab_dir}: start one with `aether lab up`")
    return found


async def _wish(lab_dir: Path, name: str, verb: str, wish: dict[str, Any], within: float) -> ServiceView:
    body = {**wish, "deadline_seconds": within}
    # The lab keeps the deadline; the margin lets its own answer arrive first.
    answer = await _ask(
        _require(lab_dir), "POST", f"/v1/services/{name}/{verb}", seconds=within + _LOOK_SECONDS, body=body
    )
    return _view(answer)


async def _ask(
    found: LabRecord, method: str, path: str, *, seconds: float, body: dict[str, Any] | None = None
) -> httpx.Response:
    transport = httpx.AsyncHTTPTransport(uds=found.control_socket)
    async with httpx.AsyncClient(transport=transport, base_url="http://lab", timeout=seconds) as client:
        try:
            answer = await client.request(method, path, json=body)
        except httpx.TimeoutException as error:
            raise DeadlineError(f"the lab did not answer {path} within {seconds:g} s") from error
        except httpx.HTTPError as error:
            raise LabNotRunningError(f"the lab does not answer on {found.control_socket}: {error}") from error
    if answer.is_success:
        return answer
    detail = _detail(answer)
    if answer.status_code == httpx.codes.GATEWAY_TIMEOUT:
        raise DeadlineError(detail)
    raise RejectedError(detail, status=answer.status_code)


def _detail(answer: httpx.Response) -> str:
    try:
        content = answer.json()
    except ValueError:
        content = None
    return str(content.get("detail", content)) if isinstance(content, dict) else f"HTTP {answer.status_code}"


def _view(answer: httpx.Response) -> ServiceView:
    try:
        return ServiceView.model_validate_json(answer.content)
    except ValidationError as error:
        raise AnswerError(f"the lab gave an answer that is none: {error}") from error
