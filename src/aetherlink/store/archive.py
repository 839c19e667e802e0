"""The file of a backup: a zip that any tool opens. A member a table (JSON lines, an array a row), the agent's files as
they are, and a manifest with the SHA-256 of each.

Bytes are base64. It is written aside, brought to the disk, and only then given its name; nothing is held in memory.
"""

import base64
import hashlib
import os
import secrets
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from aetherlink.errors import StoreError
from aetherlink.lib.private_files import sync_folder
from aetherlink.store.dump import Row, Shape

FORMAT = 1
_MANIFEST = "manifest.json"
_FILE_MODE = 0o600
_CHUNK = 1 << 16
_LARGEST_MANIFEST = 1 << 20
_LONGEST_LINE = 1 << 28  # of one row: a commit's webhook bodies
_LARGEST_FILE = 1 << 16
_UNREADABLE = (zipfile.BadZipFile, zlib.error, msgspec.MsgspecError, EOFError, ValueError, KeyError, RuntimeError)


class TableMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table in the archive."""

    columns: tuple[str, ...]
    binary: tuple[str, ...]
    rows: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the archive holds, and of what it is a backup. `files` maps a name to its SHA-256."""

    format: int
    version: str
    revision: str
    created_at: str
    tables: Mapping[str, TableMember]
    files: Mapping[str, str]

    @property
    def rows(self) -> int:
        """Of all tables together."""
        return sum(table.rows for table in self.tables.values())


class ArchiveWriter:
    """Members, one after the other."""

    def __init__(self, package: zipfile.ZipFile) -> None:
        self._package = package
        self._tables: dict[str, TableMember] = {}
        self._files: dict[str, str] = {}

    def table(self, shape: Shape, rows: Iterable[Row]) -> None:
        """Every row of a table."""
        digest, count = hashlib.sha256(), 0
        with self._package.open(_member(shape.name), "w", force_zip64=True) as member:
            for row in rows:
                line = msgspec.json.encode(row) + b"\n"
                digest.update(line)
                member.write(line)
                count += 1
        binary = tuple(sorted(shape.binary))
        self._tables[shape.name] = TableMember(shape.columns, binary, count, digest.hexdigest())

    def file(self, name: str, content: bytes) -> None:
        """A small file of the agent."""
        self._package.writestr(name, content)
        self._files[name] = hashlib.sha256(content).hexdigest()

    def finish(self, *, version: str, revision: str, created_at: str) -> Manifest:
        """The manifest, last."""
        manifest = Manifest(FORMAT, version, revision, created_at, self._tables, self._files)
        self._package.writestr(_MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
        return manifest


@contextmanager
def writing(path: Path) -> Iterator[ArchiveWriter]:
    """A new archive: under its name once everything is on the disk, or not at all. Raises OSError."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            os.fchmod(file.fileno(), _FILE_MODE)  # whatever the umask says
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
                yield ArchiveWriter(package)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)
        sync_folder(path.parent)
    finally:
        aside.unlink(missing_ok=True)


class ArchiveReader:
    """An archive that is open. Whatever is wrong with it is a StoreError with the file's name."""

    def __init__(self, path: Path, package: zipfile.ZipFile) -> None:
        self._path = path
        self._package = package
        with _named(path):
            self.manifest = msgspec.json.decode(self._small(_MANIFEST, _LARGEST_MANIFEST), type=Manifest)
        if self.manifest.format != FORMAT:
            said = self.manifest.format
            raise StoreError(f"{path} has the format {said}, which this version does not know: use a newer one")

    def verify(self) -> None:
        """Read everything, and compare it with the manifest."""
        for name, table in self.manifest.tables.items():
            count = sum(1 for _ in self.rows(name))
            if count != table.rows:
                raise StoreError(f"{self._path} is damaged: {name} has {count} rows in place of {table.rows}")
        for name in self.manifest.files:
            self.file(name)

    def rows(self, name: str) -> Iterator[Row]:
        """The rows of a table; at their end the checksum is compared."""
        table = self.manifest.tables[name]
        binary = [index for index, column in enumerate(table.columns) if column in table.binary]
        digest = hashlib.sha256()
        with _named(self._path), self._package.open(_member(name)) as member:
            for line in _lines(member):
                digest.update(line)
                row = msgspec.json.decode(line, type=list[object])
                if len(row) != len(table.columns):
                    raise ValueError(f"{name} has a row of {len(row)} values")
                for index in binary:
                    value = row[index]
                    row[index] = None if value is None else base64.b64decode(str(value), validate=True)
                yield row
            self._compare(name, digest.hexdigest(), table.sha256)

    def file(self, name: str) -> bytes:
        """A small file."""
        with _named(self._path):
            content = self._small(name, _LARGEST_FILE)
            self._compare(name, hashlib.sha256(content).hexdigest(), self.manifest.files[name])
            return content

    def _small(self, name: str, largest: int) -> bytes:
        if self._package.getinfo(name).file_size > largest:
            raise ValueError(f"{name} is larger than {largest} bytes")
        return self._package.read(name)

    def _compare(self, name: str, found: str, said: str) -> None:
        if found != said:
            raise ValueError(f"the checksum of {name} is not that of the manifest")


@contextmanager
def reading(path: Path) -> Iterator[ArchiveReader]:
    """An archive that is there. Raises StoreError for what is none, OSError for what cannot be read."""
    with _named(path):
        package = zipfile.ZipFile(path)
    with package:
        yield ArchiveReader(path, package)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as problem:
        raise StoreError(f"{path} is no backup, or a damaged one: {problem}") from problem


def _lines(member: IO[bytes]) -> Iterator[bytes]:
    while line := member.readline(_LONGEST_LINE):
        yield line


def _member(table: str) -> str:
    return f"tables/{table}.jsonl"
