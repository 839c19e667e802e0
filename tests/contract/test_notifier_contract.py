"""The contract of every way to tell somebody, against a real server that answers as the real service does.

What is told is told once, what is not is said with a reason and whether to try again, nothing lasts longer than its
deadline, no secret is shown, and nothing from outside becomes more than text.
"""

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from aetherlink.errors import UndeliveredError
from aetherlink.model.deliveries import Failure
from aetherlink.model.timeline import EventKind
from aetherlink.ports import Notifier
from rigs.hostile_values import ATTACKS
from rigs.letters import digest, incident, letter, resolved, waiting_action
from rigs.notifiers import RIGS, NotifierRig

DEADLINE = timedelta(seconds=20)
SHORT = timedelta(seconds=1)
A_START = timedelta(seconds=60)
REFUSALS = [(kind, name) for kind in sorted(RIGS) for name in RIGS[kind](Path()).refusals]
REDIRECTED = [kind for kind in sorted(RIGS) if RIGS[kind](Path()).redirect is not None]
AGAIN = [kind for kind in sorted(RIGS) if RIGS[kind](Path()).knows_again]
SUMS_UP = [kind for kind in sorted(RIGS) if RIGS[kind](Path()).sums_up]
PER_LETTER = [kind for kind in sorted(RIGS) if not RIGS[kind](Path()).can_change]
T37 = (
    "down\r\nBcc: evil@example.net\r\n\r\nhello",
    "\x1b[2J\x1b]8;;http://evil.example\x07click\x1b]8;;\x07",
    "<!channel> <@U012345> @here @channel @everyone",
    "<http://evil.example|Approve>",
    "[Approve](http://evil.example) ![x](https://evil.example/x.png)",
    '<a href="http://evil.example">Approve</a><script>alert(1)</script>',
    '{"type": "button", "text": "Approve", "url": "https://evil.example"}',
    "\u202eevil\u202c www.evil.example",
    "mailto:evil@evil.example HTTPS://EVIL.EXAMPLE/",
)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NotifierRig]:
    """One for all tests of a kind: Apprise's process takes seconds to start."""
    made = RIGS[request.param](tmp_path_factory.mktemp(request.param))
    await made.server.start()
    opened = made.open()
    yield made
    await opened.aclose()
    await made.server.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def notifier(rig: NotifierRig) -> AsyncIterator[Notifier]:
    """One that has nothing to start any more, and a service that has heard nothing."""
    rig.forget()
    assert rig.opened is not None
    await rig.opened.notifier.check(deadline=A_START)
    yield rig.opened.notifier
    rig.forget()


every = pytest.mark.parametrize("rig", sorted(RIGS), indirect=True)


async def failing(
    rig: NotifierRig, lapse: object, notifier: Notifier, deadline: timedelta = DEADLINE
) -> UndeliveredError:
    rig.server.lapses.append(lapse)
    with pytest.raises(UndeliveredError) as caught:
        await notifier.tell(letter(), deadline=deadline)
    return caught.value


@every
async def test_an_incident_is_told_and_its_end_too(rig: NotifierRig, notifier: Notifier) -> None:
    reference = await notifier.tell(letter(), deadline=DEADLINE)
    begun = rig.messages()
    await notifier.tell(resolved(reference), deadline=DEADLINE)

    assert len(begun) == 1
    assert "CrmApiDown" in begun[0]
    assert len(rig.messages()) == (1 if rig.can_change else 2)


@pytest.mark.parametrize("rig", SUMS_UP, indirect=True)
async def test_a_storm_is_told_and_its_end_too(rig: NotifierRig, notifier: Notifier) -> None:
    reference = await notifier.sum_up(digest(), deadline=DEADLINE)
    begun = rig.messages()
    await notifier.sum_up(digest(is_open=False, reference=reference), deadline=DEADLINE)

    assert len(begun) == 1
    assert "20 incidents" in begun[0]
    assert len(rig.messages()) == (1 if rig.can_change else 2)


@every
async def test_a_person_who_is_asked_is_told_what_for(rig: NotifierRig, notifier: Notifier) -> None:
    asked = letter(EventKind.OPENED, EventKind.APPROVAL_ASKED, action=waiting_action())
    await notifier.tell(asked, deadline=DEADLINE)

    assert len(rig.messages()) == 1


@pytest.mark.parametrize("rig", PER_LETTER, indirect=True)
async def test_what_is_not_notable_is_no_message_of_its_own_and_counts_as_told(
    rig: NotifierRig, notifier: Notifier
) -> None:
    reference = await notifier.tell(letter(), deadline=DEADLINE)
    before = rig.attempts
    quiet = letter(EventKind.ALERTS, EventKind.VERIFYING, EventKind.NOTE, first=2, reference=reference)

    assert await notifier.tell(quiet, deadline=DEADLINE) == reference
    assert rig.attempts == before


@every
async def test_to_check_tells_nobody(rig: NotifierRig, notifier: Notifier) -> None:
    words = await notifier.check(deadline=DEADLINE)

    assert words
    assert not any(secret in words for secret in rig.secrets)
    assert rig.messages() == []


