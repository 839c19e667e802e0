"""What is proposed for a stack: verdicts on its rules, files to write, lines for the files that are there. Pure.

It reads no file but those whose content it is given, and those of the agent by the reader that it is given.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aetherlink.adoption import alertmanager_file, compose_override, prometheus_file, receivers
from aetherlink.adoption.changes import Change, Owner
from aetherlink.adoption.compose_file import ComposeStack
from aetherlink.adoption.finding_out import ConfigFile, Found, Whereabouts
from aetherlink.adoption.judging import Verdict, judged
from aetherlink.adoption.receivers import RECEIVER_NAMES, Wiring, is_routed, receiver_of_agent, receivers_of
from aetherlink.adoption.settings_file import Place, settings_text
from aetherlink.adoption.yaml_lines import CannotEditError, data_of, decoded
from aetherlink.errors import SettingsError
from aetherlink.model.playbooks import Playbook

_IN_STACK = "http://aether-agent:8080"
_ON_HOST = "http://127.0.0.1:8088"
_FOLDER_IN_STACK = "/etc/aether"
_TOKEN = "webhook.token"  # noqa: S105 - the name of a file, not a secret

# Always there, for the folder: the agent does not start where `playbooks_dir` names none.
_PLAYBOOKS = """\
# Playbooks of this stack

One in each file `*.yaml`; those that `aether init` proposed are in mode observe. The agent reads a changed file within
seconds. `aether playbook check FILE` says what is wrong with one, `aether playbook list` what each would have done.
"""

Reader = Callable[[Path], bytes | None]
"""The bytes of a file; None where there is none."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user says beyond where the stack is.

    `into` is the folder of the agent's own files. `agent` is how the stack reaches the agent, `token_file` where
    Alertmanager reads its token; None: the usual. With `on_host` the agent runs on this machine beside the stack.
    """

    where: Whereabouts
    into: Path
    source: str = "default"
    agent: str | None = None
    token_file: str | None = None
    on_host: bool = False

    @property
    def is_in_stack(self) -> bool:
        """Whether the agent becomes one more service of the compose stack."""
        return self.where.compose is not None and not self.on_host

    @property
    def agent_url(self) -> str:
        """How Prometheus and Alertmanager reach the agent."""
        return (self.agent or (_IN_STACK if self.is_in_stack else _ON_HOST)).rstrip("/")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that cannot be edited, why, and the lines to add to it by hand."""

    file: str
    why: str
    lines: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """Everything that is proposed. `changes` are needed; what is well already is not among them."""

    verdicts: tuple[Verdict, ...]
    changes: tuple[Change, ...]
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()


def propose(wishes: Wishes, found: Found, builtins: Sequence[Playbook], read: Reader) -> Proposal:
    """The proposal. Raises SettingsError where the agent could not be told where things are."""
    verdicts = judged(found.stack, builtins)
    wiring = Wiring(f"{wishes.agent_url}/alertmanager", _token_for_alertmanager(wishes), wishes.source)
    wired, refusals, receiver = _wired(found, wiring)
    scraped, more = _scraped(found, wishes)
    place = _place(wishes, found, receiver)
    own = {wishes.into / "aether.yaml": settings_text(found.stack, verdicts, place)}
    own |= {wishes.into / "playbooks" / "README.md": _PLAYBOOKS}
    own |= {wishes.into / "playbooks" / one.file: one.text for each in verdicts for one in each.drafts}
    if wishes.is_in_stack and found.compose is not None:
        own |= _override(wishes, found)
    changes = [Change(path, read(path), text, Owner.AGENT) for path, text in own.items()]
    return Proposal(
        verdicts=verdicts,
        changes=tuple(one for one in (*changes, *wired, *scraped) if one.is_needed),
        refusals=(*refusals, *more),
        notes=(*found.stack.notes, *_drift(found)),
        receivers=found.stack.receivers,
        servers=() if found.compose is None else tuple(one.service for one in found.compose.servers),
        targets=tuple(one.name for one in found.stack.workloads if not one.why_not),
    )


def _wired(found: Found, wiring: Wiring) -> tuple[list[Change], list[Refusal], str]:
    if not found.alertmanager_files:
        return _wired_by_hand(found.running, wiring)
    changes: list[Change] = []
    refusals: list[Refusal] = []
    wiring = _with_one_name(found.alertmanager_files, wiring)
    for file in found.alertmanager_files:
        try:
            done = alertmanager_file.wired(decoded(file.content, str(file.path)), wiring)
        except CannotEditError as problem:
            lines = alertmanager_file.by_hand(wiring, _data_or_none(file.content))
            refusals.append(Refusal(str(file.path), str(problem), lines))
        else:
            changes.append(Change(file.path, file.content, done.text, Owner.STACK))
    return changes, refusals, wiring.receiver or RECEIVER_NAMES[0]


