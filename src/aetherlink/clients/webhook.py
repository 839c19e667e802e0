"""Sends signed JSON by HTTP."""

import hashlib
import hmac
from datetime import datetime, timedelta

from aetherlink.clients.connection import Connection
from aetherlink.clients.credentials import read_line, read_secret, read_tls
from aetherlink.clients.exchange import Answer, Exchange
from aetherlink.clients.options import ClientOptions
from aetherlink.clients.webhook_options import WebhookOptions


class WebhookClient:
    """One address, with the secret of its signature. Raises SettingsError for a file that cannot be read."""

    def __init__(self, settings: WebhookOptions, options: ClientOptions) -> None:
        secret = settings.secret_file
        self._secret = None if secret is None else read_secret(secret, "secret_file").encode()
        self._exchange = Exchange("the webhook", settings.url, options=options, connection=_connection(settings))
        self.address = self._exchange.address

    async def post(self, body: bytes, *, key: str, at: datetime, deadline: timedelta) -> Answer:
        """Send it; `key` is the same for what is sent again. Raises as Exchange.ask does."""
        time = str(int(at.timestamp()))
        headers = {"x-aetherlink-time": time, "idempotency-key": key}
        if self._secret is not None:
            mac = hmac.new(self._secret, time.encode() + b"." + body, hashlib.sha256)
            headers["x-aetherlink-signature"] = f"sha256={mac.hexdigest()}"
        return await self._exchange.ask("POST", "", content=body, headers=headers, deadline=deadline)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()


def _connection(settings: WebhookOptions) -> Connection:
    plain = {name: value.get_secret_value() for name, value in settings.headers.items()}
    secret = {name: read_line(path, f"header_files.{name}") for name, path in settings.header_files.items()}
    tls = settings.tls
    return Connection(
        headers=plain | secret,
        tls=None if tls is None else read_tls(tls),
        server_name=None if tls is None else tls.server_name,
    )
