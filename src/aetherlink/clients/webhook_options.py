"""Settings of a webhook that the agent sends."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Url


class WebhookOptions(BaseModel):
    """JSON by HTTP, signed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Url = Field(description="Where it is sent by POST. Shown in messages: a secret belongs into secret_file.")
    secret_file: Path | None = Field(
        default=None,
        description="A file that holds the secret of the signature: the header X-AetherLink-Signature is then "
        "`sha256=` and the HMAC of the time in X-AetherLink-Time, a dot, and the body.",
    )
