"""What an assistant is given: data under a warning, to the character, with nothing in it that hides."""

import json

import pytest

from aetherlink.mcp.marking import WARNING, marked
from rigs.hostile_values import ATTACKS

BLANKS = {0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)}
BLANKS |= set(range(0xE0000, 0xE1000))


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_text_is_json_of_what_was_found_and_hides_nothing(attack: str) -> None:
    found = {"labels": {"x": attack}, "texts": [attack, f"a{attack}b"]}

    text, data = marked(found)
    head, _, body = text.partition("\n")

    assert head == WARNING
    assert json.loads(body) == found
    assert all(char.isprintable() or char == "\n" for char in body)
    assert not BLANKS & {ord(char) for char in body}
    seen = data["untrusted"]["labels"]["x"]
    assert all(char.isprintable() or char in "\n\t" for char in seen)
    assert not BLANKS & {ord(char) for char in seen}
    assert seen == attack or not attack.isprintable() or BLANKS & {ord(char) for char in attack}


def test_a_line_end_is_escaped_once_and_an_astral_character_as_json_has_it() -> None:
    text, data = marked({"note": "one\ntwo\U000e0041"})

    assert '"one\\ntwo\\udb40\\udc41"' in text
    assert data["untrusted"] == {"note": "one\ntwo\\udb40\\udc41"}


def test_what_is_too_deep_or_too_long_is_cut_and_says_so() -> None:
    deep: object = "end"
    for _ in range(100):
        deep = [deep]
    text, _ = marked(deep)
    assert "nested too deep" in text

    long, data = marked(["x" * 100] * 1000)
    assert len(long) < 61_000
    assert data["cut"] is True
    assert data["untrusted"] is None
