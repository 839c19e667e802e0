"""One event is one line, in the seed's form or as JSON, whatever it carries."""

import json
import logging
import re
from collections.abc import Iterator

import pytest

from aetherlink.lib import logs
from aetherlink.lib.logs import LogFormat


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    """Each test leaves the root logger as it found it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = handlers, level


def test_a_line_looks_as_the_seed_says(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", LogFormat.TEXT)
    logging.getLogger("aetherlink.health").info("Health score: %.2f", 85.5)

    line = capsys.readouterr().err
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - aetherlink\.health - INFO - Health score: 85\.50\n", line)


@pytest.mark.parametrize("text", ["a\nERROR - forged", "a\r\nb", "\x1b[31mred", "a\u2028b", "\u202egnirts"])
def test_nothing_in_an_event_starts_a_new_line_or_drives_a_terminal(
    capsys: pytest.CaptureFixture[str], text: str
) -> None:
    logs.configure("info", LogFormat.TEXT)
    logging.getLogger("aetherlink.incidents").info("ALERT: %s", text)

    line = capsys.readouterr().err
    assert len(line.splitlines()) == 1
    assert line.rstrip("\n").isprintable()


@pytest.mark.parametrize("form", LogFormat)
def test_many_events_at_once_look_as_each_would_alone(capsys: pytest.CaptureFixture[str], form: LogFormat) -> None:
    said = ["ALERT: a", "ALERT: b\nERROR - forged"]
    logs.configure("info", form)
    logger = logging.getLogger("aetherlink.incidents")
    for text in said:
        logger.info("%s", text)
    alone = capsys.readouterr().err
    logs.info_lines(logger, said)

    together = capsys.readouterr().err
    assert len(together.splitlines()) == len(said)
    assert _without_time(together) == _without_time(alone)


def _without_time(lines: str) -> str:
    assert re.search(r"\d\d:\d\d:\d\d", lines)
    return re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+Z)?", "TIME", lines)


def test_an_exception_is_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", LogFormat.TEXT)
    problem = ValueError("first\nsecond")
    logging.getLogger("aetherlink.app").error("stopping failed", exc_info=problem)

    line = capsys.readouterr().err
    assert len(line.splitlines()) == 1
    assert "ValueError" in line


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", LogFormat.JSON)
    logging.getLogger("aetherlink.health").warning("low %d times\nin a row", 2)

    [line] = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert (event["logger"], event["level"], event["event"]) == (
        "aetherlink.health",
        "warning",
        "low 2 times\nin a row",
    )


def test_the_schemas_library_is_silent_as_long_as_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", LogFormat.TEXT)
    logging.getLogger("alembic.runtime.migration").info("Context impl SQLiteImpl.")

    assert capsys.readouterr().err == ""


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", LogFormat.TEXT)
    logging.getLogger("aetherlink.health").info("Health score: 85.50")

    assert capsys.readouterr().err == ""
