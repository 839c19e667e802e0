"""Paging as all lists have it: ?limit=&cursor= in, {"items", "next_cursor"} out."""

import re
from collections.abc import Sequence
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from aetherlink.errors import BadRequestError

Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
Cursor = Annotated[
    str | None,
    Query(min_length=1, max_length=200, description="The next_cursor of the page before; leave out for the first."),
]
DEFAULT_LIMIT = 50
NUMBER = re.compile(r"[0-9]{1,15}")


def id_with(prefix: str) -> re.Pattern[str]:
    """The form of the cursors of a list whose things have ids with this prefix."""
    return re.compile(rf"{re.escape(prefix)}-[0-9a-z]{{1,40}}")


def checked(cursor: str | None, form: re.Pattern[str]) -> str | None:
    """The cursor, if it has the form that its list gives out. Raises BadRequestError.

    The store would compare whatever it gets: an invented cursor would be answered with the first page, or with none.
    """
    if cursor is not None and form.fullmatch(cursor) is None:
        raise refusal(cursor)
    return cursor


def refusal(cursor: str) -> BadRequestError:
    """What to say to a cursor that the list did not give out."""
    return BadRequestError(f"cursor: {cursor!r} is no cursor of this list: take it from next_cursor")


def part_of(names: Sequence[str], *, limit: int, cursor: str | None) -> tuple[slice, str | None]:
    """Where the page behind the cursor lies in a list that is had as a whole, and the next cursor: one of these names.

    Raises BadRequestError for a cursor that is none of them.
    """
    if cursor is not None and cursor not in names:
        raise refusal(cursor)
    start = 0 if cursor is None else names.index(cursor) + 1
    end = start + limit
    return slice(start, end), names[end - 1] if end < len(names) else None


class Page(BaseModel):
    """What every list has beside its items."""

    next_cursor: str | None = Field(description="Ask for the next page with it; null on the last page.")
