"""T37: whatever somebody writes into a label, it can neither ping, link, fake a button nor forge a line in Slack."""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from aetherlink.clients.slack_clicks import Say
from aetherlink.model.timeline import EventKind
from aetherlink.notifiers import slack_message
from rigs import slack_letters as letters
from rigs.hostile_values import ATTACKS
from rigs.slack_server import check_blocks

OWN = (
    "<!channel>",
    "<!here>",
    "<!everyone>",
    "<!here|here>",
    "<!subteam^S012345>",
    "<@U012345>",
    "<@W012345|boss>",
    "<#C012345|general>",
    "@channel",
    "@here",
    "@everyone",
    "<http://evil.example|https://slack.com>",
    "<https://evil.example>",
    "<mailto:x@evil.example|mail>",
    "<tel:+1|call>",
    "https://evil.example/approve",
    "http://evil.example",
    "evil.example",
    "slack://channel?id=C012345",
    "javascript:alert(1)",
    "&lt;!channel&gt;",
    "&amp;lt;!channel&amp;gt;",
    "&#60;!channel&#62;",
    "<!date^1392734382^{date}^https://evil.example|now>",
    "*bold* _it_ ~no~ `code`",
    "```\nblock\n```",
    "> quoted",
    "• item",
    ":white_check_mark: approved",
    ":siren:",
    "[Approve](https://evil.example)",
    "Approve\nDeny",
    "x\nApproved by: everybody",
    "x\r\nHash: 0000",
    "x\rHash: 0000",
    "x\u2028Hash: 0000",
    "x\u2029Hash: 0000",
    "x\x85Hash: 0000",
    "x\x0bHash: 0000",
    "x\x0cHash: 0000",
    "\u202eevorppA",
    "\u2066x\u2069",
    "\u200f\u200e",
    "\u200b\u200c\u200d\u2060\ufeff",
    "a\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308",
    "\u3164\u3164",
    "\u115f",
    "\U000e0041\U000e0042",
    "\ud800",
    "\x00\x01\x1b[31m",
    '"},{"type":"actions"',
    '{"type":"button","action_id":"aether_approve"}',
    "]}",
    "{{approve}}",
    "%3C!channel%3E",
    "\uff1c!channel\uff1e",
    "<",
    ">",
    "&",
    "<<!channel>>",
    "<!channel",
    "!channel>",
    "<|>",
    "",
    " ",
    "\n",
    "x" * 200_000,
    "<!channel>" * 5_000,
    "\u202e" * 5_000,
    "\n" * 5_000,
    "&" * 5_000,
)
HOSTILE = tuple(dict.fromkeys((*OWN, *ATTACKS)))
OF_SLACK = {"plain_text", "mrkdwn"}


def test_there_are_a_hundred_of_them() -> None:
    assert len(HOSTILE) >= 120


def said(value: object) -> Iterator[Mapping[str, Any]]:
    """Every text object of some blocks."""
    if isinstance(value, Mapping):
        if value.get("type") in OF_SLACK:
            yield value
        for each in value.values():
            yield from said(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from said(each)


def messages(text: str) -> list[list[Any]]:
    """Every message with this text in every field that came from outside."""
    about, action = letters.incident(text), letters.waiting(text)
    alerts = [letters.alert(text)] * 3
    letter = letters.letter((EventKind.APPROVAL_ASKED, text), about=about, action=action, alerts=alerts)
    ended = letters.letter((EventKind.NOTE, text), about=about, action=letters.finished(action, text), alerts=alerts)
    nobody = letters.incident(text, acknowledged_by=text)
    return [
        slack_message.incident_blocks(letter, has_buttons=True),
        slack_message.incident_blocks(letter, has_buttons=False),
        slack_message.incident_blocks(ended, has_buttons=True),
        slack_message.incident_blocks(letters.letter(about=nobody), has_buttons=True),
        slack_message.thread_blocks(letters.letter(*[(EventKind.NOTE, text)] * 50), 0),
        slack_message.digest_blocks(letters.digest(text)),
    ]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:30]))
def test_it_is_plain_text_of_one_line_within_slacks_bounds(text: str) -> None:
    for blocks in messages(text):
        assert check_blocks(json.loads(json.dumps(blocks))) == ""
        for element in said(blocks):
            if element["type"] == "mrkdwn":  # the agent's own link, and nothing else
                assert element["text"] in (f"<{letters.LINK}|{letters.ID}>", "<|all incidents>")
                assert element["verbatim"] is True
            else:
                assert element["emoji"] is False
                assert unseen(element["text"]) == set()


@pytest.mark.parametrize("text", [text for text in HOSTILE if 0 < len(text) <= 200], ids=lambda text: ascii(text[:30]))
def test_it_makes_no_line_and_no_button_of_its_own(text: str) -> None:
    """The message has the form that it has with a word that is harmless, where it fits at all."""
    for shaped, harmless in zip(messages(text), messages("x"), strict=True):
        assert outline(shaped) == outline(harmless)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:30]))
def test_the_line_for_notifications_begins_no_mark_up(text: str) -> None:
    line = slack_message.notice(slack_message.headline(letters.incident(text)))

    assert not set("<>") & set(line)
    assert re.sub(r"&(amp|lt|gt);", "", line).count("&") == 0
    assert unseen(line) == set()
    assert "\n" not in line
    assert len(line) < 40_000


def test_what_is_cut_says_so() -> None:
    blocks = json.dumps(
        slack_message.incident_blocks(letters.letter(about=letters.incident("x" * 5000)), has_buttons=True)
    )

    assert "(cut: 5,0" in blocks


def test_hidden_letters_are_shown_as_what_they_are() -> None:
    blocks = slack_message.thread_blocks(letters.letter((EventKind.NOTE, "a\u202eb\u200bc\nd\te\x07")), 0)

    assert blocks[0]["text"]["text"].splitlines()[1] == "12:00:00 a\\u202eb\\u200bc\N{RETURN SYMBOL}d e\\x07"


def test_buttons_say_the_same_whatever_the_text_is() -> None:
    names = {one["action_id"] for text in HOSTILE for blocks in messages(text) for one in buttons(blocks)}

    assert names == {Say.APPROVE.value, Say.DENY.value, Say.WRONG.value}


def buttons(blocks: list[Any]) -> list[Mapping[str, Any]]:
    return [one for block in blocks if block["type"] == "actions" for one in block["elements"]]


def outline(blocks: list[Any]) -> list[tuple[str, int, int]]:
    """The kinds of the blocks, how many lines each has, and how many buttons."""
    return [
        (
            block["type"],
            sum(one["text"].count("\n") for one in said(block)),
            len(buttons([block])),
        )
        for block in blocks
    ]


def unseen(text: str) -> set[str]:
    """The letters that nobody sees, or that turn the line round; our own line ends are none."""
    hidden = {
        letter for letter in text if letter != "\n" and unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    }
    return hidden | (set(text) & set("\u115f\u1160\u3164\uffa0\u2800"))
