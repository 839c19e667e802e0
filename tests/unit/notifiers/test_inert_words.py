"""Words from outside do nothing where plain text is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherlink.notifiers.inert import inert


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("CrmApiDown on crm:8000", "CrmApiDown on crm:8000"),
        ("a\r\nBcc: evil", "a Bcc: evil"),
        ("\x1b[2J\u202egnp.exe", "[2J gnp.exe"),
        ("http://evil", "http:\u200b//evil"),
        ("WWW.evil", "WWW\u200b.evil"),
        ("@here <!channel> <@U1>", "@\u200bhere <\u200b!channel> <\u200b@\u200bU1>"),
        ("[Approve](http://evil)", "[Approve]\u200b(http:\u200b//evil)"),
        ("p99 < 3 s, a @ b", "p99 < 3 s, a @ b"),
        ("e\u0301" + "\u0301" * 50, "e" + "\u0301" * 4),
    ],
)
def test_what_would_do_something_is_broken_and_the_rest_stays(text: str, shown: str) -> None:
    assert inert(text) == shown


def test_what_is_too_long_is_cut_and_that_is_said() -> None:
    cut = inert("x" * 5000, 100)

    assert len(cut) == 100
    assert cut.endswith("... (cut)")
    assert inert("y" * 100, 100) == "y" * 100


@given(st.text(max_size=300))
def test_nothing_ever_has_a_second_line_or_what_cannot_be_seen(text: str) -> None:
    shown = inert(text).replace("\u200b", "")

    assert "\n" not in shown
    assert shown.isprintable()
    assert len(inert(text)) <= 1000
