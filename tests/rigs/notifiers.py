"""A rig for each kind of notifier: a real server that answers as the real service does, and the notifier that tells it.

For a new kind: its server in a file of its own, a class here that says how it is reached and what people see, and one
line in RIGS. tests/contract/test_notifier_contract.py does the rest.
"""

import asyncio
import json
import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel

from aetherlink.clients.apprise_options import AppriseOptions
from aetherlink.clients.email_options import EmailOptions
from aetherlink.clients.grafana_options import GrafanaOptions
from aetherlink.clients.options import ClientOptions
from aetherlink.clients.pagerduty_options import PagerDutyOptions
from aetherlink.clients.slack import SlackClient
from aetherlink.clients.slack_options import SlackOptions
from aetherlink.clients.webhook_options import WebhookOptions
from aetherlink.model.deliveries import Failure
from aetherlink.notifiers.grafana_markings import REGION
from aetherlink.notifiers.opened import Opened
from aetherlink.notifiers.registry import BUILTIN
from aetherlink.notifiers.slack import SlackNotifier
from rigs import grafana_server, pagerduty_server, slack_server, smtp_server
from rigs.grafana_server import GrafanaServer, Heard
from rigs.pagerduty_server import PagerDutyServer
from rigs.scripted_http import Lapse, Reply, Request, ScriptedHttp, Spoil
from rigs.slack_server import SlackServer
from rigs.smtp_server import MailLapse, MailSpoil, SmtpServer

