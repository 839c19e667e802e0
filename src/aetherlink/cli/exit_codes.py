"""The exit codes of all commands, and the words for them below each command's help.

0 well. 1 no: a check failed, or the agent refused. 2 what was typed, or the settings, cannot be used. 3 something is
out of reach. 130 Ctrl-C, 141 the reader of a pipe went away: as the shell says of every program.
"""

from collections.abc import Mapping

FAILED = 1
READER_GONE = 141
_BEGIN = "Exit codes: "
BY_SIGNAL: Mapping[int, str] = {130: "Ctrl-C", READER_GONE: "whoever read the output went away"}
"""Those that every command has."""
_ASKING = {0: "done", 1: "the agent refused", 2: "usage, settings, or no such thing", 3: "the agent is out of reach"}


def asking(otherwise: Mapping[int, str] | None = None) -> str:
    """Of a command that asks a running agent; `otherwise` is what some codes mean with this one."""
    return told({**_ASKING, **(otherwise or {})})


def told(codes: Mapping[int, str]) -> str:
    """The words for these codes."""
    return _BEGIN + "; ".join(f"{code} {words}" for code, words in codes.items()) + "."


def codes_in(words: str | None) -> set[int]:
    """The codes that words as above tell of."""
    if not words or not words.startswith(_BEGIN):
        return set()
    parts = words.removeprefix(_BEGIN).rstrip(".").split("; ")
    return {int(part.split(" ", 1)[0]) for part in parts}
