"""The pages /, /incidents and /incidents/ID over real HTTP: what they show, to whom, what becomes of hostile values."""

import asyncio
import gzip
import hashlib
import re
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from aetherlink.access.options import AuthMode, AuthOptions
from aetherlink.model.actions import (
    VERDICT_FACT,
    ActionState,
    Approval,
    Grant,
    Outcome,
    OutcomeStatus,
    Verdict,
)
from aetherlink.model.brakes import Brake
from aetherlink.model.dashboards import Dashboard, milliseconds
from aetherlink.model.decisions import Decision, Effect, Mode
from aetherlink.model.health import HealthReading, HealthStatus
from aetherlink.model.ids import SourceName
from aetherlink.model.sources import SourceKind, SourceState
from aetherlink.model.timeline import EventKind
from rigs.hostile_values import ATTACKS
from rigs.pages import Seen, fire, look, note, put

VIP = "vip-umbrella"
HOSTILE = (*ATTACKS, "<script>alert(1)</script>", '"><img src=x onerror=x>')
TAGS = (
    "html head meta title link body a header p img nav ul ol li main section h1 h2 h3 dl div dt dd span strong bdi "
    "code time br table thead tbody tr th td article details summary footer script svg path polyline dialog form "
    "button label textarea input kbd figure figcaption pre"
)
ATTRIBUTES = (
    "lang charset name content rel type href class src alt width height id tabindex value scope datetime title "
    "aria-label aria-labelledby aria-current aria-hidden aria-haspopup role data-base data-key data-row data-age "
    "data-live data-live-incident data-incident data-dialog data-close data-keep viewbox focusable d hidden defer src "
    "method action name required maxlength placeholder for data-approve data-query data-source data-start data-end "
    "data-bound data-marks points preserveaspectratio"
)
UNKNOWN = ("inc-none", "act-1", "<script>", "%22%3E", "inc-NOPE", "%00", "%F0%9F%98%80", "...")


def test_with_nothing_open_it_says_so_and_how_the_agent_stands(agent) -> None:
    seen = look(agent)

    assert "Nothing is open" in seen.words
    assert "No Alertmanager has delivered anything yet" in seen.words
    assert "Mode observe: it changes nothing, and says what it would do" in seen.words
    assert "The health score was not read yet" in seen.words


def test_once_everything_is_over_it_says_what_was_last_and_since_when(agent) -> None:
    incident = fire(agent, "Down")
    agent.call("POST", f"/api/v1/incidents/{incident}/close", token="operate", json={"reason": "it is fine"})

    seen = look(agent)

    assert "No alert fires that the agent has heard of" in seen.words
    assert "Last: Down is wrong, resolved" in seen.words
    assert "delivered anything yet" not in seen.words


def test_the_worst_incident_comes_first_whatever_is_newer(agent) -> None:
    """A VIP's warning before everybody else's critical ones; among those the worse before the newer."""
    critical = fire(agent, "Critical", tenant="acme-corp")
    vip = fire(agent, "Vip", tenant=VIP, severity="warning")
    newest = fire(agent, "Newest", tenant="globex", severity="info")

    seen = look(agent)

    assert seen.links_to("/incidents/") == [f"/incidents/{one}" for one in (vip, vip, critical, newest)]
    assert f"warning VIP for {VIP} vip open for" in seen.words
    assert "Also open 1 critical 1 warning 1 info" in seen.words


def test_with_many_open_the_first_page_shows_some_and_leads_to_all(agent) -> None:
    for number in range(20):
        fire(agent, f"Down{number}", tenant="acme-corp")

    seen = look(agent)

    assert len(seen.links_to("/incidents/")) == 1 + 1 + 12
    assert "All 20 that are open" in seen.words


