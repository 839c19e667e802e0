"""Reads the YAML that people write, settings and playbooks: safely, and a key that stands there twice is refused.

Called by the loader of the playbooks and by the settings. It knows no key's meaning.
"""

from pathlib import Path
from typing import Any

import yaml

from aetherlink.errors import SettingsError

_MERGE = "tag:yaml.org,2002:merge"


class _RepeatedKeyError(Exception):
    """A mapping has a key twice. Lines count from 1."""

    def __init__(self, key: str, *, line: int, first_line: int) -> None:
        super().__init__(key)
        self.key = key
        self.line = line
        self.first_line = first_line


class _StrictLoader(yaml.SafeLoader):
    """A SafeLoader whose mappings have each key once: YAML says so, PyYAML takes the last one silently."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """The mapping. Looked at here, before merge keys (`<<`) bring in others that may well be overridden."""
        node = super().compose_mapping_node(anchor)
        seen: dict[tuple[str, str], yaml.Node] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            first = seen.setdefault((key.tag, key.value), key)
            if first is not key:
                raise _RepeatedKeyError(key.value, line=key.start_mark.line + 1, first_line=first.start_mark.line + 1)
        return node


def read(path: Path) -> object:
    """What the file says; None when it is empty. Raises SettingsError that names the file, and the line if it can."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)  # noqa: S506 - a SafeLoader, made stricter
    except FileNotFoundError:
        raise SettingsError(f"{path}: there is no such file") from None
    except _RepeatedKeyError as problem:
        raise SettingsError(
            f"{path}:{problem.line}: {problem.key}: the key is given twice, on line {problem.first_line} as well: "
            "take one of them out"
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise SettingsError(f"{path}: cannot be read as YAML: {problem}") from problem
