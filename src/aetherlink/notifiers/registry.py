"""Every way to tell somebody by its name. A new one is one new file, one line here and one in the options."""

from collections.abc import Callable, Mapping
from typing import Any

from aetherlink.clients.options import ClientOptions
from aetherlink.errors import SettingsError
from aetherlink.notifiers import webhook
from aetherlink.notifiers.opened import Opened
from aetherlink.notifiers.options import NotifierOptions


def _slack(settings: Any, clients: ClientOptions) -> Opened:
    try:
        from aetherlink.notifiers import slack  # noqa: PLC0415 - its SDK is an extra
    except ModuleNotFoundError as problem:
        raise SettingsError(
            f"a channel `slack` needs {problem.name}, which is not installed: pip install 'aetherlink[slack]'"
        ) from problem
    return slack.opened(settings, clients)


BUILTIN: Mapping[str, Callable[[Any, ClientOptions], Opened]] = {
    "slack": _slack,
    "webhook": webhook.opened,
}


def open_notifier(settings: NotifierOptions, clients: ClientOptions) -> Opened:
    """The notifier of a channel. Raises SettingsError for one that cannot be made."""
    return BUILTIN[settings.kind](getattr(settings, settings.kind), clients)