def test_what_is_open_is_shown_with_whom_it_is_for_vips_first(agent) -> None:
    vip = fire(agent, "VipDown", tenant=VIP)
    other = fire(agent, "OtherDown", tenant="acme-corp", severity="warning")

    seen = look(agent, "/incidents")

    assert "2 incidents are open" in seen.words
    assert "critical 1 warning 1" in seen.words
    assert seen.links_to("/incidents/") == [f"/incidents/{vip}", f"/incidents/{other}"]
    assert f"VIP {VIP} \N{MIDDLE DOT} vipdown \N{MIDDLE DOT} lab \N{MIDDLE DOT} 1 firing" in seen.words
    assert "ago" in seen.words or "just now" in seen.words


def test_lists_are_paged_by_the_cursors_of_the_api_each_by_itself(agent) -> None:
    """A page of one list leaves the other where it is."""
    everybody = [fire(agent, f"Down{number}", tenant=f"{VIP if number < 30 else 'acme-corp'}") for number in range(60)]
    pages, paths = [], ["/incidents"]
    for path in paths:
        seen = look(agent, path)
        pages.append(seen.links_to("/incidents/"))
        paths += [link["href"] for link in seen.links if link.get("rel") == "next" and link["href"] not in paths]

    assert [len(page) for page in pages[:1]] == [50]
    assert {link for page in pages for link in page} == {f"/incidents/{one}" for one in everybody}
    assert len(paths) == 4  # the first of both, the second of either, the second of both
    assert all(len(page) <= 50 for page in pages)


def test_lists_are_narrowed_by_severity_and_by_what_was_resolved(agent) -> None:
    fire(agent, "Bad", tenant="a")
    info = fire(agent, "Small", tenant="b", severity="info")

    narrowed = look(agent, look(agent, "/incidents").links_to("/incidents?severity=info")[0])

    assert narrowed.links_to("/incidents/") == [f"/incidents/{info}"]
    assert "Nothing was resolved yet." in look(agent, "/incidents?status=resolved").words
    agent.call("POST", f"/api/v1/incidents/{info}/close", token="operate", json={"reason": "it is fine"})
    resolved = look(agent, "/incidents?status=resolved")
    assert resolved.links_to("/incidents/") == [f"/incidents/{info}"]
    assert "ago after" in resolved.words or "just now after" in resolved.words


def test_it_says_what_the_agent_would_have_done_by_which_rule_and_why(agent) -> None:
    put(agent, fire(agent, "Down"))

    assert "Cause up == 0" in look(agent).words
    assert "Would have done: restart crm-api by playbook restart-crm-api" in look(agent).words
    assert "mode is observe (mode_allows)" in look(agent).words


def test_without_an_action_it_says_what_was_said_last(agent) -> None:
    note(agent, fire(agent, "Down"), "no playbook matches Down")

    assert "The agent did nothing. no playbook matches Down" in look(agent).words


def test_what_waits_for_a_person_comes_first_with_the_command(agent) -> None:
    incident = fire(agent, "Down")
    now = datetime.now(UTC)
    shown = {
        "plan": {"verb": "restart", "target": "crm-api"},
        "target": {"name": "crm-api", "executor": "docker", "service": "crm"},
        "observed": {"ready": 0, "wanted": 1, "identity": "4f1d0c"},
        "undo": "a restart cannot be undone",
        "evidence": "`up == 0` shows holds: up 0",
    }
    approval = Approval("9f" * 32, now, now + timedelta(minutes=30), shown, needed=2, grants=(Grant("ann", now),))
    asked = Decision(Effect.NEEDS_APPROVAL, "mode_allows", "mode is approve")
    put(agent, incident, state=ActionState.WAITING_APPROVAL, decision=asked, approval=approval)

    seen, one = look(agent, token="operator"), look(agent, f"/incidents/{incident}", token="operator")

    for words in (seen.words, one.words):
        assert "Target crm-api executor docker service crm identity 4f1d0c 0 of 1 ready" in words
        assert "1 of 2 said yes (ann)" in words
        assert f"Plan {'9f' * 6}" in words
        assert "a restart cannot be undone" in words
        assert "Restart crm-api?" in words
        assert "aether approve act-0001" in words
    assert "wants to restart crm-api" in seen.words
    assert "Waits for approval: restart crm-api" in one.words


