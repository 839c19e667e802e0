"""How the CRM logs: one line an event, to standard error, control characters escaped.

`__main__` calls it once, before anything else logs. uvicorn's own loggers go through the same handler.
"""

import logging
import sys

_LINE = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"
_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code not in (9, 10)}


class OneLine(logging.Formatter):
    """Formats a record so that nobody's text can forge a second event."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback keeps its own lines, the message may not break."""
        message = record.getMessage().replace("\n", "\\n")
        record.msg, record.args = message, None
        return super().format(record).translate(_ESCAPED)


def configure(level: str) -> None:
    """Send all logging of this process to standard error at the given level."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(_LINE, datefmt="%Y-%m-%d %H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("uvicorn.access").disabled = True  # metrics count requests; a line each would fill the disk
    for noisy in ("httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
