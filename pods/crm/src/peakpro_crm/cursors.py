"""Paging cursors: a position in the list as an opaque, URL-safe word, and back.

The API hands them out and reads them in; what comes in is a stranger's text and checked as such.
"""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from uuid import UUID

from peakpro_crm.errors import CursorError
from peakpro_crm.model import Position

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def encode(position: Position) -> str:
    """Return the cursor for a position: microseconds since 1970 and the id."""
    micros = (position.created_at - _EPOCH) // _MICROSECOND
    return base64.urlsafe_b64encode(f"{micros}.{position.id.hex}".encode()).decode().rstrip("=")


def decode(cursor: str) -> Position:
    """Return the position of a cursor; raise CursorError for anything `encode` did not make."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        micros, _, identity = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii").partition(".")
        position = Position(created_at=_EPOCH + int(micros) * _MICROSECOND, id=UUID(hex=identity))
    except (ValueError, OverflowError, binascii.Error) as error:
        raise CursorError("the cursor is not one of ours: send next_cursor exactly as it was answered") from error
    if encode(position) != cursor:
        raise CursorError("the cursor is not one of ours: send next_cursor exactly as it was answered")
    return position