def test_what_holds_the_agent_back_is_said(agent) -> None:
    incident = fire(agent, "Down")
    agent.call("POST", f"/api/v1/incidents/{incident}/close", token="operate", json={"reason": "it is fine"})
    agent.call("POST", "/api/v1/pause", token="operate", json={"reason": "we move it", "scope": "target:crm-api"})
    brake = Brake("playbook:restart-crm-api", datetime.now(UTC), "it did not help", "agent")
    asyncio.run(agent.store.write(lambda rows: rows.brakes.put(brake)))
    agent.world.blind = [SourceName("prod")]
    agent.world.freezes = ["freeze window friday: it is Friday"]
    agent.world.sources = [SourceState(SourceName("lab"), SourceKind.PROMETHEUS, False, datetime.now(UTC), "refused")]
    agent.world.reasons = ["the pipeline does not run"]

    words = look(agent).words

    assert "Not ready. the pipeline does not run" in words
    assert "Blind. The heartbeat of source prod has stopped" in words
    assert "Prometheus of lab does not answer. Nothing can be measured there" in words
    assert "Paused: target:crm-api. we move it By operate-test" in words
    assert "Frozen. freeze window friday: it is Friday" in words
    assert "Held back: playbook:restart-crm-api. it did not help By agent" in words
    assert "But it does not see everything now" in words


def test_a_pause_from_outside_is_said(agent) -> None:
    (agent.data_dir.parent / "pause").write_text("we look at it\n")

    assert "Paused." in look(agent).words


@pytest.mark.parametrize(
    ("status", "score", "words"),
    [
        (HealthStatus.OK, 97.34, "All tenants low 3 times in a row 97.3 ok"),
        (HealthStatus.LOW, 12.0, "All tenants low 3 times in a row 12.0 low"),
        (HealthStatus.NO_DATA, None, "All tenants read 2 h 3 min ago no data"),
        (HealthStatus.ERROR, None, "All tenants read 2 h 3 min ago no answer"),
    ],
)
def test_the_health_score_comes_with_its_age(agent, status: HealthStatus, score: float | None, words: str) -> None:
    agent.world.latest = HealthReading(
        datetime.now(UTC) - timedelta(hours=2, minutes=3, seconds=20), status, score, consecutive_low=3
    )
    tenant = HealthReading(datetime.now(UTC), status, score, tenant=VIP, vip=True)
    agent.world.tenants = [tenant]

    seen = look(agent).words

    assert words in seen, seen[seen.index("All tenants") :][:120]
    assert f"{VIP} VIP" in seen


def test_an_incident_shows_what_was_done_and_what_proves_it(agent) -> None:
    incident = fire(agent, "Down", tenant="acme-corp", annotations={"runbook_url": "https://wiki.example.com/down"})
    now = datetime.now(UTC)
    done = put(
        agent,
        incident,
        state=ActionState.FINISHED,
        decision=Decision(Effect.ALLOW, "all_rules", "no rule has anything against it"),
        started_at=now - timedelta(seconds=9),
        finished_at=now - timedelta(seconds=2),
        outcome=Outcome(OutcomeStatus.DONE, "1 of 1 ready"),
        facts={VERDICT_FACT: Verdict.RECOVERED.value},
    )
    facts = {"action_id": done.id, "detail": "up 1", "sample_at": "2026-03-01T12:00:00.5+00:00"}
    note(agent, incident, "the repair worked: `up == 1` has held", kind=EventKind.VERIFIED, **facts)

    words = look(agent, f"/incidents/{incident}").words

    assert "Down is wrong critical open" in words
    assert "For acme-corp" in words
    assert "Done, and it helped: restart crm-api by playbook restart-crm-api" in words
    assert "Allowed by all_rules: no rule has anything against it Outcome done: 1 of 1 ready" in words
    assert "after 7 s" in words
    assert "Proved by up == 1" in words
    assert "the repair worked: up == 1 has held up 1 oldest sample of 2026-03-01 12:00:00 UTC" in words
    assert "Labels (4)" in words
    assert "https://wiki.example.com/down" in words


