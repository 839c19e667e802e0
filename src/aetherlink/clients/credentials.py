"""Reads the files that a source's settings name: token, passwords, certificates. What it reads is never shown.

Called by the app at the start, so that a file which cannot serve stops the start and not the first request.
"""

import base64
import os
import re
import ssl
import stat
from pathlib import Path

from aetherlink.clients.connection import Connection, Proxy, with_bearer
from aetherlink.clients.source_options import BasicAuthOptions, SourceOptions, TlsOptions
from aetherlink.errors import SettingsError

_LARGEST = 16 * 1024
_TOKEN = re.compile(rb"[!-~]+")  # printable ASCII without spaces
_PASSWORD = re.compile(rb"[^\x00-\x1f\x7f]+")


def connection_of(source: SourceOptions) -> Connection:
    """How the source's Prometheus and Alertmanagers are called. Raises SettingsError for a file that cannot serve."""
    headers = dict(source.plain_headers)
    if source.bearer_token_file is not None:
        headers |= with_bearer(read_bearer_token(source.bearer_token_file))
    if source.basic_auth is not None:
        headers |= basic_authorization(source.basic_auth)
    return Connection(
        headers=headers,
        tls=None if source.tls is None else read_tls(source.tls),
        server_name=None if source.tls is None else source.tls.server_name,
        proxy=_proxy(source),
    )


def read_bearer_token(path: Path) -> str:
    """The token in the file, one line. Raises SettingsError that names the file and never what is in it."""
    token = _read(path, "bearer_token_file", "the token").strip()
    if len(token) > _LARGEST or _TOKEN.fullmatch(token) is None:
        raise SettingsError(
            f"bearer_token_file {path} holds no token: one line of printable ASCII without spaces, {_LARGEST} bytes "
            "at most"
        )
    return token.decode("ascii")


def read_secret(path: Path, setting: str) -> str:
    """The secret in the file, one line; `setting` names it. Raises SettingsError, which never shows what is in it."""
    secret = _read(path, setting, "the secret").strip()
    if len(secret) > _LARGEST or _TOKEN.fullmatch(secret) is None:
        raise SettingsError(
            f"{setting} {path} holds no secret: one line of printable ASCII without spaces, {_LARGEST} bytes at most"
        )
    return secret.decode("ascii")


def read_password(path: Path) -> str:
    """The password in the file, one line. Raises SettingsError that names the file and never what is in it."""
    return _read_line(path, "password_file", "password")


def read_line(path: Path, setting: str) -> str:
    """The line in the file, blanks and all; `setting` names it. Raises SettingsError, which never shows it."""
    return _read_line(path, setting, "value")


def read_lines(path: Path, setting: str, most: int) -> tuple[str, ...]:
    """The secrets in the file, one a line; empty lines and comments (#) do not count. Raises as `read_line`."""
    content = _read(path, setting, "the secrets")
    try:
        lines = [line.strip() for line in content.decode().splitlines()]
    except UnicodeDecodeError:
        raise SettingsError(f"{setting} {path} holds bytes that are no UTF-8") from None
    kept = tuple(line for line in lines if line and not line.startswith("#"))
    if len(content) > _LARGEST or not 0 < len(kept) <= most or not all(line.isprintable() for line in kept):
        raise SettingsError(f"{setting} {path} has to hold 1 to {most} lines, of {_LARGEST} bytes together at most")
    return kept


def _read_line(path: Path, setting: str, what: str) -> str:
    content = _read(path, setting, f"the {what}").rstrip(b"\r\n")
    if len(content) > _LARGEST or _PASSWORD.fullmatch(content) is None:
        raise SettingsError(f"{setting} {path} holds no {what}: one line of {_LARGEST} bytes at most")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise SettingsError(f"{setting} {path} holds bytes that are no UTF-8") from None


def read_tls(options: TlsOptions) -> ssl.SSLContext:
    """The certificates of the options. Raises SettingsError that names the file that cannot serve."""
    context = _trusting(options.ca_file)
    if options.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if options.cert_file is not None:
        try:
            # Without a password at hand OpenSSL would ask for one on the terminal.
            context.load_cert_chain(options.cert_file, options.key_file, password=lambda: "")
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"tls.cert_file {options.cert_file} with tls.key_file {options.key_file} cannot be used: {error}. Both "
                "are PEM, belong together, and the key is not encrypted"
            ) from error
    return context


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        raise SettingsError(f"tls.ca_file {ca_file} cannot be used: {error}. It holds certificates in PEM") from error


def basic_authorization(login: BasicAuthOptions) -> dict[str, str]:
    """The header that presents a name and a password. Raises SettingsError, as `read_password` does."""
    words = f"{login.username}:{read_password(login.password_file)}"
    return {"authorization": f"Basic {base64.b64encode(words.encode()).decode('ascii')}"}


def _proxy(source: SourceOptions) -> Proxy | None:
    if source.proxy is None:
        return None
    login = source.proxy_basic_auth
    return Proxy(source.proxy, None if login is None else (login.username, read_password(login.password_file)))


def _read(path: Path, setting: str, what: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not block the start
        with os.fdopen(descriptor, "rb") as file:
            is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            content = file.read(_LARGEST + 1) if is_regular else b""
    except OSError as error:
        raise SettingsError(
            f"{setting} {path} cannot be read: {error.strerror or error}. Put {what} there, or take the setting out"
        ) from error
    if not is_regular:
        raise SettingsError(f"{setting} {path} is not a regular file: name the file that holds {what}")
    return content
