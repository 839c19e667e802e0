"""A mail server on a loopback port (RFC 5321; STARTTLS of RFC 3207, AUTH of RFC 4954), which errs as it is told."""

import asyncio
import base64
import contextlib
import email.parser
import email.policy
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from enum import StrEnum

from rigs.accepted import Accepting

LOGIN = ("aether", "s3cret-of-the-mail")


class MailSpoil(StrEnum):
    """What goes wrong."""

    HANG = "it says nothing after the data"
    HANG_EARLY = "it greets nobody"
    RESET = "the connection is reset after it took the data"
    RESET_EARLY = "the connection is reset before the data"
    HUGE = "its greeting has no end"
    GARBAGE = "it speaks HTTP"


@dataclass(frozen=True)
class MailLapse:
    """`codes` are answers by command (`MAIL`, `RCPT`, `DATA`, `.`, `AUTH`) in place of a yes; `is_heard`: yet taken."""

    codes: Mapping[str, str] = field(default_factory=dict)
    spoil: MailSpoil | None = None


@dataclass
class SmtpServer(Accepting):
    """`mails` are those it took; `unknown` are answers by address. With `tls` it offers STARTTLS, or speaks it."""

    port: int = 0
    tls: ssl.SSLContext | None = None
    is_tls_at_once: bool = False
    wants_login: bool = False
    unknown: Mapping[str, str] = field(default_factory=dict)
    lapses: deque[MailLapse] = field(default_factory=deque)
    standing: MailLapse | None = None
    mails: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    conversations: int = 0

    async def start(self) -> None:
        """Listen, on the port of before where it had one."""
        at_once = self.tls if self.is_tls_at_once else None
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=at_once, limit=2**22)
        self.port = self._server.sockets[0].getsockname()[1]

    def forget(self) -> None:
        """All mails."""
        self.mails.clear()
        self.recipients.clear()

    @property
    def messages(self) -> list[EmailMessage]:
        """Its mails, read."""
        read = email.parser.BytesParser(EmailMessage, policy=email.policy.default)
        return [read.parsebytes(one) for one in self.mails]

    @property
    def shown(self) -> list[EmailMessage]:
        """As a reader shows them that knows a mail by its Message-ID."""
        return list({str(one["message-id"]): one for one in self.messages}.values())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.conversations += 1
        lapse = (self.lapses.popleft() if self.lapses else self.standing) or MailLapse()
        broken = (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ssl.SSLError)
        with contextlib.suppress(*broken), contextlib.closing(writer):
            await _Conversation(self, lapse, reader, writer).hold()


class _Conversation:
    def __init__(
        self, server: SmtpServer, lapse: MailLapse, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._lapse = lapse
        self._reader = reader
        self._writer = writer
        self._is_safe = server.is_tls_at_once
        self._is_logged_in = False

    async def hold(self) -> None:
        await self._greet()
        while True:
            line = (await self._reader.readuntil(b"\r\n")).decode("latin-1").rstrip("\r\n")
            command = line.split(" ")[0].upper()
            if command == "QUIT":
                self._say("221 bye")
                return
            await self._answer(command, line)
            await self._writer.drain()

    async def _greet(self) -> None:
        match self._lapse.spoil:
            case MailSpoil.HANG_EARLY:
                await asyncio.Event().wait()
            case MailSpoil.HUGE:
                while not self._writer.is_closing():
                    self._writer.write(b"220-" + b"x" * 500 + b"\r\n")
                    await self._writer.drain()
            case MailSpoil.GARBAGE:
                self._writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            case _:
                self._say(self._lapse.codes.get("GREETING", "220 mail.example.org ESMTP"))

    async def _answer(self, command: str, line: str) -> None:
        if command in self._lapse.codes:
            self._say(self._lapse.codes[command].replace("%s", line))
            return
        match command:
            case "EHLO":
                self._say_features()
            case "STARTTLS":
                self._say("220 go ahead")
                await self._writer.drain()
                await self._writer.start_tls(self._server.tls or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
                self._is_safe = True
            case "AUTH":
                self._log_in(line)
            case "MAIL" if self._server.wants_login and not self._is_logged_in:
                self._say("530 5.7.0 Authentication required")
            case "RCPT":
                address = line[line.index("<") + 1 : line.index(">")]
                if address not in self._server.unknown:
                    self._server.recipients.append(address)
                self._say(self._server.unknown.get(address, "250 ok"))
            case "DATA":
                await self._take()
            case _:
                self._say("250 ok")

    def _say_features(self) -> None:
        features = ["mail.example.org"]
        if self._server.tls is not None and not self._is_safe:
            features.append("STARTTLS")
        if self._server.wants_login:
            features.append("AUTH PLAIN")
        last = features.pop()
        self._writer.write("".join(f"250-{one}\r\n" for one in features).encode() + f"250 {last}\r\n".encode())

    def _log_in(self, line: str) -> None:
        _, name, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
        self._is_logged_in = (name, password) == LOGIN
        self._say("235 ok" if self._is_logged_in else f"535 5.7.8 not known: {line} {password}")

    async def _take(self) -> None:
        if self._lapse.spoil is MailSpoil.RESET_EARLY:
            self._writer.transport.abort()
            raise ConnectionError
        self._say("354 go on")
        data = await self._reader.readuntil(b"\r\n.\r\n")
        if "." in self._lapse.codes:
            self._say(self._lapse.codes["."])
            return
        self._server.mails.append(data.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n."))
        if self._lapse.spoil is MailSpoil.HANG:
            await asyncio.Event().wait()
        if self._lapse.spoil is MailSpoil.RESET:
            self._writer.transport.abort()
            raise ConnectionError
        self._say("250 2.0.0 Ok: queued")

    def _say(self, line: str) -> None:
        self._writer.write(f"{line}\r\n".encode())