def test_an_incident_leads_to_its_graphs_where_the_settings_say_where_they_are(agent) -> None:
    incident = fire(agent, "Down", tenant='a"><b>')
    nowhere = look(agent, f"/incidents/{incident}")
    agent.world.dashboard = Dashboard("https://graphs.example.org", "aether-crm", tenant_variable="tenant")
    shown = look(agent, f"/incidents/{incident}")

    assert nowhere.links_to("https://graphs") == []
    [link] = shown.links_to("https://graphs")
    opened = datetime.fromisoformat(agent.call("GET", f"/api/v1/incidents/{incident}").json()["opened_at"])
    began = milliseconds(opened - timedelta(minutes=15))
    assert link == f"https://graphs.example.org/d/aether-crm?from={began}&to=now&var-tenant=a%22%3E%3Cb%3E"
    assert "b" not in shown.tags


def test_other_actions_of_an_incident_are_shown_and_every_objection(agent) -> None:
    incident = fire(agent, "Down")
    put(agent, incident, 1)
    put(agent, incident, 2)

    words = look(agent, f"/incidents/{incident}").words

    assert words.count("Would have done: restart crm-api") == 2
    assert "Everything that the rules have against it (2)" in words
    assert "cooldown_over deny: it was restarted 5 s ago" in words
    assert "Other actions" in words


def test_a_timeline_is_paged_from_its_end_and_in_order(agent) -> None:
    incident = fire(agent, "Down")
    note(agent, incident, *(f"note {number:03d}" for number in range(120)))

    newest = look(agent, f"/incidents/{incident}")
    earlier = look(agent, newest.links_to(f"/incidents/{incident}?after=")[0])
    first = look(agent, f"/incidents/{incident}?after=0")

    def notes(seen: Seen) -> list[str]:
        return [f"{number:03d}" for number in range(120) if f"note {number:03d}" in seen.words]

    places = [newest.words.index(f"note {number}") for number in notes(newest)]
    assert places == sorted(places)
    assert len(notes(newest)) == 50
    assert notes(newest)[-1] == "119"
    assert notes(earlier) == [f"{number:03d}" for number in range(20, 70)]
    assert "note 000" in first.words
    assert "The chain is intact: 122 entries are as they were stored." in newest.words


def test_a_changed_timeline_is_not_called_intact(agent) -> None:
    incident = fire(agent, "Down")
    note(agent, incident, "one", "two")
    with sqlite3.connect(agent.data_dir / "aether.db") as database:
        database.execute("UPDATE timeline SET text = 'nothing happened' WHERE text = 'one'")

    words = look(agent, f"/incidents/{incident}").words

    assert "Entry 3 is not as it was stored, or is gone." in words
    assert "intact" not in words


def test_alerts_of_an_incident_are_paged(agent) -> None:
    labels = {"service": "crm", "tenant": "acme-corp"}
    for number in range(25):
        incident = fire(agent, "Down", instance=f"host-{number}", **labels)

    first = look(agent, f"/incidents/{incident}")
    second = look(agent, first.links_to(f"/incidents/{incident}?alerts=")[0])

    assert first.tags.count("article") == 20
    assert second.tags.count("article") == 5


