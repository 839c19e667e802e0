"""What a form on a page sends, read without guessing: the one encoding that browsers use for it, each field once."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi import Request

from aetherlink.errors import BadRequestError

_ENCODING = "application/x-www-form-urlencoded"
_MOST_FIELDS = 20


async def fields_of(request: Request) -> Mapping[str, str]:
    """The fields by name. Raises BadRequestError for what no form of ours sends."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _ENCODING:
        raise BadRequestError(f"this is for the forms of the pages, which send {_ENCODING}")
    body = await request.body()
    try:
        found = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise BadRequestError("the form cannot be read") from None
    return dict(found)
