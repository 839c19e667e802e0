"""Paging cursors, made and read back, and what strangers send as cursors."""

import base64
from datetime import UTC, datetime
from uuid import UUID

import pytest

from peakpro_crm.cursors import decode, encode
from peakpro_crm.errors import CursorError
from peakpro_crm.model import Position

HERE = Position(datetime(2025, 11, 2, 20, 6, 26, 123456, tzinfo=UTC), UUID("3f0c6a2e-6f2f-4a53-9d0e-0d7b1b5c9a11"))


def word(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_a_cursor_leads_back_to_its_position() -> None:
    assert decode(encode(HERE)) == HERE


def test_a_cursor_needs_no_escaping_in_a_url() -> None:
    assert encode(HERE).replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param("", id="nothing"),
        pytest.param("!!!", id="not base64"),
        pytest.param("žluťoučký", id="not ASCII"),
        pytest.param(word("no dot"), id="not a position"),
        pytest.param(word(f"{'9' * 40}.{HERE.id.hex}"), id="after the end of time"),
        pytest.param(word(f"-{'9' * 25}.{HERE.id.hex}"), id="before the beginning of time"),
        pytest.param(word(f"{'9' * 5000}.{HERE.id.hex}"), id="more digits than a number may have"),
        pytest.param(word("1.not-an-id"), id="no id"),
        pytest.param(word(f"+1.{HERE.id.hex}"), id="the same position in another spelling"),
        pytest.param(encode(HERE) + "==", id="with padding"),
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    with pytest.raises(CursorError, match="send next_cursor exactly"):
        decode(cursor)
