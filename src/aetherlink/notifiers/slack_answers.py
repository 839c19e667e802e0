"""What Slack's answers say about a message: whether it was heard, whether to try again, what a person has to do."""

from datetime import UTC, datetime

from aetherlink.clients.slack import UNREADABLE, SlackAnswer
from aetherlink.errors import UndeliveredError
from aetherlink.lib.retry_after import seconds_until
from aetherlink.model.deliveries import Failure

GONE = frozenset(
    {"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found", "cannot_reply_to_message"}
)
"""Errors of a message that was taken away, or that can be changed no more."""

MALFORMED = frozenset(
    {
        "msg_too_long",
        "msg_blocks_too_long",
        "invalid_blocks",
        "invalid_blocks_format",
        "too_many_attachments",
        "markdown_text_conflict",
    }
)
"""Errors of a message in a form that Slack does not take."""

_TOO_MANY = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_PASSING = frozenset({"fatal_error", "internal_error", "service_unavailable", "request_timeout", "team_added_to_org"})
_OF_THE_LETTER = frozenset({"no_text", "invalid_arguments", "invalid_metadata_format", "invalid_metadata_schema"})
_ADVICE = {
    "invalid_auth": "the token in bot_token_file is not good any more: take a new one from the app's page",
    "not_authed": "the token in bot_token_file did not arrive: take a new one from the app's page",
    "account_inactive": "the app's bot was taken out of the workspace: install the app again",
    "token_revoked": "the token in bot_token_file was revoked: take a new one from the app's page",
    "token_expired": "the token in bot_token_file has expired: switch token rotation off, and take a new one",
    "missing_scope": "the app lacks a scope: add it on the app's page and install the app again",
    "not_in_channel": "invite the app to the channel (/invite @its-name)",
    "channel_not_found": "channel has to be the id of a channel that the app is in (invite it: /invite @its-name)",
    "is_archived": "the channel is archived: unarchive it, or set another one",
}
_NOT_ALLOWED = frozenset(
    {
        *_ADVICE,
        "access_denied",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "no_permission",
        "not_allowed_token_type",
        "org_login_required",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
        "restricted_action_non_threadable_channel",
        "team_access_not_granted",
    }
)
_REST = 30.0  # seconds, where Slack did not say how long
_TOO_MANY_STATUS = 429
_SERVER = 500


def check(answer: SlackAnswer, what: str, at: datetime | None) -> None:
    """Raises UndeliveredError where the answer is no success; `what` names the method."""
    if not answer.error:
        return
    error, words = answer.error, f"{what} answered {_said(answer)}"
    if answer.status == _TOO_MANY_STATUS or error in _TOO_MANY:
        wait = seconds_until(answer.retry_after, at or datetime.min.replace(tzinfo=UTC))
        raise UndeliveredError(words, failure=Failure.RATE_LIMITED, wait=_REST if wait is None else wait)
    if error in _NOT_ALLOWED:
        raise UndeliveredError(f"{words}: {_ADVICE.get(error, 'it is not allowed there')}", failure=Failure.AUTH)
    if answer.status >= _SERVER or error in _PASSING or error == UNREADABLE:
        raise UndeliveredError(words, failure=Failure.SERVER, is_unsure=True)
    if error in MALFORMED or error in _OF_THE_LETTER:
        raise UndeliveredError(words, failure=Failure.REFUSED)
    raise UndeliveredError(words, failure=Failure.SERVER)  # a new word of Slack's: what it is about is not known


def _said(answer: SlackAnswer) -> str:
    return answer.error if answer.status == 200 else f"{answer.status} ({answer.error})"
