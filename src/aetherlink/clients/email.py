"""Sends mail by SMTP, with the standard library.

That blocks, so it runs in threads of a bounded number; at the deadline its connection is cut, which frees the thread
whatever the server does. What the server says is bounded too.
"""

import asyncio
import base64
import smtplib
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from threading import Lock
from typing import Any

from aetherlink.clients.credentials import read_password, read_tls
from aetherlink.clients.email_options import EmailOptions, Security
from aetherlink.errors import UndeliveredError
from aetherlink.model.deliveries import Failure

_THREADS = 2
_MOST_PARTLY_SENT = 1000
_MOST_SAID = 256 * 1024  # bytes of all that a server says in one conversation
_NAME = "aetherlink"  # what it greets with: the machine's own name is nobody's business
_HIDDEN = "[password]"
_GO_ON = 354  # what comes next is the message itself
_OF_LOGIN = frozenset({530, 534, 535, 538})


class Mail:
    """One mail server. Raises SettingsError for files that cannot be read. All else raises UndeliveredError."""

    def __init__(self, settings: EmailOptions) -> None:
        self._settings = settings
        self._tls = None if settings.security is Security.PLAIN else read_tls(settings.tls)
        login = settings.login
        self._login = None if login is None else (login.username, read_password(login.password_file))
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="email")
        self._free = asyncio.Semaphore(_THREADS)
        self._lines: set[_Line] = set()
        self._have: dict[str, set[str]] = {}
        self.address = f"{settings.host}:{settings.port_used}"

    async def send(self, message: bytes, *, key: str, deadline: timedelta) -> tuple[str, ...]:
        """Hand the whole message over; who of those that it is for the server does not know.

        Who has got the message of this `key` does not get it again, while that is remembered: in memory only.
        """
        return await self._converse(partial(self._send, message, key), deadline)

    async def check(self, *, deadline: timedelta) -> None:
        """Connect and log in, and send nothing."""
        await self._converse(lambda _line, _server: (), deadline)

    async def aclose(self) -> None:
        """Cut what is open."""
        for line in tuple(self._lines):
            line.cut()
        self._threads.shutdown(wait=False)

    async def _converse(
        self, work: "Callable[[_Line, smtplib.SMTP], tuple[str, ...]]", deadline: timedelta
    ) -> tuple[str, ...]:
        loop = asyncio.get_running_loop()
        ends = loop.time() + deadline.total_seconds()
        line = _Line()
        try:
            async with asyncio.timeout_at(ends):
                await self._free.acquire()
        except TimeoutError:
            raise self._problem("earlier attempts hang still: nothing was sent", Failure.DEADLINE) from None
        self._lines.add(line)
        call = asyncio.wrap_future(self._threads.submit(self._in_thread, line, work, ends - loop.time()))
        call.add_done_callback(partial(self._over, line))
        try:
            async with asyncio.timeout_at(ends):
                return await asyncio.shield(call)
        except TimeoutError:
            words = f"no answer within {deadline.total_seconds():g} s"
            raise self._problem(words, Failure.DEADLINE, is_unsure=line.is_in_doubt) from None
        finally:
            line.cut()
            self._forget()

    def _over(self, line: "_Line", call: "asyncio.Future[Any]") -> None:
        """Only when its thread is free again another may have it."""
        self._lines.discard(line)
        self._free.release()
        if not call.cancelled():
            call.exception()  # whoever waited may have gone

    def _in_thread(
        self, line: "_Line", work: "Callable[[_Line, smtplib.SMTP], tuple[str, ...]]", seconds: float
    ) -> tuple[str, ...]:
        server = _Server(line, self._settings, self._tls, max(seconds, 0.001))
        try:
            self._begin(server)
            done = work(line, server)
            with suppress(smtplib.SMTPException, OSError):  # how they part does not matter any more
                server.quit()
        except smtplib.SMTPResponseException as problem:
            raise self._refusal(problem, is_admitted=line.is_admitted) from problem
        except smtplib.SMTPNotSupportedError as problem:
            raise self._problem(str(problem), Failure.AUTH) from problem
        except (smtplib.SMTPException, OSError, ValueError) as problem:
            is_late = isinstance(problem, TimeoutError)
            failure = Failure.DEADLINE if is_late else Failure.UNREACHABLE
            raise self._problem(str(problem), failure, is_unsure=line.is_in_doubt) from problem
        finally:
            server.close()
            line.close()
        return done

    def _begin(self, server: "_Server") -> None:
        _accept(server.connect(self._settings.host, self._settings.port_used))
        server.ehlo()
        if self._settings.security is Security.STARTTLS:
            server.starttls(context=self._tls)
            server.ehlo()
        if self._login is not None:
            server.login(*self._login)

    def _send(self, message: bytes, key: str, line: "_Line", server: smtplib.SMTP) -> tuple[str, ...]:
        """To all who have not got it yet: one who is refused for now only, with a full mailbox, keeps it from none."""
        _accept(server.mail(self._settings.from_))
        line.is_admitted = True
        have = self._have.setdefault(key, set())
        answers = {address: server.rcpt(address) for address in self._settings.to if address not in have}
        refused = {address: answer for address, answer in answers.items() if answer[0] >= 300}
        if len(refused) < len(answers):
            answer = server.data(message)
            line.is_in_doubt = False
            _accept(answer)
            have.update(answers.keys() - refused.keys())
        for answer in sorted(refused.values()):  # for now before for good
            if not have or answer[0] < 500:
                _accept(answer)
        self._have.pop(key, None)
        return tuple(refused)

    def _forget(self) -> None:
        while len(self._have) > _MOST_PARTLY_SENT:
            self._have.pop(next(iter(self._have)), None)

    def _refusal(self, problem: smtplib.SMTPResponseException, *, is_admitted: bool) -> UndeliveredError:
        """Who is refused before any address was named is refused as a sender: that is nothing about the mail."""
        code, said = problem.smtp_code, problem.smtp_error
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        words = f"answered {code}: {text}"
        if code in _OF_LOGIN or (code >= 500 and not is_admitted):
            return self._problem(words, Failure.AUTH)
        return self._problem(words, Failure.REFUSED if code >= 500 else Failure.SERVER)

    def _problem(self, words: str, failure: Failure, *, is_unsure: bool = False) -> UndeliveredError:
        """Servers repeat what they were told: the password, or what was made of it."""
        if self._login is not None:
            name, password = self._login
            for secret in (password, *_encoded(f"\0{name}\0{password}"), *_encoded(password)):
                words = words.replace(secret, _HIDDEN)
        line = " ".join("".join(one if one.isprintable() else " " for one in words).split())[:300]
        return UndeliveredError(f"mail by {self.address}: {line}", failure=failure, is_unsure=is_unsure)


