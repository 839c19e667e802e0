"""The Idempotency-Key header of writing routes: the same key from the same caller is the same request."""

from typing import Annotated

from fastapi import Header

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Any text that is new for a new request: a repeat under it does nothing again.",
    ),
]
