"""The pages beside what is broken now, over real HTTP: what they say, hostile values in them, who may do what."""

import asyncio
import html
import html.parser
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aetherlink.model.actions import Action, ActionState, Plan, Target, Verb
from aetherlink.model.brakes import Brake
from aetherlink.model.budgets import Budgets
from aetherlink.model.decisions import Decision, Effect
from aetherlink.model.ids import ActionId, IncidentId, PlaybookName, TargetName
from aetherlink.web.house_rules import HouseRules, Part, ShownSetting
from rigs.hostile_values import ATTACKS

PATHS = ("/alerts", "/actions", "/playbooks", "/playbooks/restart-crm-api", "/ledger", "/audit", "/settings")
SCRIPT = "<script>window.ran = true</script>"
CRM = Target(TargetName("crm-api"), "lab", "crm", minimum=1, maximum=4, depends_on=(TargetName("crm-db"),))
RULES = HouseRules(
    targets={CRM.name: CRM},
    rules=[("cooldown_is_over", "Between two actions lies a cooldown.")],
    budgets=Budgets(per_ten_minutes=3, vip_reserve=1),
    settings=[ShownSetting("grafana_url", "http://grafana:3000", "settings file")],
    parts=lambda: [Part("pipeline", is_alive=True), Part("health loop", is_alive=False)],
    store="SQLite",
)


