"""How the outside sources are doing, as the agent last saw them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from aetherlink.model.ids import SourceName


class SourceKind(StrEnum):
    """What a source offers."""

    PROMETHEUS = "prometheus"
    ALERTMANAGER = "alertmanager"


@dataclass(frozen=True, slots=True)
class SourceState:
    """One source, of one kind: whether it answered when last asked (None: not asked yet), and its last error."""

    source: SourceName
    kind: SourceKind
    is_up: bool | None
    checked_at: datetime | None = None
    detail: str = ""