@pytest.mark.parametrize("place", ["title", "label", "annotation", "note"])
def test_hostile_values_change_nothing_but_text(agent, place: str) -> None:
    attacks = [attack for attack in HOSTILE if attack.strip()]
    named = {f"x{number}": attack for number, attack in enumerate(attacks)}
    title = {"summary": "".join(attack for attack in attacks if len(attack) < 100)}
    labels = named if place == "label" else {}
    incident = fire(agent, "Hostile", annotations={"title": title, "annotation": named}.get(place, {}), **labels)
    if place == "note":
        note(agent, incident, *attacks[:48])

    for path in ("/", f"/incidents/{incident}"):
        seen = look(agent, path)
        assert set(seen.tags) <= set(TAGS.split())
        assert seen.attributes <= set(ATTRIBUTES.split())
        assert not {"\u202e", "\x1b", "\x00", "\u2028", "\ufeff"} & set(seen.text)
        assert all(link["href"].startswith(("/", "#", "https://", "http://")) for link in seen.links)


def test_links_of_others_are_of_the_web_and_tell_them_nothing(agent) -> None:
    bad = {"a": "javascript:alert(1)", "b": "https://good.example@evil.example/", "c": "data:text/html,x"}
    incident = fire(agent, "Down", annotations={"runbook_url": "https://wiki.example/down?a=1&b=2", **bad})

    outside = [link for link in look(agent, f"/incidents/{incident}").links if not link["href"].startswith(("/", "#"))]

    assert [link["href"] for link in outside] == ["https://wiki.example/down?a=1&b=2"]
    assert "noreferrer" in outside[0]["rel"]


def test_values_are_bounded_and_so_is_the_page(agent) -> None:
    many = {f"label_{number:04d}": "x" * 5_000 for number in range(150)}
    incident = fire(agent, "Down", annotations=dict(many), **many)

    answer = agent.call("GET", f"/incidents/{incident}")

    assert len(answer.text) < 200_000
    assert "(5,000 characters)" in answer.text
    assert "more are left out here; the API has them." in answer.text


@pytest.mark.parametrize("path", ["/", "/incidents/inc-none", "/assets/page.css", "/incidents?cursor=x"])
def test_every_answer_carries_the_headers(agent, path: str) -> None:
    headers = agent.call("GET", path).headers

    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == ("no-cache" if "css" in path else "no-store")


@pytest.mark.parametrize("incident_id", UNKNOWN)
def test_an_unknown_incident_is_a_404_page(agent, incident_id: str) -> None:
    seen = look(agent, f"/incidents/{incident_id}", 404)

    assert "There is nothing here" in seen.words
    assert "<script>" not in agent.call("GET", f"/incidents/{incident_id}").text


@pytest.mark.parametrize("query", ["cursor=x", "vip_cursor=inc-", "status=lost", "severity=x", "cursor="])
def test_an_invented_address_is_a_400_page(agent, query: str) -> None:
    assert "what is open" in look(agent, f"/incidents?{query}", 400).words


def test_an_invented_place_in_an_incident_is_a_400_page(agent) -> None:
    incident = fire(agent, "Down")

    for query in ("after=-1", "after=x", "alerts=x", "actions=inc-1", f"after={10**12}"):
        look(agent, f"/incidents/{incident}?{query}", 400)


def test_a_store_that_cannot_be_used_is_a_503_page_with_words(agent) -> None:
    for file in agent.data_dir.glob("aether.db*"):
        file.write_bytes(b"this is no database")

    answer = agent.call("GET", "/")

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "The agent cannot look it up right now" in answer.text
    assert str(agent.data_dir) not in answer.text


