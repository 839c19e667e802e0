"""What is asked of Prometheus, Alertmanager and Grafana, on services that lie, limp or are somebody else.

tests/integration/doctor asks the real ones.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aetherlink.doctor.checks import (
    alertmanager,
    clocks,
    grafana,
    health_score,
    identity_provider,
    prometheus,
    rules,
    scrape,
    test_alert,
    wiring,
)
from aetherlink.doctor.findings import Finding, Status
from aetherlink.doctor.looking import Ground
from aetherlink.errors import ForbiddenError
from aetherlink.testing import ManualClock
from rigs.agent_process import free_port
from rigs.doctor import ScriptedAgent, down, findings, ground, statuses, worst
from rigs.grafana_server import EDITOR, TOKEN, VIEWER, GrafanaServer, grafana_server
from rigs.identity_provider import IdentityProviderRig, serving
from rigs.scripted_pages import ScriptedPages, scripted_pages

NOW = datetime(2026, 3, 1, tzinfo=UTC)
STARTED = 1_770_000_000.5
SCRAPED = "process_start_time_seconds and on (job, instance) aether_agent_build_info"
RULES = [
    {"name": "AetherAgentDown", "type": "alerting", "labels": {}, "health": "ok"},
    {"name": "AetherAgentBlind", "type": "alerting", "labels": {}, "health": "ok"},
    {"name": "DbDown", "type": "alerting", "labels": {"team": "db", "who": "{{ $labels.who }}"}, "health": "ok"},
    {"name": "aether:health_score:15m", "type": "recording", "health": "ok"},
]
ROUTES = """
route:
  receiver: people
  routes:
    - {receiver: agent, continue: true, matchers: ['alertname!~"AetherAgentDown|AetherAgentBlind"']}
    - {receiver: dbas, matchers: ['team="db"']}
    - {receiver: people}
receivers:
  - {name: people}
  - {name: dbas}
  - {name: agent, webhook_configs: [{url: 'http://agent:8080/alertmanager'}]}
