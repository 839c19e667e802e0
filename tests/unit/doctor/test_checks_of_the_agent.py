"""What the running agent says of itself, and of the alerts that came in."""

import os
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from aetherlink.doctor.checks import agent, labels
from aetherlink.doctor.findings import Status
from aetherlink.errors import UnauthenticatedError, UnreachableError
from rigs.doctor import ScriptedAgent, down, findings, ground, statuses, worst

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PAUSE = "/api/v1/pause"
ALERTS = "/api/v1/alerts"


def running(*, health: dict[str, Any] | None = None, pauses: dict[str, Any] | None = None) -> ScriptedAgent:
    said = {"ok": True, "health_score": 90, "version": version("aetherlink"), "sources": [], **(health or {})}
    pages = {PAUSE: {"paused": False, "pauses": [], "outside": None, **(pauses or {})}}
    return ScriptedAgent(pages, f"process_start_time_seconds {NOW.timestamp()}\n", said)


class TestAgent:
    async def test_one_that_runs_as_it_should_is_well(self) -> None:
        assert await statuses(agent, ground(running())) == [Status.OK, Status.OK]

    async def test_one_that_is_down_is_a_fault_and_the_rest_is_not_checked(self) -> None:
        assert await statuses(agent, ground(down())) == [Status.FAULT, Status.NOT_CHECKED]

    @pytest.mark.parametrize(
        ("health", "status", "says"),
        [
            ({"ok": False}, Status.FAULT, "cannot serve"),
            ({"version": "0.0.9"}, Status.WARNING, "version 0.0.9"),
            (
                {"sources": [{"source": "prod", "kind": "prometheus", "up": False, "detail": "no route"}]},
                Status.FAULT,
                "does not reach: prometheus of source prod (no route)",
            ),
        ],
    )
    async def test_what_it_says_of_itself_counts(self, health: dict[str, Any], status: Status, says: str) -> None:
        found = worst(await findings(agent, ground(running(health=health))))

        assert found.status is status
        assert says in found.text

    async def test_something_else_at_its_address_is_a_fault(self) -> None:
        stranger = ScriptedAgent({PAUSE: {}}, health={"hello": "world"})

        on = ground(stranger)
        [look, _] = agent.looks(on)
        with pytest.raises(Exception, match="is no agent"):
            await look.work()

    @pytest.mark.parametrize(("later", "status"), [(3600, Status.WARNING), (-3600, Status.OK)])
    async def test_settings_that_were_changed_since_its_start_are_told_of(
        self, tmp_path: Path, later: float, status: Status
    ) -> None:
        file = tmp_path / "aether.yaml"
        file.write_text("mode: auto")
        os.utime(file, (NOW.timestamp() + later, NOW.timestamp() + later))

        [_, found, _] = await findings(agent, ground(running(), file=file))
        assert found.status is status
        assert str(file) in found.text

    @pytest.mark.parametrize(
        ("pauses", "says"),
        [
            ({"outside": "the file /run/stop is there"}, "everything is paused: the file /run/stop"),
            ({"pauses": [{"scope": "all", "in_force": True, "paused_by": "ann", "reason": "we move"}]}, "all by ann"),
        ],
    )
    async def test_a_pause_is_a_warning(self, pauses: dict[str, Any], says: str) -> None:
        [_, found] = await findings(agent, ground(running(pauses=pauses)))

        assert found.status is Status.WARNING
        assert says in found.text

    async def test_a_planned_pause_is_none(self) -> None:
        planned = running(pauses={"pauses": [{"scope": "all", "in_force": False}]})

        assert await statuses(agent, ground(planned)) == [Status.OK, Status.OK]

    async def test_a_token_that_is_not_accepted_is_a_fault_with_what_to_do(self) -> None:
        closed = running()

        async def refused(*_: object) -> None:
            raise UnauthenticatedError

        closed.ask = refused  # type: ignore[method-assign,assignment]  # an agent that knows nobody
        [_, found] = await findings(agent, ground(closed))
        assert (found.status, "--token" in found.fix) == (Status.FAULT, True)


async def test_one_that_runs_and_cannot_read_its_store_is_a_fault() -> None:
    """It answers 503, which is not to be told from one that is away but by its answer to /health."""
    unread = running()

    async def refused(*_: object) -> None:
        raise UnreachableError("the store could not read: DatabaseError: file is not a database")

    unread.ask = refused  # type: ignore[method-assign,assignment]  # an agent whose database is gone
    on = ground(unread)
    found = [*await findings(agent, on), *await findings(labels, on)]
    assert [one.status for one in found] == [Status.OK, Status.FAULT, Status.FAULT]
    assert all("its store does not answer: the store could not read" in one.text for one in found[1:])


