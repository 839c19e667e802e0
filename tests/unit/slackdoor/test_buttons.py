"""What people say with buttons, on the real store and the real commands, over signed requests."""

import asyncio
import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from aetherlink.errors import (
    AetherError,
    BadRequestError,
    NotFoundError,
    OverloadedError,
    SettingsError,
    UnauthenticatedError,
)
from aetherlink.model.actions import WRONG_FACT, Action, ActionState, Outcome, OutcomeStatus
from aetherlink.model.timeline import EventKind
from rigs.slack_clicks import form, press, signed
from rigs.slack_server import BOT_TOKEN, CHANNEL


def hash_of(action: Action) -> str:
    assert action.approval is not None
    return action.approval.plan_hash


async def test_a_yes_is_the_same_as_that_of_api_and_command_line(house: Any) -> None:
    asked = await house.desk.asked()
    await house.press(house.hears(), press("approve", asked.id, hash_of(asked)))

    approved = await house.desk.action(asked.id)
    assert [grant.by for grant in approved.approval.grants] == ["ann"]
    entries = await house.desk.entries(asked.incident_id)
    assert [(one.kind, one.facts["by"]) for one in entries] == [(EventKind.APPROVED, "ann")]
    assert house.desk.waker.wakes == 1
    words = "restart crm-api is approved. The agent looks at the target once more, then acts."
    assert house.told == [("U0ANN", words)]


async def test_a_no_carries_the_reason_that_was_written_beside_it(house: Any) -> None:
    asked, silent = await house.desk.asked(), await house.desk.asked()
    hearing = house.hears()
    await house.press(hearing, press("deny", asked.id, hash_of(asked), reason="  the probe is wrong "))
    await house.press(hearing, press("deny", silent.id, hash_of(silent)))

    reasons = [(await house.desk.entries(one.incident_id))[0].facts["reason"] for one in (asked, silent)]
    assert reasons == ["the probe is wrong", "no reason given, by a button in Slack"]
    assert (await house.desk.action(asked.id)).state is ActionState.REFUSED


async def test_what_ended_is_called_wrong(house: Any) -> None:
    asked = await house.desk.asked()
    now = house.desk.clock.now()
    done = Outcome(OutcomeStatus.DONE, "")
    await house.desk.put(replace(asked, state=ActionState.FINISHED, started_at=now, finished_at=now, outcome=done))
    await house.press(house.hears(), press("wrong", asked.id, hash_of(asked), reason="it was the network"))

    fact = (await house.desk.action(asked.id)).facts[WRONG_FACT]
    assert (fact["by"], fact["reason"]) == ("ann", "it was the network")


@pytest.mark.parametrize("say", ["approve", "deny"])
async def test_a_press_on_a_plan_of_before_changes_nothing_and_says_so(house: Any, say: str) -> None:
    asked = await house.desk.asked()
    await house.press(house.hears(), press(say, asked.id, "0" * 64))

    assert (await house.desk.action(asked.id)) == asked
    ((user, words),) = house.told
    assert user == "U0ANN"
    assert words.startswith(f"Nothing was done: action {asked.id} drifted")


@pytest.mark.parametrize("say", ["approve", "deny", "wrong"])
@pytest.mark.parametrize(
    ("user", "why"), [("U0STRANGER", "nobody here is known as U0STRANGER"), ("U0EVE", "eve does not have the scope")]
)
async def test_who_is_not_known_or_may_not_does_nothing_and_is_told(house: Any, say: str, user: str, why: str) -> None:
    asked = await house.desk.asked()
    await house.press(house.hears(), press(say, asked.id, hash_of(asked), user=user))

    assert (await house.desk.action(asked.id)) == asked
    assert await house.desk.entries(asked.incident_id) == []
    assert [(one, why in words) for one, words in house.told] == [(user, True)]


