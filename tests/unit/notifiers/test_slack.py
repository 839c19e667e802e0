"""Telling Slack, against a server that answers as Slack does, over real connections."""

import asyncio
import json
import logging
import ssl
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aetherlink.clients.slack import SlackClient
from aetherlink.clients.slack_clicks import APPROVAL_BLOCK
from aetherlink.clients.slack_options import SlackOptions
from aetherlink.errors import SettingsError, UndeliveredError
from aetherlink.model.actions import WRONG_FACT
from aetherlink.model.deliveries import Failure
from aetherlink.model.incidents import IncidentStatus
from aetherlink.model.timeline import EventKind
from aetherlink.notifiers.slack import SlackNotifier
from aetherlink.notifiers.slack_search import TOLD, Mark
from rigs import slack_letters as letters
from rigs.slack_server import APP_TOKEN, BOT, BOT_TOKEN, CHANNEL, SlackServer

CERTIFICATES = Path(__file__).parents[2] / "rigs/certificates"
DEADLINE = timedelta(seconds=20)
SHORT = timedelta(seconds=2)
OPENED = (EventKind.OPENED, "opened")
ASKED = (EventKind.APPROVAL_ASKED, "asked: restart crm-api")
RESOLVED = (EventKind.RESOLVED, "resolved")


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    server = await SlackServer().start()
    yield server
    await server.stop()


def options(folder: Path, url: str, token: str = BOT_TOKEN, **more: Any) -> SlackOptions:
    bot, app = folder / "bot", folder / "app"
    bot.write_text(token)
    app.write_text(APP_TOKEN)
    return SlackOptions(bot_token_file=bot, app_token_file=app, channel=CHANNEL, url=url, **more)


@pytest.fixture
async def notifier(slack: SlackServer, tmp_path: Path) -> AsyncIterator[SlackNotifier]:
    client = SlackClient(options(tmp_path, slack.url))
    yield SlackNotifier(client, has_buttons=True, spacing=0.0)
    await client.aclose()


def texts(message: dict[str, Any]) -> str:
    return json.dumps(message["blocks"], ensure_ascii=False)


async def refused(notifier: SlackNotifier, letter: Any, deadline: timedelta = DEADLINE) -> UndeliveredError:
    with pytest.raises(UndeliveredError) as problem:
        await notifier.tell(letter, deadline=deadline)
    return problem.value


async def test_an_incident_is_one_message_that_is_edited_with_its_timeline_in_the_thread(
    slack: SlackServer, notifier: SlackNotifier
) -> None:
    first = await notifier.tell(letters.letter(OPENED), deadline=DEADLINE)
    over = letters.incident(status=IncidentStatus.RESOLVED)
    letter = letters.letter(RESOLVED, about=over, reference=first, after=1)
    second = await notifier.tell(letter, deadline=DEADLINE)

    (message,) = slack.messages
    assert "resolved [VIP CrmApiDown]: CrmApiDown" in texts(message)
    assert [texts(one).count("opened") for one in slack.replies(message["ts"])] == [1, 0]
    assert "12:00:00 resolved" in texts(slack.replies(message["ts"])[1])
    assert (first["ts"], first["through"]) == (message["ts"], "1")
    assert second == {**first, "through": "2", "reply": slack.replies(message["ts"])[1]["ts"]}


async def test_the_message_shows_all_that_is_asked_and_two_buttons_bound_to_it(
    slack: SlackServer, notifier: SlackNotifier
) -> None:
    action = letters.waiting()
    await notifier.tell(letters.letter(ASKED, action=action, alerts=[letters.alert("no leads")]), deadline=DEADLINE)

    said = texts(slack.messages[0])
    for words in (
        "Severity: critical",
        "VIP CrmApiDown",
        "The playbook restart-crm-api matches",
        "no leads",
        "Plan: restart crm-api",
        "target.name: crm-api",
        "observed.wanted: 1",
        "Undo: it is down",
        "Evidence: it is down",
        "Expires: 2026-01-01 12:30:00 UTC",
        action.approval.plan_hash,
        letters.LINK,
    ):
        assert words in said
    (row,) = (block for block in slack.messages[0]["blocks"] if block.get("block_id") == APPROVAL_BLOCK)
    assert [(one["action_id"], one["value"]) for one in row["elements"]] == [
        ("aether_approve", f"act-0001 {action.approval.plan_hash}"),
        ("aether_deny", f"act-0001 {action.approval.plan_hash}"),
    ]
    assert "confirm" in row["elements"][0]