"""


@pytest.fixture
def prom() -> Iterator[ScriptedPages]:
    with scripted_pages() as made:
        made.holds("vector(1)", ({}, 1))
        loaded(made, *RULES)
        data(made, "/api/v1/status/buildinfo", {"version": "2.50.0"})
        data(made, "/api/v1/alertmanagers", {"activeAlertmanagers": [{"url": "http://am:9093/api/v2/alerts"}]})
        yield made


@pytest.fixture
def manager() -> Iterator[ScriptedPages]:
    with scripted_pages() as made:
        made.says("/api/v2/alerts", [])
        made.says("/api/v2/receivers", [{"name": "agent"}])
        configured(made, ROUTES)
        yield made


def data(made: ScriptedPages, path: str, content: object) -> None:
    made.says(path, {"status": "success", "data": content})


def loaded(made: ScriptedPages, *found: dict[str, Any]) -> None:
    data(made, "/api/v1/rules", {"groups": [{"name": "g", "rules": list(found)}]})


def configured(made: ScriptedPages, text: str, *, cluster: str = "disabled", peers: int = 0) -> None:
    members = [{"name": str(number), "address": "a"} for number in range(peers)]
    made.says(
        "/api/v2/status",
        {
            "cluster": {"status": cluster, "peers": members},
            "config": {"original": text},
            "versionInfo": {"version": "0.27.0"},
            "uptime": "2026-01-01T00:00:00Z",
        },
    )


def asked(prom: ScriptedPages, *managers: ScriptedPages, agent: ScriptedAgent | None = None, **more: Any) -> Ground:
    source = {"name": "prod", "prometheus": prom.url, "alertmanagers": [one.url for one in managers]}
    return ground(agent, sources=[source], clients={"deadline": "20s"}, **more)


def nobody() -> ScriptedPages:
    return ScriptedPages(url=f"http://127.0.0.1:{free_port()}")


class TestPrometheus:
    async def test_one_that_answers_and_tells_somebody_is_well(self, prom: ScriptedPages) -> None:
        found = await findings(prometheus, asked(prom))

        assert [one.status for one in found] == [Status.OK, Status.OK]
        assert "version 2.50.0" in found[0].text
        assert "http://am:9093" in found[1].text

    async def test_one_that_is_away_is_a_fault_once(self) -> None:
        assert await statuses(prometheus, asked(nobody())) == [Status.FAULT, Status.NOT_CHECKED]

    async def test_one_that_is_not_ready_is_a_fault(self, prom: ScriptedPages) -> None:
        prom.says("/-/ready", "starting", status=503)

        assert (await statuses(prometheus, asked(prom)))[0] is Status.FAULT

    async def test_one_that_answers_anything_with_anything_is_none(self, prom: ScriptedPages) -> None:
        prom.holds("vector(1)", ({}, 7))

        assert "no Prometheus" in worst(await findings(prometheus, asked(prom))).text

    async def test_one_that_tells_nobody_is_a_fault(self, prom: ScriptedPages) -> None:
        data(prom, "/api/v1/alertmanagers", {"activeAlertmanagers": []})

        assert "to nobody" in worst(await findings(prometheus, asked(prom))).text

    async def test_what_only_speaks_its_query_api_is_well_and_the_rest_not_checked(self, prom: ScriptedPages) -> None:
        for path in ("/api/v1/status/buildinfo", "/api/v1/alertmanagers"):
            del prom.pages[path]

        assert await statuses(prometheus, asked(prom)) == [Status.OK, Status.NOT_CHECKED]

    async def test_what_it_says_against_its_own_answers_is_a_warning(self, prom: ScriptedPages) -> None:
        prom.queries["vector(1)"] = {**prom.queries["vector(1)"], "warnings": ["store x is away"]}  # type: ignore[dict-item]  # one of ours

        assert "store x is away" in worst(await findings(prometheus, asked(prom))).text


class TestRules:
    async def test_rules_that_are_loaded_are_counted(self, prom: ScriptedPages) -> None:
        [found] = await findings(rules, asked(prom))

        assert (found.status, found.text) == (Status.OK, "3 alerting rules and 1 recording rules are loaded")

    async def test_none_is_a_fault(self, prom: ScriptedPages) -> None:
        loaded(prom)

        assert await statuses(rules, asked(prom)) == [Status.FAULT, Status.WARNING]

    async def test_one_that_cannot_be_evaluated_is_a_fault_in_its_own_words(self, prom: ScriptedPages) -> None:
        loaded(prom, *RULES, {"name": "Odd", "type": "alerting", "health": "err", "lastError": "many-to-many"})

        assert "Odd (many-to-many)" in worst(await findings(rules, asked(prom))).text

    async def test_somebody_has_to_watch_the_agent(self, prom: ScriptedPages) -> None:
        loaded(prom, RULES[0], RULES[2])

        found = worst(await findings(rules, asked(prom)))
        assert (found.status, "AetherAgentBlind" in found.text) == (Status.WARNING, True)
        assert "AetherAgentDown" not in found.text


class TestScrape:
    @pytest.fixture
    def agent(self) -> ScriptedAgent:
        return ScriptedAgent(metrics=f"process_start_time_seconds {STARTED}\n")

    async def test_this_agent_is_known_by_its_start(self, prom: ScriptedPages, agent: ScriptedAgent) -> None:
        prom.holds(SCRAPED, ({"job": "x", "instance": "other"}, 5.0), ({"job": "y", "instance": "it"}, STARTED))

        [found] = await findings(scrape, asked(prom, agent=agent))
        assert (found.status, "job y, instance it" in found.text) == (Status.OK, True)

    async def test_another_agent_is_not_it(self, prom: ScriptedPages, agent: ScriptedAgent) -> None:
        prom.holds(SCRAPED, ({"job": "x", "instance": "other"}, 5.0))

        assert "not this one: other" in worst(await findings(scrape, asked(prom, agent=agent))).text
        assert await statuses(scrape, asked(prom, agent=down())) == [Status.OK]

    async def test_none_is_a_fault_and_one_that_cannot_be_scraped_another(self, prom: ScriptedPages) -> None:
        [none] = await findings(scrape, asked(prom))
        prom.holds('up{job=~".*aether.*"} == 0', ({"job": "aether_agent", "instance": "a:8080"}, 0))
        [failing] = await findings(scrape, asked(prom))

        assert (none.status, failing.status) == (Status.FAULT, Status.FAULT)
        assert "does not scrape" in none.text
        assert "cannot scrape the agent: job aether_agent, a:8080" in failing.text

    async def test_a_prometheus_that_is_away_is_told_of_elsewhere(self) -> None:
        assert await statuses(scrape, asked(nobody())) == [Status.NOT_CHECKED]


class TestHealthScore:
    @pytest.mark.parametrize(("score", "status"), [(85.5, Status.OK), (120, Status.WARNING)])
    async def test_a_score_is_told(self, prom: ScriptedPages, score: float, status: Status) -> None:
        prom.holds("aether:health_score:15m", ({}, score))

        [found] = await findings(health_score, asked(prom))
        assert (found.status, f"{score:g}" in found.text) == (status, True)

    async def test_none_is_a_warning_unless_it_is_switched_off(self, prom: ScriptedPages) -> None:
        assert await statuses(health_score, asked(prom)) == [Status.WARNING]
        assert await statuses(health_score, asked(prom, health={"enabled": False})) == [Status.NOT_SET_UP]
        assert await statuses(health_score, asked(nobody())) == [Status.NOT_CHECKED]

    async def test_one_that_the_agent_does_not_believe_is_a_warning(self, prom: ScriptedPages) -> None:
        prom.holds("aether:health_score:15m", ({}, 90))
        doubting = ScriptedAgent(health={"status": "no_data", "detail": "its data are 9 min old"})

        assert "9 min old" in worst(await findings(health_score, asked(prom, agent=doubting))).text


class TestAlertmanager:
    async def test_one_that_answers_is_well(self, prom: ScriptedPages, manager: ScriptedPages) -> None:
        assert await statuses(alertmanager, asked(prom, manager)) == [Status.OK]

    async def test_one_that_is_away_is_a_fault_and_none_is_not_set_up(self, prom: ScriptedPages) -> None:
        assert await statuses(alertmanager, asked(prom, nobody())) == [Status.FAULT]
        assert await statuses(alertmanager, asked(prom)) == [Status.NOT_SET_UP]

    @pytest.mark.parametrize(
        ("cluster", "named", "status"),
        [
            (("disabled", 0), 1, Status.OK),
            (("ready", 1), 1, Status.OK),
            (("ready", 2), 2, Status.OK),
            (("settling", 1), 1, Status.WARNING),
            (("ready", 3), 1, Status.WARNING),
            (("ready", 1), 2, Status.WARNING),
            (("disabled", 0), 2, Status.WARNING),
        ],
    )
    async def test_a_cluster_has_to_be_named_whole_and_to_be_one(
        self, prom: ScriptedPages, manager: ScriptedPages, cluster: tuple[str, int], named: int, status: Status
    ) -> None:
        configured(manager, ROUTES, cluster=cluster[0], peers=cluster[1])

        found = await findings(alertmanager, asked(prom, *[manager] * named))
        assert worst(found).status is status

    async def test_a_receiver_that_it_does_not_have_is_a_fault(
        self, prom: ScriptedPages, manager: ScriptedPages
    ) -> None:
        source = {"name": "prod", "prometheus": prom.url, "alertmanagers": [manager.url], "receiver": "nobody"}

        found = worst(await findings(alertmanager, ground(sources=[source])))
        assert (found.status, "no receiver 'nobody'" in found.text) == (Status.FAULT, True)

    async def test_what_is_no_alertmanager_is_a_fault(self, prom: ScriptedPages) -> None:
        assert await statuses(alertmanager, asked(prom, prom)) == [Status.FAULT]


class TestClocks:
    async def test_clocks_that_go_as_ours_are_well(self, prom: ScriptedPages, manager: ScriptedPages) -> None:
        says_time(prom, time.time())

        assert await statuses(clocks, asked(prom, manager)) == [Status.OK, Status.OK]

    @pytest.mark.parametrize(
        ("off", "status", "says"),
        [(30, Status.WARNING, "ahead of"), (-30, Status.WARNING, "behind"), (600, Status.FAULT, "ahead of")],
    )
    async def test_those_that_do_not_are_told_of(
        self, prom: ScriptedPages, manager: ScriptedPages, off: float, status: Status, says: str
    ) -> None:
        says_time(prom, time.time() + off)
        manager.date = time.time() + off

        found = await findings(clocks, asked(prom, manager))
        assert [one.status for one in found] == [status, status]
        assert all(says in one.text for one in found)

    async def test_the_quickest_answer_counts(self, prom: ScriptedPages) -> None:
        """One that took ten seconds would leave ten seconds in doubt."""
        says_time(prom, NOW.timestamp())
        ours = [-10.0, 0.0, 5.0, 5.1, 5.0, 15.0]

        class Busy(ManualClock):
            def now(self) -> datetime:
                return NOW + timedelta(seconds=ours.pop(0))

        [found] = await findings(clocks, asked(prom, clock=Busy()))
        assert (found.status, "5.0 s behind" in found.text) == (Status.WARNING, True)

    async def test_who_does_not_say_is_not_judged(self, prom: ScriptedPages) -> None:
        assert await statuses(clocks, asked(prom, nobody())) == [Status.NOT_CHECKED, Status.NOT_CHECKED]
        says_time(prom, 1e300)
        assert await statuses(clocks, asked(prom)) == [Status.FAULT]

    @pytest.mark.parametrize(
        ("its", "grain", "status"),
        [(2.5, 0, Status.OK), (3.5, 0, Status.WARNING), (-2.9, 1, Status.OK), (-3.5, 1, Status.WARNING)],
    )
    def test_what_the_question_took_and_the_second_that_is_cut_off_are_in_doubt(
        self, its: float, grain: float, status: Status
    ) -> None:
        said, after = NOW + timedelta(seconds=its), NOW + timedelta(seconds=1)

        assert clocks.judged(said, NOW, after, grain=timedelta(seconds=grain)).status is status


def says_time(prom: ScriptedPages, instant: float) -> None:
    prom.queries["time()"] = {"status": "success", "data": {"resultType": "scalar", "result": [1.0, str(instant)]}}


class TestWiring:
    async def wired(self, prom: ScriptedPages, manager: ScriptedPages, routes: str) -> list[Finding]:
        configured(manager, routes)
        return await findings(wiring, asked(prom, manager))

    async def test_routes_as_they_should_be_are_well(self, prom: ScriptedPages, manager: ScriptedPages) -> None:
        found = await self.wired(prom, manager, ROUTES)

        assert [one.status for one in found] == [Status.OK] * 3
        assert "those of 1 rules" in found[1].text

    @pytest.mark.parametrize(
        ("change", "status", "says"),
        [
            ((", continue: true", ""), Status.FAULT, "receiver people is not told any more"),
            ((", continue: true", ""), Status.FAULT, "receiver dbas is not told any more"),
            (("    - {receiver: people}\n", ""), Status.FAULT, "receiver people is not told any more"),
            (("receiver: agent, ", "receiver: people, "), Status.FAULT, "no route leads any alert"),
            (("['alertname!~", "['team!=\"db\"', 'alertname!~"), Status.WARNING, "1 of 2 kinds of alerts do not reach"),
            (
                (", matchers: ['alertname!~\"AetherAgentDown|AetherAgentBlind\"']", ""),
                Status.WARNING,
                "AetherAgentDown",
            ),
            (("url: 'http://agent:8080/alertmanager'", "url: 'http://chat/'"), Status.FAULT, "no receiver delivers"),
            (("continue: true,", "continue: true, mute_time_intervals: [night],"), Status.WARNING, "certain times"),
            (("['team=\"db\"']", "['team=~\"(x+)+\"']"), Status.WARNING, "not understood here"),
            (("receiver: people\n  routes", "receiver: agent\n  routes"), Status.WARNING, "to the agent alone"),
        ],
    )
    async def test_each_way_of_being_wrong_is_told(
        self, prom: ScriptedPages, manager: ScriptedPages, change: tuple[str, str], status: Status, says: str
    ) -> None:
        was, now = change
        assert was in ROUTES

        found = await self.wired(prom, manager, ROUTES.replace(was, now))
        assert [one.status for one in found if says in one.text] == [status]
        assert all(one.fix for one in found if one.status is not Status.OK)

    async def test_without_rules_the_routes_are_followed_all_the_same(self, manager: ScriptedPages) -> None:
        configured(manager, ROUTES.replace(", continue: true", ""))

        assert Status.FAULT in await statuses(wiring, asked(nobody(), manager))

    async def test_a_route_for_test_alerts_alone_takes_nothing(
        self, prom: ScriptedPages, manager: ScriptedPages
    ) -> None:
        own = "routes:\n    - {receiver: agent, matchers: ['alertname=\"AetherTestAlert\"']}"

        found = await self.wired(prom, manager, ROUTES.replace("routes:", own))
        assert [one.status for one in found] == [Status.OK] * 3

    async def test_one_that_is_away_is_told_of_elsewhere(self, prom: ScriptedPages) -> None:
        assert await statuses(wiring, asked(prom, nobody())) == [Status.NOT_CHECKED]

    async def test_a_file_that_cannot_be_read_is_a_fault(self, prom: ScriptedPages, manager: ScriptedPages) -> None:
        configured(manager, "route: [")
        [look] = wiring.looks(asked(prom, manager))

        with pytest.raises(Exception, match="its configuration cannot be read"):
            await look.work()


class TestTestAlert:
    """Only who hears is real here; tests/integration/doctor sends one round."""

    async def test_none_is_sent_unasked_and_it_is_said_who_would_hear(
        self, prom: ScriptedPages, manager: ScriptedPages
    ) -> None:
        [found] = await findings(test_alert, asked(prom, manager))

        assert (found.status, "these receivers hear: agent, people" in found.fix) == (Status.NOT_CHECKED, True)
        assert [method for method, _, _ in manager.heard] == ["GET"]

    async def test_none_is_sent_where_nobody_would_hear_it(self, prom: ScriptedPages, manager: ScriptedPages) -> None:
        on = asked(prom, manager, agent=down(), test_alert_wait=timedelta(seconds=1))

        assert await statuses(test_alert, on) == [Status.NOT_CHECKED]
        assert [method for method, _, _ in manager.heard] == []

    async def test_none_is_sent_where_the_agent_does_not_say_whether_it_arrives(
        self, prom: ScriptedPages, manager: ScriptedPages
    ) -> None:
        closed = ScriptedAgent()

        async def refused(*_: object) -> None:
            raise ForbiddenError("the token lacks the scope read")

        closed.ask = refused  # type: ignore[method-assign,assignment]  # an agent that tells nobody
        [found] = await findings(test_alert, asked(prom, manager, agent=closed, test_alert_wait=timedelta(0)))

        assert (found.status, "lacks the scope read" in found.text) == (Status.FAULT, True)
        assert "--token" in found.fix
        assert [method for method, _, _ in manager.heard] == []

    @pytest.mark.parametrize(
        ("listed", "status", "says"),
        [
            ({}, Status.OK, "arrived after"),
            ({"incident_id": "inc-1"}, Status.FAULT, "took the test alert for a real one"),
            ({"suppressed": ""}, Status.FAULT, "took the test alert for a real one"),
            ({"source": "lab"}, Status.FAULT, "arrived as one of source lab"),
            (None, Status.FAULT, "did not arrive within 0.1 s"),
        ],
    )
    async def test_what_the_agent_lists_is_judged_and_its_end_is_sent(
        self, prom: ScriptedPages, manager: ScriptedPages, listed: dict[str, Any] | None, status: Status, says: str
    ) -> None:
        hearing = ScriptedAgent()

        async def alerts(_method: str, _path: str, _body: object = None) -> dict[str, Any]:
            sent = next((json.loads(body)[0] for method, _, body in manager.heard if method == "POST"), None)
            if sent is None:
                return {"items": []}
            item = {"labels": sent["labels"], "suppressed": "test", "incident_id": None, "source": "prod"}
            return {"items": [] if listed is None else [{**item, **listed}]}

        hearing.ask = alerts  # type: ignore[method-assign]  # it lists what was sent
        on = asked(prom, manager, agent=hearing, test_alert_wait=timedelta(milliseconds=100))
        [found] = await findings(test_alert, on)

        assert (found.status, says in found.text) == (status, True)
        sent, over = [json.loads(body)[0] for method, _, body in manager.heard if method == "POST"]
        assert sent["labels"] == over["labels"]
        assert sent["labels"]["severity"] == "none"
        began, ended, would_end = map(datetime.fromisoformat, (sent["startsAt"], over["endsAt"], sent["endsAt"]))
        assert began <= ended < would_end

    async def test_it_is_sent_by_the_clock_of_alertmanager(self, prom: ScriptedPages, manager: ScriptedPages) -> None:
        """For one whose clock is far ahead, an alert by ours would be over before it was sent."""
        manager.date = time.time() + 3600
        on = asked(prom, manager, agent=ScriptedAgent({"/api/v1/alerts": {"items": []}}), test_alert_wait=timedelta(0))

        await findings(test_alert, on)
        sent, over = [json.loads(body)[0] for method, _, body in manager.heard if method == "POST"]
        its_now = datetime.fromtimestamp(manager.date, UTC)
        assert datetime.fromisoformat(over["endsAt"]) - its_now < timedelta(minutes=1)
        assert datetime.fromisoformat(sent["endsAt"]) > its_now + timedelta(minutes=4)


class TestIdentityProvider:
    async def test_where_none_is_named_it_is_not_set_up(self) -> None:
        assert await statuses(identity_provider, ground()) == [Status.NOT_SET_UP]

    @pytest.mark.parametrize(
        ("says", "status", "text"),
        [
            ({}, Status.OK, "keys that it publishes: 1"),
            ({"issuer": "https://other.example"}, Status.FAULT, "letter by letter"),
            ({"jwks_uri": None}, Status.FAULT, "did not answer with the description"),
        ],
    )
    async def test_it_has_to_be_what_it_is_called(
        self, tmp_path: Path, says: dict[str, object], status: Status, text: str
    ) -> None:
        (tmp_path / "secret").write_text("s3cret")
        with serving(IdentityProviderRig("https://ops.example/login/oidc/callback", now=time.time, says=says)) as rig:
            oidc = {"issuer": rig.issuer, "client_id": "a", "client_secret_file": str(tmp_path / "secret")}
            auth = {"mode": "token", "oidc": {**oidc, "roles": {"sre": "admin"}}}
            (found,) = await findings(identity_provider, ground(auth=auth, external_url="https://ops.example"))

        assert (found.status, text in found.text) == (status, True), found
        assert rig.asked_for("token") == 0


class TestGrafana:
    async def test_where_none_is_named_it_is_not_set_up(self) -> None:
        assert await statuses(grafana, ground()) == [Status.NOT_SET_UP]

    @pytest.mark.parametrize(
        ("page", "status"),
        [
            ({"database": "ok", "version": "11.6.0"}, Status.OK),
            ({"database": "failing"}, Status.FAULT),
            ("<html>", Status.FAULT),
        ],
    )
    async def test_it_says_itself_how_it_is(self, prom: ScriptedPages, page: object, status: Status) -> None:
        prom.says("/api/health", page)

        assert await statuses(grafana, ground(grafana_url=prom.url)) == [status]

    async def test_one_that_is_away_is_a_fault(self) -> None:
        assert await statuses(grafana, ground(grafana_url=nobody().url)) == [Status.FAULT]

    @pytest.mark.parametrize(
        "case",
        [
            (EDITOR, "annotations:*", None, (Status.OK, "the account may write annotations in the organisation")),
            (VIEWER, "annotations:*", None, (Status.FAULT, "lacks annotations:create, annotations:write")),
            (EDITOR, "annotations:type:dashboard", None, (Status.FAULT, "in the organisation")),
            (EDITOR, "annotations:type:dashboard", "aether-crm", (Status.OK, "on dashboard aether-crm")),
            (EDITOR, "annotations:type:organization", "aether-crm", (Status.FAULT, "on dashboard aether-crm")),
            (EDITOR, "dashboards:uid:aether-crm", "aether-crm", (Status.OK, "on dashboard aether-crm")),
            (EDITOR, "dashboards:uid:other", "aether-crm", (Status.FAULT, "on dashboard aether-crm")),
            (EDITOR - {"annotations:delete"}, "annotations:*", None, (Status.WARNING, "take nothing away")),
            (EDITOR - {"orgs:read"}, "annotations:*", None, (Status.OK, "an organisation that the account may not")),
        ],
    )
    async def test_what_a_channel_may_do_is_asked_and_nothing_is_written(self, tmp_path: Path, case: Any) -> None:
        rights, scope, dashboard, (status, says) = case
        async with grafana_server() as server:
            server.rights, server.scope = rights, scope
            first = (await self._of_channel(server, tmp_path, dashboard_uid=dashboard))[0]

        assert (first.status, says in first.text) == (status, True)
        assert {heard.method for heard in server.heard} == {"GET"}

    async def test_a_dashboard_that_is_not_there_is_a_fault(self, tmp_path: Path) -> None:
        async with grafana_server() as server:
            found = await self._of_channel(server, tmp_path, dashboard_uid="gone")

        assert [(one.status, "gone" in one.text) for one in found] == [(Status.OK, True), (Status.FAULT, True)]

    async def test_a_grafana_that_does_not_tell_is_not_guessed_at(self, tmp_path: Path) -> None:
        async with grafana_server() as server:
            server.knows_uids = False
            assert [one.status for one in await self._of_channel(server, tmp_path)] == [Status.NOT_CHECKED]

    async def test_a_token_that_is_not_known_is_a_fault_without_the_token(self, tmp_path: Path) -> None:
        async with grafana_server() as server:
            [found] = await self._of_channel(server, tmp_path, token="glsa_Other")

        assert (found.status, "Invalid API key" in found.text, "glsa" in found.text) == (Status.FAULT, True, False)

    async def _of_channel(
        self, server: GrafanaServer, folder: Path, *, token: str = TOKEN, dashboard_uid: str | None = None
    ) -> list[Finding]:
        (folder / "token").write_text(token)
        options = {"url": server.url, "token_file": folder / "token", "dashboard_uid": dashboard_uid}
        on = ground(notify={"channels": {"graphs": {"grafana": options}}})
        return [one for one in await findings(grafana, on) if one.status is not Status.NOT_SET_UP]
