"""Where things stand in a YAML file of somebody else, and lines put into it: whatever is there stays as it is.

Nothing is ever dumped anew: comments, order and form of the file are its owner's. What cannot be edited by adding lines
is refused. Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from aetherlink.errors import AetherError

LARGEST_FILE = 1 << 20  # bytes
_DEEPEST = 50


class CannotEditError(AetherError):
    """The file cannot be edited safely."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a block mapping with what stands after it."""

    key: yaml.ScalarNode
    value: yaml.Node

    @property
    def line(self) -> int:
        """The line of the key, from 0."""
        return int(self.key.start_mark.line)


@dataclass(frozen=True, slots=True)
class Insertion:
    """Lines that are to stand before a line of the file, from 0; each is without its end."""

    before: int
    lines: tuple[str, ...]


def decoded(content: bytes, name: str) -> str:
    """The text of a file. Raises CannotEditError for what is too large, or no UTF-8."""
    if len(content) > LARGEST_FILE:
        raise CannotEditError(f"{name} has more than {LARGEST_FILE >> 10} KiB")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise CannotEditError(f"{name} is not UTF-8 (byte {problem.start}): save it as UTF-8") from None


def root_of(text: str, name: str) -> yaml.MappingNode:
    """The mapping that the file is. Raises CannotEditError for anything else, and for what is not clear."""
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as problem:
        raise CannotEditError(f"{name} is no YAML{why_unread(problem)}") from None
    if root is None:
        raise CannotEditError(f"{name} is empty")
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise CannotEditError(f"{name} is not written as lines of `key: value`")
    _refuse_what_is_unclear(root, name, frozenset())
    return root


def data_of(text: str, name: str) -> object:
    """What the file says. Raises CannotEditError."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        raise CannotEditError(f"{name} cannot be understood{why_unread(problem)}") from None


def why_unread(problem: Exception) -> str:
    """Where and why a file was not read. Its own words are left out, as they may be secret."""
    mark = getattr(problem, "problem_mark", None)
    where = "" if mark is None else f" on line {mark.line + 1}"
    if isinstance(problem, RecursionError):
        return f"{where}: it is nested too deeply"
    if isinstance(problem, UnicodeDecodeError):
        return f": it is not UTF-8 (byte {problem.start})"
    if isinstance(problem, OSError):
        return f": {problem.strerror or 'it cannot be opened'}"
    return f"{where}: {getattr(problem, 'problem', None) or 'it has values that cannot be read'}"


def entry(node: yaml.MappingNode, key: str) -> Entry | None:
    """The entry of this key; None when there is none."""
    return next((Entry(one, value) for one, value in node.value if one.value == key), None)


def block_list(text: str, found: Entry, what: str) -> yaml.SequenceNode:
    """What stands after the key, if it is a list of lines with dashes. Raises CannotEditError for other forms."""
    _refuse_sharing(text, found, what)
    node = found.value
    if not isinstance(node, yaml.SequenceNode) or node.flow_style or not node.value:
        raise CannotEditError(f"`{what}` (line {found.line + 1}) is not written as lines that begin with a dash")
    return node


def block_mapping(text: str, found: Entry, what: str) -> yaml.MappingNode:
    """What stands after the key, if it is written as lines of `key: value`. Raises CannotEditError for other forms."""
    _refuse_sharing(text, found, what)
    node = found.value
    if not isinstance(node, yaml.MappingNode) or node.flow_style or not node.value:
        raise CannotEditError(f"`{what}` (line {found.line + 1}) is not written as lines of `key: value`")
    return node


def is_nothing(node: yaml.Node) -> bool:
    """Whether nothing stands after the key."""
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null" and not node.value


def line_after(node: yaml.Node, lines: Sequence[str]) -> int:
    """The line after the last one of the node, from 0; comments that stand deeper than it belong to it."""
    last = max(_last_lines(node, lines))
    depth = node.start_mark.column
    after = last + 1
    for number in range(last + 1, len(lines)):
        line = lines[number].strip()
        indent = len(lines[number]) - len(lines[number].lstrip())
        if line.startswith("#") and indent > depth:
            after = number + 1
        elif line:
            break
    return after


def with_lines(text: str, insertions: Sequence[Insertion]) -> str:
    """The text with these lines in it, each ended as the file ends its lines."""
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True) if "\r" not in text.replace("\r\n", "") else None
    if lines is None or any(mark in text for mark in "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"):
        raise CannotEditError("the file ends its lines in an unusual way")
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += end
    for one in sorted(insertions, key=lambda each: -each.before):
        lines[one.before : one.before] = [f"{line}{end}" for line in one.lines]
    return "".join(lines)


def _last_lines(node: yaml.Node, lines: Sequence[str]) -> Iterator[int]:
    """The last line of everything in the node."""
    match node:
        case yaml.MappingNode() if not node.flow_style:
            for key, value in node.value:
                yield key.end_mark.line
                if _stands_after(key, value):
                    yield from _last_lines(value, lines)
        case yaml.SequenceNode() if not node.flow_style:
            yield node.start_mark.line
            for value in node.value:
                if _stands_after(node, value):
                    yield from _last_lines(value, lines)
        case yaml.ScalarNode() if node.style in ("|", ">"):
            yield _last_of_block(node, lines)
        case _:
            yield node.end_mark.line


def _stands_after(before: yaml.Node, node: yaml.Node) -> bool:
    """False for an alias: what it stands for was written somewhere above."""
    return bool(node.start_mark.index >= before.start_mark.index)


def _last_of_block(node: yaml.ScalarNode, lines: Sequence[str]) -> int:
    """The last line with text of a `|` or `>` block: its end as YAML sees it lies after what follows."""
    end = int(node.end_mark.line) - (1 if node.end_mark.column == 0 else 0)
    end = min(end, len(lines) - 1)
    while end > node.start_mark.line and not lines[end].strip():
        end -= 1
    return end


def _refuse_sharing(text: str, found: Entry, what: str) -> None:
    """An anchor there is used elsewhere too, and an alias stands elsewhere: a line here would change more than this."""
    between = text[found.key.end_mark.index : found.value.start_mark.index]
    is_alias = found.value.start_mark.index < found.key.end_mark.index
    start = found.value.start_mark.index
    if is_alias or "&" in _without_comments(between) or text[start : start + 1] in "&*!":
        raise CannotEditError(f"`{what}` (line {found.line + 1}) is shared by an anchor, or has a tag")


def _without_comments(text: str) -> str:
    return "".join(line.partition("#")[0] for line in text.splitlines())


def _refuse_what_is_unclear(node: yaml.Node, name: str, around: frozenset[int], depth: int = 0) -> None:
    if depth > _DEEPEST or id(node) in around:
        raise CannotEditError(f"{name} is nested too deeply")
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise CannotEditError(f"{name} has the key `{twice}` twice (line {node.start_mark.line + 1})")
        below = [value for _, value in node.value]
    else:
        below = list(node.value) if isinstance(node, yaml.SequenceNode) else []
    for each in below:
        _refuse_what_is_unclear(each, name, around | {id(node)}, depth + 1)
