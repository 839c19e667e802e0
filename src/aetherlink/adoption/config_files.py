"""Reads somebody's prometheus.yml and the rule files that it names, where no Prometheus can be asked."""

import posixpath
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from aetherlink.adoption.answers import host_of
from aetherlink.adoption.stack import Scraped, StackRule
from aetherlink.adoption.yaml_lines import LARGEST_FILE, why_unread
from aetherlink.errors import SettingsError

_MOST_FILES = 500

Outside = Callable[[str], Path | None]
"""Where a path that the server sees lies on this machine."""


def content_of(path: Path) -> bytes:
    """The bytes of a file within bounds. Raises SettingsError."""
    try:
        if not path.is_file():
            raise SettingsError(f"{path}: there is no such file")
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as problem:
        raise SettingsError(f"{path} cannot be read: {problem.strerror or problem}") from problem
    if len(content) > LARGEST_FILE:
        raise SettingsError(f"{path} has more than {LARGEST_FILE >> 10} KiB")
    return content


def scraped_in(path: Path) -> tuple[Scraped, ...]:
    """The targets that the file lists itself; those of a discovery it cannot know. Raises SettingsError."""
    jobs = _mapping(path).get("scrape_configs") or ()
    return tuple(one for job in jobs if isinstance(job, dict) for one in _targets(job))


def rules_in(path: Path, outside: Outside, *, inside: str) -> tuple[tuple[StackRule, ...], tuple[str, ...]]:
    """The alerting rules of the files that it names, and a note for each that is not to be found here.

    `inside` is the folder of the file as the server sees it. Raises SettingsError when the file itself cannot be read.
    """
    rules: list[StackRule] = []
    notes: list[str] = []
    for pattern in _mapping(path).get("rule_files") or ():
        found = sorted(_matching(outside(posixpath.join(inside, str(pattern)))))[:_MOST_FILES]
        notes += [] if found else [f"rule file {pattern} was not found on this machine"]
        for file in found:
            try:
                rules += _rules(_mapping(file))
            except SettingsError as problem:
                notes.append(str(problem))
    return tuple(rules), tuple(notes)


def _matching(path: Path | None) -> list[Path]:
    if path is None:
        return []
    try:
        return [one for one in path.parent.glob(path.name) if one.is_file()]
    except (OSError, ValueError):
        return []


def _rules(data: Mapping[str, Any]) -> Iterator[StackRule]:
    for group in data.get("groups") or ():
        rules = group.get("rules") if isinstance(group, dict) else ()
        for rule in rules or ():
            if isinstance(rule, dict) and rule.get("alert"):
                labels = {str(name): str(value) for name, value in (rule.get("labels") or {}).items()}
                yield StackRule(str(rule["alert"]), str(rule.get("expr", "")), labels, str(group.get("name", "")))


def _targets(job: Mapping[str, Any]) -> Iterator[Scraped]:
    name = str(job.get("job_name", ""))
    params = job.get("params") or {}
    is_probe = str(job.get("metrics_path", "")).endswith("/probe") or "module" in params
    for group in job.get("static_configs") or ():
        for target in (group.get("targets") if isinstance(group, dict) else ()) or ():
            address = str(target)
            yield Scraped(name, address, "" if is_probe else host_of(address), host_of(address) if is_probe else "")


def _mapping(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(content_of(path).decode("utf-8"))
    except (ValueError, yaml.YAMLError, RecursionError) as problem:
        raise SettingsError(f"{path} cannot be read as YAML{why_unread(problem)}") from problem
    return data if isinstance(data, dict) else {}
