"""What annotations say: T37, nothing from outside is more than text; and tags that Grafana takes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from aetherlink.model.alerts import Alert, AlertStatus, StoredAlert
from aetherlink.model.deliveries import Letter
from aetherlink.model.ids import Fingerprint, IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.timeline import Entry, EventKind, StoredEntry
from aetherlink.notifiers import grafana_markings
from rigs.hostile_values import ATTACKS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAGE = "https://aether.example.org/incidents/inc-1"
MARKUP = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><a href="https://evil.example">Approve</a>',
    "<a href=javascript:alert(1)>x</a>",
    "[Approve](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "[x]: https://evil.example",
    "<https://evil.example>",
    "https://evil.example/approve",
    "HTTP://evil.example",
    "www.evil.example",
    "somebody@evil.example",
    "mailto:somebody",
    "&lt;script&gt;",
    "&#60;script&#62;",
    "<!channel> <@U1> <http://evil|Approve>",
    "</div><style>*{display:none}</style>",
    "{{constructor.constructor('alert(1)')()}}",
    "`code` **bold** | table |",
    "\x1b[31mred\x1b[0m\r\nnext line",
    "\u202egnp.exe\u202c",
)
INCIDENT = Incident(
    IncidentId("inc-1"),
    "key",
    Origin.ALERT,
    SourceName("prod"),
    "CrmApiDown",
    "acme",
    "crm",
    Severity.CRITICAL,
    vip=True,
    status=IncidentStatus.OPEN,
    stage=Stage.WATCH,
    opened_at=NOW,
    updated_at=NOW,
)


class Rendered(HTMLParser):
    """What a browser makes of it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs).get("href")))
        self.words += "\n"

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment", data))


def letter(incident: Incident = INCIDENT, text: str = "", *starts: datetime) -> Letter:
    entry = StoredEntry(incident.id, 3, Entry(EventKind.ACTION_STARTED, NOW, text))
    alerts = tuple(
        StoredAlert(
            number,
            Alert(SourceName("prod"), Fingerprint(f"{number}"), AlertStatus.FIRING, at, None, {}, {}),
            incident.id,
            NOW,
            NOW,
        )
        for number, at in enumerate(starts)
    )
    return Letter(incident, (entry,), None, alerts, {}, NOW + timedelta(minutes=5), PAGE)


@pytest.mark.parametrize("attack", [*MARKUP, *ATTACKS])
def test_what_came_from_outside_is_text_and_nothing_else(attack: str) -> None:
    hostile = replace(INCIDENT, title=attack, tenant=attack, service=attack)
    told = letter(hostile, attack)
    region = grafana_markings.region(told, None)
    [(_, point)] = grafana_markings.points(told)

    for marking in (region, point):
        seen = Rendered(marking.text)
        assert set(seen.tags) <= {("br", None), ("a", PAGE)}
        assert seen.tags.count(("a", PAGE)) == 1
        raw = marking.text.replace(f'<a href="{PAGE}"', "")
        for start in ("://", "www.", "](", "@", "mailto:"):
            assert start not in raw.lower()
        assert marking.text.isprintable()
        assert len(marking.text) < 12_000
        for tag in marking.tags:
            assert not set(tag) & set("<>&\"'`[]()\n\r\t\0")
            assert len(tag) <= 100
        assert sum(len(tag.encode()) + 3 for tag in marking.tags) < 500
    wanted = "".join(letter if letter.isprintable() else " " for letter in attack[:400])
    assert wanted in Rendered(point.text).words


def test_tags_say_whose_it_is_and_cannot_be_those_of_another_incident() -> None:
    pretending = replace(INCIDENT, tenant="x,incident:inc-2", service="incident:inc-2", vip=False)

    tags = grafana_markings.region(letter(pretending), None).tags

    assert tags == (
        *("aetherlink", "incident:inc-1", "region", "severity:critical"),
        *("tenant:x_incident:inc-2", "service:incident:inc-2"),
    )


@pytest.mark.parametrize("tenant", ["ü" * 500, "\U0001f600" * 500, "a b" * 500])
def test_tags_keep_within_what_grafana_takes(tenant: str) -> None:
    [(_, point)] = grafana_markings.points(letter(replace(INCIDENT, tenant=tenant, service=tenant)))

    assert sum(len(tag.encode()) + 3 for tag in point.tags) < 400


@pytest.mark.parametrize(
    ("starts", "began"),
    [
        ((), NOW),
        ((NOW - timedelta(minutes=3), NOW - timedelta(minutes=9)), NOW - timedelta(minutes=9)),
        ((NOW + timedelta(hours=1),), NOW),
        ((datetime(1, 1, 1, tzinfo=UTC), NOW - timedelta(minutes=1)), NOW - timedelta(minutes=1)),
    ],
    ids=["no alert is known", "the earliest", "a clock that is ahead", "no time at all"],
)
def test_a_region_begins_with_the_first_alert(starts: tuple[datetime, ...], began: datetime) -> None:
    marking = grafana_markings.region(letter(INCIDENT, "", *starts), None)

    assert marking.time == began.timestamp() * 1000
    assert marking.time_end == (NOW + timedelta(minutes=5)).timestamp() * 1000


def test_a_region_never_begins_later_than_it_did_and_never_ends_before_it_began() -> None:
    earlier = int((NOW - timedelta(hours=2)).timestamp() * 1000)
    over = replace(INCIDENT, status=IncidentStatus.RESOLVED, resolved_at=NOW - timedelta(hours=1))

    assert grafana_markings.region(letter(), earlier).time == earlier
    backwards = grafana_markings.region(letter(over), None)
    assert backwards.time_end == backwards.time


@pytest.mark.parametrize(
    ("kind", "facts", "what"),
    [
        (EventKind.ACTION_STARTED, {}, "action"),
        (EventKind.ACTION_STARTED, {"undo_of": "act-1"}, None),
        (EventKind.ACTION_FINISHED, {"outcome": "done"}, None),
        (EventKind.ACTION_FINISHED, {"outcome": "not_needed"}, None),
        (EventKind.ACTION_FINISHED, {"outcome": "failed"}, "action"),
        (EventKind.ACTION_FINISHED, {"outcome": "unknown"}, "action"),
        (EventKind.VERIFIED, {}, "verification"),
        (EventKind.NOT_RECOVERED, {}, "verification"),
        (EventKind.CANNOT_TELL, {}, "verification"),
        (EventKind.UNDONE, {}, "undo"),
        (EventKind.OPENED, {}, None),
        (EventKind.RESOLVED, {}, None),
    ],
)
def test_what_was_done_and_found_out_is_a_point(kind: EventKind, facts: dict[str, object], what: str | None) -> None:
    one = replace(letter(), entries=(StoredEntry(INCIDENT.id, 9, Entry(kind, NOW, "x", facts)),))
    found = list(grafana_markings.points(one))

    assert [(mark, marking.tags[3], marking.time_end) for mark, marking in found] == (
        [] if what is None else [("entry:9", what, None)]
    )
