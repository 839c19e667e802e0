"""Which receiver of an alertmanager.yml is the agent's, and whether its routes lead there. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aetherlink.adoption.yaml_lines import CannotEditError
from aetherlink.model.agent_receiver import DOOR, Delivery, delivery, source_in
from aetherlink.model.alerts import OWN_ALERTS

NAME = "alertmanager.yml"
RECEIVER_NAMES = ("agent", "aether-agent")
_ON_OWN_ALERTS = re.compile(r"""\s*["']?alertname["']?\s*!(?:~|=)\s*["']?(?P<names>[A-Za-z|]+)["']?\s*""")
_LIMITS = ("match", "match_re", "mute_time_intervals", "active_time_intervals", "routes")


@dataclass(frozen=True, slots=True)
class Wiring:
    """How Alertmanager is to reach the agent: the webhook's URL, and the file from which it reads its token.

    `source` is what the agent calls this Alertmanager's world; `receiver` the name that its receiver has to have, None:
    any that is free.
    """

    url: str
    token_file: str
    source: str = "default"
    receiver: str | None = None

    @property
    def agent(self) -> str:
        """The agent's own address."""
        return self.url.removesuffix("/").removesuffix(f"/{DOOR}")


def receivers_of(data: object) -> tuple[str, ...]:
    """The names of the receivers of a configuration."""
    return tuple(str(one["name"]) for one in _receivers(data) if "name" in one)


def receiver_of_agent(data: object, wiring: Wiring) -> str | None:
    """The receiver that delivers to the agent; None when there is none. Raises CannotEditError where it is unclear."""
    urls = {str(one.get("name")): list(_urls(one)) for one in _receivers(data)}
    found = [name for name, each in urls.items() if any(_is_agents(url, wiring) for url in each)]
    if len(found) > 1:
        raise CannotEditError(f"the receivers {' and '.join(found)} all deliver to the agent: leave one of them")
    if not found:
        _refuse_hidden(urls)
        return None
    named = {source_in(url) for url in urls[found[0]] if _is_agents(url, wiring)} - {"", wiring.source}
    if named:
        source = min(named)
        raise CannotEditError(f"the receiver `{found[0]}` delivers as source {source}: say --source {source}")
    return found[0]


def children_of(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The routes below that of the root. Raises CannotEditError for what is none."""
    route = data.get("route")
    if not isinstance(route, dict) or not isinstance(route.get("receiver"), str):
        raise CannotEditError(f"{NAME} has no `route` with a `receiver`")
    children = route.get("routes") or []
    if not isinstance(children, list) or not all(isinstance(one, dict) for one in children):
        raise CannotEditError("`route.routes` is no list of routes")
    return children


def is_routed(data: Mapping[str, Any], receiver: str) -> bool:
    """Whether the receiver hears everything, and lets everything go on. Raises CannotEditError for half of that."""
    children = children_of(data)
    if data["route"]["receiver"] == receiver:
        return _is_all_for(children, receiver)
    mine = [number for number, one in enumerate(children) if any(_leading_to(one, receiver))]
    if not mine:
        return False
    if mine[0] != 0 or children[0].get("receiver") != receiver or children[0].get("continue") is not True:
        raise CannotEditError(
            f"a route to the receiver `{receiver}` is there, and is not the first one with `continue: true`: "
            "correct it, or take it out"
        )
    if not _hears_all(children[0]):
        raise CannotEditError(
            f"the first route, to `{receiver}`, takes some alerts only: leave it the matcher "
            f"""'alertname!~"{"|".join(OWN_ALERTS)}"' and no other, no times and no routes, or take it out"""
        )
    if len(mine) > 1:
        raise CannotEditError(f"several routes lead to the receiver `{receiver}`: it would hear alerts twice")
    _refuse_silencing(data, children, receiver)
    return True


def takes_all(route: Mapping[str, Any]) -> bool:
    """Whether no alert gets past this route: then the receiver of the root has never heard one."""
    return route.get("continue") is not True and not any(route.get(key) for key in ("match", "match_re", "matchers"))


def _receivers(data: object) -> list[Mapping[str, Any]]:
    found = data.get("receivers") if isinstance(data, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _urls(receiver: Mapping[str, Any]) -> Iterator[str]:
    """Of its webhooks; empty for one whose address lies in a file."""
    hooks = receiver.get("webhook_configs")
    for one in hooks if isinstance(hooks, list) else ():
        if isinstance(one, dict):
            yield str(one.get("url") or "")


def _is_agents(url: str, wiring: Wiring) -> bool:
    return delivery(url, wiring.agent) is Delivery.YES


def _refuse_hidden(urls: Mapping[str, Sequence[str]]) -> None:
    """One that has the agent's name may be the agent's."""
    for name, each in urls.items():
        is_likely = name in RECEIVER_NAMES or "aether" in name.lower()
        if is_likely and any(delivery(url) is Delivery.UNKNOWN for url in each):
            raise CannotEditError(
                f"the address of the receiver `{name}` is not shown, so whether it is the agent's cannot be told: when "
                "it is, compare it with these lines; else give it another name"
            )


def _is_all_for(children: Sequence[Mapping[str, Any]], receiver: str) -> bool:
    """With nothing below, the receiver of the root hears all."""
    if children:
        raise CannotEditError(
            f"the agent's receiver `{receiver}` is that of the root, and hears only what no route takes: give the root "
            "another one"
        )
    return True


def _leading_to(route: Mapping[str, Any], receiver: str) -> Iterator[bool]:
    yield route.get("receiver") == receiver
    below = route.get("routes")
    for one in below if isinstance(below, list) else ():
        if isinstance(one, dict):
            yield from _leading_to(one, receiver)


def _hears_all(route: Mapping[str, Any]) -> bool:
    """All but the alerts about the agent itself."""
    if any(route.get(key) for key in _LIMITS):
        return False
    matchers = route.get("matchers") or ()
    found = [_ON_OWN_ALERTS.fullmatch(str(one)) for one in matchers]
    return all(one is not None and {*one["names"].split("|")} <= {*OWN_ALERTS} for one in found)


def _refuse_silencing(data: Mapping[str, Any], children: Sequence[Mapping[str, Any]], receiver: str) -> None:
    if not any(takes_all(one) for one in children[1:]):
        default = data["route"]["receiver"]
        raise CannotEditError(
            f"the route to `{receiver}` keeps alerts from `{default}`, the receiver of the root: add `- receiver: "
            f"{default}` as the last of `route.routes`"
        )
