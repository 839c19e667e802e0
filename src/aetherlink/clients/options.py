"""Bounds that every client keeps towards the outside. Part of the settings; read by the clients only."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Duration

MEBIBYTE = 1024 * 1024


class ClientOptions(BaseModel):
    """How long, how much and how many at a time. None of these bounds can be switched off."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    deadline: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(minutes=10))] = timedelta(seconds=5)
    """Total time for one request, the wait for a free slot and the reading of the answer included. Default 5s."""

    max_bytes: Annotated[int, Field(ge=1024, le=256 * MEBIBYTE)] = 10 * MEBIBYTE
    """The largest answer that is read, in bytes. Default 10485760 (10 MiB)."""

    in_flight: Annotated[int, Field(ge=1, le=100)] = 8
    """Requests to one URL at a time; more of them wait for a slot, within their deadline. Default 8."""
