"""Images for what the compose file takes from registries, made from programs of this machine: no registry is asked.

Prometheus and Alertmanager are those of the tests, PostgreSQL is the machine's own (or the one that Python carries).
They keep to what the compose file expects of the official images: entry points, users, folders, variables.
"""

import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from aetherlink.lab import postgres
from aetherlink.lab.tools import ToolSet
from rigs.base_image import ImageFiles, shared_libraries
from rigs.containers import build

_NOBODY, _POSTGRES = 65534, 999
_DATA = PurePosixPath("/var/lib/postgresql/data")
_DOCKERFILE = """\
ARG BASE_IMAGE
FROM ${{BASE_IMAGE}} AS files
ADD files.tar /
ENV PATH={tools}:{postgres}:/usr/local/bin:/usr/bin:/bin

FROM files AS prometheus
USER {nobody}
WORKDIR /prometheus
ENTRYPOINT ["{prometheus}"]

FROM files AS alertmanager
USER {nobody}
WORKDIR /alertmanager
ENTRYPOINT ["{alertmanager}"]

FROM files AS postgres
ENTRYPOINT ["python3", "/postgres.py"]
"""
# What the official image's entry point does, as far as the compose file needs it.
_POSTGRES_START = f"""
import os, pathlib, subprocess
data, user = pathlib.Path("{_DATA}"), os.environ["POSTGRES_USER"]
os.chown(data, {_POSTGRES}, {_POSTGRES})
os.setgroups([])
os.setgid({_POSTGRES})
os.setuid({_POSTGRES})
if not (data / "PG_VERSION").exists():
    password = pathlib.Path("/tmp/password")
    password.write_text(os.environ["POSTGRES_PASSWORD"])
    made = ["--username", user, "--pwfile", password, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"]
    subprocess.run(["initdb", "--pgdata", data, "--no-sync", *made], check=True)
    database = f"CREATE DATABASE {{os.environ['POSTGRES_DB']}}\\n"
    subprocess.run(["postgres", "--single", "-D", data, "postgres"], input=database, text=True, check=True)
    with (data / "pg_hba.conf").open("a") as access:
        access.write("host all all all scram-sha-256\\n")
settings = ["listen_addresses=*", "unix_socket_directories=/tmp", "jit=off"]
os.execvp("postgres", ["postgres", "-D", str(data), *(word for one in settings for word in ("-c", one))])
"""


@dataclass(frozen=True, slots=True)
class StackImages:
    """Image ids."""

    prometheus: str
    alertmanager: str
    postgres: str


def build_stack_images(folder: Path, tools: ToolSet, *, base: str) -> StackImages:
    """All three, on the base image; they go with it."""
    server = postgres.find_binaries()[0]
    with tarfile.open(folder / "files.tar", "w") as archive:
        _write_files(ImageFiles(archive), tools, server)
    places = {"tools": tools.promtool.parent, "prometheus": tools.prometheus, "alertmanager": tools.alertmanager}
    (folder / "Dockerfile").write_text(_DOCKERFILE.format(**places, postgres=server, nobody=_NOBODY))
    made = {name: build(folder, name, base=base, target=name) for name in ("prometheus", "alertmanager", "postgres")}
    return StackImages(**made)


def _write_files(image: ImageFiles, tools: ToolSet, server: Path) -> None:
    """Every program where it lies here, for so it finds its own files."""
    shell = Path(shutil.which("sh") or "/bin/sh").resolve()  # of initdb, and of the tools where they were fetched
    programs = {tools.prometheus, tools.promtool, tools.alertmanager, tools.amtool, *server.iterdir()}
    image.folder(PurePosixPath("/tmp"), 0o1777)  # first, for a checkout may lie there
    image.copy(shell, PurePosixPath("/bin/sh"))
    for path in [*programs, *_beside_tools(tools), *_beside_server(server)]:
        image.copy(path.resolve(), PurePosixPath(path))
    libraries = [path for path in server.parent.glob("lib/*.so") if not path.name.startswith("llvmjit")]
    linked = [shell, *(path for path in programs if path.is_file()), *libraries]
    for path in shared_libraries(linked):
        image.copy(path, PurePosixPath(path))
    for folder in ("/prometheus", "/alertmanager"):
        image.folder(PurePosixPath(folder), owner=_NOBODY)
    image.folder(_DATA, 0o700, owner=_POSTGRES)
    image.write(
        "/etc/passwd", f"root:x:0:0::/root:\npostgres:x:{_POSTGRES}:{_POSTGRES}::/:\nnobody:x:65534:65534::/:\n"
    )
    image.write("/postgres.py", _POSTGRES_START)


def _beside_tools(tools: ToolSet) -> list[Path]:
    """Templates of Alertmanager, and what a fetched tree has of its own."""
    prefix = tools.prometheus.parent.parent
    return [path for path in (prefix / "lib/aetherlink", prefix / "share/prometheus") if path.exists()]


def _beside_server(server: Path) -> list[Path]:
    """Libraries and templates: in the server's own prefix, or in Debian's folder for it."""
    prefix = server.parent
    places = (prefix / "lib", prefix / "share", Path("/usr/share/postgresql") / prefix.name)
    return [path for path in places if path.exists()]
