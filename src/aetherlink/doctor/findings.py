"""What a look at one thing came to, in words for people."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How it is. Only a fault makes the whole fail."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    NOT_SET_UP = "not set up"
    NOT_CHECKED = "not checked"
    """What it would have taken was not there, or was not asked for."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: how it is, what was seen, and what to do; `fix` is empty where there is nothing to do."""

    status: Status
    text: str
    fix: str = ""


def ok(text: str) -> Finding:
    """It is as it should be."""
    return Finding(Status.OK, text)


def warning(text: str, fix: str) -> Finding:
    """It works, and not as it should."""
    return Finding(Status.WARNING, text, fix)


def fault(text: str, fix: str) -> Finding:
    """It does not work."""
    return Finding(Status.FAULT, text, fix)


def not_set_up(text: str, fix: str = "") -> Finding:
    """Nobody asked for it."""
    return Finding(Status.NOT_SET_UP, text, fix)


def not_checked(text: str, fix: str = "") -> Finding:
    """Nobody knows."""
    return Finding(Status.NOT_CHECKED, text, fix)
