"""The machine's own package sources, read and rewritten: the main archive among them, and the same for another suite.

Pure text work, called by `apt`. No archive's address stands here: all come from the machine's files.
"""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import urlsplit

_MOVING_SUITES = frozenset({"stable", "oldstable", "oldoldstable", "testing"})
_POCKETS = ("", "-updates", "-security")
_ARCHIVE_FOLDERS = frozenset({"debian", "ubuntu", "debian-security", "ubuntu-ports"})
# The one-line format's option names, where capitalizing their words does not give the deb822 name.
_OPTION_FIELDS = {"arch": "Architectures", "lang": "Languages", "target": "Targets", "pdiffs": "PDiffs"}
_REWRITTEN = frozenset({"types", "uris", "suites", "components", "enabled"})


@dataclass(frozen=True, slots=True)
class Source:
    """One stanza: where packages come from, of which suites. `extra` keeps every other field, the signature's too."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    extra: Mapping[str, str] = field(default_factory=dict)

    def render(self) -> str:
        """As a deb822 stanza."""
        fields = {
            "Types": "deb",
            "URIs": " ".join(self.uris),
            "Suites": " ".join(self.suites),
            "Components": " ".join(self.components),
            **self.extra,
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items())


def parse_deb822(text: str) -> list[Source]:
    """The enabled binary sources of a .sources file."""
    return [source for stanza in _stanzas(text) if (source := _from_fields(stanza)) is not None]


def parse_one_line(text: str) -> list[Source]:
    """The binary sources of a .list file."""
    return [source for line in text.splitlines() if (source := _from_line(line)) is not None]


def main_archive(sources: Iterable[Source], codename: str) -> list[Source]:
    """The distribution's own archive among the sources, with its update and security suites."""
    kept: list[Source] = []
    for source in sources:
        suites = tuple(suite for suite in source.suites if _is_own_suite(suite, codename))
        uris = tuple(uri for uri in source.uris if not uri.startswith("cdrom:"))
        if suites and uris and "main" in source.components and any(_is_archive(uri) for uri in uris):
            kept.append(Source(uris, suites, source.components, source.extra))
    return kept


def for_suite(sources: Iterable[Source], codename: str, suite: str) -> list[Source]:
    """The main archive again, with `suite` in place of the machine's own; its update suites are left out."""
    return [
        Source(source.uris, (suite,), ("main",), source.extra)
        for source in main_archive(sources, codename)
        if any(own == codename or own in _MOVING_SUITES for own in source.suites)
    ]


def render(sources: Iterable[Source]) -> str:
    """All of them as one .sources file."""
    return "\n".join(source.render() for source in sources)


def _is_own_suite(suite: str, codename: str) -> bool:
    names = _MOVING_SUITES | {codename}
    return any(suite == f"{name}{pocket}" for name in names for pocket in _POCKETS)


def _is_archive(uri: str) -> bool:
    return PurePosixPath(urlsplit(uri).path).name in _ARCHIVE_FOLDERS


def _stanzas(text: str) -> list[dict[str, str]]:
    stanzas: list[dict[str, str]] = [{}]
    name = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if not line.strip():
            stanzas.append({})
        elif line[0] in " \t" and name in stanzas[-1]:
            stanzas[-1][name] += "\n" + line
        elif ":" in line:
            name, _, value = line.partition(":")
            stanzas[-1][name] = value.strip()
    return [stanza for stanza in stanzas if stanza]


def _from_fields(stanza: Mapping[str, str]) -> Source | None:
    fields = {name.lower(): value for name, value in stanza.items()}
    if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in {"no", "false", "0"}:
        return None
    return Source(
        uris=tuple(fields.get("uris", "").split()),
        suites=tuple(fields.get("suites", "").split()),
        components=tuple(fields.get("components", "").split()),
        extra={name: value for name, value in stanza.items() if name.lower() not in _REWRITTEN},
    )


def _from_line(line: str) -> Source | None:
    line = line.partition("#")[0].strip()
    if not line.startswith(("deb ", "deb\t", "deb[")):
        return None
    rest = line[3:].strip()
    options = ""
    if rest.startswith("["):
        options, _, rest = rest[1:].partition("]")
    words = rest.split()
    if len(words) < 3:
        return None
    return Source((words[0],), (words[1],), tuple(words[2:]), _option_fields(options))


def _option_fields(options: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for option in shlex.split(options):
        name, separator, value = option.partition("=")
        if separator:
            key = _OPTION_FIELDS.get(name, "-".join(word.capitalize() for word in name.split("-")))
            fields[key] = value.replace(",", " ")
    return fields
