"""What a shell offers for an id or a name at the tab key: asked of a running agent, soon, or not at all.

zsh evaluates what it is offered. Ids and names that are more than plain words are left out, and of titles, which come
from alerts, nothing but letters, digits and a few harmless marks is shown.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import typer

Offers = list[tuple[str, str]]
Offer = Callable[[typer.Context, str], Offers]

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,120}")
_HARMLESS = frozenset(" .,_/@=+-")
_LONGEST_HINT = 60
_PATIENCE = 1.5  # seconds: who presses a key waits for it


def words(*known: str) -> Callable[[str], list[str]]:
    """Offers some of these."""
    return lambda incomplete: [word for word in known if word.startswith(incomplete)]


def incidents(context: typer.Context, incomplete: str) -> Offers:
    """The newest incidents, by their titles."""
    return _asked(context, incomplete, ["/api/v1/incidents?limit=50"], _title)


def open_incidents(context: typer.Context, incomplete: str) -> Offers:
    """Those that are open."""
    return _asked(context, incomplete, ["/api/v1/incidents?limit=50&status=open"], _title)


def actions(context: typer.Context, incomplete: str) -> Offers:
    """The newest actions, by what they do."""
    return _asked(context, incomplete, ["/api/v1/actions?limit=50"], _deed)


def waiting_actions(context: typer.Context, incomplete: str) -> Offers:
    """Those that wait for a yes or no."""
    return _asked(context, incomplete, ["/api/v1/actions?limit=50&state=waiting_approval"], _deed)


def incidents_and_actions(context: typer.Context, incomplete: str) -> Offers:
    """Whatever `aether show` can show."""
    return [*incidents(context, incomplete), *actions(context, incomplete)]


def playbooks(context: typer.Context, incomplete: str) -> Offers:
    """The playbooks in force, with their modes."""
    return _asked(context, incomplete, ["/api/v1/playbooks"], _of("name", "mode"))


def targets(context: typer.Context, incomplete: str) -> Offers:
    """What the agent may change."""
    return _asked(context, incomplete, ["/api/v1/targets?limit=100"], _of("name", "executor"))


def tenants(context: typer.Context, incomplete: str) -> Offers:
    """The tenants that have a score or an open incident."""
    paths = ["/api/v1/incidents?limit=100&status=open", "/api/v1/health"]
    return _asked(context, incomplete, paths, _of("tenant", ""))


def sources(context: typer.Context, incomplete: str) -> Offers:
    """The sources of alerts and metrics."""
    return _asked(context, incomplete, ["/api/v1/status"], _of("source", ""))


def channels(context: typer.Context, incomplete: str) -> Offers:
    """The channels that are told."""
    return _asked(context, incomplete, ["/api/v1/channels"], _of("name", "kind"))


def brakes(context: typer.Context, incomplete: str) -> Offers:
    """What holds automation back, and why."""
    return _asked(context, incomplete, ["/api/v1/brakes?limit=100"], _of("scope", "reason"))


def tokens(context: typer.Context, incomplete: str) -> Offers:
    """The ids of tokens, by their names."""
    return _asked(context, incomplete, ["/api/v1/tokens?limit=500"], _of("id", "name"))


def token_names(context: typer.Context, incomplete: str) -> Offers:
    """The names of tokens."""
    return _asked(context, incomplete, ["/api/v1/tokens?limit=500"], _of("name", "role"))


def _title(item: Mapping[str, Any]) -> tuple[object, object]:
    return item.get("id"), " ".join(str(item.get(part) or "") for part in ("severity", "title", "tenant"))


def _deed(item: Mapping[str, Any]) -> tuple[object, object]:
    return item.get("id"), " ".join(str(item.get(part) or "") for part in ("state", "verb", "target"))


def _of(name: str, hint: str) -> Callable[[Mapping[str, Any]], tuple[object, object]]:
    return lambda item: (item.get(name), item.get(hint))


def _asked(
    context: typer.Context,
    incomplete: str,
    paths: Iterable[str],
    of: Callable[[Mapping[str, Any]], tuple[object, object]],
) -> Offers:
    found = dict(of(item) for item in _items(context, paths))
    fitting = {str(value): hint for value, hint in found.items() if str(value).startswith(incomplete)}
    return [(value, _hint(hint)) for value, hint in fitting.items() if _PLAIN.fullmatch(value)]


def _hint(text: object) -> str:
    shown = "".join(letter if letter.isalnum() or letter in _HARMLESS else " " for letter in str(text or ""))
    return " ".join(shown.split())[:_LONGEST_HINT]


def _items(context: typer.Context, paths: Iterable[str]) -> list[Mapping[str, Any]]:
    """What the agent lists at these paths; nothing where it does not answer in time, or refuses."""
    import io
    from contextlib import redirect_stderr, redirect_stdout

    silence = io.StringIO()
    try:
        with redirect_stdout(silence), redirect_stderr(silence):
            return _listed(context, paths)
    except Exception:  # noqa: BLE001 - the boundary to a person's shell: nothing is printed into what is being typed
        return []


def _listed(context: typer.Context, paths: Iterable[str]) -> list[Mapping[str, Any]]:
    import asyncio
    from datetime import timedelta

    from aetherlink.cli.connection import talk
    from aetherlink.clients.agent import AgentClient
    from aetherlink.clients.options import ClientOptions

    async def work(agent: AgentClient) -> list[Mapping[str, Any]]:
        answers = await asyncio.gather(*(agent.ask("GET", path) for path in paths))
        lists = [answer.get(key, []) for answer in answers for key in ("items", "tenants", "sources")]
        return [item for found in lists for item in found]

    given = context.params
    return talk(
        work,
        config=given.get("config"),
        url=given.get("url"),
        token=given.get("token"),
        options=ClientOptions(deadline=timedelta(seconds=_PATIENCE)),
    )
