"""The board of `aether watch`: what is broken, what waits for a person, what has just happened."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import ConsoleDimensions, Group, RenderableType
from rich.text import Text

from aetherlink.cli.printing import plain

_RANKS = {"critical": 0, "warning": 1, "info": 2}
_STYLES = {"critical": "bold red", "warning": "yellow"}
_FEWEST_ENTRIES = 3
_TIME = slice(11, 19)  # of an instant: 2026-01-31T22:00:00


@dataclass(slots=True)
class Sight:
    """What is shown. `lost` says why the stream is away, `stale` why the lists are; empty: they are there."""

    entries: deque[Mapping[str, Any]] = field(default_factory=deque)
    health: Mapping[str, Any] = field(default_factory=dict)
    standing: str = ""
    paused: bool = False
    incidents: Sequence[Mapping[str, Any]] = ()
    waiting: Sequence[Mapping[str, Any]] = ()
    lost: str = ""
    stale: str = ""


def board(sight: Sight, size: ConsoleDimensions) -> RenderableType:
    """All of it; no line is wider than the screen, and what does not fit goes from the bottom."""
    rows = max(1, (size.height - len(sight.waiting[:5]) - _FEWEST_ENTRIES - 8))
    parts: list[RenderableType] = [_head(sight), Text("")]
    if sight.waiting:
        parts += [Text("Waits for a yes or no", style="bold"), *map(_request, sight.waiting[:5]), Text("")]
    shown = sorted(sight.incidents, key=_urgency)[:rows]
    parts += [Text(f"Open incidents: {_many(sight.incidents)}", style="bold"), *map(_incident, shown), Text("")]
    left = max(_FEWEST_ENTRIES, size.height - len(shown) - len(sight.waiting[:5]) - 9)
    parts += [Text("Newest first (UTC)", style="bold"), *map(_entry, list(sight.entries)[:left])]
    if not sight.entries:
        parts.append(Text("nothing has happened since you began to watch", style="dim"))
    return Group(*parts)


def _head(sight: Sight) -> Text:
    score = sight.health.get("score")
    shown = "-" if score is None else f"{score:.0f}"
    line = _line(f"health {shown} ({sight.health.get('status') or 'not checked yet'})  ")
    line.append("agent: " + plain("paused" if sight.paused and sight.standing == "well" else sight.standing or "-"))
    if why := sight.lost or sight.stale:
        line.append(f"  NOT REACHED, trying again: {plain(why)}", style="bold red")
    return line


def _urgency(incident: Mapping[str, Any]) -> tuple[bool, int, str]:
    rank = _RANKS.get(str(incident.get("severity")), len(_RANKS))
    return not incident.get("vip"), rank, str(incident.get("opened_at"))


def _many(found: Sequence[object]) -> str:
    return f"{len(found)} or more" if len(found) >= 50 else str(len(found) or "none")


def _incident(one: Mapping[str, Any]) -> Text:
    severity = str(one.get("severity"))
    whom = " ".join(str(part) for part in (one.get("service"), one.get("tenant")) if part)
    line = _line(f"{one.get('id')}  ")
    line.append(f"{plain(severity)}{' VIP' if one.get('vip') else ''}  ", style=_STYLES.get(severity, ""))
    line.append(plain(f"{one.get('stage')}  {one.get('title')}{f' ({whom})' if whom else ''}"))
    return line


def _request(action: Mapping[str, Any]) -> Text:
    return _line(f"  aether approve {action.get('id')}   {action.get('verb')} {action.get('target')}")


def _entry(entry: Mapping[str, Any]) -> Text:
    at = str(entry.get("at"))[_TIME]
    return _line(f"{at} {entry.get('incident_id')} {entry.get('kind')}: {entry.get('text')}")


def _line(text: str) -> Text:
    return Text(plain(text), no_wrap=True, overflow="ellipsis")