async def test_a_requester_may_not_approve_his_own_here_either(house: Any) -> None:
    asked = await house.desk.asked(by="ann")
    hearing = house.hears(requester_may_approve=False)
    await house.press(hearing, press("approve", asked.id, hash_of(asked)))

    assert (await house.desk.action(asked.id)).approval.grants == ()
    assert "somebody else has to approve it" in house.told[0][1]


async def test_a_second_person_is_another_person(house: Any) -> None:
    asked = await house.desk.asked(needed=2)
    hearing = house.hears()
    for user in ("U0ANN", "U0ANN", "U0BOB"):
        await house.press(hearing, press("approve", asked.id, hash_of(asked), user=user))

    assert (await house.desk.action(asked.id)).approval.is_complete
    assert [words.split(".")[0] for _, words in house.told] == [
        "Your yes to restart crm-api is on record",
        f"Nothing was done: ann has approved action {asked.id} already: it takes 2 people",
        "restart crm-api is approved",
    ]


async def test_one_that_expired_says_so(house: Any) -> None:
    asked = await house.desk.asked()
    hearing = house.hears()
    house.desk.clock.move(3600)
    await house.press(hearing, press("approve", asked.id, hash_of(asked)))

    assert "expired" in house.told[0][1]


async def test_one_press_that_is_told_of_twice_counts_once(house: Any) -> None:
    asked = await house.desk.asked(needed=2)
    hearing, payload = house.hears(), press("approve", asked.id, hash_of(asked))
    await house.press(hearing, payload)
    house.desk.clock.move(5)
    await house.press(hearing, payload)  # another request, with another signature, about the same press

    assert len(house.told) == 1
    assert len((await house.desk.action(asked.id)).approval.grants) == 1


async def test_other_buttons_and_other_interactions_are_none_of_ours(house: Any) -> None:
    asked = await house.desk.asked()
    other = press("approve", asked.id, hash_of(asked))
    other["actions"][0]["action_id"] = "somebody_elses"
    hearing = house.hears()
    for payload in (other, {"type": "shortcut"}, {"type": "view_submission", "view": {}}):
        await house.press(hearing, payload)

    assert house.told == []
    assert (await house.desk.action(asked.id)) == asked


# --- who is let in


async def test_the_secret_of_before_is_good_beside_the_new_one(house: Any) -> None:
    hearing = house.hears(house.options(secrets=("new-secret", "old-secret")))
    for secret in ("new-secret", "old-secret"):
        asked = await house.desk.asked()
        await house.press(hearing, press("approve", asked.id, hash_of(asked)), secret)
        assert (await house.desk.action(asked.id)).approval.is_complete
    with pytest.raises(UnauthenticatedError):
        await house.press(hearing, press("approve", asked.id, hash_of(asked)), "older-secret")


async def test_a_request_is_good_for_300_seconds_and_once(house: Any) -> None:
    hearing = house.hears()
    now = house.desk.clock.now().timestamp()
    for off, is_good in ((0, True), (300, True), (301, False)):
        asked = await house.desk.asked()
        body = form(press("approve", asked.id, hash_of(asked)))
        headers = signed(body, now + off)
        if is_good:
            await hearing.door.take(headers, body)
            with pytest.raises(UnauthenticatedError, match="there already"):
                await hearing.door.take(headers, body)
        else:
            with pytest.raises(UnauthenticatedError, match="301 s ahead of this machine's clock"):
                await hearing.door.take(headers, body)
    house.desk.clock.move(302)
    with pytest.raises(UnauthenticatedError, match="302 s behind"):
        await hearing.door.take(signed(body, now), body)


async def test_a_request_from_before_the_start_is_not_taken_again_after_it(house: Any) -> None:
    asked = await house.desk.asked(needed=2)
    body = form(press("approve", asked.id, hash_of(asked)))
    headers = signed(body, house.desk.clock.now().timestamp())
    await house.hears().door.take(headers, body)
    house.desk.clock.move(10)
    with pytest.raises(UnauthenticatedError, match="before the agent started"):
        await house.hears().door.take(headers, body)


