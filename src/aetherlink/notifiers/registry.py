"""Every way to tell somebody by its name. A new one is one new file, one line here and one in the options."""

from collections.abc import Callable, Mapping
from typing import Any

from aetherlink.clients.options import ClientOptions
from aetherlink.notifiers import grafana, webhook
from aetherlink.notifiers.opened import Opened
from aetherlink.notifiers.options import NotifierOptions

BUILTIN: Mapping[str, Callable[[Any, ClientOptions], Opened]] = {
    "grafana": grafana.opened,
    "webhook": webhook.opened,
}


def open_notifier(settings: NotifierOptions, clients: ClientOptions) -> Opened:
    """The notifier of a channel. Raises SettingsError for one that cannot be made."""
    return BUILTIN[settings.kind](getattr(settings, settings.kind), clients)