async def test_a_request_that_does_not_fit_has_no_button_for_yes(slack: SlackServer, notifier: SlackNotifier) -> None:
    action = letters.waiting(target={"place": "x" * 12_000})
    await notifier.tell(letters.letter(ASKED, action=action), deadline=DEADLINE)

    said = texts(slack.messages[0])
    assert "This is not all that is asked for" in said
    assert "aether approve act-0001" in said
    assert "aether_approve" not in said
    assert "aether_deny" in said


async def test_what_ended_can_be_called_wrong_once(slack: SlackServer, notifier: SlackNotifier) -> None:
    action = letters.finished(letters.waiting())
    first = await notifier.tell(letters.letter(action=action), deadline=DEADLINE)
    assert "aether_wrong" in texts(slack.messages[0])
    assert "restart crm-api: done" in texts(slack.messages[0])

    called = replace(action, facts={WRONG_FACT: {"by": "ann"}})
    letter = letters.letter((EventKind.WRONG, "wrong"), action=called, reference=first, after=1)
    await notifier.tell(letter, deadline=DEADLINE)
    assert "aether_wrong" not in texts(slack.messages[0])


async def test_without_anybody_who_hears_them_there_are_no_buttons(slack: SlackServer, tmp_path: Path) -> None:
    client = SlackClient(options(tmp_path, slack.url))
    deaf = SlackNotifier(client, has_buttons=False, spacing=0.0)
    await deaf.tell(letters.letter(ASKED, action=letters.waiting()), deadline=DEADLINE)
    await client.aclose()

    assert 'aether_approve"' not in texts(slack.messages[0])
    assert "aether approve act-0001" in texts(slack.messages[0])


@pytest.mark.parametrize(
    ("kind", "flapping", "is_shown"),
    [
        (EventKind.APPROVAL_ASKED, False, True),
        (EventKind.ESCALATED, False, True),
        (EventKind.ESCALATED, True, True),
        (EventKind.REOPENED, False, True),
        (EventKind.REOPENED, True, False),
        (EventKind.ACTION_STARTED, False, False),
    ],
)
async def test_what_a_person_has_to_hear_is_shown_in_the_channel_too_where_the_message_is_older(
    slack: SlackServer, notifier: SlackNotifier, kind: EventKind, flapping: bool, is_shown: bool
) -> None:
    first = await notifier.tell(letters.letter(ASKED), deadline=DEADLINE)
    until = letters.START + timedelta(hours=1) if flapping else None
    about = letters.incident(flapping_until=until)
    letter = letters.letter((kind, "look"), (EventKind.NOTE, "a note"), about=about, reference=first, after=1)
    await notifier.tell(letter, deadline=DEADLINE)

    shown = [one["reply_broadcast"] for one in slack.replies(first["ts"])]
    assert shown == [False, is_shown]
    assert slack.replies(first["ts"])[1]["text"].startswith("look" if is_shown or flapping else "a note")


