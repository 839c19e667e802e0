"""What nobody would see is escaped, and ordinary words of every language are not."""

import pytest

from aetherlink.lib.hidden import without_hidden


def told(text: str) -> str:
    return without_hidden(text, lambda char: f"<{ord(char):X}>")


@pytest.mark.parametrize(
    "number",
    [
        *(0x00, 0x0A, 0x7F, 0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180E, 0x180F, 0x200B, 0x202E),
        *(0x2065, 0x2800, 0x3164, 0xFE00, 0xFE0F, 0xFEFF, 0xFFA0, 0xFFF0, 0x1D173, 0xE0000, 0xE0041, 0xE0100, 0xE01EF),
        0xE0FFF,
    ],
)
def test_a_character_that_hides_is_escaped_wherever_it_stands(number: int) -> None:
    char, escape = chr(number), f"<{number:X}>"

    assert told(char) == escape
    assert told(f"a{char}b") == f"a{escape}b"
    assert told(f"{char}{char}é{char}") == f"{escape}{escape}é{escape}"


@pytest.mark.parametrize(
    "text", ["", "plain", "Größe 5 µs ✓", "שלום café 日本 한국 e\u0301", "⚠\ufe0f down", "🚨❤\ufe0f"]
)
def test_ordinary_words_and_emoji_stay(text: str) -> None:
    assert told(text) == text


def test_selectors_that_could_carry_a_message_do_not_stay() -> None:
    assert told("⚠\ufe0f\ufe0f") == "⚠\ufe0f<FE0F>"
    assert told("⚠\ufe00\ufe0f") == "⚠<FE00><FE0F>"
    assert told("a\ufe0f.\ufe0f1\ufe0f\u2800\ufe0f") == "a<FE0F>.<FE0F>1<FE0F><2800><FE0F>"
