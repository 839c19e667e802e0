"""The files that pages are made of, read once: each with the hash that stands in its address, and compressed.

What has the hash of its content in its address never changes, so that a browser asks for it once.
"""

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "assets"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_DIGITS = 12  # of the hash, in an address


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. `digest` is the beginning of its SHA-256 in hex, `zipped` its content by gzip."""

    name: str
    media_type: str
    content: bytes
    zipped: bytes
    digest: str

    @property
    def path(self) -> str:
        """Where it is for ever as it is now."""
        return f"/assets/{self.digest}/{self.name}"


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:_DIGITS]
    return Asset(path.name, _TYPES[path.suffix], content, gzip.compress(content, mtime=0), digest)


def _files() -> Sequence[Path]:
    """Ours, and one folder deeper those of others, which have their licences beside them."""
    return sorted(path for path in (*_FOLDER.glob("*.*"), *_FOLDER.glob("*/*.*")) if path.suffix in _TYPES)


ASSETS: Mapping[str, Asset] = {path.name: _read(path) for path in _files()}
