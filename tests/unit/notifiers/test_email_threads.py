"""Mails: how they are brought to a server, and how they hang together."""

import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aetherlink.clients.email_options import EmailOptions
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import UndeliveredError
from aetherlink.model.deliveries import Failure
from aetherlink.model.incidents import Severity
from aetherlink.model.timeline import EventKind
from aetherlink.notifiers import email
from aetherlink.notifiers.opened import Opened
from rigs.letters import digest, incident, letter, resolved
from rigs.smtp_server import LOGIN, MailLapse, MailSpoil, SmtpServer

DEADLINE = timedelta(seconds=10)
CERTIFICATES = Path(__file__).parents[2] / "rigs/certificates"
TO = ["ops@example.org", "boss@example.org"]


@pytest.fixture
async def server() -> AsyncIterator[SmtpServer]:
    made = SmtpServer()
    await made.start()
    yield made
    await made.stop()


def opened(server: SmtpServer, security: str = "plain", **settings: Any) -> Opened:
    plain = {"host": "127.0.0.1", "port": server.port, "security": security, "from": "aether@example.org", "to": TO}
    return email.opened(EmailOptions.model_validate({**plain, **settings}), ClientOptions())


def context() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(CERTIFICATES / "server.pem", CERTIFICATES / "server.key")
    return made


def login(folder: Path) -> dict[str, object]:
    file = folder / "password"
    file.write_text(LOGIN[1])
    return {"username": LOGIN[0], "password_file": file}


async def test_all_about_an_incident_is_one_thread_under_one_subject(server: SmtpServer) -> None:
    made = opened(server)
    known = await made.notifier.tell(letter(), deadline=DEADLINE)
    known = await made.notifier.tell(letter(EventKind.ESCALATED, first=4, reference=known), deadline=DEADLINE)
    await made.notifier.tell(resolved(known), deadline=DEADLINE)
    await made.aclose()

    first, second, third = server.messages
    assert [one["message-id"] for one in (first, second, third)] == [
        f"<inc-0001.{sequence}@example.org>" for sequence in (1, 4, 9)
    ]
    assert [one["in-reply-to"] for one in (second, third)] == [first["message-id"], second["message-id"]]
    assert all("<inc-0001@example.org>" in one["references"] for one in (first, second, third))
    assert second["subject"] == third["subject"] == f"Re: {first['subject']}"
    assert first.get_content().splitlines()[1] == "It began at 2026-07-01 12:00:00 UTC, and is open."
    assert third.get_content().splitlines()[:2] == [
        "resolved [acme]: CrmApiDown",
        "It began at 2026-07-01 12:00:00 UTC, and ended at 2026-07-01 12:05:00 UTC.",
    ]


async def test_everybody_gets_it_and_no_machine_answers_it(server: SmtpServer) -> None:
    made = opened(server)
    await made.notifier.tell(letter(about=incident(severity=Severity.CRITICAL)), deadline=DEADLINE)
    await made.aclose()

    [mail] = server.messages
    assert server.recipients == TO
    assert (mail["to"], mail["auto-submitted"], mail["x-priority"]) == (", ".join(TO), "auto-generated", "1")
    assert mail.get_content_type() == "text/plain"


async def test_no_title_makes_a_header_or_ends_the_mail(server: SmtpServer) -> None:
    made = opened(server)
    for number, title in enumerate(("x\r\nBcc: evil@example.net", "x\r\n.\r\nMAIL FROM:<evil>", "\u00fc\u2028Bcc: e")):
        about = incident(id=f"inc-{number}", title=title)
        await made.notifier.tell(letter(about=about, text=title), deadline=DEADLINE)
    await made.aclose()

    names = {"from", "to", "subject", "date", "auto-submitted", "x-priority", "message-id", "references"}
    names |= {"in-reply-to", "mime-version", "content-type", "content-transfer-encoding"}
    assert len(server.messages) == 3
    assert [{name.lower() for name in mail} for mail in server.messages] == [names] * 3
    assert all(mail.isascii() for mail in server.mails)


async def test_a_storm_is_a_thread_too(server: SmtpServer) -> None:
    made = opened(server)
    known = await made.notifier.sum_up(digest(), deadline=DEADLINE)
    await made.notifier.sum_up(digest(is_open=False, reference=known), deadline=DEADLINE)
    await made.aclose()

    first, second = server.messages
    assert (first["message-id"], second["in-reply-to"]) == ("<dig-0001.1@example.org>", first["message-id"])


