"""Incidents in a Grafana that answers as the real one does: one region each, one point for each thing done."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from aetherlink.clients.grafana_options import GrafanaOptions
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import UndeliveredError
from aetherlink.model.dashboards import milliseconds
from aetherlink.model.deliveries import DeliveryState, Failure
from aetherlink.model.incidents import IncidentStatus
from aetherlink.model.timeline import EventKind
from aetherlink.notifiers.grafana import GrafanaNotifier, opened
from aetherlink.outbox.plan import ChannelPlan
from aetherlink.simulation.memory_store import MemoryStore
from aetherlink.testing import ManualClock, RecordingNotifier
from rigs.grafana_server import PASSWORD, TOKEN, USER, VIEWER, GrafanaServer, Trouble, grafana_server
from rigs.outbox import CHAT, MAIL, Rig
from rigs.scripted_pages import scripted_pages

DEADLINE = timedelta(seconds=20)
SHORT = timedelta(seconds=2)
SPACING = timedelta(seconds=0.1)
Making = Callable[..., GrafanaNotifier]


@pytest.fixture
async def grafana() -> AsyncIterator[GrafanaServer]:
    async with grafana_server() as server:
        yield server


@pytest.fixture
async def making(grafana: GrafanaServer, tmp_path: Path) -> AsyncIterator[Making]:
    """Makes notifiers as the settings say, closed at the end."""
    made = []

    def make(**options: Any) -> GrafanaNotifier:
        if "username" not in options:
            (tmp_path / "token").write_text(f"{options.pop('token', TOKEN)}\n")
            options["token_file"] = tmp_path / "token"
        one = opened(GrafanaOptions(url=grafana.url, **options), ClientOptions())
        made.append(one)
        return cast("GrafanaNotifier", one.notifier)

    yield make
    for one in made:
        await one.aclose()


@pytest.fixture
async def rig(making: Making) -> Rig:
    made = Rig(MemoryStore(), ManualClock(), {CHAT: ChannelPlan(CHAT, spacing=SPACING, deadline=DEADLINE)})
    await tells(made, making())
    return made


async def tells(rig: Rig, notifier: object) -> None:
    """From now on the channel tells by this one, as after a restart."""
    rig.notifiers[CHAT] = cast("RecordingNotifier", notifier)
    await rig.start()


async def has_little_patience(rig: Rig) -> None:
    """For what never answers."""
    rig.plans[CHAT] = replace(rig.plans[CHAT], deadline=SHORT)
    await rig.start()


def ms(at: datetime) -> int:
    return milliseconds(at)


def regions(grafana: GrafanaServer, number: int = 1) -> list[dict[str, Any]]:
    return grafana.tagged("region", f"incident:inc-{number:04d}")


def points(grafana: GrafanaServer, number: int = 1) -> list[tuple[str, int]]:
    """What each point is, and when."""
    found = grafana.tagged("point", f"incident:inc-{number:04d}")
    return [(one["tags"][3], one["time"]) for one in sorted(found, key=lambda one: one["time"])]


async def repaired(rig: Rig, number: int = 1) -> list[tuple[str, int]]:
    """A repair that did not help and was taken back; the points that this makes."""
    kinds = [
        (EventKind.ACTION_STARTED, "action"),
        (EventKind.ACTION_FINISHED, None),
        (EventKind.NOT_RECOVERED, "verification"),
        (EventKind.UNDONE, "undo"),
        (EventKind.NOTE, None),
    ]
    marked = []
    for kind, what in kinds:
        await rig.happens(number, kind)
        if what is not None:
            marked.append((what, ms(rig.clock.now())))
        await rig.pass_time(7)
    return marked


async def test_an_incident_is_one_region_from_its_beginning_to_its_end_with_a_point_for_each_thing_done(
    rig: Rig, grafana: GrafanaServer
) -> None:
    began = rig.clock.now()
    await rig.opened(vip=True)
    await rig.pass_time(30)
    [open_one] = regions(grafana)
    assert (open_one["time"], open_one["timeEnd"]) == (ms(began), ms(began + timedelta(seconds=1)))
    marked = await repaired(rig)
    [later] = regions(grafana)
    ended = rig.clock.now()
    await rig.resolved()
    await rig.pass_time(40)

    [over] = regions(grafana)
    assert open_one["timeEnd"] < later["timeEnd"] < over["timeEnd"]
    assert (over["id"], over["time"], over["timeEnd"]) == (open_one["id"], ms(began), ms(ended))
    assert over["tags"] == [
        *("aetherlink", "incident:inc-0001", "region", "severity:warning"),
        *("tenant:vip-acme", "service:crm", "vip"),
    ]
    assert "resolved [VIP vip-acme]".replace("[", "&#91;").replace("]", "&#93;") in over["text"]
    assert '<a href="https://aether.example.org/incidents/inc-0001" target="_blank">inc-0001</a>' in over["text"]
    assert points(grafana) == marked
    assert all(one["dashboardId"] == 0 for one in grafana.annotations.values())
    assert len(grafana.asked("POST")) == 4


@pytest.mark.parametrize("trouble", [one for one in Trouble if one is not Trouble.REFUSED])
@pytest.mark.parametrize("when", ["the region is made", "it is changed", "a point is made", "it ends"])
async def test_whatever_goes_wrong_there_is_one_region_with_the_right_end_and_one_point_each(
    rig: Rig, grafana: GrafanaServer, trouble: Trouble, when: str
) -> None:
    await has_little_patience(rig)
    began = rig.clock.now()

    def spoil(now: str, method: str) -> None:
        if now == when:
            grafana.spoil(trouble, trouble, methods=[method])

    spoil("the region is made", "POST")
    await rig.opened()
    await rig.pass_time(20)
    spoil("it is changed", "PATCH")
    await rig.happens(1, EventKind.ACKNOWLEDGED)
    await rig.pass_time(20)
    spoil("a point is made", "POST")
    marked = await repaired(rig)
    grafana.late()
    spoil("it ends", "PATCH")
    await rig.happens(1, EventKind.VERIFIED)
    marked.append(("verification", ms(rig.clock.now())))
    ended = rig.clock.now()
    await rig.resolved()
    await rig.pass_time(60)

    [region] = regions(grafana)
    assert (region["time"], region["timeEnd"]) == (ms(began), ms(ended))
    assert points(grafana) == marked
    delivery = await rig.delivery()
    assert delivery is not None
    assert (delivery.state, delivery.problem) == (DeliveryState.TOLD, "")


async def test_a_request_that_was_given_up_and_comes_late_leaves_no_twin(rig: Rig, grafana: GrafanaServer) -> None:
    await has_little_patience(rig)
    grafana.spoil(Trouble.LATE, methods=["POST"])
    await rig.opened()
    await rig.pass_time(20)
    grafana.late()
    assert len(regions(grafana)) == 2
    await rig.resolved()
    await rig.pass_time(5)

    [region] = regions(grafana)
    assert region["timeEnd"] == ms(rig.clock.now() - timedelta(seconds=5))


async def test_an_account_that_may_not_take_away_goes_on_telling(rig: Rig, grafana: GrafanaServer) -> None:
    await has_little_patience(rig)
    grafana.rights -= {"annotations:delete"}
    grafana.spoil(Trouble.LATE, methods=["POST"])
    await rig.opened()
    await rig.pass_time(20)
    grafana.late()
    await rig.resolved()
    await rig.pass_time(5)

    older, younger = regions(grafana)
    assert older["timeEnd"] == ms(rig.clock.now() - timedelta(seconds=5))
    assert younger["id"] > older["id"]


async def test_a_kill_in_the_middle_of_telling_makes_no_second_region(
    rig: Rig, grafana: GrafanaServer, making: Making
) -> None:
    grafana.spoil(Trouble.HANG_AFTER, methods=["POST"])
    began = rig.clock.now()
    await rig.opened()
    await rig.channels[CHAT].look()
    rig.clock.move(2)
    killed = asyncio.create_task(rig.channels[CHAT].look())
    await grafana.until("POST")
    killed.cancel()
    await tells(rig, making())
    ended = rig.clock.now()
    await rig.resolved()
    await rig.pass_time(5)

    [region] = regions(grafana)
    assert (region["time"], region["timeEnd"]) == (ms(began), ms(ended))


async def test_a_restart_in_the_middle_of_an_incident_goes_on_with_its_region(
    rig: Rig, grafana: GrafanaServer, making: Making
) -> None:
    await rig.opened()
    marked = await repaired(rig)
    await tells(rig, making())
    await rig.happens(1, EventKind.VERIFIED)
    marked.append(("verification", ms(rig.clock.now())))
    await rig.pass_time(5)
    await rig.resolved()
    await rig.pass_time(5)

    assert len(regions(grafana)) == 1
    assert points(grafana) == marked


async def test_what_happened_while_grafana_was_away_is_there_with_its_own_times(
    rig: Rig, grafana: GrafanaServer
) -> None:
    await grafana.stop()
    began = rig.clock.now()
    await rig.opened(1)
    await rig.opened(2)
    marked = await repaired(rig)
    ended = rig.clock.now()
    await rig.resolved()
    await rig.pass_time(3600, step=5)
    assert grafana.annotations == {}
    await grafana.start()
    await rig.pass_time(600)

    [region] = regions(grafana)
    assert (region["time"], region["timeEnd"]) == (ms(began), ms(ended))
    assert points(grafana) == marked
    assert len(regions(grafana, 2)) == 1


async def test_after_a_long_outage_nothing_that_was_done_is_left_out(rig: Rig, grafana: GrafanaServer) -> None:
    await grafana.stop()
    await rig.opened()
    marked = await repaired(rig)
    for _ in range(80):
        await rig.happens(1, EventKind.ALERTS)
    await rig.pass_time(60)
    await grafana.start()
    await rig.pass_time(600)

    assert points(grafana) == marked


@pytest.mark.parametrize("loses", ["the reference", "the progress"])
async def test_what_the_agent_has_forgotten_is_found_by_its_tags(rig: Rig, grafana: GrafanaServer, loses: str) -> None:
    """After a restored backup, for instance."""
    began = rig.clock.now()
    await rig.opened()
    marked = await repaired(rig)
    stored = await rig.delivery()
    assert stored is not None
    lost = replace(stored, reference={}) if loses == "the reference" else replace(stored, told=0)
    await rig.store.write(lambda rows: rows.deliveries.put(lost))
    ended = rig.clock.now()
    await rig.resolved()
    await rig.pass_time(5)

    [region] = regions(grafana)
    assert (region["time"], region["timeEnd"]) == (ms(began), ms(ended))
    assert points(grafana) == marked


async def test_a_region_that_somebody_took_away_is_made_anew(rig: Rig, grafana: GrafanaServer) -> None:
    began = rig.clock.now()
    await rig.opened()
    await rig.pass_time(5)
    grafana.annotations.clear()
    await rig.resolved()
    await rig.pass_time(5)

    [region] = regions(grafana)
    assert region["time"] == ms(began)


async def test_what_is_opened_again_is_the_same_region_up_to_its_new_end(rig: Rig, grafana: GrafanaServer) -> None:
    began = rig.clock.now()
    await rig.opened()
    await rig.pass_time(5)
    await rig.resolved()
    await rig.pass_time(60)
    await rig.happens(1, EventKind.REOPENED, status=IncidentStatus.OPEN, resolved_at=None)
    await rig.pass_time(60)
    [back] = regions(grafana)
    assert back["timeEnd"] > ms(began + timedelta(seconds=60))
    ended = rig.clock.now()
    await rig.resolved()
    await rig.pass_time(5)

    [region] = regions(grafana)
    assert (region["id"], region["time"], region["timeEnd"]) == (back["id"], ms(began), ms(ended))


async def test_a_thousand_incidents_at_once_are_a_thousand_regions_and_no_digest(
    rig: Rig, grafana: GrafanaServer
) -> None:
    for number in range(1, 1001):
        await rig.opened(number)
    await rig.pass_time(130)
    ended = rig.clock.now()
    for number in range(1, 1001, 20):
        await rig.resolved(number)
    await rig.pass_time(10)

    found = grafana.tagged("region")
    assert len(grafana.annotations) == len(found) == 1000
    assert len({one["tags"][1] for one in found}) == 1000
    assert [one["timeEnd"] for one in found].count(ms(ended)) == 50


async def test_the_pace_is_kept_in_a_storm(rig: Rig, grafana: GrafanaServer) -> None:
    for number in range(1, 101):
        await rig.opened(number)
    await rig.pass_time(6)

    assert 35 <= len(grafana.asked("POST")) <= 51


@pytest.mark.parametrize("knows_uids", [True, False], ids=["grafana 9 and later", "grafana 8"])
async def test_the_organisation_and_a_dashboard_each_have_their_own_region(
    rig: Rig, grafana: GrafanaServer, making: Making, knows_uids: bool
) -> None:
    grafana.knows_uids = knows_uids
    rig.plans[MAIL] = ChannelPlan(MAIL, spacing=SPACING, deadline=DEADLINE)
    rig.notifiers[MAIL] = cast("RecordingNotifier", making(dashboard_uid="aether-crm", panel_id=3))
    await rig.start()
    grafana.spoil(Trouble.RESET_AFTER, Trouble.RESET_AFTER)
    await rig.opened()
    await rig.pass_time(20)
    await rig.resolved()
    await rig.pass_time(20)

    one, other = sorted(regions(grafana), key=lambda region: region["dashboardId"])
    assert (one["dashboardId"], one["panelId"]) == (0, 0)
    assert (other["dashboardId"], other["panelId"]) == (7, 3)
    assert one["timeEnd"] == other["timeEnd"]


async def test_the_same_dashboard_made_anew_has_no_second_region(
    rig: Rig, grafana: GrafanaServer, making: Making
) -> None:
    await tells(rig, making(dashboard_uid="aether-crm"))
    await rig.opened()
    await rig.pass_time(5)
    grafana.dashboards["aether-crm"] = 99
    await tells(rig, making(dashboard_uid="aether-crm"))
    await rig.happens(1, EventKind.ACTION_STARTED)
    await rig.pass_time(5)

    assert len(regions(grafana)) == 1


@pytest.mark.parametrize(
    "case",
    [
        (VIEWER, {}, "403: You'll need additional permissions to perform this action. Permissions needed: annotations"),
        (None, {"token": "glsa_AnotherToken"}, "401: Invalid API key"),
        (None, {"dashboard_uid": "nowhere"}, "404: Dashboard not found"),
    ],
)
async def test_who_may_not_write_is_told_so_in_grafanas_words_and_nothing_is_given_up(
    rig: Rig, grafana: GrafanaServer, making: Making, case: tuple[frozenset[str] | None, dict[str, str], str]
) -> None:
    rights, options, says = case
    allowed, grafana.rights = grafana.rights, grafana.rights if rights is None else rights
    await tells(rig, making(**options))
    await rig.opened()
    await rig.pass_time(600)

    waiting = await rig.delivery()
    assert waiting is not None
    assert (waiting.state, waiting.failure) == (DeliveryState.WAITING, Failure.AUTH)
    assert says in waiting.problem
    assert "glsa_" not in waiting.problem
    grafana.rights = allowed
    await tells(rig, making())
    await rig.pass_time(600)
    assert len(regions(grafana)) == 1


async def test_a_token_that_the_other_side_repeats_is_not_shown(
    rig: Rig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with scripted_pages() as pages:
        pages.says("/api/annotations", {"message": f"unknown token {TOKEN}"}, status=401)
        one = opened(GrafanaOptions(url=pages.url, token_file=tmp_path / "token"), ClientOptions())
        await tells(rig, one.notifier)
        await rig.opened()
        await rig.pass_time(5)
        await one.aclose()

    failed = await rig.delivery()
    assert failed is not None
    assert failed.problem == f"GET /api/annotations at {pages.url} answered 401"
    assert TOKEN not in caplog.text + repr(one.notifier)


@pytest.mark.parametrize("answer", ["<html>Sign in</html>", {"login": "please"}], ids=["a page", "other JSON"])
async def test_what_is_no_grafana_is_no_reason_to_give_up(rig: Rig, tmp_path: Path, answer: object) -> None:
    with scripted_pages() as pages:
        pages.says("/api/annotations", answer)
        one = opened(GrafanaOptions(url=pages.url, token_file=tmp_path / "token"), ClientOptions())
        await tells(rig, one.notifier)
        await rig.opened()
        await rig.pass_time(60)
        await one.aclose()

    waiting = await rig.delivery()
    assert waiting is not None
    assert (waiting.state, waiting.failure) == (DeliveryState.WAITING, Failure.SERVER)
    assert "Is this the address of a Grafana?" in waiting.problem


async def test_what_grafana_refuses_for_good_is_given_up_and_holds_up_no_other(
    rig: Rig, grafana: GrafanaServer
) -> None:
    grafana.spoil(Trouble.REFUSED, methods=["POST"])
    await rig.opened(1)
    await rig.pass_time(5)
    await rig.opened(2)
    await rig.pass_time(5)

    dead = await rig.delivery(1)
    assert dead is not None
    assert (dead.state, dead.failure) == (DeliveryState.DEAD, Failure.REFUSED)
    assert (len(regions(grafana, 1)), len(regions(grafana, 2))) == (0, 1)


async def test_a_user_with_a_password_works_in_the_organisation_of_the_settings(
    grafana: GrafanaServer, making: Making, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    notifier = making(username=USER, password_file=tmp_path / "password", org_id=4)

    said = await notifier.check(deadline=DEADLINE)

    assert said == f"organisation 'Org 4' (4) at {grafana.url}"
    assert grafana.annotations == {}


async def test_a_check_that_fails_says_why_as_a_message_would(grafana: GrafanaServer, making: Making) -> None:
    for options, failure in (({"token": "glsa_Other"}, Failure.AUTH), ({"dashboard_uid": "gone"}, Failure.AUTH)):
        with pytest.raises(UndeliveredError) as failed:
            await making(**options).check(deadline=DEADLINE)
        assert failed.value.failure == failure
    await grafana.stop()
    with pytest.raises(UndeliveredError) as failed:
        await making().check(deadline=DEADLINE)
    assert failed.value.failure == Failure.UNREACHABLE


async def test_the_check_names_the_dashboard_and_writes_nothing(grafana: GrafanaServer, making: Making) -> None:
    said = await making(dashboard_uid="aether-agent").check(deadline=DEADLINE)

    assert said == f"organisation 'Main Org.' (1), dashboard aether-agent at {grafana.url}"
    assert {heard.method for heard in grafana.heard} == {"GET"}
