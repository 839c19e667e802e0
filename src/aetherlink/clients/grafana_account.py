"""Opens a Grafana with the account that the settings name. The files are read here, at the start."""

from pathlib import Path

from aetherlink.clients.connection import Connection, with_bearer
from aetherlink.clients.credentials import basic_authorization, read_password, read_secret, read_tls
from aetherlink.clients.grafana import GrafanaClient
from aetherlink.clients.grafana_options import GrafanaOptions
from aetherlink.clients.options import ClientOptions
from aetherlink.clients.source_options import BasicAuthOptions
from aetherlink.errors import SettingsError


def opened(settings: GrafanaOptions, clients: ClientOptions) -> GrafanaClient:
    """A client that shows the account. Raises SettingsError for a file that cannot serve, or no address."""
    if settings.url is None:
        raise SettingsError("a channel to Grafana has no address: set its `url`, or `grafana_url`")
    headers, secrets = _authorization(settings)
    if settings.org_id is not None:
        headers["x-grafana-org-id"] = str(settings.org_id)
    tls = settings.tls
    connection = Connection(
        headers, tls=None if tls is None else read_tls(tls), server_name=None if tls is None else tls.server_name
    )
    return GrafanaClient(settings.url, clients, connection, secrets)


def _authorization(settings: GrafanaOptions) -> tuple[dict[str, str], tuple[str, ...]]:
    """The header, and what nobody may be shown."""
    if settings.token_file is not None:
        token = read_secret(settings.token_file, "token_file")
        return with_bearer(token), (token,)
    password_file = settings.password_file or Path()
    header = basic_authorization(BasicAuthOptions(username=settings.username or "", password_file=password_file))
    return header, (read_password(password_file), header["authorization"].partition(" ")[2])