async def test_who_the_settings_name_is_mentioned_when_a_person_has_to_hear_and_only_then(
    slack: SlackServer, tmp_path: Path
) -> None:
    client = SlackClient(options(tmp_path, slack.url))
    names = options(tmp_path, slack.url, mentions=["U0ANN", "S0ONCALL", "here"]).mentions
    notifier = SlackNotifier(client, has_buttons=True, mentions=names, spacing=0.0)
    first = await notifier.tell(letters.letter(OPENED), deadline=DEADLINE)
    second = await notifier.tell(letters.letter(ASKED, reference=first, after=1), deadline=DEADLINE)
    await notifier.tell(letters.letter(RESOLVED, reference=second, after=2), deadline=DEADLINE)
    await client.aclose()

    called = {"type": "mrkdwn", "text": "<@U0ANN> <!subteam^S0ONCALL> <!here>", "verbatim": True}
    replies = slack.replies(first["ts"])
    assert [one["blocks"][0].get("text") == called for one in replies] == [False, True, False]
    assert "U0ANN" not in texts(slack.messages[0])


# --- once only


BEFORE = ["429", "500", "hang", "reset", "garbage", "internal_error", "ratelimited"]
AFTER = ["hang after accept", "reset after accept", "garbage after accept"]


def within(problem: str) -> timedelta:
    """Only what hangs is waited for to the end: a busy machine may be slow to answer anything else."""
    return SHORT if problem.startswith("hang") else DEADLINE


@pytest.mark.parametrize("problem", [*BEFORE, *AFTER])
@pytest.mark.parametrize("place", [0, 1], ids=["the message", "the reply"])
async def test_whatever_goes_wrong_there_is_one_message_and_one_reply(
    slack: SlackServer, notifier: SlackNotifier, problem: str, place: int
) -> None:
    slack.script(*(["well"] * place), problem, method="chat.postMessage")
    letter = letters.letter(OPENED)
    failed = await refused(notifier, letter, within(problem))
    assert failed.is_unsure or (problem in ("429", "ratelimited") and place == 0)

    again = replace(letter, is_unsure=failed.is_unsure)
    reference = await notifier.tell(again, deadline=DEADLINE)

    (message,) = slack.messages
    (reply,) = slack.replies(message["ts"])
    assert reference == {"channel": CHANNEL, "ts": message["ts"], "through": "1", "reply": reply["ts"]}


@pytest.mark.parametrize("problem", [*BEFORE, *AFTER])
async def test_a_change_is_told_once_whatever_goes_wrong(
    slack: SlackServer, notifier: SlackNotifier, problem: str
) -> None:
    first = await notifier.tell(letters.letter(OPENED), deadline=DEADLINE)
    letter = letters.letter(RESOLVED, reference=first, after=1)
    slack.script(problem, method="chat.update")
    failed = await refused(notifier, letter, within(problem))
    slack.script(problem, method="chat.postMessage")
    failed = await refused(notifier, replace(letter, is_unsure=failed.is_unsure), within(problem))
    await notifier.tell(replace(letter, is_unsure=failed.is_unsure), deadline=DEADLINE)

    (message,) = slack.messages
    assert len(slack.replies(message["ts"])) == 2


async def test_the_message_is_found_again_behind_many_others_and_past_those_of_other_apps(
    slack: SlackServer, notifier: SlackNotifier
) -> None:
    slack.foreign(Mark(TOLD, letters.ID).metadata)
    slack.page = 3
    slack.script("reset after accept", method="chat.postMessage")
    await refused(notifier, letters.letter())
    for number in range(10):
        slack.foreign({"event_type": "other", "event_payload": {"number": number}})
    slack.foreign({})
    reference = await notifier.tell(letters.letter(is_unsure=True), deadline=DEADLINE)

    (own,) = (one for one in slack.messages if one["bot_id"] == BOT)
    assert reference["ts"] == own["ts"]
    assert len(slack.said("conversations.history")) > 3


async def test_a_message_that_somebody_deleted_is_posted_anew_once(slack: SlackServer, notifier: SlackNotifier) -> None:
    first = await notifier.tell(letters.letter(), deadline=DEADLINE)
    slack.delete(first["ts"])
    letter = letters.letter(RESOLVED, reference=first, after=1)
    slack.script("reset after accept", method="chat.postMessage")
    failed = await refused(notifier, letter)
    second = await notifier.tell(replace(letter, is_unsure=failed.is_unsure), deadline=DEADLINE)

    (message,) = slack.messages
    assert second["ts"] == message["ts"] != first["ts"]
    assert len(slack.replies(message["ts"])) == 1


