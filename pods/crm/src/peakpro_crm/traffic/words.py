"""The words of the traffic generator: what a visitor does, and how a request can end.

Frozen values of the standard library only; settings and every module of this package speak in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """What one request is for."""

    CREATE = "create"
    LIST = "list"
    SEARCH = "search"
    READ = "read"
    ADVANCE = "advance"
    CONVERT = "convert"
    STAGES = "stages"


class End(StrEnum):
    """How a request ended: a class of status, or no answer at all."""

    OK = "2xx"
    REFUSED = "4xx"
    FAILED = "5xx"
    ERROR = "error"  # no connection, a broken answer, or no answer in time
    CUT = "cut"  # still waiting when the generator stopped


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request that is due `at` seconds after the start."""

    number: int
    at: float
    tenant: str
    action: Action


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it goes out. `lead_id` is the lead it is about, when it is about one."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    lead_id: str | None = None
