"""Finds out what a stack has: asks its servers, reads its files. It changes nothing."""

import asyncio
import posixpath
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aetherlink.adoption import answers, config_files
from aetherlink.adoption.compose_file import ComposeStack, Server, read_compose
from aetherlink.adoption.receivers import receivers_of
from aetherlink.adoption.stack import Scraped, Stack, StackRule, Workload
from aetherlink.adoption.yaml_lines import CannotEditError, data_of
from aetherlink.clients.stack import StackClient, containers
from aetherlink.errors import SettingsError

_NO_TARGETS = "Prometheus has no targets: when it has only just started, run this again"
_ONLY_FILES = (
    "only files were read: what runs may be something else, and targets that are discovered are not in them "
    "(--prometheus, --alertmanager and --docker ask)"
)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What is known of a stack before it is looked at. None: not known, or not there."""

    prometheus: str | None = None
    alertmanagers: tuple[str, ...] = ()
    compose: Path | None = None
    project: str | None = None
    docker: str | None = None
    prometheus_file: Path | None = None
    alertmanager_file: Path | None = None


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A configuration file of the stack, as it is now."""

    path: Path
    content: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """The stack, with the files that may be changed. `running` is what an Alertmanager says that it runs with."""

    stack: Stack
    compose: ComposeStack | None
    prometheus_file: ConfigFile | None
    alertmanager_files: tuple[ConfigFile, ...]
    running: str | None


def find_out(where: Whereabouts) -> Found:
    """Everything. Raises SettingsError, UnreachableError or AnswerError for what was named and cannot be had."""
    if where.prometheus is None and where.compose is None and where.prometheus_file is None:
        raise SettingsError("name the stack: --prometheus URL, or --compose FILE, or both")
    compose = None if where.compose is None else read_compose(where.compose, where.project)
    asked = asyncio.run(_asked(where))
    prometheus = _prometheus_file(where, compose)
    rules, scraped, notes = _watched(asked, prometheus, compose)
    alertmanagers, more = _alertmanager_files(where, compose)
    project = where.project if compose is None else compose.project
    running = [one for one in asked.workloads if project is None or one.project == project]
    workloads = answers.merged(running, () if compose is None else compose.workloads)
    receivers = asked.running if asked.running is not None else _text_of(alertmanagers)
    stack = Stack(rules, scraped, workloads, _receivers(receivers), (*notes, *more, *_unknown(where, compose)))
    return Found(stack, compose, prometheus, alertmanagers, asked.running)


@dataclass(frozen=True, slots=True)
class _Asked:
    rules: tuple[StackRule, ...] | None
    scraped: tuple[Scraped, ...]
    running: str | None
    workloads: tuple[Workload, ...]


async def _asked(where: Whereabouts) -> _Asked:
    rules: tuple[StackRule, ...] | None = None
    scraped: tuple[Scraped, ...] = ()
    if where.prometheus is not None:
        listed, targets = await _got(
            "Prometheus", where.prometheus, ("/api/v1/rules?type=alert", "/api/v1/targets?state=active")
        )
        rules, scraped = answers.rules_of(listed), answers.scraped_of(targets)
    running = None
    for url in where.alertmanagers:
        (status,) = await _got("Alertmanager", url, ("/api/v2/status",))
        running = running if running is not None else answers.original_of(status)
    workloads = () if where.docker is None else answers.workloads_of(await containers(where.docker))
    return _Asked(rules, scraped, running, workloads)


async def _got(name: str, url: str, paths: Sequence[str]) -> list[object]:
    client = StackClient(name, url)
    asked: list[Awaitable[object]] = [client.get(path) for path in paths]
    try:
        return list(await asyncio.gather(*asked))
    finally:
        await client.aclose()


def _watched(
    asked: _Asked, file: ConfigFile | None, compose: ComposeStack | None
) -> tuple[tuple[StackRule, ...], tuple[Scraped, ...], tuple[str, ...]]:
    """Rules and targets: as the running Prometheus says, else as its files do."""
    if asked.rules is not None:
        # It takes a few seconds after its start to know its targets.
        written = () if asked.scraped or file is None else config_files.scraped_in(file.path)
        late: tuple[str, ...] = () if asked.scraped else (_NO_TARGETS,)
        return asked.rules, asked.scraped or written, late
    if file is None:
        return (), (), ("Prometheus was not asked, and its file was not found: no rules are known (--prometheus)",)
    server = None if compose is None else compose.prometheus
    if server is not None and server.file is not None and server.file == file.path:
        rules, notes = config_files.rules_in(file.path, server.outside, inside=_folder_inside(server, file.path))
    else:
        rules, notes = config_files.rules_in(file.path, Path, inside=str(file.path.absolute().parent))
    return rules, config_files.scraped_in(file.path), notes


def _folder_inside(server: Server, file: Path) -> str:
    """The folder of the file as the server sees it."""
    for source, target in server.mounts:
        if file == source:
            return posixpath.dirname(target)
        if source in file.parents:
            return posixpath.join(target, *file.parent.relative_to(source).parts)
    return "/"


def _prometheus_file(where: Whereabouts, compose: ComposeStack | None) -> ConfigFile | None:
    if where.prometheus_file is not None:
        return _read(where.prometheus_file)
    if compose is None or compose.prometheus is None or compose.prometheus.file is None:
        return None
    return _read(compose.prometheus.file)


def _alertmanager_files(
    where: Whereabouts, compose: ComposeStack | None
) -> tuple[tuple[ConfigFile, ...], tuple[str, ...]]:
    if where.alertmanager_file is not None:
        return (_read(where.alertmanager_file),), ()
    servers = () if compose is None else compose.alertmanagers
    files = dict.fromkeys(one.file for one in servers if one.file is not None)
    notes = [
        f"the file of service {one.service} is in no folder of this machine" for one in servers if one.file is None
    ]
    return tuple(_read(path) for path in files), tuple(notes)


def _read(path: Path) -> ConfigFile:
    return ConfigFile(path, config_files.content_of(path))


def _text_of(files: Sequence[ConfigFile]) -> str | None:
    return next((one.content.decode("utf-8", "replace") for one in files), None)


def _receivers(text: str | None) -> tuple[str, ...]:
    try:
        return () if text is None else receivers_of(data_of(text, "alertmanager.yml"))
    except CannotEditError:
        return ()


def _unknown(where: Whereabouts, compose: ComposeStack | None) -> list[str]:
    notes = []
    if where.prometheus is None and not where.alertmanagers and where.docker is None:
        notes.append(_ONLY_FILES)
    if compose is None and where.docker is None:
        notes.append("no containers are known: name --compose FILE or --docker HOST to have targets")
    if not where.alertmanagers and (compose is None or not compose.alertmanagers):
        notes.append("no Alertmanager is known: name --alertmanager URL")
    return notes
