"""The agent's receiver and routes, put into somebody's alertmanager.yml as lines. Pure: text in, text out.

Nobody who heard before is silenced, and nobody hears more than before. Alertmanager uses the receiver of the root only
where no route below it matched, and the agent's route always matches: so what the root's receiver caught gets a route
of its own, the last one. Where one of the routes there goes on (`continue: true`) such a route would tell the root's
receiver of alerts that it never heard; there all of them move, unchanged, below one route for it.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from aetherlink.adoption.receivers import (
    NAME,
    RECEIVER_NAMES,
    Wiring,
    children_of,
    is_routed,
    receiver_of_agent,
    receivers_of,
    takes_all,
)
from aetherlink.adoption.yaml_lines import (
    CannotEditError,
    Entry,
    Insertion,
    block_list,
    block_mapping,
    data_of,
    entry,
    is_nothing,
    line_after,
    root_of,
    with_lines,
)
from aetherlink.model.alerts import OWN_ALERTS

_STEP = 2


@dataclass(frozen=True, slots=True)
class Wired:
    """The text with the agent in it, and the name of its receiver. The text is the old one where nothing is to do."""

    text: str
    receiver: str


def wired(text: str, wiring: Wiring) -> Wired:
    """The file with the agent added to those who hear. Raises CannotEditError, with why."""
    root = root_of(text, NAME)
    before = data_of(text, NAME)
    if not isinstance(before, dict):
        raise CannotEditError(f"{NAME} is not a mapping")
    receiver, is_there = _receiver(before, wiring)
    insertions: list[Insertion] = []
    wanted = copy.deepcopy(before)
    moved: range | None = None
    if not is_routed(before, receiver):
        added, moved = _routes(text, root, before, receiver)
        insertions += added
        wanted["route"] = _route_data(before["route"], receiver)
    if not is_there:
        insertions.append(_new_receiver(text, root, receiver, wiring))
        wanted["receivers"] = [*wanted["receivers"], yaml.safe_load("\n".join(receiver_lines(receiver, wiring)))[0]]
    after = with_lines(_shifted(text, moved), insertions) if insertions else text
    if data_of(after, NAME) != wanted:
        raise CannotEditError(f"{NAME} is written in a way in which added lines would not mean what they should")
    return Wired(after, receiver)


def by_hand(wiring: Wiring, data: object = None) -> str:
    """The lines to add where the file cannot be edited; `data` is what it says, where that is known."""
    try:
        there = receiver_of_agent(data, wiring)
    except CannotEditError:
        there = None
    receiver = there or wiring.receiver or RECEIVER_NAMES[0]
    new = [] if there else ["receivers:", *_indented(receiver_lines(receiver, wiring), 2)]
    return "\n".join([*new, "route:", "  routes:", "    # first:", *_indented(_routes_by_hand(receiver, data), 4)])


def _routes_by_hand(receiver: str, data: object) -> list[str]:
    agent = _agent_route(receiver)
    try:
        children = None if not isinstance(data, dict) else children_of(data)
    except CannotEditError:
        children = None
    if children is None or not isinstance(data, dict) or data["route"]["receiver"] == receiver:
        return [*agent, *_IN_ANY_FORM]
    name, others = _quoted(data["route"]["receiver"]), [one for one in children if one.get("receiver") != receiver]
    if any(takes_all(one) for one in others):
        return [*agent, "# ... the routes that are there, in their order"]
    if any(one.get("continue") is True for one in others):
        below = "    # ... the routes that are there, in their order: some of them let alerts go on"
        return [*agent, f"- receiver: {name}", "  routes:", below]
    return [*agent, "# ... the routes that are there, in their order; then:", *_last_route(name)]


_IN_ANY_FORM = (
    "# ... the routes that are there, in their order; then, for what the root's receiver caught before, the last line:",
    "# not where one of the routes takes all. Where one has `continue: true`, they all come below it, as its `routes`.",
    "- receiver: NAME-OF-THE-ROOTS-RECEIVER",
)


def receiver_lines(receiver: str, wiring: Wiring) -> list[str]:
    """The agent's receiver as an element of the list, from column 0."""
    return [
        f"- name: {receiver}",
        "  webhook_configs:",
        f"    - url: {_quoted(wiring.url)}",
        "      send_resolved: true",
        "      # 0 is no limit: a group is never cut short.",
        "      max_alerts: 0",
        "      http_config:",
        "        authorization:",
        "          type: Bearer",
        f"          credentials_file: {_quoted(wiring.token_file)}",
    ]


def _agent_route(receiver: str) -> list[str]:
    return [
        "# AetherLink hears everything but the two alerts about itself; `continue` lets each alert go on as before.",
        f"- receiver: {receiver}",
        f"""  matchers: ['alertname!~"{"|".join(OWN_ALERTS)}"']""",
        "  continue: true",
        "  group_wait: 1s",
        "  group_interval: 5s",
        "  repeat_interval: 30m",
    ]