@pytest.mark.parametrize(
    "headers", [{"Host": "rebound.example"}, {"X-Forwarded-For": "10.1.1.1"}, {"Origin": "http://x"}]
)
def test_a_stranger_is_told_how_to_see_it_and_nothing_else(agent, headers: dict[str, str]) -> None:
    incident = fire(agent, "Secret", tenant=VIP)

    for path in ("/", f"/incidents/{incident}"):
        answer = agent.call("GET", path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="aetherlink"'
        assert "Sign in" in answer.text
        assert "aether open" in answer.text
        assert "Secret" not in answer.text
        assert VIP not in answer.text


def test_a_token_without_the_scope_is_a_403_page(start_agent) -> None:
    agent = start_agent(auth=AuthOptions(mode=AuthMode.TOKEN))

    assert "You may not do this" in look(agent, "/", 403, token="webhook").words
    assert "Nothing is open" in look(agent, "/", token="read").words


@pytest.mark.parametrize("name", ["nope", "..%2Fwriting.py", "page.css%00", "page.css/", "%2e%2e%2ftemplates"])
def test_only_the_assets_that_there_are_are_served(agent, name: str) -> None:
    assert agent.call("GET", f"/assets/{name}").status_code == 404
    assert agent.call("GET", "/assets/page.css").headers["content-type"] == "text/css; charset=utf-8"
    assert agent.call("GET", "/assets/icon.svg").headers["content-type"] == "image/svg+xml"


def test_what_has_its_hash_in_its_address_is_kept_for_ever_and_comes_compressed(agent) -> None:
    page = agent.call("GET", "/").text
    scripts = re.findall(r'(?:src|href)="(/assets/[0-9a-f]{12}/[\w.-]+)"', page)

    assert len(scripts) >= 6
    for path in scripts:
        answer = agent.call("GET", path, headers={"Accept-Encoding": "gzip"})
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-encoding"] == "gzip"
        plain = agent.call("GET", path, headers={"Accept-Encoding": "identity"})
        assert plain.content == answer.content
        assert hashlib.sha256(plain.content).hexdigest().startswith(path.split("/")[2])
    other = agent.call("GET", "/assets/000000000000/page.css")
    assert (other.status_code, other.headers["cache-control"]) == (200, "no-cache")


def test_a_page_and_all_that_belongs_to_it_are_light(agent) -> None:
    """The promise is 200 kB by gzip, the first time."""
    incident = fire(agent, "Down")
    put(agent, incident)
    page = agent.call("GET", f"/incidents/{incident}").text
    assets = set(re.findall(r'(?:src|href)="(/assets/[^"]+)"', page))

    assert any("uPlot" in path for path in assets)
    zipped = [gzip.compress(agent.call("GET", path).content) for path in assets]
    assert len(gzip.compress(page.encode())) + sum(map(len, zipped)) < 100_000


def test_nothing_on_a_page_is_inline_and_nothing_is_from_elsewhere(agent) -> None:
    put(agent, incident := fire(agent, "Down"))

    for path in ("/", "/incidents", f"/incidents/{incident}"):
        page = agent.call("GET", path, token="operator").text
        assert re.findall(r"<script(?![^>]* src=)", page) == []
        assert re.findall(r"<style|\sstyle=|\son\w+=", page) == []
        assert re.findall(r'(?:src|href|action)="(?![/#"])[^"]*"', page) == []


def test_headings_and_landmarks_are_in_order(agent) -> None:
    incident = fire(agent, "Down", annotations={"a": "b"})
    put(agent, incident)
    for path in ("/", f"/incidents/{incident}"):
        seen = look(agent, path)
        steps = zip(seen.headings, seen.headings[1:], strict=False)
        assert seen.headings.count(1) == 1
        assert all(later - earlier <= 1 for earlier, later in steps)
        assert {"header", "nav", "main", "footer"} <= set(seen.tags)
        assert seen.links[0]["href"] == "#main"


def test_the_mode_is_the_agents(start_agent) -> None:
    assert "auto: it repairs what its playbooks allow" in look(start_agent(mode=Mode.AUTO)).words


@pytest.mark.parametrize("path", ["/", "/incidents", "/incidents/", "/incidents/inc-none", "/assets/page.css"])
def test_the_head_alone_is_that_of_the_page(agent, path: str) -> None:
    page, head = agent.call("GET", path), agent.call("HEAD", path)

    assert head.content == b""
    for named in ("content-type", "content-length", "location"):
        assert head.headers.get(named) == page.headers.get(named)
    assert head.status_code == page.status_code
