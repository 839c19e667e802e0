"""Reads the YAML that people write, settings and playbooks: safely, and what is ambiguous or too large is refused.

A key that stands there twice, and a key with nothing after it, is a mistake: neither must become a silent default. Who
means nothing writes `null`. Called by the loader of the playbooks and by the settings. It knows no key's meaning.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from aetherlink.errors import SettingsError

LARGEST_FILE = 1 << 20  # bytes
_MOST_NODES = 20_000  # with every alias written out: a few lines of aliases can stand for billions of nodes
_DEEPEST = 50
_MERGE = "tag:yaml.org,2002:merge"
_NULL = "tag:yaml.org,2002:null"

Place = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, and on which line each of its keys stands, from 1. `data` is None when it is empty."""

    data: object
    lines: Mapping[Place, int]

    def line_of(self, place: Place) -> int:
        """The line of the place, or of the nearest thing around it that stands in the file."""
        around = (place[:length] for length in range(len(place), -1, -1))
        return next((self.lines[each] for each in around if each in self.lines), 1)


class _RefusedError(Exception):
    """Something that is YAML and no settings. Lines count from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


class _StrictLoader(yaml.SafeLoader):
    """A SafeLoader whose mappings have each key once: YAML says so, PyYAML takes the last one silently."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        """The node. Composing calls itself for what is inside, and Python's stack ends somewhere."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _RefusedError(self.line + 1, f"nested more than {_DEEPEST} deep")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """The mapping. Looked at here, before merge keys (`<<`) bring in others that may well be overridden."""
        node = super().compose_mapping_node(anchor)
        seen: dict[tuple[str, str], yaml.Node] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            first = seen.setdefault((key.tag, key.value), key)
            if first is not key:
                also = f"on line {first.start_mark.line + 1} as well"
                what = f"{key.value}: the key is given twice, {also}: take one of them out"
                raise _RefusedError(key.start_mark.line + 1, what)
        return node


def read(path: Path, *, largest: int = LARGEST_FILE) -> Document:
    """What the file says. Raises SettingsError that names the file, and the line if it can."""
    try:
        return _understood(_text(path, largest))
    except FileNotFoundError:
        raise SettingsError(f"{path}: there is no such file") from None
    except _RefusedError as problem:
        raise SettingsError(f"{path}:{problem.line}: {problem}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError) as problem:
        mark = getattr(problem, "problem_mark", None)
        where = path if mark is None else f"{path}:{mark.line + 1}"
        raise SettingsError(f"{where}: cannot be read as YAML: {problem}") from problem


def _text(path: Path, largest: int) -> str:
    with path.open("rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise _RefusedError(1, f"the file has more than {largest >> 10} KiB: that is no file of this kind")
    return content.decode("utf-8")


def _understood(text: str) -> Document:
    loader = _StrictLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return Document(None, {})
        lines: dict[Place, int] = {(): root.start_mark.line + 1}
        for count, (place, line) in enumerate(_walked(root, ())):
            lines.setdefault(place, line)
            if count > _MOST_NODES:
                raise _RefusedError(line, f"more than {_MOST_NODES} values, aliases written out")
        return Document(loader.construct_document(root), lines)
    finally:
        loader.dispose()


def _walked(node: yaml.Node, place: Place) -> Iterator[tuple[Place, int]]:
    """Every place below the node with its line."""
    for key, line, below in _children(node):
        here = (*place, key)
        if len(here) > _DEEPEST:
            raise _RefusedError(line, f"nested more than {_DEEPEST} deep, aliases written out")
        if below.tag == _NULL and not below.value:
            named = ".".join(map(str, here))
            raise _RefusedError(line, f"{named}: nothing is given for it: give a value, or take the key out")
        yield here, line
        yield from _walked(below, here)


def _children(node: yaml.Node) -> Iterator[tuple[int | str, int, yaml.Node]]:
    match node:
        case yaml.MappingNode():
            for key, below in node.value:
                yield str(key.value), key.start_mark.line + 1, below
        case yaml.SequenceNode():
            for index, below in enumerate(node.value):
                yield index, below.start_mark.line + 1, below