def _receiver(data: Mapping[str, Any], wiring: Wiring) -> tuple[str, bool]:
    """The receiver's name, and whether it is there already."""
    there = receiver_of_agent(data, wiring)
    wanted = RECEIVER_NAMES if wiring.receiver is None else (wiring.receiver,)
    if there is not None and wiring.receiver not in (None, there):
        raise CannotEditError(f"the agent's receiver is `{there}` here, and `{wiring.receiver}` in another file")
    if there is not None:
        return there, True
    taken = receivers_of(data)
    free = next((name for name in wanted if name not in taken), None)
    if free is None:
        raise CannotEditError(f"receivers of the names {' and '.join(wanted)} are there, for other addresses")
    return free, False


def _routes(
    text: str, root: yaml.MappingNode, data: Mapping[str, Any], receiver: str
) -> tuple[list[Insertion], range | None]:
    """The lines to add below `route`, and the lines of the file that move to the right for them."""
    found = entry(root, "route")
    if found is None:
        raise CannotEditError(f"{NAME} has no `route`")
    route = block_mapping(text, found, "route")
    if entry(route, "<<") is not None:
        raise CannotEditError("`route` takes keys from an anchor (`<<`)")
    below = entry(route, "routes")
    names = _Names(receiver, _quoted(str(data["route"]["receiver"])))
    if below is None or is_nothing(below.value):
        return [_first_routes(route, below, text.splitlines(), names)], None
    return _beside(text, below, names, children_of(data))


@dataclass(frozen=True, slots=True)
class _Names:
    """The receiver of the agent, and that of the root as YAML."""

    agent: str
    default: str


def _first_routes(route: yaml.MappingNode, below: Entry | None, lines: Sequence[str], names: _Names) -> Insertion:
    column = route.start_mark.column
    new = [*_agent_route(names.agent), *_last_route(names.default)]
    if below is not None:
        return Insertion(below.line + 1, tuple(_indented(new, column + _STEP)))
    written = [*_indented(["routes:"], column), *_indented(new, column + _STEP)]
    return Insertion(line_after(route, lines), tuple(written))


def _beside(
    text: str, below: Entry, names: _Names, children: Sequence[Mapping[str, Any]]
) -> tuple[list[Insertion], range | None]:
    """Beside the routes that are there: the agent's first, and one for the root's receiver where it is needed."""
    routes = block_list(text, below, "route.routes")
    column, first, after = routes.start_mark.column, below.line + 1, line_after(routes, text.splitlines())
    if routes.start_mark.line < first:
        raise CannotEditError("`route.routes` begins on the line of its key")
    agent = _indented(_agent_route(names.agent), column)
    if any(takes_all(one) for one in children):
        return [Insertion(first, tuple(agent))], None
    if not any(one.get("continue") is True for one in children):
        return [
            Insertion(first, tuple(agent)),
            Insertion(after, tuple(_indented(_last_route(names.default), column))),
        ], None
    around = [
        "# The routes that were there, below one for the receiver of the root: some of them let alerts go on.",
        f"- receiver: {names.default}",
        "  routes:",
    ]
    return [Insertion(first, (*agent, *_indented(around, column)))], range(first, after)


def _last_route(default: str) -> list[str]:
    return [
        "# What no other route took: without this line the route to AetherLink would silence the root's receiver.",
        f"- receiver: {default}",
    ]


def _route_data(route: Mapping[str, Any], receiver: str) -> dict[str, Any]:
    """The route as it has to be understood afterwards."""
    children = list(route.get("routes") or [])
    agent, default = yaml.safe_load("\n".join(_agent_route(receiver)))[0], {"receiver": route["receiver"]}
    if any(takes_all(one) for one in children):
        below = [agent, *children]
    elif any(one.get("continue") is True for one in children):
        below = [agent, {**default, "routes": children}]
    else:
        below = [agent, *children, default]
    return {**route, "routes": below}


def _new_receiver(text: str, root: yaml.MappingNode, receiver: str, wiring: Wiring) -> Insertion:
    found = entry(root, "receivers")
    if found is None:
        raise CannotEditError(f"{NAME} has no `receivers`")
    there = block_list(text, found, "receivers")
    new = _indented(receiver_lines(receiver, wiring), there.start_mark.column)
    return Insertion(line_after(there, text.splitlines()), tuple(new))


def _shifted(text: str, moved: range | None) -> str:
    """The text with these lines further to the right."""
    if moved is None:
        return text
    lines = text.splitlines(keepends=True)
    for number in moved:
        if lines[number].strip():
            lines[number] = " " * 2 * _STEP + lines[number]
    return "".join(lines)


def _indented(lines: Sequence[str], columns: int) -> list[str]:
    return [" " * columns + line for line in lines]


def _quoted(word: str) -> str:
    """As a YAML scalar that means exactly this text."""
    return yaml.safe_dump(word, default_style='"', width=10_000, allow_unicode=True).strip()
