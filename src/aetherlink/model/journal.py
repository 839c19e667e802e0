"""The journal of what was received, as it came."""

from datetime import datetime
from typing import NamedTuple

from aetherlink.model.ids import SourceName


class JournalBody(NamedTuple):
    """One webhook's body: when it was received, of which source, its bytes."""

    at: datetime
    source: SourceName
    body: bytes