def spoiled(headers: list[tuple[bytes, bytes]], name: bytes, *values: bytes) -> list[tuple[bytes, bytes]]:
    return [(key, value) for key, value in headers if key != name] + [(name, value) for value in values]


SIGNATURE, TIME = b"x-slack-signature", b"x-slack-request-timestamp"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (SIGNATURE, ()),
        (SIGNATURE, (b"",)),
        (SIGNATURE, (b"v0=" + b"0" * 64,)),
        (SIGNATURE, (b"v0=\xff",)),
        (SIGNATURE, (b"x", b"x")),
        (TIME, ()),
        (TIME, (b"",)),
        (TIME, (b"now",)),
        (TIME, (b"-1",)),
        (TIME, (b"1e9",)),
        (TIME, ("١٢٣".encode(),)),
        (TIME, (b"9" * 400,)),
        (TIME, (b"1", b"1")),
    ],
)
async def test_what_slack_did_not_sign_is_refused(house: Any, name: bytes, values: tuple[bytes, ...]) -> None:
    asked = await house.desk.asked()
    body = form(press("approve", asked.id, hash_of(asked)))
    headers = spoiled(signed(body, house.desk.clock.now().timestamp()), name, *values)
    with pytest.raises(UnauthenticatedError):
        await house.hears().door.take(headers, body)

    assert (await house.desk.action(asked.id)) == asked


async def test_the_signature_binds_the_body_and_the_time(house: Any) -> None:
    asked = await house.desk.asked()
    body = form(press("approve", asked.id, hash_of(asked)))
    now = house.desk.clock.now().timestamp()
    headers = signed(body, now)
    later = spoiled(headers, TIME, str(int(now) + 1).encode())
    hearing = house.hears()
    for changed_headers, changed in (
        (headers, body + b"x"),
        (headers, body.replace(b"U0ANN", b"U0BOB")),
        (later, body),
    ):
        with pytest.raises(UnauthenticatedError):
            await hearing.door.take(changed_headers, changed)

    assert (await house.desk.action(asked.id)) == asked


def changed(**changes: Any) -> dict[str, Any]:
    return {**press("approve", "act-0001", "0" * 64), **changes}


def with_value(value: object) -> dict[str, Any]:
    payload = press("approve", "act-0001")
    payload["actions"][0]["value"] = value
    return payload


@pytest.mark.parametrize(
    "payload",
    [
        with_value(""),
        with_value("act-0001"),
        with_value("act-0001 " + "0" * 63),
        with_value("act-0001 " + "0" * 65),
        with_value("act-0001 " + "A" * 64),
        with_value("inc-0001 " + "0" * 64),
        with_value("act-0001\n" + "0" * 64),
        with_value("act-../x " + "0" * 64),
        with_value("x" * 100_000),
        with_value(7),
        changed(user={"id": ""}),
        changed(user=None),
        changed(channel={"id": "C0ELSEWHERE"}),
        changed(actions="approve"),
        changed(state={"values": []}),
        [],
        "text",
        7,
        changed(message="x" * 300_000),
        [[[[[]]]]] * 100,
    ],
    ids=lambda payload: ascii(payload)[:40],
)
async def test_what_slack_would_not_send_is_refused_although_it_is_signed(house: Any, payload: object) -> None:
    with pytest.raises(BadRequestError):
        await house.press(house.hears(), payload)

    assert house.told == []


@pytest.mark.parametrize(
    "body",
    [b"", b"payload=", b"payload=%ff", b"payload={}&payload={}", b"x=1", b"\xff\xfe", b"payload=%7B", b"a&" * 50],
)
async def test_a_body_that_is_no_form_of_slacks_is_refused(house: Any, body: bytes) -> None:
    with pytest.raises(BadRequestError):
        await house.hears().door.take(signed(body, house.desk.clock.now().timestamp()), body)


