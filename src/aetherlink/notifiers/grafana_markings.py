"""What is marked in Grafana of an incident: a region from its first alert to its end, and a point for each thing done.

Grafana writes the text of an annotation as HTML, cleaned of the worst. So all that came from outside is written in
entities, in which neither HTML nor Markdown sees anything, and the only tags and the only link are our own.
"""

import html
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from aetherlink.clients.grafana import Marking
from aetherlink.model.actions import Action
from aetherlink.model.dashboards import milliseconds
from aetherlink.model.deliveries import Letter
from aetherlink.model.incidents import Incident, IncidentStatus
from aetherlink.model.timeline import EventKind, StoredEntry
from aetherlink.notifiers import sayings

TAG = "aetherlink"
REGION = "region"
POINT = "point"

_POINTS: Mapping[EventKind, str] = {
    EventKind.ACTION_STARTED: "action",
    EventKind.ACTION_FINISHED: "action",
    EventKind.VERIFIED: "verification",
    EventKind.NOT_RECOVERED: "verification",
    EventKind.CANNOT_TELL: "verification",
    EventKind.UNDONE: "undo",
}
_BAD = frozenset({"failed", "unknown", "not_done"})
_OLDEST_ALERT = timedelta(days=366)  # a start before that is a mistake of who sent it
_LONGEST_TEXT = 400  # characters, before they are escaped
_LONGEST_TAG = 80  # bytes of a value: Grafana keeps 100 characters, and 500 bytes of all tags together
_ENTITIES = str.maketrans({letter: f"&#{ord(letter)};" for letter in "&<>\"'`[]()*_@|\\"})
_ADDRESS = re.compile(r"(?i)://|\bwww\.|\bmailto:|\btel:")
_NO_TAG = re.compile(r"[^\w .+/@=#:-]+")


def tags_of_all(incident: Incident) -> tuple[str, str]:
    """The tags that every annotation of the incident has, and no other."""
    return TAG, f"incident:{incident.id}"


def region(letter: Letter, earliest: int | None) -> Marking:
    """The incident as a whole. `earliest` is where the region began so far, in milliseconds."""
    incident = letter.incident
    began = milliseconds(_first_alert(letter))
    began = began if earliest is None else min(began, earliest)
    return Marking(
        time=began,
        time_end=max(milliseconds(_end(letter)), began),
        text=_text(letter),
        tags=(*tags_of_all(incident), REGION, *_traits(incident)),
    )


def points(letter: Letter) -> Iterator[tuple[str, Marking]]:
    """Each thing that was done or found out, with the tag that no other annotation of the incident has."""
    incident = letter.incident
    for one in letter.entries:
        if (what := _kind_of_point(one)) is not None:
            mark = f"entry:{one.sequence}"
            tags = (*tags_of_all(incident), POINT, what, mark, *_traits(incident))
            text = f"{inert(one.entry.text)}<br />{inert(sayings.headline(incident))}"
            yield mark, Marking(time=milliseconds(one.entry.at), text=text + _link(letter), tags=tags)


def inert(text: str) -> str:
    """The text as HTML that shows it, and does nothing else."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[: _LONGEST_TEXT + 1])
    cut = line if len(line) <= _LONGEST_TEXT else f"{line[:_LONGEST_TEXT]}\N{HORIZONTAL ELLIPSIS}"
    return _ADDRESS.sub(_taken_apart, cut.translate(_ENTITIES))


def _taken_apart(found: re.Match[str]) -> str:
    """Without the letters by which addresses are made links."""
    return "".join(f"&#{ord(letter)};" if letter in ":/." else letter for letter in found[0])


def _kind_of_point(one: StoredEntry) -> str | None:
    """An action that went well is marked where it began; its end only when that needs a person."""
    facts = one.entry.facts
    if one.entry.kind is EventKind.ACTION_FINISHED and facts.get("outcome") not in _BAD:
        return None
    if one.entry.kind is EventKind.ACTION_STARTED and facts.get("undo_of"):
        return None  # once it is done, it is marked as undone
    return _POINTS.get(one.entry.kind)


def _first_alert(letter: Letter) -> datetime:
    opened = letter.incident.opened_at
    starts = (one.alert.starts_at for one in letter.alerts)
    return min((at for at in starts if opened - _OLDEST_ALERT < at < opened), default=opened)


def _end(letter: Letter) -> datetime:
    incident = letter.incident
    is_over = incident.status is IncidentStatus.RESOLVED
    return incident.resolved_at if is_over and incident.resolved_at is not None else letter.at


def _text(letter: Letter) -> str:
    lines = [sayings.headline(letter.incident)]
    if letter.incident.status is not IncidentStatus.RESOLVED:  # the headline says that
        lines.append(sayings.state_words(letter.incident))
    if letter.action is not None:
        lines.append(_action_words(letter.action))
    return "<br />".join(map(inert, lines)) + _link(letter)


def _action_words(action: Action) -> str:
    outcome = action.state.value.replace("_", " ") if action.outcome is None else action.outcome.status.value
    verdict = "" if action.verdict is None else f", {action.verdict.value.replace('_', ' ')}"
    return f"{action.plan.words}: {outcome}{verdict}"


def _link(letter: Letter) -> str:
    """To the page of the incident, which the settings say."""
    if not letter.link:
        return ""
    return f'<br /><a href="{html.escape(letter.link)}" target="_blank">{inert(letter.incident.id)}</a>'


def _traits(incident: Incident) -> Iterator[str]:
    yield f"severity:{incident.severity.value}"
    if incident.tenant:
        yield f"tenant:{_tag_value(incident.tenant)}"
    if incident.service:
        yield f"service:{_tag_value(incident.service)}"
    if incident.vip:
        yield "vip"


def _tag_value(text: str) -> str:
    """Words, digits and little else."""
    cleaned = _NO_TAG.sub("_", text[:_LONGEST_TAG]).strip()
    return cleaned.encode()[:_LONGEST_TAG].decode(errors="ignore") or "_"
