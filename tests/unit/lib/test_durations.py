"""Durations as people write them."""

from datetime import timedelta
from typing import Annotated

import pytest
from pydantic import BaseModel, BeforeValidator, ValidationError

from aetherlink.lib.durations import parse_duration, read_duration


class Holder(BaseModel):
    wait: Annotated[timedelta, BeforeValidator(read_duration)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3s", 3), ("1m30s", 90), ("250ms", 0.25), ("2m500ms", 120.5), ("1d", 86_400), ("60", 60), (" 1.5 ", 1.5)],
)
def test_the_usual_forms_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "-1s", "1s1m", "ten", "nan", "1e9", "9" * 40, "99999d", "1 s"])
def test_anything_else_is_refused_with_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration: write for instance 30s|longer than ten years"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("given", "seconds"), [("45s", 45), (45, 45), (0.5, 0.5), ("45", 45), (timedelta(seconds=7), 7)]
)
def test_a_field_takes_text_numbers_and_timedeltas(given: object, seconds: float) -> None:
    assert Holder.model_validate({"wait": given}).wait == timedelta(seconds=seconds)


@pytest.mark.parametrize("given", [True, -3, float("nan"), "soon", []])
def test_a_field_refuses_the_rest_and_names_itself(given: object) -> None:
    with pytest.raises(ValidationError, match="wait"):
        Holder.model_validate({"wait": given})
