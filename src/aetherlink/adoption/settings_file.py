"""The settings that are proposed for a stack, as a commented aether.yaml. Pure: words in, text out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import yaml

from aetherlink.adoption.findings import refused
from aetherlink.adoption.judging import Verdict
from aetherlink.adoption.stack import Stack, Workload

_TENANT = ("tenant", "tenant_id", "customer")
_SERVICE = ("service", "app", "container_label_com_docker_compose_service", "name", "job")
_SEVERITY = ("severity", "priority", "level")
_HEARTBEAT = "Watchdog"
_SEVERITIES = frozenset(
    {
        *("critical", "crit", "fatal", "page", "emergency", "high", "error"),
        *("warning", "warn", "medium", "info", "information", "low", "none"),
    }
)


@dataclass(frozen=True, slots=True)
class Place:
    """How the agent will reach things, and where its own files lie as it sees them. An empty `docker`: not at all.

    `needs_tokens` says that others than this machine reach the agent.
    """

    source: str
    prometheus: str
    alertmanagers: tuple[str, ...]
    receiver: str
    token_file: str
    playbooks: str
    docker: str
    needs_tokens: bool = False


def settings_text(stack: Stack, verdicts: Sequence[Verdict], place: Place) -> str:
    """The file."""
    parts = [_HEAD, *_sources(place), *_labels(stack, verdicts), *_playbooks(place), *_docker(stack, place)]
    return "\n".join([*parts, *_targets(stack, place)]) + "\n"


_HEAD = """\
# Proposed by `aether init` for the stack that it found. It is yours: change it, and let `aether check` read it.

# It only says what it would do. Once `aether report` is good: `mode: auto` here, then `aether playbook promote NAME`.
mode: observe
"""


def _sources(place: Place) -> list[str]:
    urls = ", ".join(map(_word, place.alertmanagers))
    return [
        "sources:",
        f"  - name: {place.source}",
        f"    prometheus: {_word(place.prometheus)}",
        f"    alertmanagers: [{urls}]",
        *(
            ["    # By which Alertmanager delivers here: see the lines for alertmanager.yml."]
            if place.alertmanagers
            else []
        ),
        *([f"    receiver: {_word(place.receiver)}"] if place.alertmanagers else []),
        "",
        "auth:",
        *(_ONLY_WITH_TOKENS if place.needs_tokens else []),
        "  # Made at the first start, for its owner only. Alertmanager reads the same words: `credentials_file`.",
        f"  webhook_token_file: {_word(place.token_file)}",
        "",
        "health:",
        "  # The health score is a recording rule of AetherLink's own CRM. With a score of yours: set `query`.",
        "  enabled: false",
        "",
    ]


_ONLY_WITH_TOKENS = [
    "  # Others reach it on the network of the stack. `aether` inside its container has the operator's token.",
    "  mode: token",
]


def _labels(stack: Stack, verdicts: Iterable[Verdict]) -> list[str]:
    beats = [one.rule.name for one in verdicts if one.is_heartbeat]
    return [
        "# Which labels of an alert mean what: of each list the first one that is there counts.",
        "labels:",
        f"  tenant: {_flow(_TENANT)}",
        "  # `name` is the container, by cAdvisor; `job` comes last: it may be that of an exporter.",
        f"  service: {_flow(_SERVICE)}",
        f"  severity: {_flow(_severity(stack))}",
        *(["  # It fires always: when it stops, monitoring is blind."] if beats else _NO_HEARTBEAT),
        f"  heartbeat: {_flow(beats or [_HEARTBEAT])}",
        "",
    ]


_NO_HEARTBEAT = [
    "  # No rule of this stack fires always. One with the expression `vector(1)` would show when monitoring is blind."
]


def _severity(stack: Stack) -> tuple[str, ...]:
    """The usual labels, and before them those of this stack's rules that say nothing but how bad it is."""
    values: dict[str, set[str]] = {}
    for rule in stack.rules:
        for name, value in rule.labels.items():
            values.setdefault(name, set()).add(value.lower())
    found = sorted(name for name, said in values.items() if said <= _SEVERITIES and name not in _SEVERITY)
    return (*_SEVERITY[:1], *found, *_SEVERITY[1:])


def _playbooks(place: Place) -> list[str]:
    return [
        "# One playbook a file, each in mode observe; a change counts within seconds.",
        f"playbooks_dir: {_word(place.playbooks)}",
        "",
    ]


def _docker(stack: Stack, place: Place) -> list[str]:
    if not place.docker:
        return []
    owned = [one for one in stack.workloads if one.service and not one.why_not]
    return [
        "docker:",
        "  # `aether socket-proxy`, which lets little through; never Docker's own socket where you can help it.",
        f"  host: {_word(place.docker)}",
        "",
        *(_proxied(owned) if owned else []),
    ]


def _proxied(owned: Iterable[Workload]) -> list[str]:
    lines = sorted(f"{one.project}/{one.service}" for one in owned if not refused(one))
    if not lines:
        return []
    return [
        "socket_proxy:",
        "  # What the proxy lets be changed. The agent does not read it.",
        "  workloads:",
        *(f"    - {_word(line)}" for line in lines),
        "",
    ]


def _targets(stack: Stack, place: Place) -> list[str]:
    targets = [one for one in stack.workloads if not one.why_not]
    head = ["# What the agent may ever change: nothing else is touched, whoever asks."]
    if not place.docker:
        head.append(
            "# No way to Docker was given, so it only imagines them: set `docker.host`, and `executor: docker` with"
        )
        head.append("# `project` and `service`, when it is to act. `aether init --docker` does both.")
    if not targets:
        return [*head, "targets: {}"]
    names = {one.service: one.name for one in targets if one.service}
    lines = [line for one in sorted(targets, key=lambda each: each.name) for line in _target(one, names, place)]
    untouched = [f"# Not a target: {one.name} {one.why_not}." for one in stack.workloads if one.why_not]
    return [*head, "targets:", *lines, *untouched]


def _target(one: Workload, names: dict[str, str], place: Place) -> list[str]:
    if not place.docker:
        where = {"executor": "dry_run", "service": one.service or one.container}
    elif one.service:
        where = {"executor": "docker", "project": one.project, "service": one.service}
    else:
        where = {"executor": "docker", "container": one.container}
    needed = sorted({names[other] for other in one.depends_on if names.get(other, one.name) != one.name})
    lines = [f"  {_word(one.name)}:", *(f"    {key}: {_word(value)}" for key, value in where.items())]
    lines += [f"    depends_on: {_flow(needed)}"] if needed else []
    if one.is_store:
        lines += ["    # It keeps data: people restart it.", "    mode: observe"]
    return lines


def _word(text: str) -> str:
    """As a YAML scalar that means this text, plain where it can be."""
    return _flow([text])[1:-1]


def _flow(words: Iterable[str]) -> str:
    return yaml.safe_dump(list(words), default_flow_style=True, width=100_000, allow_unicode=True).strip()
