"""Slack's interactions, decoded: who pressed which button of which message."""

from dataclasses import dataclass

import msgspec

from aetherlink.clients.slack_clicks import REASON_BLOCK, ButtonValue, Say
from aetherlink.errors import BadRequestError

LARGEST = 256 * 1024
"""Bytes of one interaction: it holds the message, which Slack bounds by far less."""

_BLOCK_ACTIONS = "block_actions"
_LONGEST_REASON = 500
_SAYS = {say.value: say for say in Say}


class _Named(msgspec.Struct):
    id: str = ""


class _Container(msgspec.Struct):
    channel_id: str = ""
    message_ts: str = ""


class _Pressed(msgspec.Struct):
    action_id: str = ""
    action_ts: str = ""
    value: str = ""


class _Given(msgspec.Struct):
    value: str | None = None


class _Written(msgspec.Struct):
    values: dict[str, dict[str, _Given]] = {}


class _Interaction(msgspec.Struct):
    type: str = ""
    user: _Named = msgspec.field(default_factory=_Named)
    channel: _Named = msgspec.field(default_factory=_Named)
    container: _Container = msgspec.field(default_factory=_Container)
    actions: list[_Pressed] = []
    state: _Written = msgspec.field(default_factory=_Written)


_decode = msgspec.json.Decoder(_Interaction).decode


@dataclass(frozen=True, slots=True)
class Click:
    """One press of a button. `key` is the same when Slack tells of it again."""

    user: str
    channel: str
    say: Say
    value: ButtonValue
    reason: str
    key: str


def click_of(payload: bytes) -> Click | None:
    """The press that is told of; None for what is no button of ours. Raises BadRequestError."""
    if len(payload) > LARGEST:
        raise BadRequestError(f"an interaction may have {LARGEST} bytes at most")
    try:
        told = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise BadRequestError("the interaction is not one of Slack's") from problem
    if told.type != _BLOCK_ACTIONS or len(told.actions) != 1 or told.actions[0].action_id not in _SAYS:
        return None
    pressed, channel = told.actions[0], told.channel.id or told.container.channel_id
    if not (told.user.id and channel and pressed.action_ts):
        raise BadRequestError("the interaction does not say who pressed a button, where and when")
    key = f"{told.user.id} {channel} {told.container.message_ts} {pressed.action_id} {pressed.action_ts}"
    value = ButtonValue.read(pressed.value)
    return Click(told.user.id, channel, _SAYS[pressed.action_id], value, _reason(told.state), key)


def _reason(state: _Written) -> str:
    """What was written into the line beside the buttons."""
    given = state.values.get(REASON_BLOCK, {}).get(REASON_BLOCK)
    words = (given.value or "") if given is not None else ""
    return words.replace("\0", "").strip()[:_LONGEST_REASON]