def _with_one_name(files: Sequence[ConfigFile], wiring: Wiring) -> Wiring:
    """The settings have one name for all Alertmanagers of a source: one that is there, or free in all of the files."""
    taken: set[str] = set()
    for file in files:
        data = _data_or_none(file.content)
        taken |= {*receivers_of(data)}
        try:
            there = receiver_of_agent(data, wiring)
        except CannotEditError:
            there = None  # that file will be refused
        if there is not None:
            return replace(wiring, receiver=there)
    return replace(wiring, receiver=next((name for name in RECEIVER_NAMES if name not in taken), RECEIVER_NAMES[0]))


def _data_or_none(content: bytes) -> object:
    try:
        return data_of(decoded(content, receivers.NAME), receivers.NAME)
    except CannotEditError:
        return None


def _wired_by_hand(running: str | None, wiring: Wiring) -> tuple[list[Change], list[Refusal], str]:
    """What the Alertmanager runs with says whether lines are missing; a URL may be left out there, as a secret."""
    data = None if running is None else _data_or_none(running.encode("utf-8"))
    why = "it was not found on this machine (--alertmanager-file)"
    receiver = None
    try:
        receiver = receiver_of_agent(data, wiring)
        if receiver is not None and isinstance(data, dict) and is_routed(data, receiver):
            return [], [], receiver
    except CannotEditError as problem:
        why = f"{why}; of what runs: {problem}"
    refusal = Refusal(receivers.NAME, why, alertmanager_file.by_hand(wiring, data))
    return [], [refusal], receiver or RECEIVER_NAMES[0]


def _scraped(found: Found, wishes: Wishes) -> tuple[list[Change], list[Refusal]]:
    address = wishes.agent_url.partition("://")[2].partition("/")[0]
    file = found.prometheus_file
    if file is None and any(one.instance == address for one in found.stack.scraped):
        return [], []
    if file is None:
        why = "it was not found on this machine (--prometheus-file)"
        return [], [Refusal(prometheus_file.NAME, why, prometheus_file.by_hand(address))]
    try:
        text = prometheus_file.scraping(decoded(file.content, str(file.path)), address)
    except CannotEditError as problem:
        return [], [Refusal(str(file.path), str(problem), prometheus_file.by_hand(address))]
    return [Change(file.path, file.content, text, Owner.STACK)], []


def _place(wishes: Wishes, found: Found, receiver: str) -> Place:
    where, compose = wishes.where, found.compose
    if wishes.is_in_stack and compose is not None:
        _refuse_other_networks(compose)
        prometheus = where.prometheus if compose.prometheus is None else compose.prometheus.url
        alertmanagers = tuple(one.url for one in compose.alertmanagers) or where.alertmanagers
        folder, token, docker = _FOLDER_IN_STACK, compose_override.TOKEN_FILE, compose_override.SOCKET
    else:
        prometheus, alertmanagers = where.prometheus, where.alertmanagers
        folder, docker = str(wishes.into.absolute()), where.docker or ""
        token = str(wishes.into.absolute() / "aetherlink-data" / _TOKEN)
    if prometheus is None:
        raise SettingsError("name the Prometheus that the agent is to ask: --prometheus URL")
    playbooks = f"{folder}/playbooks"
    return Place(wishes.source, prometheus, alertmanagers, receiver, token, playbooks, docker, wishes.is_in_stack)


def _refuse_other_networks(compose: ComposeStack) -> None:
    """Such a service and the agent would not reach each other by their names."""
    for one in compose.servers:
        if one.network_mode:
            raise SettingsError(
                f"service {one.service} has `network_mode: {one.network_mode}`, and would not reach the agent in the "
                "stack: use --on-host, with --prometheus and --alertmanager"
            )


def _token_for_alertmanager(wishes: Wishes) -> str:
    if wishes.token_file is not None:
        return wishes.token_file
    if wishes.is_in_stack:
        return compose_override.TOKEN_FILE
    return str(wishes.into.absolute() / "aetherlink-data" / _TOKEN)


def _override(wishes: Wishes, found: Found) -> dict[Path, str]:
    compose = found.compose
    if compose is None:
        return {}
    networks = list(dict.fromkeys(name for one in compose.servers for name in one.networks)) or ["default"]
    text = compose_override.override_text(
        compose=compose.path.name,
        folder=str(wishes.into.absolute()),
        alertmanagers=[one.service for one in compose.alertmanagers],
        networks=networks,
        version=compose.version,
    )
    return {wishes.into / compose_override.FILE: text}


def _drift(found: Found) -> list[str]:
    """Whether the file says something else than what the Alertmanager runs with."""
    if found.running is None or len(found.alertmanager_files) != 1:
        return []
    try:
        running = data_of(found.running, "what runs")
        written = data_of(decoded(found.alertmanager_files[0].content, "the file"), "the file")
    except CannotEditError:
        return []
    if receivers_of(running) == receivers_of(written):
        return []
    path = found.alertmanager_files[0].path
    return [f"the running Alertmanager has other receivers than {path}: it was not loaded, or is another file"]