async def test_an_incident_of_a_channel_that_the_settings_changed_is_new_in_the_other(
    slack: SlackServer, notifier: SlackNotifier
) -> None:
    elsewhere = {"channel": "C0ELSEWHERE", "ts": "1.000001", "through": "4", "reply": "1.000002"}
    reference = await notifier.tell(letters.letter(RESOLVED, reference=elsewhere, after=4), deadline=DEADLINE)

    assert (reference["channel"], reference["through"]) == (CHANNEL, "5")
    assert len(slack.messages) == 1


async def test_a_storm_is_one_message_that_is_edited(slack: SlackServer, notifier: SlackNotifier) -> None:
    slack.script("reset after accept", method="chat.postMessage")
    with pytest.raises(UndeliveredError):
        await notifier.sum_up(letters.digest(), deadline=DEADLINE)
    first = await notifier.sum_up(letters.digest(is_unsure=True), deadline=DEADLINE)
    await notifier.sum_up(letters.digest(reference=first, open=0), deadline=DEADLINE)

    (message,) = slack.messages
    assert "storm over: 30 incidents" in texts(message)


async def test_new_messages_keep_their_distance(slack: SlackServer, tmp_path: Path) -> None:
    client = SlackClient(options(tmp_path, slack.url))
    notifier = SlackNotifier(client, has_buttons=True, spacing=0.3)
    began = time.monotonic()
    for _ in range(2):
        await notifier.tell(letters.letter(), deadline=DEADLINE)
    took = time.monotonic() - began
    await client.aclose()

    assert took >= 0.9  # four messages


# --- errors


@pytest.mark.parametrize(
    ("word", "failure", "advice"),
    [
        ("invalid_auth", Failure.AUTH, "bot_token_file"),
        ("token_revoked", Failure.AUTH, "revoked"),
        ("missing_scope", Failure.AUTH, "scope"),
        ("not_in_channel", Failure.AUTH, "/invite"),
        ("channel_not_found", Failure.AUTH, "id of a channel"),
        ("is_archived", Failure.AUTH, "archived"),
        ("restricted_action", Failure.AUTH, "not allowed"),
        ("no_text", Failure.REFUSED, "no_text"),
        ("msg_too_long", Failure.REFUSED, "msg_too_long"),
        ("fatal_error", Failure.SERVER, "fatal_error"),
        ("a_word_of_next_year", Failure.SERVER, "a_word_of_next_year"),
        ("redirect", Failure.SERVER, "302"),
        ("huge", Failure.SERVER, "longer than"),
    ],
)
async def test_what_slack_says_is_understood(
    slack: SlackServer, notifier: SlackNotifier, word: str, failure: Failure, advice: str
) -> None:
    slack.script(word, word)
    failed = await refused(notifier, letters.letter())

    assert failed.failure == failure
    assert advice in str(failed)
    assert slack.messages == []
    assert not any(name == "elsewhere" for name, _ in slack.calls)


async def test_it_rests_as_long_as_slack_wants(slack: SlackServer, notifier: SlackNotifier) -> None:
    slack.retry_after = "120"
    slack.script("429")
    failed = await refused(notifier, letters.letter())

    assert (failed.failure, failed.wait, failed.is_unsure) == (Failure.RATE_LIMITED, 120.0, False)


async def test_what_slack_does_not_take_is_said_in_the_simplest_form(
    slack: SlackServer, notifier: SlackNotifier
) -> None:
    slack.script("invalid_blocks", method="chat.postMessage")
    await notifier.tell(letters.letter(), deadline=DEADLINE)

    assert "Slack did not take the full message" in texts(slack.messages[0])