class _Line:
    """The connection of one conversation, which can be cut from another thread.

    `is_admitted` once the server takes mail of this sender. `is_in_doubt` while the message is on its way, and nobody
    knows whether it was taken.
    """

    def __init__(self) -> None:
        self.is_admitted = False
        self.is_in_doubt = False
        self._lock = Lock()
        self._is_cut = False
        self._held: socket.socket | None = None

    def hold(self, made: socket.socket) -> None:
        """Keep hold of it, whatever TLS makes of it. Raises OSError where the line was cut already."""
        with self._lock:
            if self._is_cut:
                made.close()
                raise OSError("the time was up before there was a connection")
            self._held = made.dup()

    def cut(self) -> None:
        """End what is open, and let nothing new begin."""
        with self._lock:
            self._is_cut = True
            if self._held is not None:
                with suppress(OSError):  # it may have ended by itself
                    self._held.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of it."""
        with self._lock:
            if self._held is not None:
                self._held.close()
                self._held = None


class _Server(smtplib.SMTP):
    """A conversation over a line."""

    def __init__(self, line: _Line, settings: EmailOptions, tls: ssl.SSLContext | None, seconds: float) -> None:
        super().__init__(local_hostname=_NAME, timeout=seconds)
        self._line = line
        self._at_once = tls if settings.security is Security.TLS else None
        self._host = settings.tls.server_name or settings.host  # whom the certificate has to name
        self._said = _MOST_SAID

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made = socket.create_connection((host, port), timeout)
        self._line.hold(made)
        return made if self._at_once is None else self._at_once.wrap_socket(made, server_hostname=self._host)

    def getreply(self) -> tuple[int, bytes]:
        """As ever; the file that it reads from ends after so many bytes."""
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock.makefile("rb"), self._said)
        code, said = super().getreply()
        if code == _GO_ON:
            self._line.is_in_doubt = True
        return code, said


class _Bounded:
    """Lines of a file, until there were too many."""

    def __init__(self, file: Any, most: int) -> None:
        self._file = file
        self._left = most

    def readline(self, size: int) -> bytes:
        line: bytes = self._file.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise OSError("the server says more than is read")
        return line

    def close(self) -> None:
        self._file.close()


def _accept(answer: tuple[int, bytes]) -> None:
    if answer[0] >= 300:
        raise smtplib.SMTPResponseException(*answer)


def _encoded(text: str) -> tuple[str, ...]:
    return (base64.b64encode(text.encode()).decode("ascii"),)
