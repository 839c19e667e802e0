"""Logs: the seed's line format by default, JSON by a setting; one event is one line, whatever it carries.

Called once by the app at the start; every other module only asks `logging.getLogger("aetherlink.ROOM")`.
"""

import logging
import sys
from collections.abc import MutableMapping
from enum import StrEnum

import structlog

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
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last], foreign_pre_chain=shared
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells its context at every look at the schema
    logging.getLogger("httpx").setLevel(logging.WARNING)  # one line a request would drown the agent's own


def render_line(_logger: object, _method: str, event: MutableMapping[str, object]) -> str:
    """The seed's form: `2025-11-02 20:06:26 - aetherlink.health - INFO - Health score: 85.50`, then key=value pairs."""
    head = [str(event.pop(key, "")) for key in ("timestamp", "logger")]
    level = str(event.pop("level", "")).upper()
    words = [str(event.pop("event", "")), *(f"{key}={value}" for key, value in event.items())]
    return one_line(" - ".join([*head, level, " ".join(words)]))


def one_line(text: str) -> str:
    """The text with every control character escaped, so that nothing in it can start a new line or drive a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