LINK_BASE = "https://aether.example.org"
_LINKS = re.compile(r"(?:https?://|www\.)[^\s<>\"')\]|]+", re.IGNORECASE)
_PINGS = re.compile(r"<!\w+|<@\w+|(?<![\w\u200b])@(?:here|channel|everyone|all)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Refusal:
    """What a lapse has to become. `is_unsure` is None where either is right."""

    lapse: Any
    failure: Failure
    is_unsure: bool | None = False
    wait: float | None = None


def refusal_by_status(status: int, failure: Failure, **more: Any) -> Refusal:
    """An answer with this status."""
    return Refusal(Lapse(status), failure, **more)


HTTP_REFUSALS: Mapping[str, Refusal] = {
    "400": refusal_by_status(400, Failure.REFUSED),
    "401": refusal_by_status(401, Failure.AUTH),
    "403": refusal_by_status(403, Failure.AUTH),
    "404": refusal_by_status(404, Failure.REFUSED),
    "408": refusal_by_status(408, Failure.SERVER),
    "413": refusal_by_status(413, Failure.REFUSED),
    "425": refusal_by_status(425, Failure.SERVER),
    "429": refusal_by_status(429, Failure.RATE_LIMITED),
    "429 with Retry-After": Refusal(Lapse(429, {"retry-after": "120"}), Failure.RATE_LIMITED, wait=120.0),
    "500": refusal_by_status(500, Failure.SERVER, is_unsure=True),
    "502": refusal_by_status(502, Failure.SERVER, is_unsure=True),
    "503 with Retry-After": Refusal(Lapse(503, {"retry-after": "30"}), Failure.SERVER, is_unsure=True, wait=30.0),
    "504": refusal_by_status(504, Failure.SERVER, is_unsure=True),
}
"""Refused is given up; all else is tried again."""
KEYED_REFUSALS: Mapping[str, Refusal] = {**HTTP_REFUSALS, "404": refusal_by_status(404, Failure.AUTH)}
"""Where whom nobody knows is told that nothing is there."""


HANG, DRIP, HUGE, GARBAGE = (Lapse(spoil=one) for one in (Spoil.HANG, Spoil.DRIP, Spoil.HUGE, Spoil.NO_HTTP))
REDIRECT, RESET = Lapse(spoil=Spoil.REDIRECT), Lapse(spoil=Spoil.RESET, is_heard=True)
MAIL_HANG, MAIL_RESET, MAIL_HUGE, MAIL_GARBAGE = (
    MailLapse(spoil=one) for one in (MailSpoil.HANG_EARLY, MailSpoil.RESET, MailSpoil.HUGE, MailSpoil.GARBAGE)
)


@dataclass
class NotifierRig(ABC):
    """One kind. `knows_again`: what is told twice is one message there, as people see it.

    `can_change`: it keeps one message up to date; else each notable letter is a message. `has_refusals` are what its
    service may answer, by name. `overlong` is an answer without end, `garbage` none that it understands.
    """

    folder: Path
    knows_again: bool = True
    can_change: bool = False
    secrets: tuple[str, ...] = ()
    refusals: Mapping[str, Refusal] = field(default_factory=lambda: HTTP_REFUSALS)
    hang: Any = HANG
    drip: Any = DRIP
    reset_after_accept: Any = RESET
    overlong: Any = HUGE
    garbage: Any = GARBAGE
    redirect: Any = REDIRECT
    is_sure_after_hang: bool = False
    sums_up: bool = True
    opened: Opened | None = None

    @property
    @abstractmethod
    def server(self) -> Any:
        """It is started and stopped, and has `lapses` and `standing`."""

    @abstractmethod
    def options(self) -> BaseModel:
        """Settings that lead to the server."""

    @abstractmethod
    def messages(self) -> list[str]:
        """All that people see there, one text a message, as the service shows it."""

    def of_incidents(self) -> list[str]:
        """Those that stand for an incident, or for news of it."""
        return self.messages()

    @property
    def kind(self) -> str:
        """The kind that it is for."""
        return next(kind for kind, rig in RIGS.items() if rig is type(self))

    @property
    def attempts(self) -> int:
        """How often something arrived there."""
        return len(self.server.requests)

    def links(self) -> list[str]:
        """What people could click on that does not lead to the agent."""
        return [link for text in self.messages() for link in _LINKS.findall(text) if not link.startswith(LINK_BASE)]

    def pings(self) -> list[str]:
        """Who would be called by name."""
        return [ping for text in self.messages() for ping in _PINGS.findall(text)]

    def make(self) -> Opened:
        """A notifier of it."""
        return BUILTIN[self.kind](self.options(), ClientOptions(max_bytes=65536))

    def open(self) -> Opened:
        """One that stays."""
        self.opened = self.make()
        return self.opened

    def forget(self) -> None:
        """Let the service be as new, and well."""
        self.server.lapses.clear()
        self.server.standing = None
        self.server.forget()

    def secret_file(self, name: str, content: str) -> Path:
        """A file that holds it."""
        path = self.folder / name
        path.write_text(f"{content}\n")
        return path


@dataclass
class HookServer(ScriptedHttp):
    """Somebody's own service that takes webhooks, and knows one by its Idempotency-Key."""

    taken: dict[str, object] = field(default_factory=dict)

    def forget(self) -> None:
        """All webhooks."""
        self.taken.clear()

    def heard(self, request: Request) -> Reply:
        """A webhook."""
        self.taken.setdefault(request.headers["idempotency-key"], request.json)
        return 200, {"ok": True}

    def refused(self, status: int) -> object:
        """All that it was told, its headers too."""
        return {"error": status, "heard": [dict(request.headers) for request in self.requests[-1:]]}


@dataclass
class WebhookRig(NotifierRig):
    """JSON is data: nobody is shown it, so nothing in it links or pings."""

    service: HookServer = field(default_factory=HookServer)
    secrets: tuple[str, ...] = ("s3cret-of-the-signature", "s3cret-of-the-header")

    @property
    def server(self) -> HookServer:
        """The service."""
        return self.service

    def options(self) -> WebhookOptions:
        """Signed, and with a header of its own."""
        signature, header = self.secrets
        return WebhookOptions(
            url=f"{self.service.url}/hook",
            secret_file=self.secret_file("signature", signature),
            header_files={"Authorization": self.secret_file("header", header)},
        )

    def messages(self) -> list[str]:
        """All that they say."""
        return ["\n".join(_texts(body)) for body in self.service.taken.values()]

    def links(self) -> list[str]:
        """None."""
        return []

    def pings(self) -> list[str]:
        """None."""
        return []


@dataclass
class PagerDutyRig(NotifierRig):
    """Its incidents, with all that they show."""

    service: PagerDutyServer = field(default_factory=PagerDutyServer)
    can_change: bool = True
    secrets: tuple[str, ...] = (pagerduty_server.KEY,)
    refusals: Mapping[str, Refusal] = field(default_factory=lambda: KEYED_REFUSALS)

    @property
    def server(self) -> PagerDutyServer:
        """The service."""
        return self.service

    def options(self) -> PagerDutyOptions:
        """By the key."""
        return PagerDutyOptions(routing_key_file=self.secret_file("key", self.secrets[0]), url=self.service.url)

    def messages(self) -> list[str]:
        """Summary and details of each."""
        return ["\n".join(_texts(one.payload)) for one in self.service.shown]


MAIL_REFUSALS: Mapping[str, Refusal] = {
    "421 at the greeting": Refusal(MailLapse({"GREETING": "421 4.3.2 too busy"}), Failure.SERVER),
    "554 at the greeting": Refusal(MailLapse({"GREETING": "554 5.7.1 not you"}), Failure.AUTH),
    "550 to the sender": Refusal(MailLapse({"MAIL": "550 5.7.1 not from there"}), Failure.AUTH),
    "535 to the login": Refusal(MailLapse({"AUTH": "535 5.7.8 bad: %s"}), Failure.AUTH),
    "454 to the login": Refusal(MailLapse({"AUTH": "454 4.7.0 later"}), Failure.SERVER),
    "530 to the sender": Refusal(MailLapse({"MAIL": "530 5.7.0 log in first"}), Failure.AUTH),
    "450 to the recipient": Refusal(MailLapse({"RCPT": "450 4.2.1 greylisted"}), Failure.SERVER),
    "550 to the recipient": Refusal(MailLapse({"RCPT": "550 5.1.1 no such user"}), Failure.REFUSED),
    "452 to the data": Refusal(MailLapse({".": "452 4.3.1 no space"}), Failure.SERVER),
    "552 to the data": Refusal(MailLapse({".": "552 5.3.4 too big"}), Failure.REFUSED),
}


@dataclass
class EmailRig(NotifierRig):
    """A server without TLS on this machine; with TLS see tests/unit/clients/test_email.py."""

    service: SmtpServer = field(default_factory=lambda: SmtpServer(wants_login=True))
    secrets: tuple[str, ...] = (smtp_server.LOGIN[1],)
    refusals: Mapping[str, Refusal] = field(default_factory=lambda: MAIL_REFUSALS)
    hang: Any = MAIL_HANG
    drip: Any = MAIL_HANG
    reset_after_accept: Any = MAIL_RESET
    overlong: Any = MAIL_HUGE
    garbage: Any = MAIL_GARBAGE
    redirect: Any = None
    is_sure_after_hang: bool = True

    @property
    def server(self) -> SmtpServer:
        """The service."""
        return self.service

    @property
    def attempts(self) -> int:
        """Conversations."""
        return self.service.conversations

    def options(self) -> EmailOptions:
        """With a login, to two."""
        return EmailOptions.model_validate(
            {
                "host": "127.0.0.1",
                "port": self.service.port,
                "security": "plain",
                "login": {"username": smtp_server.LOGIN[0], "password_file": self.secret_file("pw", self.secrets[0])},
                "from": "aether@example.org",
                "to": ["ops@example.org", "boss@example.org"],
            }
        )

    def messages(self) -> list[str]:
        """Subject and text of each."""
        return [f"{one['subject']}\n{one.get_content()}" for one in self.service.shown]


@dataclass
class NtfyServer(ScriptedHttp):
    """ntfy, which takes JSON: https://docs.ntfy.sh/publish/#publish-as-json. It knows no message again."""

    taken: list[Mapping[str, Any]] = field(default_factory=list)

    def forget(self) -> None:
        """All messages."""
        self.taken.clear()

    def heard(self, request: Request) -> Reply:
        """A message."""
        message = request.json
        if not isinstance(message, dict) or message.get("topic") != "ops":
            return 400, {"code": 40009, "http": 400, "error": "invalid request: topic invalid"}
        self.taken.append(message)
        return 200, {"id": f"m{len(self.taken)}", "event": "message", **message}

    def refused(self, status: int) -> object:
        """Its form of a no."""
        return {"code": status * 100 + 1, "http": status, "error": "no", "link": "https://ntfy.sh/docs/"}


@dataclass
class AppriseRig(NotifierRig):
    """Apprise towards an ntfy of one's own."""

    service: NtfyServer = field(default_factory=NtfyServer)
    knows_again: bool = False
    secrets: tuple[str, ...] = ("tk_s3cretofntfy0123456789abcdef",)

    @property
    def server(self) -> NtfyServer:
        """The service."""
        return self.service

    def options(self) -> AppriseOptions:
        """By a token."""
        url = f"ntfy://{self.secrets[0]}@127.0.0.1:{self.service.port}/ops?auth=token"
        return AppriseOptions(urls_file=self.secret_file("urls", url))

    def messages(self) -> list[str]:
        """Title and text of each."""
        return [f"{one.get('title', '')}\n{one['message']}" for one in self.service.taken]


@dataclass
class _ContractGrafana(ScriptedHttp):
    """Grafana with the lapses of the contract, which are for what is written: a look changes nothing."""

    grafana: GrafanaServer = field(default_factory=GrafanaServer)

    def forget(self) -> None:
        """All annotations."""
        self.grafana.annotations.clear()

    def heard(self, request: Request) -> Reply:
        """As Grafana does."""
        parts = urlsplit(request.path)
        body = json.loads(request.body) if request.body else None
        heard = Heard(request.method, parts.path, parse_qs(parts.query), request.headers, body)
        return self.grafana.answer_to(heard)

    def refused(self, status: int) -> object:
        """All that it was told, its headers too."""
        return {"message": f"no: {dict(self.requests[-1].headers)}", "status": status}

    async def _answered(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method != "GET":
            await super()._answered(request, writer)
            return
        kept, self.lapses = self.lapses, deque()
        try:
            await super()._answered(request, writer)
        finally:
            self.lapses = kept


@dataclass
class GrafanaRig(NotifierRig):
    """Annotations of the organisation, as a browser shows them."""

    service: _ContractGrafana = field(default_factory=_ContractGrafana)
    can_change: bool = True
    sums_up: bool = False
    secrets: tuple[str, ...] = (grafana_server.TOKEN,)
    refusals: Mapping[str, Refusal] = field(default_factory=lambda: KEYED_REFUSALS)

    @property
    def server(self) -> _ContractGrafana:
        """The service."""
        return self.service

    @property
    def attempts(self) -> int:
        """Writes: it is looked before."""
        return sum(one.method != "GET" for one in self.service.requests)

    def options(self) -> GrafanaOptions:
        """By a token."""
        return GrafanaOptions(url=self.service.url, token_file=self.secret_file("token", self.secrets[0]))

    def messages(self) -> list[str]:
        """The text of each, with what is no text taken for what a browser takes it for."""
        return [one["text"] for one in self.service.grafana.annotations.values()]

    def of_incidents(self) -> list[str]:
        """The regions, without the points of what was done."""
        return [one["text"] for one in self.service.grafana.annotations.values() if REGION in one["tags"]]


SLACK_REFUSALS: Mapping[str, Refusal] = {
    "429 with Retry-After": Refusal("429", Failure.RATE_LIMITED, is_unsure=False, wait=120.0),
    "500": Refusal("500", Failure.SERVER, is_unsure=True),
    **{
        word: Refusal(word, Failure.AUTH, is_unsure=False) for word in ("invalid_auth", "not_in_channel", "is_archived")
    },
    "internal_error": Refusal("internal_error", Failure.SERVER, is_unsure=True),
    "a new word": Refusal("a_word_of_next_year", Failure.SERVER, is_unsure=False),
    "no_text": Refusal("no_text", Failure.REFUSED, is_unsure=False),
}


@dataclass
class SlackRig(NotifierRig):
    """A channel; `messages` are without the replies in its threads. What is `plain_text` neither links nor pings."""

    service: SlackServer = field(default_factory=SlackServer)
    can_change: bool = True
    secrets: tuple[str, ...] = (slack_server.BOT_TOKEN, slack_server.APP_TOKEN)
    refusals: Mapping[str, Refusal] = field(default_factory=lambda: SLACK_REFUSALS)
    hang: Any = "hang"
    drip: Any = "drip"
    reset_after_accept: Any = "reset after accept"
    overlong: Any = "huge"
    garbage: Any = "garbage"
    redirect: Any = "redirect"

    @property
    def server(self) -> SlackServer:
        """The service."""
        self.service.retry_after = "120"
        return self.service

    def options(self) -> SlackOptions:
        """With buttons, which nobody hears here."""
        bot, app = self.secrets
        files = {"bot_token_file": self.secret_file("bot", bot), "app_token_file": self.secret_file("app", app)}
        return SlackOptions(channel=slack_server.CHANNEL, url=self.service.url, **files)

    def make(self) -> Opened:
        """One that does not wait between two messages."""
        client = SlackClient(self.options())
        return Opened(SlackNotifier(client, has_buttons=True, spacing=0.0), client.aclose)

    def messages(self) -> list[str]:
        """All texts of each."""
        return ["\n".join(_texts(one["blocks"])) for one in self.service.messages]

    def links(self) -> list[str]:
        """Of what Slack reads mark-up in."""
        return [link for link in _LINKS.findall("\n".join(self._marked_up())) if not link.startswith(LINK_BASE)]

    def pings(self) -> list[str]:
        """The same."""
        return _PINGS.findall("\n".join(text for text in self._marked_up() if "<" in text))

    def _marked_up(self) -> list[str]:
        """Every text of the kind `mrkdwn`, and what stands between < and > in the lines for notifications."""
        said = [
            *self.service.messages,
            *(one for each in self.service.messages for one in self.service.replies(each["ts"])),
        ]
        notices = [found for one in said for found in re.findall(r"<[^>]*>?", one["text"])]
        return [*notices, *(text for one in said for text in _mrkdwn(one["blocks"]))]


RIGS: Mapping[str, type[NotifierRig]] = {
    "apprise": AppriseRig,
    "email": EmailRig,
    "grafana": GrafanaRig,
    "pagerduty": PagerDutyRig,
    "slack": SlackRig,
    "webhook": WebhookRig,
}


def _mrkdwn(value: object) -> list[str]:
    match value:
        case {"type": "mrkdwn", "text": str(text)}:
            return [text]
        case Mapping():
            return [text for inner in value.values() for text in _mrkdwn(inner)]
        case list():
            return [text for inner in value for text in _mrkdwn(inner)]
        case _:
            return []


def _texts(value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case Mapping():
            return [text for key, inner in value.items() for text in (str(key), *_texts(inner))]
        case list():
            return [text for inner in value for text in _texts(inner)]
        case _:
            return []