async def test_where_no_secret_is_set_nobody_is_let_in(house: Any) -> None:
    hearing = house.hears(house.options(app=True, secrets=()))
    with pytest.raises(NotFoundError):
        await house.press(hearing, press("approve", "act-0001", "0" * 64))


async def test_what_one_app_signs_is_good_in_that_apps_channels_only(house: Any) -> None:
    own, folder = house.options(), house.folder / "other"
    folder.mkdir()
    other = replace(house, folder=folder).options(secrets=("other-secret",), channel="C0OTHER")
    asked = await house.desk.asked()
    with pytest.raises(BadRequestError, match="no channel of the settings"):
        await house.press(house.hears(own, other), press("approve", asked.id, hash_of(asked)), "other-secret")

    assert (await house.desk.action(asked.id)) == asked


# --- in time, a few at a time


async def test_slack_is_answered_in_time_although_the_person_is_told_later(house: Any) -> None:
    asked = await house.desk.asked()
    house.slack.script("hang", method="chat.postEphemeral")
    async with asyncio.timeout(3):
        await house.press(house.hears(), press("approve", asked.id, hash_of(asked)))

    assert (await house.desk.action(asked.id)).approval.is_complete


async def test_too_many_at_once_are_put_off(house: Any) -> None:
    asked = await house.desk.asked()
    hearing = house.hears()
    house.slack.script(*["hang"] * 4, method="chat.postEphemeral")
    presses = [press("approve", asked.id, "0" * 64) for _ in range(25)]
    results = await asyncio.gather(*(house.press(hearing, one) for one in presses), return_exceptions=True)

    assert sum(isinstance(one, OverloadedError) for one in results) == 5


@pytest.mark.parametrize("problem", ["429", "500", "reset", "invalid_auth", "user_not_in_channel"])
async def test_what_was_said_counts_although_the_person_cannot_be_told(
    house: Any, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    asked = await house.desk.asked()
    house.slack.script(problem)
    await house.press(house.hears(), press("approve", asked.id, hash_of(asked)))

    assert (await house.desk.action(asked.id)).approval.is_complete
    assert "could not be told" in caplog.text


async def test_what_people_wrote_pings_nobody_when_it_is_quoted(house: Any) -> None:
    asked = await house.desk.asked()
    hearing = house.hears()
    await house.press(
        hearing, press("deny", asked.id, hash_of(asked), reason="<!channel>\n<http://evil.example|x>\u202e")
    )
    await house.press(hearing, press("deny", asked.id, hash_of(asked)))

    block = house.slack.ephemerals[1]["blocks"][0]["text"]
    assert block["type"] == "plain_text"
    assert "<!channel>" in block["text"]
    assert "\n" not in block["text"]
    assert "\u202e" not in block["text"]
    assert house.slack.ephemerals[1]["text"] == "The agent's answer"


async def test_no_secret_is_in_the_log_or_in_an_error(house: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    asked = await house.desk.asked()
    hearing = house.hears()
    await house.press(hearing, press("approve", asked.id, hash_of(asked)))
    problems: list[AetherError] = []
    for secret in ("wrong",):
        with pytest.raises(UnauthenticatedError) as refusal:
            await house.press(hearing, press("approve", asked.id, hash_of(asked)), secret)
        problems.append(refusal.value)

    assert "secret-" not in caplog.text + "".join(map(str, problems))
    assert BOT_TOKEN not in json.dumps(house.slack.calls)
    assert CHANNEL in json.dumps(house.slack.calls)


async def test_a_file_that_cannot_serve_is_named_with_its_channel_and_never_shown(house: Any) -> None:
    options = house.options(app=True)
    (house.folder / "app").write_text("xoxb-secret")
    with pytest.raises(
        SettingsError, match=r"notify\.channels\.ops-0\.slack: app_token_file .* begins with xapp-"
    ) as no:
        house.hears(options)

    assert "secret" not in str(no.value).replace("signing_secret", "")
