"""Settings of what is told through Apprise."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Url


def _check_proxy(url: str) -> str:
    parts = urlsplit(url)
    if parts.path.strip("/") or parts.query:
        raise ValueError(f"{url!r} is not the address of an HTTP proxy: write http://HOST:PORT")
    return url


class AppriseOptions(BaseModel):
    """Microsoft Teams, Telegram, ntfy and what else Apprise knows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    urls_file: Path = Field(
        description="A file that holds Apprise URLs, one a line, 10 at most: they are secrets. Read at the start."
    )
    proxy: Annotated[Url, AfterValidator(_check_proxy)] | None = Field(
        default=None,
        description="An HTTP proxy on the way there, http://HOST:PORT. Proxies in the environment are not read.",
    )
