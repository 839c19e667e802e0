"""The agent as one process: `run` is what `aether serve` calls, `check` what `aether check` calls.

And what is done with the data of an agent from beside it: a backup, a restore, a look at the timelines.
"""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import uvloop

from aetherlink import outside, vigil, voice
from aetherlink.access.gate import check_listen
from aetherlink.agent import GRACE, Agent
from aetherlink.audit.anchor_file import ANCHORS_FILE
from aetherlink.errors import SettingsError, UndeliveredError, UnreachableError
from aetherlink.lib import logs
from aetherlink.lib.clock import SystemClock
from aetherlink.mcp import door
from aetherlink.model.decisions import Mode
from aetherlink.model.playbooks import Playbook
from aetherlink.settings import Settings
from aetherlink.store import backup, folder, restore
from aetherlink.store.archive import Manifest
from aetherlink.store.audit import SqlAudit, auditing
from aetherlink.store.restore import Restored
from aetherlink.web.server import BoundedServer

_BACKLOG = 2048
_ENDING = (signal.SIGINT, signal.SIGTERM)
_SWITCH = 0.0005  # seconds; at Python's 0.005 the writer waits that long for the interpreter after each statement
_YOUNG = 20_000  # new objects until the garbage collector looks: one group of alerts makes as many

_log = logging.getLogger("aetherlink.app")


def run(settings: Settings) -> int:
    """Serve until SIGTERM or Ctrl-C; 0 after a clean end. Raises SettingsError or StoreError when it cannot start."""
    logs.configure(settings.log_level, settings.log_format)
    sys.setswitchinterval(_SWITCH)
    gc.set_threshold(_YOUNG, 20, 50)
    return uvloop.run(_serve(settings))


def check(settings: Settings) -> Iterator[str]:
    """What the settings come to, line by line. Raises SettingsError, and at the end UnreachableError."""
    check_listen(settings.host, settings.auth)
    database = outside.postgres(settings)
    if settings.watch.deadman is not None:
        vigil.address_of(settings.watch.deadman)
    warning = folder.try_out(settings.data_dir, holds_database=database is None)
    yield f"mode {settings.mode}, listening on {settings.listen}, data in {settings.data_dir}"
    if warning:
        yield f"WARNING: {warning}"
    for playbook, mode in outside.book(settings).in_force:
        yield f"playbook {playbook.name}: {_what_it_does(settings, playbook, mode)}"
    yield from door.account(settings.mcp)
    executors = outside.executors(settings)
    asked = asyncio.run(outside.ask(settings, executors))
    if database is not None:
        asked[database.name.removeprefix("the ")] = outside.Asked(outside.out_of_store(database) or "")
    if settings.auth.oidc is not None:
        asked[f"identity provider {settings.auth.oidc.issuer}"] = asyncio.run(outside.vouching(settings))
    asked |= {f"channel {name}": asyncio.run(_mute(settings, name)) for name in settings.notify.channels}
    away = []
    for name, answer in asked.items():
        yield f"{name}: {f'NOT REACHED: {answer.problem}' if answer.problem else answer.words}"
        yield from (f"{name}: {each}" for each in answer.lacks)
        away += [name] if answer.problem else []
    if away:
        raise UnreachableError(f"not reached: {', '.join(away)}")


async def _mute(settings: Settings, channel: str) -> outside.Asked:
    """Why the channel cannot be told anything, or how it would be: some cannot be asked. Raises SettingsError."""
    try:
        return outside.Asked(words=await voice.account(settings, channel))
    except UndeliveredError as problem:
        return outside.Asked(str(problem))


def _what_it_does(settings: Settings, playbook: Playbook, mode: Mode) -> str:
    if not playbook.steps:
        return "only observes"
    steps = ", ".join(step.words for step in playbook.steps)
    named = {step.target.name for step in playbook.steps if step.target.name is not None}
    is_declared = named <= settings.declared_targets.keys()
    return f"{steps}, {mode}{'' if is_declared else ' (target not configured: it can do nothing)'}"


def back_up(settings: Settings, file: Path) -> Manifest:
    """Back up the data of an agent, whether it runs or not. Raises SettingsError, StoreError."""
    _refuse_without_database(settings)
    place = outside.place(settings)
    try:
        return backup.write(place.reading, file, beside=outside.beside(settings), now=SystemClock().now())
    finally:
        place.release()


def restore_from(settings: Settings, file: Path, *, force: bool) -> Restored:
    """Put a backup in the place of the data, paused. Raises SettingsError, StoreError."""
    files = restore.Files(outside.beside(settings), stale=(settings.data_dir / ANCHORS_FILE,))
    now = SystemClock().now()
    if (place := outside.postgres(settings)) is not None:
        return restore.into_postgres(file, place, settings.data_dir, files, force=force, now=now)
    return restore.into_file(file, settings.data_dir / outside.DATABASE_FILE, files, force=force, now=now)


def audited(settings: Settings) -> AbstractContextManager[SqlAudit]:
    """The timelines as they are stored, beside an agent that runs or not. Raises SettingsError, StoreError."""
    _refuse_without_database(settings)
    return auditing(outside.place(settings))


def _refuse_without_database(settings: Settings) -> None:
    if settings.database_url is None and not (settings.data_dir / outside.DATABASE_FILE).is_file():
        raise SettingsError(
            f"there is no database in {settings.data_dir}: is data_dir (AETHER_DATA_DIR) the agent's? --config names "
            "its settings"
        )


async def _serve(settings: Settings) -> int:
    _log.info("Starting AetherLink Command AI Agent")
    agent = Agent(settings)
    listener = _listen(settings)
    try:
        await agent.start()
        server = BoundedServer(agent.asgi, door=agent.asgi, grace=GRACE, ending=agent.feed.end)
        for number in _ENDING:
            asyncio.get_running_loop().add_signal_handler(number, server.handle_exit, number, None)
        _log.info("Listening on http://%s in mode %s", settings.listen, settings.mode)
        await server.serve(sockets=[listener])
    finally:
        await agent.stop()
        listener.close()
        _end_undisturbed()
    _log.info("Stopped")
    return 0


def _end_undisturbed() -> None:
    """Who asked for the end may ask again, until the very last: that is no reason to end as if it had been killed."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    for number in _ENDING:
        asyncio.get_running_loop().remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except OSError as problem:
        listener.close()
        raise SettingsError(
            f"cannot listen on {settings.listen} ({problem.strerror}): stop what listens there, or set `listen` "
            "(AETHER_LISTEN) to another address"
        ) from problem
    return listener
