"""Tokens that live in files: the operator's, and the one that Alertmanager presents.

Called once at start. A file that is missing is made whole or not at all; one that is there is read and never changed.
"""

from pathlib import Path

from aetherlink.access.digests import digest_of, is_well_formed, new_secret
from aetherlink.errors import SettingsError
from aetherlink.lib import private_files
from aetherlink.model.principals import Principal, Scope

OPERATOR_FILE = "operator.token"
OPERATOR_MODE = 0o600
WEBHOOK_MODE = 0o640  # Alertmanager usually runs as another user of the same group


def file_principals(data_dir: Path, webhook_token_file: Path | None) -> dict[str, Principal]:
    """The principals of both files by the digest of their tokens. Raises SettingsError for a file that cannot serve."""
    operator = read_or_create(data_dir / OPERATOR_FILE, mode=OPERATOR_MODE)
    principals = {digest_of(operator): Principal("operator", frozenset({Scope.ADMIN}))}
    if webhook_token_file is not None:
        webhook = read_or_create(webhook_token_file, mode=WEBHOOK_MODE)
        if digest_of(webhook) in principals:
            raise SettingsError(
                f"{webhook_token_file} holds the operator's token, which would hand every right to whoever posts "
                "alerts: delete it, and a token of its own is made"
            )
        principals[digest_of(webhook)] = Principal("webhook", frozenset({Scope.WEBHOOK}))
    return principals


def read_or_create(path: Path, *, mode: int) -> str:
    """The token in the file, which is made with this mode when it is missing. Raises SettingsError."""
    try:
        if not path.exists():
            private_files.create(path, new_secret(), mode=mode)
        token = private_files.read(path, mode=mode, what="token")
    except OSError as error:
        raise SettingsError(f"the token file {path} cannot be used: {error.strerror or error}") from error
    if not is_well_formed(token):
        raise SettingsError(
            f"the token file {path} holds no token (one line of 20 to 512 letters, digits and `._~+/=-`): "
            "delete it, and a new one is made"
        )
    return token
