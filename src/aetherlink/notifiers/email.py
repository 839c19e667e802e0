"""Tells by mail: what is notable is a message of its own, and all of an incident are one thread."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from aetherlink.clients.email import Mail
from aetherlink.clients.email_options import EmailOptions
from aetherlink.clients.options import ClientOptions
from aetherlink.model.deliveries import Digest, Letter
from aetherlink.model.incidents import Severity
from aetherlink.notifiers import messages, sayings
from aetherlink.notifiers.opened import Opened

_log = logging.getLogger("aetherlink.notifiers")

_AGAIN = "Re: "
_SEVEN_BIT = policy.SMTP.clone(cte_type="7bit")  # every server takes it


def opened(settings: EmailOptions, _clients: ClientOptions) -> Opened:
    """The notifier of one list of addresses. Raises SettingsError."""
    client = Mail(settings)
    return Opened(EmailNotifier(client, settings), client.aclose)


class EmailNotifier:
    """See ports.Notifier. What is sent again has the same Message-ID, by which servers and readers know it."""

    collapses = True

    def __init__(self, client: Mail, settings: EmailOptions) -> None:
        self._client = client
        self._settings = settings
        self._domain = settings.from_.rpartition("@")[2]

    async def tell(self, letter: Letter, *, deadline: timedelta) -> Mapping[str, str]:
        """Mail it, where an entry of it is worth that."""
        if not sayings.is_notable(letter):
            return letter.reference
        last = letter.entries[-1].sequence if letter.entries else 0
        subject = _subject(letter.reference, messages.title(letter))
        mail = self._mail(subject, messages.text(letter), letter.at)
        is_urgent = letter.incident.severity is Severity.CRITICAL and sayings.state_words(letter.incident) != "resolved"
        mail["X-Priority"] = "1" if is_urgent else "3"
        thread = _Thread(letter.incident.id, str(last), letter.reference)
        return await self._send(mail, thread, deadline)

    async def sum_up(self, digest: Digest, *, deadline: timedelta) -> Mapping[str, str]:
        """Mail how a storm stands."""
        if not sayings.is_news(digest):
            return digest.reference
        subject = _subject(digest.reference, messages.digest_title(digest))
        mail = self._mail(subject, messages.digest_text(digest), digest.at)
        thread = _Thread(digest.id, sayings.count_of(digest), digest.reference)
        return {**await self._send(mail, thread, deadline), **sayings.told_of(digest)}

    async def check(self, *, deadline: timedelta) -> str:
        """Connect and log in."""
        await self._client.check(deadline=deadline)
        return f"{self._settings.from_} by {self._client.address}"

    def _mail(self, subject: str, text: str, at: datetime) -> EmailMessage:
        mail = EmailMessage(policy=_SEVEN_BIT)
        mail["From"] = Address("AetherLink", addr_spec=self._settings.from_)
        mail["To"] = [Address(addr_spec=one) for one in self._settings.to]
        mail["Subject"] = subject
        mail["Date"] = format_datetime(at)
        mail["Auto-Submitted"] = "auto-generated"  # nobody's holiday notice answers it
        mail.set_content(text + "\n", cte=None)
        return mail

    async def _send(self, mail: EmailMessage, thread: "_Thread", deadline: timedelta) -> Mapping[str, str]:
        """The thread begins with a mail that was never sent, so that it is one whichever mail arrives first."""
        begin = f"<{thread.about}@{self._domain}>"
        last = thread.known.get("last", begin)
        mail["Message-ID"] = f"<{thread.about}.{thread.sequence}@{self._domain}>"
        mail["References"] = " ".join(dict.fromkeys((begin, last)))
        mail["In-Reply-To"] = last
        unknown = await self._client.send(mail.as_bytes(), key=str(mail["Message-ID"]), deadline=deadline)
        if unknown:
            _log.warning("mail by %s: it does not know %s", self._client.address, ", ".join(unknown))
        return {"last": str(mail["Message-ID"]), "subject": str(mail["Subject"]).removeprefix(_AGAIN)}


@dataclass(frozen=True, slots=True)
class _Thread:
    """What a mail is about, which of those about it, and what is known of the others."""

    about: str
    sequence: str
    known: Mapping[str, str]


def _subject(known: Mapping[str, str], otherwise: str) -> str:
    """Readers put into one thread what has one subject."""
    return f"{_AGAIN}{known['subject']}" if "subject" in known else otherwise