@pytest.mark.parametrize(("rig", "name"), REFUSALS, indirect=["rig"])
async def test_what_a_service_answers_says_whether_to_try_again(
    rig: NotifierRig, notifier: Notifier, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    expected = rig.refusals[name]
    problem = await failing(rig, expected.lapse, notifier)

    assert (problem.failure, problem.wait) == (expected.failure, expected.wait)
    assert expected.is_unsure is None or problem.is_unsure is expected.is_unsure
    assert len(str(problem)) < 1000
    for secret in rig.secrets:
        assert secret not in str(problem)
        assert secret not in caplog.text
    assert rig.messages() == []
    await notifier.tell(letter(), deadline=DEADLINE)
    assert len(rig.messages()) == 1


@every
async def test_one_attempt_is_one_request(rig: NotifierRig, notifier: Notifier) -> None:
    before = rig.attempts
    await failing(rig, next(iter(rig.refusals.values())).lapse, notifier)

    assert rig.attempts == before + 1


@every
@pytest.mark.parametrize("spoil", ["hang", "drip"])
async def test_nothing_lasts_longer_than_its_deadline(rig: NotifierRig, notifier: Notifier, spoil: str) -> None:
    async with asyncio.timeout(15):  # far more than the deadline: how quick this machine is, is not judged
        problem = await failing(rig, getattr(rig, spoil), notifier, SHORT)

    assert problem.failure == Failure.DEADLINE
    assert problem.is_unsure is not rig.is_sure_after_hang
    await notifier.check(deadline=A_START)
    await notifier.tell(letter(is_unsure=True), deadline=DEADLINE)
    assert len(rig.messages()) == 1


@every
async def test_a_connection_that_breaks_after_it_was_heard_leaves_in_doubt_whether_it_was(
    rig: NotifierRig, notifier: Notifier
) -> None:
    problem = await failing(rig, rig.reset_after_accept, notifier)

    assert problem.is_unsure
    assert len(rig.messages()) == 1


@pytest.mark.parametrize("rig", AGAIN, indirect=True)
async def test_what_was_heard_already_and_is_told_again_is_seen_once(rig: NotifierRig, notifier: Notifier) -> None:
    await failing(rig, rig.reset_after_accept, notifier)
    reference = await notifier.tell(letter(is_unsure=True), deadline=DEADLINE)
    await notifier.tell(resolved(reference), deadline=DEADLINE)

    assert len(rig.messages()) == (1 if rig.can_change else 2)


@every
async def test_where_nobody_listens_nothing_was_heard(rig: NotifierRig, notifier: Notifier) -> None:
    await rig.server.stop()
    with pytest.raises(UndeliveredError) as caught:
        await notifier.tell(letter(), deadline=DEADLINE)
    await rig.server.start()

    assert caught.value.failure == Failure.UNREACHABLE
    assert not caught.value.is_unsure
    await notifier.tell(letter(), deadline=DEADLINE)
    assert len(rig.messages()) == 1


@pytest.mark.parametrize("rig", REDIRECTED, indirect=True)
async def test_nobody_is_followed_elsewhere(rig: NotifierRig, notifier: Notifier) -> None:
    problem = await failing(rig, rig.redirect, notifier)

    assert problem.failure != Failure.REFUSED, "a redirect is no fault of the letter"
    assert rig.server.elsewhere == 0
    assert rig.messages() == []


@every
@pytest.mark.parametrize("spoil", ["overlong", "garbage"])
async def test_nonsense_is_a_failure_like_others(rig: NotifierRig, notifier: Notifier, spoil: str) -> None:
    problem = await failing(rig, getattr(rig, spoil), notifier)

    assert problem.failure in {Failure.SERVER, Failure.UNREACHABLE}
    assert len(str(problem)) < 1000


@every
async def test_proxies_that_the_environment_names_are_not_used(
    rig: NotifierRig, notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    another = rig.make()
    await another.notifier.check(deadline=A_START)
    await another.notifier.tell(letter(), deadline=DEADLINE)
    await another.aclose()

    assert len(rig.messages()) == 1


@every
async def test_words_from_outside_stay_words(rig: NotifierRig, notifier: Notifier) -> None:
    hostile = (*T37, *ATTACKS)
    for number, value in enumerate(hostile):
        about = incident(
            id=f"inc-{number:04d}",
            title=value,
            tenant=value,
            service=value,
            labels={"alertname": value, "instance": value},
        )
        await notifier.tell(
            letter(EventKind.OPENED, about=about, text=value, action=waiting_action(value)), deadline=DEADLINE
        )

    assert len(rig.messages()) == len(hostile)
    assert rig.links() == []
    assert rig.pings() == []


@every
async def test_nothing_is_left_open(rig: NotifierRig, notifier: Notifier) -> None:
    """The server's side of every connection is this process's too: it is stopped before anything is counted."""
    await notifier.tell(letter(), deadline=DEADLINE)
    await rig.server.stop()
    before = (_descriptors(), _threads())
    await rig.server.start()
    for is_answered in (True, False):
        opened = rig.make()
        await opened.notifier.check(deadline=A_START)
        if is_answered:
            await opened.notifier.tell(letter(), deadline=DEADLINE)
        else:
            await failing(rig, rig.hang, opened.notifier, SHORT)
        await opened.aclose()
    await rig.server.stop()
    async with asyncio.timeout(10):
        while (_descriptors(), _threads()) != before:  # noqa: ASYNC110 - nobody tells when the kernel is done
            await asyncio.sleep(0.05)
    await rig.server.start()


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the folder of this very process


def _threads() -> set[str]:
    """Without those of the loop's own pool, which come with the first name that is looked up."""
    return {one.name for one in threading.enumerate() if not one.name.startswith("asyncio")}
