"""What PagerDuty is told of an incident, event by event."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from aetherlink.clients.options import ClientOptions
from aetherlink.clients.pagerduty_options import PagerDutyOptions
from aetherlink.errors import UndeliveredError
from aetherlink.model.actions import ActionState
from aetherlink.model.deliveries import Failure
from aetherlink.model.incidents import Severity
from aetherlink.model.timeline import EventKind
from aetherlink.notifiers import pagerduty
from aetherlink.ports import Notifier
from rigs.letters import LINK, digest, incident, letter, resolved, waiting_action
from rigs.pagerduty_server import KEY, PagerDutyServer
from rigs.scripted_http import Lapse, Spoil

DEADLINE = timedelta(seconds=10)


@pytest.fixture
async def server() -> AsyncIterator[PagerDutyServer]:
    made = PagerDutyServer()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def notifier(server: PagerDutyServer, tmp_path: Path) -> AsyncIterator[Notifier]:
    key = tmp_path / "key"
    key.write_text(KEY)
    opened = pagerduty.opened(PagerDutyOptions(routing_key_file=key, url=server.url), ClientOptions())
    yield opened.notifier
    await opened.aclose()


async def test_it_is_opened_acknowledged_and_closed_once_whatever_happens_between(
    server: PagerDutyServer, notifier: Notifier
) -> None:
    known = await notifier.tell(letter(), deadline=DEADLINE)
    for kind in (EventKind.ACTION_STARTED, EventKind.NOT_RECOVERED, EventKind.ESCALATED):
        known = await notifier.tell(letter(kind, first=3, reference=known), deadline=DEADLINE)
    taken = letter(EventKind.ACKNOWLEDGED, about=incident(acknowledged_by="ann"), first=6, reference=known)
    known = await notifier.tell(taken, deadline=DEADLINE)
    known = await notifier.tell(resolved(known), deadline=DEADLINE)
    await notifier.tell(resolved(known), deadline=DEADLINE)

    assert server.events == ["trigger inc-0001", "acknowledge inc-0001", "resolve inc-0001"]


async def test_one_that_is_opened_again_pages_again_under_the_same_key(
    server: PagerDutyServer, notifier: Notifier
) -> None:
    known = await notifier.tell(letter(), deadline=DEADLINE)
    known = await notifier.tell(resolved(known), deadline=DEADLINE)
    again = letter(EventKind.REOPENED, about=incident(reopened=1), first=10, reference=known)
    known = await notifier.tell(again, deadline=DEADLINE)
    await notifier.tell(resolved(known, reopened=1), deadline=DEADLINE)

    assert server.events == ["trigger inc-0001", "resolve inc-0001"] * 2
    assert [one.state for one in server.shown] == ["resolved", "resolved"]


async def test_nobody_is_paged_for_what_is_over(server: PagerDutyServer, notifier: Notifier) -> None:
    known = await notifier.tell(resolved({}), deadline=DEADLINE)
    assert server.events == []
    await notifier.tell(resolved(known), deadline=DEADLINE)
    assert server.events == []


async def test_what_may_have_been_opened_is_closed(server: PagerDutyServer, notifier: Notifier) -> None:
    await notifier.tell(resolved({}, is_unsure=True), deadline=DEADLINE)

    assert server.events == ["resolve inc-0001"]


async def test_one_that_somebody_took_before_it_was_heard_is_opened_and_acknowledged(
    server: PagerDutyServer, notifier: Notifier
) -> None:
    await notifier.tell(letter(about=incident(acknowledged_by="ann")), deadline=DEADLINE)

    assert server.events == ["trigger inc-0001", "acknowledge inc-0001"]


async def test_a_storm_is_one_incident_that_ends_with_the_last_and_begins_again(
    server: PagerDutyServer, notifier: Notifier
) -> None:
    known = await notifier.sum_up(digest(), deadline=DEADLINE)
    known = await notifier.sum_up(digest(reference=known), deadline=DEADLINE)
    known = await notifier.sum_up(digest(is_open=False, reference=known), deadline=DEADLINE)
    await notifier.sum_up(digest(reference=known), deadline=DEADLINE)

    assert server.events == ["trigger dig-0001", "resolve dig-0001", "trigger dig-0001"]


@pytest.mark.parametrize(
    ("severity", "vip", "theirs"),
    [
        (Severity.CRITICAL, False, "critical"),
        (Severity.WARNING, False, "warning"),
        (Severity.INFO, False, "info"),
        (Severity.CRITICAL, True, "critical"),
        (Severity.WARNING, True, "error"),
        (Severity.INFO, True, "warning"),
    ],
)
async def test_vips_are_a_step_more_urgent(
    server: PagerDutyServer, notifier: Notifier, severity: Severity, vip: bool, theirs: str
) -> None:
    await notifier.tell(letter(about=incident(severity=severity, vip=vip)), deadline=DEADLINE)

    [shown] = server.shown
    assert shown.payload["severity"] == theirs
    assert shown.payload.get("class") == ("vip" if vip else None)
    assert shown.payload["custom_details"]["vip"] is vip


async def test_who_is_paged_sees_the_plan_the_decision_the_timeline_and_the_link(
    server: PagerDutyServer, notifier: Notifier
) -> None:
    asked = letter(EventKind.OPENED, EventKind.APPROVAL_ASKED, action=waiting_action())
    await notifier.tell(asked, deadline=DEADLINE)

    [shown] = server.shown
    details = shown.payload["custom_details"]
    assert shown.event["links"] == [{"href": LINK, "text": "The incident in AetherLink"}]
    assert details["plan"] == "restart crm-api, by crm-api-down: the API is down"
    assert details["decision"] == "needs_approval (mode): its playbook asks"
    assert [line.partition(" ")[2] for line in details["timeline"]] == ["opened", "approval_asked"]


async def test_a_request_for_approval_pages_by_itself_where_the_incident_is_open_already(
    server: PagerDutyServer, notifier: Notifier
) -> None:
    known = await notifier.tell(letter(), deadline=DEADLINE)
    asked = letter(EventKind.APPROVAL_ASKED, first=2, reference=known, action=waiting_action())
    known = await notifier.tell(asked, deadline=DEADLINE)
    waiting = letter(EventKind.NOTE, first=3, reference=known, action=waiting_action())
    known = await notifier.tell(waiting, deadline=DEADLINE)
    known = await notifier.tell(letter(EventKind.APPROVED, first=4, reference=known), deadline=DEADLINE)
    await notifier.tell(resolved(known), deadline=DEADLINE)

    assert server.events == [
        "trigger inc-0001",
        "trigger inc-0001/act-0001",
        "resolve inc-0001/act-0001",
        "resolve inc-0001",
    ]
    assert server.shown[1].payload["summary"] == "may it restart crm-api? warning [acme]: CrmApiDown"


async def test_a_request_that_was_perhaps_heard_is_closed_once_it_is_answered(
    server: PagerDutyServer, notifier: Notifier
) -> None:
    known = await notifier.tell(letter(), deadline=DEADLINE)
    asked = letter(EventKind.APPROVAL_ASKED, first=2, reference=known, action=waiting_action())
    server.lapses.append(Lapse(spoil=Spoil.RESET, is_heard=True))
    with pytest.raises(UndeliveredError) as caught:
        await notifier.tell(asked, deadline=DEADLINE)
    done = replace(waiting_action(), state=ActionState.FINISHED)
    await notifier.tell(
        letter(EventKind.APPROVAL_ASKED, EventKind.APPROVED, first=2, reference=known, is_unsure=True, action=done),
        deadline=DEADLINE,
    )

    assert caught.value.is_unsure
    assert server.open("inc-0001") is not None
    assert server.open("inc-0001/act-0001") is None


@pytest.mark.parametrize("lapse", [Lapse(429), Lapse(400)])
async def test_what_fails_after_an_event_that_was_heard_leaves_in_doubt_how_far_it_came(
    server: PagerDutyServer, notifier: Notifier, lapse: Lapse
) -> None:
    """Else the end of an incident that was opened and not acknowledged would be the end of one never heard of."""
    server.lapses.extend((None, lapse))
    with pytest.raises(UndeliveredError) as caught:
        await notifier.tell(letter(about=incident(acknowledged_by="ann")), deadline=DEADLINE)
    await notifier.tell(resolved({}, is_unsure=caught.value.is_unsure), deadline=DEADLINE)

    assert [one.state for one in server.shown] == ["resolved"]


async def test_more_than_pagerduty_takes_is_cut_and_that_is_said(server: PagerDutyServer, notifier: Notifier) -> None:
    """A thousand characters are kept of each text, four bytes each; 50 entries and a thousand labels are too much."""
    labels = {f"label_{number}": "\U0001f600" * 1000 for number in range(1000)}
    kinds = [EventKind.OPENED, *[EventKind.NOTE] * 199]
    huge = letter(*kinds, about=incident(labels=labels), text="\U0001f4a5" * 1000)
    await notifier.tell(huge, deadline=DEADLINE)

    [request] = server.requests
    [shown] = server.shown
    assert 400_000 < len(request.body) <= 512_000
    assert shown.payload["custom_details"]["labels"] == "(cut: more than PagerDuty takes)"
    assert "entries are cut" in shown.payload["custom_details"]["timeline"][0]


async def test_a_key_that_pagerduty_does_not_know_is_no_fault_of_the_letter_and_not_shown(
    server: PagerDutyServer, tmp_path: Path
) -> None:
    wrong = "R" + "x" * 31
    key = tmp_path / "wrong"
    key.write_text(wrong)
    opened = pagerduty.opened(PagerDutyOptions(routing_key_file=key, url=server.url), ClientOptions())
    with pytest.raises(UndeliveredError, match="invalid routing key") as caught:
        await opened.notifier.tell(letter(), deadline=DEADLINE)
    await opened.aclose()

    assert caught.value.failure == Failure.AUTH
    assert wrong not in str(caught.value)


def test_the_key_is_not_sent_in_the_clear() -> None:
    with pytest.raises(ValidationError, match="in the clear"):
        PagerDutyOptions(routing_key_file=Path("key"), url="http://events.example.org")
