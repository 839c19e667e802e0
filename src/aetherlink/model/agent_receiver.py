"""Whether a webhook of an Alertmanager delivers to the agent, as far as its address shows it."""

from enum import StrEnum
from urllib.parse import SplitResult, urlsplit

DOOR = "alertmanager"
_PORTS = {"http": 80, "https": 443}


class Delivery(StrEnum):
    """Whether it goes to the agent. Newer Alertmanagers keep addresses to themselves, and some lie in a file."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def delivery(url: str, agent: str | None = None) -> Delivery:
    """By its path, .../alertmanager or .../alertmanager/SOURCE, at the `agent`'s address; None: at any.

    An empty `url` is one that lies in a file.
    """
    if url in ("", "<secret>"):
        return Delivery.UNKNOWN
    parts = _split(url)
    if parts is None or not _is_door(parts.path):
        return Delivery.NO
    return Delivery.YES if agent is None or _is_at(parts, agent) else Delivery.NO


def source_in(url: str) -> str:
    """The SOURCE that the path names; empty where it names none, or leads elsewhere."""
    parts = _split(url)
    words = [] if parts is None else _words(parts.path)
    return words[-1] if len(words) > 1 and words[-2] == DOOR else ""


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # read here, as it may be none
    except ValueError:
        return None
    return parts


def _words(path: str) -> list[str]:
    return path.strip("/").split("/")


def _is_door(path: str) -> bool:
    return DOOR in _words(path)[-2:]


def _is_at(parts: SplitResult, agent: str) -> bool:
    wanted = _split(agent)
    if wanted is None:
        return False
    above = _words(wanted.path) if wanted.path.strip("/") else []
    words = _words(parts.path)
    is_below = words[: len(above)] == above and words[len(above) : len(above) + 1] == [DOOR]
    return is_below and len(words) <= len(above) + 2 and _place(parts) == _place(wanted)


def _place(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