class Text(html.parser.HTMLParser):
    """The text of a page and its elements."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []
        self.hidden = 0
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base's signature
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


@pytest.fixture
def ruled(agent):
    """The agent with targets, rules and settings."""
    object.__setattr__(agent.services, "rules", RULES)
    return agent


def look(agent, path: str, status: int = 200, **more) -> Text:
    answer = agent.call("GET", path, **more)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    return Text(answer.text)


def fire(agent, *named: dict[str, str]) -> None:
    alerts = [
        {
            "status": "firing",
            "labels": {"alertname": "CrmApiDown", "severity": "critical", "service": "crm", **labels},
            "startsAt": datetime.now(UTC).isoformat(),
            "endsAt": "0001-01-01T00:00:00Z",
        }
        for labels in named
    ]
    assert agent.call("POST", "/alertmanager", json={"alerts": alerts}).status_code == 200


def write(agent, work) -> None:
    asyncio.run(agent.store.write(work))


def act(number: int, *, playbook: str | None = "restart-crm-api", effect: Effect = Effect.ALLOW, **more) -> Action:
    now = datetime.now(UTC)
    plan = Plan(Verb.RESTART, CRM.name, None if playbook is None else PlaybookName(playbook), tenant="acme")
    started = None if effect is not Effect.ALLOW else now - timedelta(minutes=1)
    return replace(
        Action(
            id=ActionId(f"act-{number:04d}"),
            plan=plan,
            reason="down",
            requested_by="ann",
            decision=Decision(effect, "mode_allows", "the mode says so"),
            state=ActionState.RUNNING if started else ActionState.REFUSED,
            created_at=now,
            incident_id=IncidentId("inc-1"),
            started_at=started,
        ),
        **more,
    )


def test_without_data_every_page_says_what_to_do_next(agent) -> None:
    said = {
        "/alerts": "Nothing fires. To see alerts come in, send a test",
        "/actions": "Nothing was planned or asked for yet",
        "/playbooks": "restart-crm-api",
        "/playbooks/restart-crm-api": "would have acted",
        "/ledger": "No alert was received yet",
        "/audit": "Nobody did anything yet",
        "/settings": "with the scope admin to see them",
    }
    for path, words in said.items():
        assert words in look(agent, path).words, path


@pytest.mark.parametrize("path", PATHS)
def test_who_may_not_read_is_sent_away(start_agent, path: str) -> None:
    from aetherlink.access.options import AuthMode, AuthOptions  # noqa: PLC0415 - only here

    agent = start_agent(auth=AuthOptions(mode=AuthMode.TOKEN))

    look(agent, path, status=401)
    look(agent, path, status=403, token="webhook")
    look(agent, path, token="read")


def test_what_comes_from_outside_is_text(ruled) -> None:
    hostile = {f"x{number}": value for number, value in enumerate((SCRIPT, *ATTACKS)) if value.strip()}
    fire(ruled, {"alertname": SCRIPT, "tenant": SCRIPT, **hostile})
    write(ruled, lambda rows: rows.brakes.put(Brake(f"playbook:{SCRIPT}", datetime.now(UTC), SCRIPT, SCRIPT)))
    write(ruled, lambda rows: rows.actions.put(act(1, effect=Effect.DENY, reason=SCRIPT, playbook=SCRIPT)))

    alerts, actions = look(ruled, "/alerts"), look(ruled, "/actions")

    for seen in (alerts, actions):
        assert SCRIPT in seen.text
        assert "window.ran" not in "".join(seen.tags)
        assert not {"img", "svg/onload", "iframe", "style", "base"} & set(seen.tags[seen.tags.index("main") :])
        assert "script" not in seen.tags[seen.tags.index("main") :]


def test_alerts_are_narrowed_by_matchers_as_alertmanager_writes_them(agent) -> None:
    fire(agent, {"tenant": "acme"}, {"tenant": "globex"}, {"tenant": "initech", "severity": "warning"})

    assert "Alerts 3" in look(agent, "/alerts").words
    assert "Alerts 1" in look(agent, "/alerts?q=tenant%3D%22acme%22").words
    assert "Alerts 2" in look(agent, "/alerts?q=%7Btenant%3D~%22acme%7Cglobex%22%2C+severity%3D%22critical%22%7D").words
    assert "Alerts 1" in look(agent, "/alerts?severity=warning").words
    assert "Alerts 0" in look(agent, "/alerts?suppressed=true").words
    assert "None of the alerts fits" in look(agent, "/alerts?q=tenant%3Dnobody").words


def test_a_matcher_that_is_none_is_told_in_words(agent) -> None:
    fire(agent, {})

    assert "'nonsense' is no matcher: write for instance" in look(agent, "/alerts?q=nonsense").words
    assert "does not compile" in look(agent, "/alerts?q=a%3D~%22(%22").words
    assert "'nonsense' is no matcher" in look(agent, "/alerts/rows?q=nonsense", status=400).words


def test_the_list_that_scrolls_has_every_alert_once(agent) -> None:
    fire(agent, *({"instance": f"i{number}", "alertname": f"A{number % 3}"} for number in range(250)))

    found = agent.call("GET", "/alerts/rows").json()

    texts = found["texts"]
    assert len(found["rows"]) == 250
    assert {texts[row[1]] for row in found["rows"]} == {"A0", "A1", "A2"}
    assert len({texts[row[5]] for row in found["rows"]}) == 250
    assert Counter(texts[row[0]] for row in found["rows"]) == {"A0": 84, "A1": 83, "A2": 83}
    assert (found["looked"], found["stored"], found["next"]) == (250, 250, None)
    assert "instance=i7" in look(agent, "/alerts?q=instance%3Di7").words
    assert "More" in look(agent, "/alerts").words


def test_actions_are_narrowed_and_budgets_counted(ruled) -> None:
    for number, effect in enumerate((Effect.ALLOW, Effect.DENY, Effect.OBSERVE)):
        write(ruled, lambda rows, number=number, effect=effect: rows.actions.put(act(number + 1, effect=effect)))
    write(ruled, lambda rows: rows.actions.put(act(9, playbook=None, effect=Effect.DENY)))

    everything, denied = look(ruled, "/actions"), look(ruled, "/actions?decision=deny&playbook=restart-crm-api")

    assert everything.tags.count("li") > denied.tags.count("li")
    assert "Not allowed restart crm-api" in denied.words
    assert "Would have done" not in denied.words
    assert "At a time 1 of 2 1 / 2" in everything.words
    assert "In 10 min 1 of 2 1 / 2" in everything.words
    assert "crm-db" in everything.words
    assert "None of those that were looked at fits" in look(ruled, "/actions?target=nothing").words


def test_of_many_budgets_those_are_shown_of_which_most_is_used(ruled) -> None:
    now = datetime.now(UTC)
    for number in range(30):
        plan = Plan(Verb.RESTART, CRM.name, None, tenant=f"tenant-{number:02d}")
        for time in range(3 if number == 29 else 1):
            done = act(10 * number + time + 1, plan=plan, state=ActionState.FINISHED, finished_at=now)
            write(ruled, lambda rows, done=done: rows.actions.put(done))

    seen = look(ruled, "/actions").words

    assert "VIP tenants" in seen
    assert "tenant-29 3 of 10" in seen
    assert seen.count("Tenant, in an hour") == 19  # and one of the target, of which the most is used
    assert "11 more, of which less is used" in seen


def test_a_brake_is_let_go_of_by_whoever_may_approve(ruled) -> None:
    write(ruled, lambda rows: rows.brakes.put(Brake("target:crm-api", datetime.now(UTC), "it failed", "agent")))
    form = {"scope": "target:crm-api", "reason": "it is mended"}

    for token, status in ((None, 401), ("read", 403), ("operate", 403)):
        answer = ruled.call("POST", "/brakes/release", token=token, data=form)
        assert answer.status_code in (status, 403), answer.text
        assert "target:crm-api" in look(ruled, "/actions").words
    done = ruled.call("POST", "/brakes/release", token="approve", data=form)

    assert (done.status_code, done.headers["location"]) == (303, "/actions?said=released")
    assert "None holds" in look(ruled, done.headers["location"]).words
    assert "approve-test let go of target:crm-api: it is mended" in look(ruled, "/audit?person=approve").words
    assert "let go of" not in look(ruled, "/audit?person=somebody").words


def test_pausing_takes_operate_and_resuming_admin(agent) -> None:
    form = {"scope": "target:crm-api", "reason": "we move it", "minutes": "30"}

    assert agent.call("POST", "/pauses", token="read", data=form).status_code == 403
    done = agent.call("POST", "/pauses", token="operate", data=form)
    assert done.headers["location"] == "/actions?said=paused"
    assert "target:crm-api holds" in look(agent, "/actions").words
    resumed = {"scope": "target:crm-api"}
    assert agent.call("POST", "/pauses/resume", token="operate", data=resumed).status_code == 403
    assert agent.call("POST", "/pauses/resume", token="admin", data=resumed).status_code == 303
    assert "Nothing is paused" in look(agent, "/actions").words


@pytest.mark.parametrize("minutes", ["-1", "0", "1e3", "99999999", "soon"])
def test_a_pause_of_no_length_is_refused(agent, minutes: str) -> None:
    form = {"scope": "all", "minutes": minutes}

    assert agent.call("POST", "/pauses", token="operate", data=form).status_code == 400
    assert "Nothing is paused" in look(agent, "/actions").words


def test_a_playbook_is_promoted_and_set_back(start_agent) -> None:
    from aetherlink.model.decisions import Mode  # noqa: PLC0415 - only here

    agent = start_agent(mode=Mode.AUTO)
    listed = agent.call("GET", "/api/v1/playbooks").json()["items"]
    one = next(each for each in listed if each["mode"] != "auto" and each["steps"])
    form = {"playbook": one["name"], "digest": one["digest"], "to": "auto", "reason": "9 of 9 were right"}

    assert agent.call("POST", "/playbooks/promote", token="approve", data=form).status_code == 403
    stale = agent.call("POST", "/playbooks/promote", token="admin", data={**form, "digest": "0" * 64})
    assert stale.status_code == 409
    done = agent.call("POST", "/playbooks/promote", token="admin", data=form)
    assert done.status_code == 303, done.text
    assert "admin-test promoted it: 9 of 9 were right" in look(agent, done.headers["location"]).words
    back = {"playbook": one["name"], "to": "observe", "reason": "no"}
    assert agent.call("POST", "/playbooks/demote", token="read", data=back).status_code == 403
    assert agent.call("POST", "/playbooks/demote", token="approve", data=back).status_code == 303
    assert "its file says so" in look(agent, f"/playbooks/{one['name']}").words


def test_the_ledger_adds_up_what_was_received(agent) -> None:
    fire(agent, {}, {"instance": "b"})
    fire(agent, {}, {"instance": "b"})
    agent.call("POST", "/alertmanager", content=b"nonsense", headers={"content-type": "application/json"})

    seen = look(agent, "/ledger")
    told = agent.call("GET", "/api/v1/ledger").json()

    assert told["received"] >= 3
    assert f"{told['received']} received = {told['outcomes']['opened']} opened +" in seen.words
    assert f"Checked: by outcome {told['received']}, by way {told['received']}; nothing is left over." in seen.words


def test_the_audit_page_finds_an_instant_and_refuses_what_is_none(agent) -> None:
    for scope in ("all", "target:crm-api"):
        agent.call("POST", "/pauses", token="operate", data={"scope": scope})

    assert look(agent, "/audit").words.count("operate-test") >= 2
    assert "Nobody like that did anything" in look(agent, "/audit?until=2020-01-01").words
    assert "paused by" in look(agent, "/audit?until=2100-01-01T00:00").words
    assert "'yesterday' is no instant" in look(agent, "/audit?until=yesterday", status=400).words


def test_settings_are_for_administrators_and_status_for_readers(ruled) -> None:
    reader, admin = look(ruled, "/settings"), look(ruled, "/settings", token="admin")

    assert "health loop does not run" in reader.words
    assert "grafana_url" not in reader.text
    assert "grafana_url http://grafana:3000 settings file" in admin.words


def test_the_api_tells_of_targets_policy_status_and_settings(ruled) -> None:
    write(ruled, lambda rows: rows.actions.put(act(1)))

    target = ruled.call("GET", "/api/v1/targets").json()["items"][0]
    policy = ruled.call("GET", "/api/v1/policy").json()
    status = ruled.call("GET", "/api/v1/status").json()

    assert (target["name"], target["depends_on"], target["last_action"]["playbook"]) == (
        "crm-api",
        ["crm-db"],
        "restart-crm-api",
    )
    used = {(one["name"], one["of"]): (one["used"], one["allowed"]) for one in policy["budgets"]}
    assert used[("running", "")] == (1, 2)
    assert used[("per_ten_minutes", "")] == (1, 2)
    assert used[("per_ten_minutes", "VIP tenants")] == (1, 3)
    assert used[("tenant_per_hour", "acme")] == (1, 10)
    assert policy["rules"][0]["name"] == "cooldown_is_over"
    assert status["parts"] == [{"name": "pipeline", "is_alive": True}, {"name": "health loop", "is_alive": False}]
    assert ruled.call("GET", "/api/v1/settings").status_code in (401, 403)
    assert ruled.call("GET", "/api/v1/settings", token="operate").status_code == 403
    shown = ruled.call("GET", "/api/v1/settings", token="admin").json()["items"]
    assert shown == [{"name": "grafana_url", "value": "http://grafana:3000", "origin": "settings file"}]


def test_a_playbook_is_tried_on_an_open_incident_and_nothing_comes_of_it(agent) -> None:
    assert "No incident is open" in look(agent, "/playbooks/restart-crm-api").words
    fire(agent, {"job": "peakpro_crm", "instance": "crm:8000"}, {"alertname": SCRIPT, "service": "mail"})
    incidents = {one["title"]: one["id"] for one in agent.call("GET", "/api/v1/incidents").json()["items"]}
    [other] = [found for title, found in incidents.items() if "script" in title]
    [one] = [found for title, found in incidents.items() if "script" not in title]

    asked = look(agent, "/playbooks/restart-crm-api")
    tried = look(agent, f"/playbooks/restart-crm-api?incident={one}")
    missed = look(agent, f"/playbooks/restart-crm-api?incident={other}")

    assert "No plan" not in asked.words
    assert "restart crm-api (" in tried.words
    assert 'up{instance="crm:8000",job="peakpro_crm"} == 0' in tried.text
    assert "mode_allows observe" in tried.words
    assert "No plan: no alert of the incident matches" in missed.words
    assert f"{SCRIPT} does not match" in missed.words
    assert "script" not in missed.tags[missed.tags.index("main") :]
    assert agent.call("GET", "/api/v1/actions").json()["items"] == []
    look(agent, "/playbooks/restart-crm-api?incident=inc-none", status=404)


def test_the_audit_page_goes_on_where_it_has_stopped(agent, monkeypatch) -> None:
    """However many did something, and however many entries lie between: every deed is on one page, once."""
    from aetherlink.console import audit_trail  # noqa: PLC0415 - only here

    monkeypatch.setattr(audit_trail, "_LOOKED_AT", 7)
    monkeypatch.setattr(audit_trail, "_MOST_READ", 2)
    for number in range(6):
        fire(agent, {"instance": f"i{number}"})
        form = {"scope": f"tenant:t{number}"}
        assert agent.call("POST", "/pauses", token="operate", data=form).status_code == 303

    seen, path, looks = "", "/audit", 0
    while path and looks < 30:
        page = agent.call("GET", path)
        seen += Text(page.text).words
        found = re.search(r'href="(/audit\?[^"]*before=\d+)"', page.text)
        path, looks = html.unescape(found[1]) if found else "", looks + 1

    assert looks > 3
    assert [seen.count(f"tenant:t{number}") for number in range(6)] == [1] * 6, seen
