"""Every way to tell somebody by its name. A new one is one new file, one line here and one in the options."""

from collections.abc import Callable, Mapping
from typing import Any

from aetherlink.clients.apprise_options import AppriseOptions
from aetherlink.clients.options import ClientOptions
from aetherlink.clients.pagerduty_options import PagerDutyOptions
from aetherlink.clients.slack_options import SlackOptions
from aetherlink.errors import SettingsError
from aetherlink.notifiers import email, grafana, webhook
from aetherlink.notifiers.opened import Opened
from aetherlink.notifiers.options import NotifierOptions


def _apprise(settings: AppriseOptions, clients: ClientOptions) -> Opened:
    try:
        from aetherlink.notifiers import apprise  # noqa: PLC0415 - like the others that are extras

        return apprise.opened(settings, clients)
    except ModuleNotFoundError as problem:
        raise _absent("apprise", problem) from problem


def _pagerduty(settings: PagerDutyOptions, clients: ClientOptions) -> Opened:
    try:
        from aetherlink.notifiers import pagerduty  # noqa: PLC0415 - its SDK is an extra
    except ModuleNotFoundError as problem:
        raise _absent("pagerduty", problem) from problem
    return pagerduty.opened(settings, clients)


def _slack(settings: SlackOptions, clients: ClientOptions) -> Opened:
    try:
        from aetherlink.notifiers import slack  # noqa: PLC0415 - its SDK is an extra
    except ModuleNotFoundError as problem:
        raise _absent("slack", problem) from problem
    return slack.opened(settings, clients)


def _absent(kind: str, problem: ModuleNotFoundError) -> SettingsError:
    return SettingsError(
        f"a channel of the kind {kind} needs {problem.name}, which is not installed: pip install 'aetherlink[{kind}]'"
    )


BUILTIN: Mapping[str, Callable[[Any, ClientOptions], Opened]] = {
    "apprise": _apprise,
    "email": email.opened,
    "grafana": grafana.opened,
    "pagerduty": _pagerduty,
    "slack": _slack,
    "webhook": webhook.opened,
}


def open_notifier(settings: NotifierOptions, clients: ClientOptions) -> Opened:
    """The notifier of a channel. Raises SettingsError for one that cannot be made."""
    return BUILTIN[settings.kind](getattr(settings, settings.kind), clients)
