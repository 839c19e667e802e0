"""What somebody may write into a label, as a template writes it: escaped, visible, bounded, and no link elsewhere."""

import html
import unicodedata

import pytest
from markupsafe import Markup

from aetherlink.console import foreign_text
from aetherlink.console.writing import environment
from rigs.hostile_values import ATTACKS

INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
HOSTILE = (
    *ATTACKS,
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a\u202egnp.exe",
    "a\u2066b\u2069",
    "a\u200bb\u200db\u00adc",
    "\ud800",
    "\ue000",
    "Z" + "\u0301" * 50,
    "one\r\ntwo\tthree\N{NO-BREAK SPACE}four",
    "\n" * 500,
    "x" * 1_000_000,
)


def written(value: str) -> str:
    return environment.from_string('<p title="{{ value }}">{{ value }}</p>').render(value=value)


@pytest.mark.parametrize("value", HOSTILE, ids=ascii)
def test_nothing_that_is_written_leaves_its_place_or_hides(value: str) -> None:
    text = written(value)
    inside = text.removeprefix('<p title="').removesuffix("</p>")

    assert inside.count("<") == 0
    assert inside.count('">') == 1
    shown = html.unescape(text)
    assert {unicodedata.category(letter) for letter in shown if letter != "\n"} & INVISIBLE == set()
    assert len(shown) < 3 * 2 * foreign_text.LONGEST
    assert shown.count("\n") < 100


def test_an_escape_stands_where_something_was_hidden() -> None:
    assert foreign_text.visible("a\u202eb\x1b[2J\x00") == r"a\u202eb\x1b[2J\x00"
    assert foreign_text.visible("one\r\ntwo\tthree\N{NO-BREAK SPACE}four") == "one\ntwo three four"
    assert foreign_text.visible("שלום café 日本 e\u0301") == "שלום café 日本 e\u0301"


def test_a_tower_of_accents_falls() -> None:
    assert foreign_text.visible("Z" + "\u0301" * 5) == "Z" + "\u0301" * 3 + r"\u0301\u0301"


def test_what_is_too_long_is_cut_and_says_how_long_it_was() -> None:
    assert foreign_text.cut("x" * 5000, 10) == "x" * 10 + "… (5,000 characters)"
    assert foreign_text.cut("line\n" * 100).count("\n") == 39
    assert foreign_text.cut("short", 10) == "short"


def test_markup_that_a_template_made_stays_and_none_is_nothing() -> None:
    assert foreign_text.shown(Markup("<b>")) == Markup("<b>")
    assert foreign_text.shown(None) == ""
    assert foreign_text.shown(7) == 7


@pytest.mark.parametrize(
    "address",
    [
        "https://wiki.example.com/runbooks/crm?from=alert&x=%20#steps",
        "http://10.0.0.1:3000",
        "http://[2001:db8::1]:80/a",
        "https://grafana.example.com/d/abc/crm?var-tenant=acme-corp",
    ],
)
def test_an_address_of_the_web_is_a_link(address: str) -> None:
    assert foreign_text.is_link(address)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)//https://example.com",
        " https://example.com",
        "https://example.com ",
        "https://example.com\n",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//example.com",
        "https://good.example.com@evil.example.com/",
        "https://user:password@example.com/",
        "https://good.example.com\\@evil.example.com",
        "https://\N{CYRILLIC SMALL LETTER IE}xample.com/",
        "https://example.com/\u202egnp",
        'https://example.com/"onmouseover="alert(1)',
        "https://example.com/<b>",
        "https:///path",
        "https://",
        "https://example.com/" + "x" * 3000,
        "see https://example.com",
        "",
    ],
    ids=ascii,
)
def test_everything_else_is_text(address: str) -> None:
    assert not foreign_text.is_link(address)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("`up == 0` holds", "<code>up == 0</code> holds"),
        ("a `<b>` and `c`", "a <code>&lt;b&gt;</code> and <code>c</code>"),
        ("one ` alone", "one ` alone"),
        ("one ` alone <b>", "one ` alone &lt;b&gt;"),
        ("`\u202e`", r"<code>\u202e</code>"),
        ("", ""),
    ],
)
def test_what_stands_between_backticks_is_code_and_escaped(text: str, written: str) -> None:
    assert str(foreign_text.ticked(text)) == written
