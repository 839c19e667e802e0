"""A PostgreSQL of the test's own: the lab's programs and settings, a folder and a socket that nobody else uses."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg
from psycopg import sql

from aetherlink.lab import postgres
from aetherlink.lab.postgres import PostgresHome
from rigs.agent_process import wait_until

AGENT = "agent"
PORT = "5432"
FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT


class PostgresServer:
    """One cluster. `agent` is the role of those who are tested; it is no superuser."""

    def __init__(self, home: PostgresHome, log: Path) -> None:
        self._home = home
        self._log = log
        self._port = PORT
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """The cluster's folder."""
        return self._home.data

    @property
    def sockets(self) -> Path:
        """The folder of its Unix sockets."""
        return self._home.sockets

    def url(self, database: str, *, user: str = AGENT) -> str:
        """The address of a database, as the agent's setting takes it."""
        return f"postgresql://{user}@/{database}?host={quote(str(self._home.sockets), safe='/')}"

    def admin(self, database: str = "postgres") -> psycopg.Connection:
        """A superuser's connection, each statement a transaction."""
        return psycopg.connect(self.url(database, user=postgres.USER), autocommit=True, port=self._port)

    def start(self, **settings: str) -> None:
        """Start it with these settings on top; returns when it takes connections."""
        self._port = settings.get("port", PORT)
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        launch = postgres.launch(self._home, self._log)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*launch.argv, *options], cwd=launch.cwd, env=launch.env, stdout=log, stderr=log, **self._account()
            )
        wait_until(self._answers, "PostgreSQL takes connections")

    def stop(self, how: signal.Signals = FAST) -> None:
        """End it: FAST is in order, IMMEDIATE is like a crash. Returns when it is gone."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The server and all its sessions stand still, until the block ends."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        os.kill(self._process.pid, signal.SIGSTOP)  # first: from now on there is no new session
        processes = [self._process.pid, *map(int, children.read_text().split())]
        for process in processes[1:]:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)

    def reload(self) -> None:
        """Have it read its files again."""
        with self.admin() as connection:
            connection.execute("SELECT pg_reload_conf()")

    @contextmanager
    def database(self, *, encoding: str = "UTF8", template: str = "template0") -> Iterator[str]:
        """The address of a new database that the agent's role owns; gone at the end, whoever is still connected."""
        name = self.create(f"t_{uuid4().hex[:12]}", encoding=encoding, template=template)
        yield self.url(name)
        with self.admin() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def create(self, name: str, *, encoding: str = "UTF8", template: str = "template0") -> str:
        """A database that the agent's role owns, a copy of the template, to which nobody may be connected."""
        create = sql.SQL("CREATE DATABASE {name} OWNER {owner} ENCODING {encoding} TEMPLATE {template}")
        names = {"name": sql.Identifier(name), "owner": sql.Identifier(AGENT), "template": sql.Identifier(template)}
        with self.admin() as connection:
            connection.execute(create.format(**names, encoding=sql.Literal(encoding)))
        return name

    def _account(self) -> dict[str, object]:
        account = self._home.account
        return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        try:
            self.admin().close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def postgres_server(folder: Path, **settings: str) -> Iterator[PostgresServer]:
    """A running server with these settings on top; `folder` is the test's, and is all that is left of it."""
    folder.mkdir(exist_ok=True)
    home = postgres.prepare_home(folder, postgres.find_binaries(), postgres.choose_account())
    log = folder / "postgres.log"
    server = PostgresServer(home, log)
    try:
        postgres.create_cluster(home, log)
        server.start(**settings)
        with server.admin() as connection:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(AGENT)))
        yield server
    finally:
        server.stop()
        for place in (home.data.parent, home.sockets):  # as root both are outside of the test's folder
            shutil.rmtree(place, ignore_errors=True)
