"""Without Slack's SDK everything loads, and a channel of Slack says what to install; its settings are checked."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from aetherlink.clients.slack_options import SlackOptions

_ABSENT = """
import sys
sys.modules["slack_sdk"] = None
from aetherlink.clients.options import ClientOptions
from aetherlink.notifiers.registry import BUILTIN
import aetherlink.voice
from aetherlink.clients.slack_options import SlackOptions
options = SlackOptions(bot_token_file="/x", app_token_file="/y", channel="C0123456789")
"""
_VOICE = 'BUILTIN["slack"](options, ClientOptions())'
_EARS = """
from types import SimpleNamespace as Some
channels = {"ops": Some(slack=options)}
aetherlink.voice.ears(Some(notify=Some(channels=channels)), None, None, None)
"""


@pytest.mark.parametrize("what", [_VOICE, _EARS], ids=["voice", "ears"])
def test_without_slacks_sdk_everything_loads_and_a_channel_of_slack_says_what_to_install(what: str) -> None:
    program = [sys.executable, "-c", _ABSENT + what]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)

    assert "needs slack_sdk, which is not installed" in done.stderr
    assert "pip install 'aetherlink[slack]'" in done.stderr


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channel": "#ops"}, "channel"),
        ({"channel": "D0123456789"}, "channel"),
        ({"url": "http://slack.com/api"}, "https"),
        ({"url": "http://127.0.0.1.evil.example/api"}, "https"),
        ({"url": "https://slack.com/api?x=1"}, "without"),
        ({"url": "https://user:pw@slack.com/api"}, "password"),
        ({"users": {"U0ANN": {"name": "ann"}}}, "app_token_file or signing_secret_file"),
        ({"previous_signing_secret_file": "/x"}, "beside signing_secret_file"),
        ({"app_token_file": "/x", "users": {"ann": {"name": "ann"}}}, "users"),
        ({"app_token_file": "/x", "users": {"U0ANN": {"name": "operator"}}}, "own name"),
        ({"app_token_file": "/x", "users": {"U0ANN": {"name": "ann", "scopes": ["admin"]}}}, "scopes"),
        ({"bot_token": "xoxb-1"}, "bot_token"),
        ({"mentions": ["everyone"]}, "mentions"),
        ({"mentions": ["U0ANN> <!channel"]}, "mentions"),
        ({"mentions": ["U0ANN\n"]}, "mentions"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SlackOptions.model_validate({"bot_token_file": "/t", "channel": "C0123456789", **changes})


def test_this_machine_and_https_are_safe_to_send_a_token_to() -> None:
    for url in ("https://slack.com/api", "http://127.0.0.1:8080/api", "http://localhost:1/api", "http://[::1]:1/api"):
        assert SlackOptions(bot_token_file="/t", channel="C0123456789", url=url).url == url
