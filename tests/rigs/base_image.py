"""A base image made from this machine's own Python, for daemons that reach no image registry.

The tests of the images use it. It holds the interpreter that runs the tests, its standard library, the shared
libraries of both, pip, the machine's certificates and pip's own settings; no shell and no package manager. What the
Dockerfiles do on top of it they do on any image.
"""

import ast
import io
import re
import ssl
import stat
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

_NOT_WANTED = {"test", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip"} | {
    "site-packages",
    "dist-packages",
    "EXTERNALLY-MANAGED",
}
_NEVER_READ = re.compile(r"^config-|\.opt-[12]\.pyc$")
# What wheels and name resolution load though no part of Python is linked to it.
_BESIDE_LIBC = [
    "libm.so.6",
    "libgcc_s.so.1",
    "libstdc++.so.6",
    "libz.so.1",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
    "libnss_dns.so.2",
    "libnss_files.so.2",
]
_CERTIFICATES = PurePosixPath("/etc/ssl/certs/ca-certificates.crt")
_REACHING_THE_INDEX = {"cert", "index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout"}
_FILES = {
    "/etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\n",
    "/etc/group": "root:x:0:\n",
    "/etc/nsswitch.conf": "hosts: files dns\n",
}


def write_base_image(archive: Path) -> None:
    """Write the image's files as a tar for `docker import`. Needs a working `python -m venv`, for its pip."""
    with tempfile.TemporaryDirectory() as folder, tarfile.open(archive, "w") as tar:
        venv = Path(folder)
        subprocess.run([_interpreter(), "-m", "venv", venv], check=True, capture_output=True)
        image = ImageFiles(tar)
        settings = _pip_settings(venv)
        for name, text in {**_FILES, "/etc/pip.conf": _pip_conf(settings)}.items():
            image.write(name, text)
        image.folder(PurePosixPath("/tmp"), 0o1777)
        bundle = settings.get("cert") or ssl.get_default_verify_paths().cafile or _CERTIFICATES
        image.copy(Path(bundle), _CERTIFICATES)
        _copy_python(image, venv)


class ImageFiles:
    """The files of an image: of root's but for folders, readable by all, every parent folder spelt out."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._folders = {PurePosixPath("/")}

    def folder(self, path: PurePosixPath, mode: int = 0o755, *, owner: int = 0) -> None:
        if path not in self._folders:
            self._folders.add(path)
            self.folder(path.parent)
            entry = self._entry(path, mode)
            entry.type, entry.uid, entry.gid = tarfile.DIRTYPE, owner, owner
            self._tar.addfile(entry)

    def write(self, path: str, text: str) -> None:
        entry = self._entry(PurePosixPath(path), 0o644)
        entry.size = len(text.encode())
        self._tar.addfile(entry, io.BytesIO(text.encode()))

    def link(self, path: PurePosixPath, target: str) -> None:
        entry = self._entry(path, 0o777)
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        self._tar.addfile(entry)

    def copy(self, source: Path, path: PurePosixPath) -> None:
        """A file as it is; a folder without what nobody needs, and without links that lead nowhere."""
        if source.is_dir():
            self.folder(path)
            for child in sorted(source.iterdir()):
                if child.exists() and child.name not in _NOT_WANTED and not _NEVER_READ.search(child.name):
                    self.copy(child, path / child.name)
            return
        entry = self._entry(path, 0o644 | stat.S_IMODE(source.stat().st_mode))
        # The time of its source is in every compiled module: without it each start would compile them all anew.
        entry.size, entry.mtime = source.stat().st_size, int(source.stat().st_mtime)
        with source.open("rb") as content:
            self._tar.addfile(entry, content)

    def _entry(self, path: PurePosixPath, mode: int) -> tarfile.TarInfo:
        self.folder(path.parent)
        entry = tarfile.TarInfo(str(path).lstrip("/"))
        entry.mode = mode
        return entry


def _interpreter() -> Path:
    """The interpreter under the virtual environment, no matter through how many links."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def _copy_python(image: ImageFiles, venv: Path) -> None:
    """Debian's Python knows its own folders and stays where it is; others find themselves wherever they are put."""
    is_debians = sys.base_prefix == "/usr"
    prefix, version = PurePosixPath("/usr" if is_debians else "/usr/local"), f"python{sysconfig.get_python_version()}"
    site = "python3/dist-packages" if is_debians else f"{version}/site-packages"
    binary, library = _interpreter(), Path(sysconfig.get_path("stdlib"))
    [pip] = venv.glob("lib/python*/site-packages/pip")

    image.copy(binary, prefix / "bin" / version)
    for name in ("python3", "python"):
        image.link(prefix / "bin" / name, version)
    image.copy(library, prefix / "lib" / version)
    image.copy(pip, prefix / "lib" / site / "pip")
    modules = [path for path in library.glob("lib-dynload/*.so") if not path.name.startswith("_tkinter")]
    for path in sorted(shared_libraries([binary, *modules])):
        image.copy(path, PurePosixPath(path))


def shared_libraries(programs: Iterable[Path]) -> set[Path]:
    """What the programs are linked to, the loader included, and what others expect beside it."""
    # It fails when one of them is linked to nothing, and tells of the others all the same.
    told = subprocess.run(["ldd", *programs], check=False, capture_output=True, text=True).stdout
    words = (word for line in told.splitlines() for word in line.split() if word.startswith("/"))
    found = {Path(word) for word in words if not word.endswith(":")}
    beside = next(path.parent for path in found if path.name == "libc.so.6")
    return found | {path for path in map(beside.joinpath, _BESIDE_LIBC) if path.exists()}


def _pip_settings(venv: Path) -> dict[str, str]:
    """How this machine's pip reaches its index, whether a file or a variable says so."""
    listing = [venv / "bin" / "python", "-m", "pip", "config", "list"]
    told = subprocess.run(listing, check=True, capture_output=True, text=True).stdout
    named = (line.partition("=") for line in told.splitlines())
    settings = {name.rpartition(".")[2]: str(ast.literal_eval(value)) for name, _, value in named}
    return {key: value for key, value in settings.items() if key in _REACHING_THE_INDEX and "file:" not in value}


def _pip_conf(settings: dict[str, str]) -> str:
    lines = (f"{key} = {value}" for key, value in {**settings, "cert": str(_CERTIFICATES)}.items())
    return "\n".join(["[global]", *lines, ""])
