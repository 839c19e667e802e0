"""Somebody's YAML as it may be shown: its form, and none of what may be secret in it. Pure.

Receivers and scrape jobs hold passwords, keys and addresses that are as good as keys, in every form that YAML has, and
in comments. So of them only keys are shown. Routes hold names and matchers: there only what looks like a secret is
hidden.
"""

import re
from collections.abc import Iterator, Sequence

import yaml

HIDDEN = "..."
_WORD = r"url|uri|passw|secret|token|key|credential|dsn|auth|header|cookie|bearer"
_KEY = re.compile(rf"""(?i)[\w.-]*(?:{_WORD})[\w.-]*(?<!_file)["']?\s*[:=]""")
_SECRET_COMMENT = re.compile(rf"(?i)(?:^|\s)#.*(?:{_WORD})")
_LOGIN = re.compile(r"://[^\s/@]*@")
_PATH = re.compile(r"(://[^\s/'\"]+)/[^\s'\",\]}]+")
_DASHES = re.compile(r"\s*(?:-\s+)*(?:-$)?")


def keys_only(text: str) -> list[str]:
    """The lines with their keys and dashes, and `...` for the rest. Of what is no YAML nothing is left."""
    ends = _ends_of_keys(text)
    return [_bare(line, ends.get(number)) for number, line in enumerate(text.splitlines())]


def without_secrets(lines: Sequence[str]) -> list[str]:
    """The lines without what looks like a secret, by its key or by its form, and without all below such a key."""
    return list(_careful(lines))


def of_configuration(text: str) -> list[str]:
    """The lines of a configuration of Alertmanager or Prometheus: with keys only, but for `route`."""
    shown, within = keys_only(text), route_lines(text)
    lines = text.splitlines()
    shown[within.start : within.stop] = without_secrets(lines[within.start : within.stop])
    return shown


def route_lines(text: str) -> range:
    """Where `route` stands, with its key; empty where there is none."""
    lines = text.splitlines()
    first = next((number for number, line in enumerate(lines) if re.match(r"route\s*:", line)), len(lines))
    for number in range(first + 1, len(lines)):
        if lines[number].strip() and not lines[number].startswith((" ", "-")):
            return range(first, number)
    return range(first, len(lines))


def _ends_of_keys(text: str) -> dict[int, int]:
    """For each line that begins with a key the column after it."""
    ends: dict[int, int] = {}
    try:
        is_key = False
        for token in yaml.scan(text, yaml.SafeLoader):
            if is_key and isinstance(token, yaml.ScalarToken):
                ends.setdefault(token.start_mark.line, token.end_mark.column)
            is_key = isinstance(token, yaml.KeyToken)
    except yaml.YAMLError:
        return {}
    return ends


def _bare(line: str, end: int | None) -> str:
    dashes = _DASHES.match(line)
    head = line if dashes is None else line[: dashes.end()]
    rest = line[len(head) :]
    if not rest:
        return line
    if rest.startswith("#"):
        return f"{head}# {HIDDEN}"
    if end is None or not re.fullmatch(r"""["']?[\w.-]+["']?""", line[len(head) : end]):
        return f"{head}{HIDDEN}"
    return f"{line[:end]}:" + (f" {HIDDEN}" if line[end:].strip(" :") else "")


def _careful(lines: Sequence[str]) -> Iterator[str]:
    above: int | None = None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        is_below = above is not None and (indent > above or (line[indent:].startswith("-") and indent == above))
        if is_below and line.strip():
            yield f"{line[:indent]}{HIDDEN}"
            continue
        above = above if not line.strip() else None
        found, comment = _KEY.search(line), _SECRET_COMMENT.search(line)
        if comment is not None and (found is None or comment.start() < found.start()):
            at = line.index("#", comment.start())
            yield f"{line[:at]}# {HIDDEN}"
        elif found is not None:
            dashes = _DASHES.match(line)
            above = indent if dashes is None else dashes.end()
            yield line[: found.end()] + (f" {HIDDEN}" if line[found.end() :].strip() else "")
        else:
            yield _PATH.sub(rf"\1/{HIDDEN}", _LOGIN.sub(f"://{HIDDEN}@", line))
