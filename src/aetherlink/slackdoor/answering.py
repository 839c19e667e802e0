"""Carries out what a button says, by the same commands as API and CLI, and tells the person what came of it."""

import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from aetherlink.approval_commands import ApprovalCommands
from aetherlink.clients.slack import SlackClient
from aetherlink.clients.slack_clicks import Say
from aetherlink.errors import AetherError, ConflictError, ForbiddenError, OverloadedError, StoreError
from aetherlink.lib.plain_text import plain
from aetherlink.model.actions import Action
from aetherlink.model.ids import ActionId
from aetherlink.model.principals import Principal, Scope
from aetherlink.ports import Store
from aetherlink.slackdoor.clicks import Click

_log = logging.getLogger("aetherlink.slackdoor")

_TO_TELL = timedelta(seconds=5)
_LONGEST = 1000
_NO_REASON = "no reason given, by a button in Slack"
_LATER = "The agent cannot store that now. Press again in a moment."


@dataclass(frozen=True, slots=True)
class Room:
    """One channel of Slack as the settings have it: who may do what there, by the ids of Slack's users."""

    name: str
    channel: str
    users: Mapping[str, Principal]
    client: SlackClient
    secrets: tuple[str, ...] = ()


class Answering:
    """Knows no Slack but for how to tell one person something."""

    def __init__(self, commands: ApprovalCommands, store: Store) -> None:
        self._commands = commands
        self._store = store

    async def answer(self, click: Click, room: Room) -> None:
        """Do it and tell the person. What cannot be told is in the log."""
        words = await self._words(click, room)
        await self._tell(room, click.user, words)

    async def _words(self, click: Click, room: Room) -> str:
        what = f"{click.say.value.removeprefix('aether_')} {click.value.action_id}"
        try:
            principal = _principal(room, click.user)
            done = await self._done(click, principal.name)
        except (StoreError, OverloadedError) as trouble:
            _log.warning("channel %s: %s by %s: %s", room.name, what, click.user, trouble)
            return _LATER
        except AetherError as refusal:
            _log.warning("channel %s: %s by %s is refused: %s", room.name, what, click.user, refusal)
            return f"Nothing was done: {refusal}."
        _log.info("channel %s: %s by %s, who is %s in Slack", room.name, what, principal.name, click.user)
        return done

    async def _done(self, click: Click, by: str) -> str:
        """What is so now. Raises AetherError."""
        action_id, reason = ActionId(click.value.action_id), click.reason or _NO_REASON
        match click.say:
            case Say.APPROVE:
                return _approved(await self._commands.approve(action_id, click.value.plan_hash, by=by))
            case Say.DENY:
                await self._check_shown(action_id, click.value.plan_hash)
                denied = await self._commands.deny(action_id, reason, by=by)
                return f"{denied.plan.words} is denied. The agent leaves the incident to people."
            case Say.WRONG:
                marked = await self._commands.wrong(action_id, reason, by=by)
                return f"It is on record that {marked.plan.words} was wrong."

    async def _check_shown(self, action_id: ActionId, plan_hash: str) -> None:
        """A no is to what was shown, too. Raises ConflictError."""
        action = await self._store.read(lambda rows: rows.actions.get(action_id))
        if action is None or action.approval is None:
            return  # the command knows better words for that
        if not hmac.compare_digest(action.approval.plan_hash, plan_hash):
            raise ConflictError(f"action {action_id} drifted: that is not what is asked for now; look at it again")

    async def _tell(self, room: Room, user: str, words: str) -> None:
        """So that only this person sees it."""
        text = {"type": "plain_text", "text": _harmless(words), "emoji": False}
        body = {
            "channel": room.channel,
            "user": user,
            "text": "The agent's answer",
            "blocks": [{"type": "section", "text": text}],
        }
        try:
            answer = await room.client.write("chat.postEphemeral", body, deadline=_TO_TELL)
        except AetherError as problem:
            _log.warning("channel %s: %s could not be told: %s", room.name, user, problem)
            return
        if answer.error:
            _log.warning("channel %s: %s could not be told: %s", room.name, user, answer.error)


def _principal(room: Room, user: str) -> Principal:
    principal = room.users.get(user)
    if principal is None:
        raise ForbiddenError(
            f"nobody here is known as {user}: whoever runs the agent can add it to the `users` of channel {room.name}"
        )
    if not principal.may(Scope.APPROVE):
        raise ForbiddenError(f"{principal.name} does not have the scope {Scope.APPROVE}")
    return principal


def _approved(action: Action) -> str:
    approval = action.approval
    if approval is not None and not approval.is_complete:
        missing = approval.needed - len(approval.grants)
        return f"Your yes to {action.plan.words} is on record. It takes {missing} more of {approval.needed} people."
    return f"{action.plan.words} is approved. The agent looks at the target once more, then acts."


def _harmless(words: str) -> str:
    """One line: answers may quote what people wrote."""
    shown = (letter if letter.isprintable() else " " for letter in plain(words, _LONGEST))
    return "".join(shown)
