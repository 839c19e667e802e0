"""Paging as all lists have it: ?limit=&cursor= in, {"items", "next_cursor"} out."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
Cursor = Annotated[
    str | None,
    Query(min_length=1, max_length=200, description="The next_cursor of the page before; leave out for the first."),
]
DEFAULT_LIMIT = 50


class Page(BaseModel):
    """What every list has beside its items."""

    next_cursor: str | None = Field(description="Ask for the next page with it; null on the last page.")
