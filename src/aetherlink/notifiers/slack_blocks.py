"""Slack's Block Kit, as far as it is used here: each element within Slack's bounds, and all text plain."""

from collections.abc import Iterator, Mapping, Sequence

from aetherlink.notifiers import slack_text

Block = Mapping[str, object]

MOST_BLOCKS = 50
MOST_IN_ALL = 11_000
"""Characters of all texts of a message: Slack refuses some 13,000."""

_MENTIONS = {"U": "<@{}>", "W": "<@{}>", "S": "<!subteam^{}>"}
_LONGEST_HEADER = 150
_LONGEST_FIELD = 300  # of 2,000: what is looked at quickly
_LONGEST_LABEL = 75
_LONGEST_CONFIRMATION = 300
_LONGEST_VALUE = 2000


def plain(text: str, most: int) -> Mapping[str, object]:
    """A text in which nothing is read as mark-up or emoji; line ends in it are our own."""
    return {"type": "plain_text", "text": slack_text.cut(text, most), "emoji": False}


def header(text: str) -> Block:
    """A title, of text from outside."""
    return {"type": "header", "text": plain(slack_text.one_line(text, _LONGEST_HEADER), _LONGEST_HEADER)}


def fields(pairs: Mapping[str, str]) -> Block:
    """Up to ten short values with their names."""
    said = (f"{name}: {slack_text.one_line(value, _LONGEST_FIELD)}" for name, value in pairs.items())
    return {"type": "section", "fields": [plain(text, 2000) for text in said]}


def section(title: str, lines: Sequence[str]) -> Block:
    """A title of ours with lines, each of which is one line already."""
    return {"type": "section", "text": plain("\n".join([title, *lines]), slack_text.LONGEST)}


def sections(title: str, lines: Sequence[str]) -> Iterator[Block]:
    """As `section`, in as many as it takes."""
    gathered: list[str] = []
    for line in (title, *lines):
        if gathered and sum(len(one) + 1 for one in gathered) + len(line) > slack_text.LONGEST:
            yield {"type": "section", "text": plain("\n".join(gathered), slack_text.LONGEST)}
            gathered = []
        gathered.append(line)
    yield {"type": "section", "text": plain("\n".join(gathered), slack_text.LONGEST)}


def link(address: str, words: str) -> Block:
    """A link to an address of the settings and our own ids, in mark-up."""
    text = f"<{address}|{words}>"
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text, "verbatim": True}]}


def mention(names: Sequence[str]) -> Block:
    """Call people and groups that the settings name by their ids: besides the link the one place with mark-up."""
    called = (_MENTIONS.get(name[0], "<!{}>").format(name) for name in names)
    return {"type": "section", "text": {"type": "mrkdwn", "text": " ".join(called), "verbatim": True}}


def context(words: str) -> Block:
    """A line in small letters."""
    return {"type": "context", "elements": [plain(slack_text.one_line(words), slack_text.LONGEST)]}


def button(name: str, words: str, value: str, *, style: str = "", confirm: str = "") -> Mapping[str, object]:
    """A button; `confirm` is what is asked before it counts."""
    made: dict[str, object] = {"type": "button", "action_id": name, "text": plain(words, _LONGEST_LABEL)}
    made["value"] = value[:_LONGEST_VALUE]
    if style:
        made["style"] = style
    if confirm:
        made["confirm"] = {
            "title": plain(words, 100),
            "text": plain(slack_text.one_line(confirm, _LONGEST_CONFIRMATION), _LONGEST_CONFIRMATION),
            "confirm": plain("Yes", 30),
            "deny": plain("No", 30),
        }
    return made


def buttons(name: str, elements: Sequence[Mapping[str, object]]) -> Block:
    """A row of buttons."""
    return {"type": "actions", "block_id": name, "elements": list(elements)}


def question(name: str, words: str) -> Block:
    """A line to write into, which the buttons take along."""
    return {
        "type": "input",
        "block_id": name,
        "optional": True,
        "label": plain(words, 2000),
        "element": {"type": "plain_text_input", "action_id": name, "max_length": 500},
    }


def size(blocks: Sequence[Block]) -> int:
    """The characters of all texts in them."""
    return sum(map(_size, blocks))


def _size(value: object) -> int:
    match value:
        case Mapping():
            return sum(_size(each) for key, each in value.items() if key != "type")
        case list() | tuple():
            return sum(map(_size, value))
        case str():
            return len(value)
        case _:
            return 0
