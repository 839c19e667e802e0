"""Logs: the seed's line format by default, JSON by a setting; one event is one line, whatever it carries.

Called once by the app at the start; every other module only asks `logging.getLogger("aetherlink.ROOM")`.
"""

import atexit
import copy
import logging
import os
import stat
import sys
import time
from collections.abc import MutableMapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any, TextIO

import structlog

from aetherlink.lib.unblocked import UnblockedStream

_LAST_WORDS = 1.0  # seconds that a reader has for them
_TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


class LogFormat(StrEnum):
    """How a log line looks."""

    TEXT = "text"
    JSON = "json"


def configure(level: str, form: LogFormat) -> None:
    """Send everything at or above the level to standard error, in this form."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt=_TIME_FORMAT if form is LogFormat.TEXT else "iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last = structlog.processors.JSONRenderer() if form is LogFormat.JSON else render_line
    handler = logging.StreamHandler(_stream())
    handler.setFormatter(
        _ManyLines(
            form,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells its context at every look at the schema
    for talkative in ("httpx", "mcp"):
        logging.getLogger(talkative).setLevel(logging.WARNING)  # one line a request would drown the agent's own


def _stream() -> TextIO | UnblockedStream:
    """Standard error; where it is no plain file, writing to it must not make the agent wait for a reader."""
    try:
        descriptor = sys.stderr.fileno()
    except OSError:  # it is replaced, by a test say
        return sys.stderr
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return sys.stderr
    stream = UnblockedStream(descriptor)
    atexit.register(stream.drain, _LAST_WORDS)
    return stream


def info_lines(logger: logging.Logger, lines: Sequence[str]) -> None:
    """Log each line as an event of its own, all in one write: one at a time they cost more than what they tell of."""
    if logger.isEnabledFor(logging.INFO):
        logger.info("%s", _Lines(lines))


class _Lines:
    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines

    def __str__(self) -> str:
        return "\n".join(self.lines)


class _ManyLines(structlog.stdlib.ProcessorFormatter):
    """Writes the lines of `info_lines` as so many events."""

    def __init__(self, form: LogFormat, **options: Any) -> None:
        super().__init__(**options)
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        """One line; for `info_lines` as many as there are."""
        [lines] = record.args if isinstance(record.args, tuple) and len(record.args) == 1 else [None]
        if not isinstance(lines, _Lines):
            return super().format(record)
        if self._form is LogFormat.TEXT:
            head = f"{_second(int(record.created))} - {record.name} - {record.levelname} - "
            return "\n".join([head + one_line(line) for line in lines.lines])
        return "\n".join([super(_ManyLines, self).format(_said(record, line)) for line in lines.lines])


@lru_cache(maxsize=2)
def _second(instant: int) -> str:
    return time.strftime(_TIME_FORMAT, time.gmtime(instant))


def _said(record: logging.LogRecord, text: str) -> logging.LogRecord:
    """The same event with other words."""
    said = copy.copy(record)
    said.msg, said.args = text, ()
    return said


def render_line(_logger: object, _method: str, event: MutableMapping[str, object]) -> str:
    """The seed's form: `2025-11-02 20:06:26 - aetherlink.health - INFO - Health score: 85.50`, then key=value pairs."""
    head = [str(event.pop(key, "")) for key in ("timestamp", "logger")]
    level = str(event.pop("level", "")).upper()
    words = [str(event.pop("event", "")), *(f"{key}={value}" for key, value in event.items())]
    return one_line(" - ".join([*head, level, " ".join(words)]))


def one_line(text: str) -> str:
    """The text with every control character escaped, so that nothing in it can start a new line or drive a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
