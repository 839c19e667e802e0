"""Every pair of text and ground that the style sheet makes can be read: a contrast of 4.5, as WCAG's AA asks for."""

import re
from pathlib import Path

import pytest

SHEET = (Path(__file__).parents[3] / "src/aetherlink/console/assets/page.css").read_text()
TEXTS = ("ink", "soft", "link", "bad", "warn", "info", "good", "vip")
GROUNDS = ("ground", "paper", "raised")
TINTED = {
    "bad-ground": ("ink", "soft", "bad", "link"),
    "warn-ground": ("ink", "soft", "warn", "link"),
    "good-ground": ("ink", "good", "link"),
    "info-ground": ("ink", "info"),
    "strong": ("on-strong",),
}
LINES = ("line", "edge", "veil")


def colours(scheme: str) -> dict[str, str]:
    pairs = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6,8}), (#[0-9a-f]{6,8})\);", SHEET)
    return {name: light if scheme == "light" else dark for name, light, dark in pairs}


def luminance(colour: str) -> float:
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(scheme: str) -> None:
    found = colours(scheme)
    pairs = [(text, ground) for ground in GROUNDS for text in TEXTS]
    pairs += [(text, ground) for ground, texts in TINTED.items() for text in texts]

    weak = {pair: contrast(found[pair[0]], found[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}


def test_both_schemes_have_the_same_colours_and_no_rule_names_another() -> None:
    rules = SHEET.split("* { box-sizing", 1)[1]

    assert set(colours("light")) == {*TEXTS, *GROUNDS, *TINTED, *LINES, "on-strong"}
    assert set(re.findall(r"var\(--([\w-]+)\)", rules)) - {"mono", "round"} <= set(colours("light"))
    assert re.findall(r"#[0-9a-f]{3,6}\b|rgba?\(", rules) == []


def test_the_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