async def test_whom_the_server_does_not_know_keeps_nobody_else_from_it(
    server: SmtpServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.unknown = {TO[1]: "550 5.1.1 no such user"}
    made = opened(server)
    await made.notifier.tell(letter(), deadline=DEADLINE)
    await made.aclose()

    assert len(server.mails) == 1
    assert f"does not know {TO[1]}" in caplog.text


async def test_who_is_to_wait_keeps_it_from_nobody_and_nobody_gets_it_twice(server: SmtpServer) -> None:
    server.unknown = {TO[1]: "452 4.2.2 mailbox full"}
    made = opened(server)
    for _ in range(2):
        with pytest.raises(UndeliveredError, match="452") as caught:
            await made.notifier.tell(letter(), deadline=DEADLINE)
    assert (caught.value.failure, server.recipients) == (Failure.SERVER, [TO[0]])
    server.unknown = {}
    await made.notifier.tell(letter(), deadline=DEADLINE)
    await made.aclose()

    assert server.recipients == TO
    assert len(server.mails) == 2


async def test_where_one_is_refused_for_good_and_the_other_for_now_it_is_tried_again(server: SmtpServer) -> None:
    server.unknown = {TO[0]: "550 5.1.1 no such user", TO[1]: "450 4.2.1 greylisted"}
    made = opened(server)
    with pytest.raises(UndeliveredError, match="450") as caught:
        await made.notifier.tell(letter(), deadline=DEADLINE)
    await made.aclose()

    assert (caught.value.failure, server.mails) == (Failure.SERVER, [])


@pytest.mark.parametrize(
    ("spoil", "failure", "is_unsure"),
    [
        (MailSpoil.HANG, Failure.DEADLINE, True),
        (MailSpoil.RESET, Failure.UNREACHABLE, True),
        (MailSpoil.HANG_EARLY, Failure.DEADLINE, False),
        (MailSpoil.RESET_EARLY, Failure.UNREACHABLE, False),
    ],
)
async def test_only_a_mail_that_was_on_its_way_is_in_doubt_and_sent_again_it_is_the_same(
    server: SmtpServer, spoil: MailSpoil, failure: Failure, is_unsure: bool
) -> None:
    server.lapses.append(MailLapse(spoil=spoil))
    made = opened(server)
    with pytest.raises(UndeliveredError) as caught:
        await made.notifier.tell(letter(), deadline=timedelta(seconds=1))
    await made.notifier.tell(letter(is_unsure=is_unsure), deadline=DEADLINE)
    await made.aclose()

    assert (caught.value.failure, caught.value.is_unsure) == (failure, is_unsure)
    assert len(server.mails) == (2 if is_unsure else 1)
    assert len(server.shown) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_with_tls_it_logs_in_and_is_told(tmp_path: Path, security: str) -> None:
    server = SmtpServer(tls=context(), is_tls_at_once=security == "tls", wants_login=True)
    await server.start()
    made = opened(server, security, tls={"ca_file": CERTIFICATES / "ca.pem"}, login=login(tmp_path))
    words = await made.notifier.check(deadline=DEADLINE)
    await made.notifier.tell(letter(), deadline=DEADLINE)
    await made.aclose()
    await server.stop()

    assert words == f"aether@example.org by 127.0.0.1:{server.port}"
    assert len(server.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_server_that_nobody_vouches_for_is_told_nothing(tmp_path: Path, security: str) -> None:
    server = SmtpServer(tls=context(), is_tls_at_once=security == "tls", wants_login=True)
    await server.start()
    made = opened(server, security, login=login(tmp_path))
    with pytest.raises(UndeliveredError, match="certificate verify failed") as caught:
        await made.notifier.tell(letter(), deadline=DEADLINE)
    await made.aclose()
    await server.stop()

    assert (caught.value.failure, caught.value.is_unsure, server.mails) == (Failure.UNREACHABLE, False, [])


async def test_without_starttls_there_nothing_is_sent_in_the_clear(server: SmtpServer, tmp_path: Path) -> None:
    server.wants_login = True
    made = opened(server, "starttls", login=login(tmp_path))
    with pytest.raises(UndeliveredError, match="STARTTLS") as caught:
        await made.notifier.tell(letter(), deadline=DEADLINE)
    await made.aclose()

    assert (caught.value.failure, server.mails) == (Failure.AUTH, [])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"host": "smtp.example.org", "security": "plain"}, "for a server on this machine"),
        ({"to": ["ops@example.org\r\nRCPT TO:<evil@example.net>"]}, "should match pattern"),
        ({"from": "Ops <ops@example.org>"}, "should match pattern"),
        ({"to": []}, "at least 1 item"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        EmailOptions.model_validate({"host": "localhost", "from": "a@example.org", "to": TO, **settings})
