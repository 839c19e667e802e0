"""Settings of a webhook that the agent sends."""

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, SecretStr, model_validator

from aetherlink.clients.source_options import HeaderName, TlsOptions
from aetherlink.lib import templates
from aetherlink.lib.option_types import Url

WORDS = (
    *("version", "event", "at", "key", "id", "headline", "text", "status", "severity", "url", "dashboard"),
    *("incident", "incident.id", "incident.title", "incident.status", "incident.severity", "incident.tenant"),
    *("incident.service", "incident.source", "incident.vip", "incident.opened_at", "incident.resolved_at"),
    *("incident.acknowledged_by", "incident.firing", "incident.labels", "incident.url"),
    *("action", "action.id", "action.verb", "action.target", "action.playbook", "action.state", "action.reason"),
    *("entries", "left_out"),
    *("digest", "digest.id", "digest.began_at", "digest.incidents", "digest.open", "digest.by_severity"),
    *("digest.worst", "digest.url"),
)
"""What `body` may name, and what is sent without it; what an event does not have is null."""

_LABEL = re.compile(r"incident\.labels\.[a-zA-Z_][a-zA-Z0-9_]*")
_OF_THE_AGENT = frozenset({"content-type", "idempotency-key", "x-aetherlink-time", "x-aetherlink-signature"})


def _check_own_header(name: str) -> str:
    if name.lower() in _OF_THE_AGENT:
        raise ValueError(f"{name} is for the agent to set")
    return name.lower()


def _is_known(word: str) -> bool:
    return word in WORDS or _LABEL.fullmatch(word) is not None


OwnHeaderName = Annotated[HeaderName, AfterValidator(_check_own_header)]


class WebhookOptions(BaseModel):
    """JSON by HTTP, signed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Url = Field(description="Where it is sent by POST. Shown in messages: a secret belongs into a file.")
    secret_file: Path | None = Field(
        default=None,
        description="A file that holds the secret of the signature: the header X-AetherLink-Signature is then "
        "`sha256=` and the HMAC of the time in X-AetherLink-Time, a dot, and the body.",
    )
    headers: dict[OwnHeaderName, SecretStr] = Field(
        default_factory=dict, max_length=20, description="Headers beside it. Their values are never shown."
    )
    header_files: dict[OwnHeaderName, Path] = Field(
        default_factory=dict,
        max_length=20,
        description="Headers whose values are secrets, each in a file of one line, such as {Authorization: "
        "/run/secrets/hook}; read at the start.",
    )
    body: JsonValue = Field(
        default=None,
        description="What is sent in place of everything that is known: any JSON, in which a text that is wholly "
        '`"{{ incident.title }}"` has that value put in its place. Words that do not exist are refused.',
    )
    tls: TlsOptions | None = Field(default=None, description="TLS towards the address.")

    @model_validator(mode="after")
    def _body_can_be_filled(self) -> Self:
        if why := templates.problem(self.body, _is_known, WORDS):
            raise ValueError(why)
        return self

    @model_validator(mode="after")
    def _one_value_each(self) -> Self:
        if twice := self.headers.keys() & self.header_files.keys():
            raise ValueError(f"{', '.join(sorted(twice))}: in headers and in header_files: take one of them out")
        return self