SCRAPED = {"job": "peakpro_crm", "instance": "crm:8000"}
FROM_LABELS = """\
name: any
match: {alertname: AnyDown}
target: {from: labels, executor: dry_run}
bind: [job]
when: 'up == 0'
action: {restart: {}}
verify: {query: 'up == 1', for: 3s, within: 60s}
"""


def heard(name: str, *, tenant: str = "acme", **more: str) -> dict[str, Any]:
    return {"name": name, "tenant": tenant, "source": "default", "labels": {"alertname": name, **more}}


def with_alerts(*alerts: dict[str, Any]) -> ScriptedAgent:
    return ScriptedAgent({ALERTS: {"items": list(alerts)}})


class TestLabels:
    async def test_before_anything_came_in_nothing_can_be_told(self) -> None:
        assert await statuses(labels, ground(with_alerts())) == [Status.NOT_CHECKED]
        assert await statuses(labels, ground(down())) == [Status.NOT_CHECKED]

    async def test_alerts_that_say_everything_are_well(self) -> None:
        on = ground(with_alerts(heard("X", service="crm")))

        assert await statuses(labels, on) == [Status.OK, Status.OK, Status.NOT_SET_UP]

    async def test_a_share_without_a_service_is_told_with_what_they_have_instead(self) -> None:
        alerts = [heard("A", service="crm"), heard("B", namespace="shop", pod="x"), heard("C", namespace="shop")]

        [_, found, _] = await findings(labels, ground(with_alerts(*alerts)))
        assert (found.status, found.text) == (Status.WARNING, "67 % (2 of 3) of the alerts name no service: B, C")
        assert "labels.service" in found.fix
        assert "namespace (2), pod (1)" in found.fix

    async def test_a_few_without_are_no_warning(self) -> None:
        alerts = [*(heard("A", service="crm") for _ in range(9)), heard("B")]

        [_, found, _] = await findings(labels, ground(with_alerts(*alerts)))
        assert (found.status, "10 % (1 of 10)" in found.text) == (Status.OK, True)

    async def test_where_nobody_names_a_tenant_there_is_one_only(self) -> None:
        nobody = ground(with_alerts(heard("A", tenant=""), heard("B", tenant="")))
        one_of_two = ground(with_alerts(heard("A", tenant=""), heard("B")))

        assert (await findings(labels, nobody))[0].status is Status.NOT_SET_UP
        assert (await findings(labels, one_of_two))[0].status is Status.WARNING

    async def test_labels_of_the_source_count(self) -> None:
        source = {"name": "default", "prometheus": "http://p:9090", "labels": {"service": "shop"}}

        [_, found, _] = await findings(labels, ground(with_alerts(heard("A")), sources=[source]))
        assert found.status is Status.OK

    async def test_what_matches_a_playbook_has_to_lead_to_a_target(self) -> None:
        alerts = with_alerts(heard("CrmApiDown", service="crm", severity="critical", **SCRAPED))
        targets = {"crm-api": {"executor": "dry_run", "service": "crm"}}

        [*_, lost] = await findings(labels, ground(alerts))
        [*_, found] = await findings(labels, ground(alerts, targets=targets))
        assert (lost.status, found.status) == (Status.WARNING, Status.OK)
        assert "100 % (1 of 1)" in lost.text
        assert "crm-api" in lost.text

    async def test_a_target_that_the_labels_name_is_found_by_the_service(self, tmp_path: Path) -> None:
        (tmp_path / "any.yaml").write_text(FROM_LABELS)
        alerts = with_alerts(*(heard("AnyDown", service=service, **SCRAPED) for service in ("shop", "mail")))
        on = ground(alerts, playbooks_dir=tmp_path, targets={"s": {"executor": "dry_run", "service": "shop"}})

        [*_, found] = await findings(labels, on)
        assert (found.status, "50 % (1 of 2)" in found.text) == (Status.WARNING, True)
        assert "'mail'" in found.text

    async def test_an_alert_that_no_query_can_be_bound_to_leads_to_no_target(self, tmp_path: Path) -> None:
        (tmp_path / "any.yaml").write_text(FROM_LABELS)
        alerts = with_alerts(heard("AnyDown", service="shop", **SCRAPED), heard("AnyDown", service="shop"))
        on = ground(alerts, playbooks_dir=tmp_path, targets={"s": {"executor": "dry_run", "service": "shop"}})

        [*_, found] = await findings(labels, on)
        assert (found.status, "50 % (1 of 2)" in found.text) == (Status.WARNING, True)
        assert "playbook any: cannot be bound: the alert has no label job" in found.text

    async def test_it_asks_for_what_is_somebodys_business_only(self) -> None:
        agent_asked = with_alerts(heard("A"))
        await findings(labels, ground(agent_asked))

        assert agent_asked.asked == [f"{ALERTS}?limit=500&suppressed=false"]
