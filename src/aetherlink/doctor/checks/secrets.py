"""Whether files with a secret in them are there, can be read, and are read by nobody else."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import BaseModel

from aetherlink.access.token_files import OPERATOR_FILE, OPERATOR_MODE, WEBHOOK_MODE
from aetherlink.audit import key_file
from aetherlink.doctor.findings import Finding, fault, not_set_up, ok, warning
from aetherlink.doctor.looking import Ground, Look, aside
from aetherlink.settings import Settings
from aetherlink.store.options import has_password

_OWNER, _GROUP_TOO = OPERATOR_MODE, WEBHOOK_MODE


@dataclass(frozen=True, slots=True)
class Secret:
    """A file with a secret. `made_at_start` says that the agent makes it itself."""

    what: str
    path: Path
    mode: int = _GROUP_TOO
    made_at_start: bool = False


def looks(ground: Ground) -> Iterator[Look]:
    """One for each file."""
    for secret in _secrets(ground.settings, ground.file):
        yield Look(str(secret.path), lambda secret=secret: aside(partial(_look, secret)))  # type: ignore[misc]  # bound now


def _secrets(settings: Settings, file: Path | None) -> Iterator[Secret]:
    yield Secret("the operator's token", settings.data_dir / OPERATOR_FILE, _OWNER, made_at_start=True)
    yield Secret("the audit key", key_file.place(settings.audit, settings.data_dir), _OWNER, made_at_start=True)
    if settings.auth.webhook_token_file is not None:
        yield Secret("the webhook's token", settings.auth.webhook_token_file, made_at_start=True)
    if settings.auth.oidc is not None:
        yield Secret("the secret of the identity provider", settings.auth.oidc.client_secret_file)
    if settings.database_password_file is not None:
        yield Secret("the database's password", settings.database_password_file)
    if file is not None and _holds_secrets(settings):
        yield Secret("settings with secrets", file)
    yield from _of_sources(settings)
    yield from _of_targets(settings)
    if settings.watch.deadman is not None and settings.watch.deadman.url_file is not None:
        yield Secret("the address of the dead man's switch", settings.watch.deadman.url_file)
    for name, channel in settings.notify.channels.items():
        yield from (Secret(f"{what} of channel {name}", path) for what, path in _files_of(channel))


def _holds_secrets(settings: Settings) -> bool:
    has_one = settings.database_url is not None and has_password(settings.database_url)
    return has_one or any(source.headers for source in settings.sources)


def _of_sources(settings: Settings) -> Iterator[Secret]:
    for source in settings.sources:
        where = f"of source {source.name}"
        if source.bearer_token_file is not None:
            yield Secret(f"the token {where}", source.bearer_token_file)
        for login in (source.basic_auth, source.proxy_basic_auth):
            if login is not None:
                yield Secret(f"a password {where}", login.password_file)
        if source.tls is not None and source.tls.key_file is not None:
            yield Secret(f"the key {where}", source.tls.key_file)


def _of_targets(settings: Settings) -> Iterator[Secret]:
    for name, target in settings.targets.items():
        if target.http is None:
            continue
        if target.http.tls is not None and target.http.tls.key_file is not None:
            yield Secret(f"the key of target {name}", target.http.tls.key_file)
        for request, asked in target.http.requests.items():
            if asked.bearer_token_file is not None:
                yield Secret(f"the token for {request} of target {name}", asked.bearer_token_file)


def _files_of(options: BaseModel) -> Iterator[tuple[str, Path]]:
    """What its settings name by `..._file`, however deep: each service calls its secrets by a name of its own."""
    for name, value in options:
        if isinstance(value, Path) and name.endswith("_file"):
            yield name.removesuffix("_file").replace("_", " "), value
        if isinstance(value, BaseModel):
            yield from _files_of(value)


def _look(secret: Secret) -> Sequence[Finding]:
    try:
        status = secret.path.stat()
    except FileNotFoundError:
        if secret.made_at_start:
            return [not_set_up(f"{secret.what}: not there yet", "the agent makes it when it starts")]
        return [fault(f"{secret.what}: there is no such file", "put it there, or mend its path in the settings")]
    except OSError as problem:
        return [fault(f"{secret.what}: it cannot be looked at: {problem.strerror}", "run this as the agent's user")]
    return [_judged(secret, status)]


def _judged(secret: Secret, status: os.stat_result) -> Finding:
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        return fault(f"{secret.what}: it is no regular file", "put a file there")
    if not os.access(secret.path, os.R_OK):
        return warning(f"{secret.what}: this user may not read it", "run this as the agent's user, or give it the file")
    if mode & 0o077 & ~secret.mode:
        allowed = "its owner" if secret.mode == _OWNER else "its owner and group"
        text = f"{secret.what}: others may read or change it (mode {mode:04o}); it is for {allowed}"
        return fault(text, f"chmod {secret.mode:04o} {secret.path}")
    return ok(f"{secret.what}: mode {mode:04o}")