@pytest.mark.parametrize("problem", ["hang", "drip"])
async def test_a_call_ends_at_its_deadline_and_leaves_no_thread(
    slack: SlackServer, tmp_path: Path, problem: str
) -> None:
    client = SlackClient(options(tmp_path, slack.url))
    notifier = SlackNotifier(client, has_buttons=True, spacing=0.0)
    for _ in range(6):  # more than there are threads
        slack.script(problem)
        failed = await refused(notifier, letters.letter(), SHORT)
        assert (failed.failure, failed.is_unsure, failed.wait) == (Failure.DEADLINE, True, 3.0)
    await notifier.tell(letters.letter(), deadline=DEADLINE)
    await client.aclose()
    for _ in range(100):
        if not any(one.name.startswith("slack") for one in threading.enumerate()):
            break
        await asyncio.sleep(0.05)
    assert [one.name for one in threading.enumerate() if one.name.startswith("slack")] == []


def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients trust the rig's own authority."""
    made = ssl.create_default_context(cafile=CERTIFICATES / "ca.pem")
    monkeypatch.setattr(ssl, "create_default_context", lambda: made)


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_over_tls_only_a_server_that_is_trusted_hears_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_trusted: bool
) -> None:
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(CERTIFICATES / "server.pem", CERTIFICATES / "server.key")
    server = await SlackServer().start(served)
    if is_trusted:
        trusting(monkeypatch)
    client = SlackClient(options(tmp_path, server.url))
    notifier = SlackNotifier(client, has_buttons=True, spacing=0.0)
    if is_trusted:
        await notifier.tell(letters.letter(), deadline=DEADLINE)
        server.script("hang")
        late = await refused(notifier, letters.letter(), SHORT)
        assert late.failure == Failure.DEADLINE
    else:
        failed = await refused(notifier, letters.letter())
        assert (failed.failure, failed.is_unsure) == (Failure.UNREACHABLE, False)
    await client.aclose()
    await server.stop()

    assert len(server.messages) == int(is_trusted)


async def test_where_nothing_listens_nothing_was_heard(tmp_path: Path) -> None:
    client = SlackClient(options(tmp_path, "http://127.0.0.1:9"))
    failed = await refused(SlackNotifier(client, has_buttons=True), letters.letter())
    await client.aclose()

    assert (failed.failure, failed.is_unsure) == (Failure.UNREACHABLE, False)


async def test_the_environment_names_no_proxy_for_it(
    slack: SlackServer, notifier: SlackNotifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    await notifier.tell(letters.letter(), deadline=DEADLINE)

    assert len(slack.messages) == 1


async def test_no_token_is_in_any_log_or_error(
    slack: SlackServer, notifier: SlackNotifier, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    for problem in ("invalid_auth", "500", "reset", "garbage", "huge", "redirect", "hang"):
        slack.script(problem)
        failed = await refused(notifier, letters.letter(), SHORT)
        said += [str(failed), repr(failed), repr(failed.__cause__), repr(failed.__context__)]
    await notifier.tell(letters.letter(), deadline=DEADLINE)

    assert "secret" not in caplog.text + "".join(said) + repr(vars(notifier))
    assert slack.authorizations == {f"Bearer {BOT_TOKEN}"}


async def test_the_check_says_whose_app_it_is_and_what_it_lacks(slack: SlackServer, notifier: SlackNotifier) -> None:
    assert await notifier.check(deadline=DEADLINE) == f"the app aether of the workspace Acme, in the channel {CHANNEL}"

    for change, word in (("scopes", "chat:write"), ("is_member", "not_in_channel")):
        setattr(slack, change, "channels:history" if change == "scopes" else False)
        with pytest.raises(UndeliveredError, match=word):
            await notifier.check(deadline=DEADLINE)
        slack.scopes = "chat:write,channels:history"
    assert slack.messages == []


@pytest.mark.parametrize("token", ["xoxp-user", "nonsense", ""])
async def test_a_token_of_another_kind_is_refused_without_showing_it(tmp_path: Path, token: str) -> None:
    with pytest.raises(SettingsError, match="bot_token_file") as problem:
        SlackClient(options(tmp_path, "https://slack.com/api", token=token))

    assert not token or token not in str(problem.value)
