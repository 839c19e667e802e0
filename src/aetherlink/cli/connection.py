"""From options to a conversation with a running agent: where it is, which token it gets, one event loop a command."""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from aetherlink.access.digests import is_well_formed
from aetherlink.cli.parameters import GivenToken
from aetherlink.cli.printing import say
from aetherlink.clients.agent import AgentClient
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import SettingsError, UnauthenticatedError

T = TypeVar("T")

_LAB = Path(".lab")
_NOT_SENT = (
    "the operator's is not sent to an address of --url or AETHER_URL (it is in operator.token of the agent's data_dir)"
)
_MAKE_ONE = (
    "`aether token create NAME --scope SCOPE` makes one, with the operator's (operator.token of the agent's data_dir)"
)


@dataclass(frozen=True, slots=True)
class _Found:
    """Where the agent is, the token for it if there is one, and in words where that was sought."""

    url: str
    token: str | None
    sought: str


def talk(
    work: Callable[[AgentClient], Awaitable[T]],
    *,
    config: Path | None,
    url: str | None,
    token: GivenToken | None,
    options: ClientOptions | None = None,
) -> T:
    """Run the conversation. Raises what the client raises, and SettingsError.

    The operator's token goes to the address in the settings only: an address from elsewhere must not collect it.
    """
    found = _Found(url, None, _NOT_SENT) if url is not None else _from_settings(config)
    given = _checked(token)

    async def conversation() -> T:
        secret = given.secret if given else found.token
        async with AgentClient(found.url, options or ClientOptions(), token=secret) as agent:
            try:
                return await work(agent)
            except UnauthenticatedError as problem:
                raise UnauthenticatedError(_refusal(agent.address, found, given)) from problem

    return asyncio.run(conversation())


def _checked(given: GivenToken | None) -> GivenToken | None:
    """None where nothing was given; an empty one is nothing. Raises SettingsError for what no agent would accept."""
    if given is None or not given.secret:
        return None
    if not is_well_formed(given.secret):
        raise SettingsError(f"what {given.given_by} gives is no token, or not the whole of one. {_MAKE_ONE}")
    return given


def _refusal(address: str, found: _Found, given: GivenToken | None) -> str:
    """What does not send people in a circle: a token is made with a token."""
    if given is not None:
        return (
            f"the agent at {address} does not accept the token that {given.given_by} gives: it is none of that "
            f"agent's, or was revoked. {_MAKE_ONE}"
        )
    if found.token:
        return (
            f"the agent at {address} does not accept the operator's token ({found.sought}): the file is another "
            "agent's, or was changed since that one started. --config or AETHER_DATA_DIR names its data; --token or "
            "AETHER_TOKEN gives a token that `aether token create` made there"
        )
    return (
        f"the agent at {address} wants a token, and there is none: {found.sought}. --token or AETHER_TOKEN gives one "
        "to this command"
    )


def settings_file(config: Path | None) -> Path | None:
    """The file of the settings in force: the one that is named, else that of the lab in this folder, if there is one.

    Raises SettingsError.
    """
    from aetherlink import settings

    return settings.file_of(config) or _lab_settings()


def _from_settings(config: Path | None) -> _Found:
    from aetherlink import settings

    file = settings_file(config)
    found = settings.load(file)
    url = url_of(found.listen)
    if settings.file_of(config) is None and file is not None:
        say(f"the lab in {_LAB}: {url}")
    return _with_operator(url, found.data_dir)


def _lab_settings() -> Path | None:
    """The agent's settings file of a lab that runs in this folder; None when none does. Raises SettingsError."""
    from aetherlink.lab import layout, record

    places = layout.Layout(_LAB.absolute())
    try:
        holder, found = layout.holder(places), record.read(places)
    except OSError as problem:  # as a rule another user's lab: what it would say must not be guessed
        raise SettingsError(
            f"the lab in {_LAB} cannot be looked at ({problem.strerror}): name an agent with --url or --config"
        ) from problem
    is_there = found is not None and found.lab.identity == holder and "agent" in found.urls
    return _LAB / places.config.relative_to(places.root) / "aether.yaml" if is_there else None


def url_of(listen: str) -> str:
    """The URL by which this machine reaches the listen address: every address means this machine's own."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    if not host or (_is_address(host) and ipaddress.ip_address(host).is_unspecified):
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _with_operator(url: str, data_dir: Path) -> _Found:
    from aetherlink.access.token_files import OPERATOR_FILE

    path = data_dir / OPERATOR_FILE
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as problem:  # another user's, or not there: said only if one is needed
        why = problem.strerror if isinstance(problem, OSError) else "no token"
        return _Found(url, None, f"the operator's was sought in {path} ({why})")
    token = text if is_well_formed(text) else None
    return _Found(url, token, f"the operator's was sought in {path}" + ("" if token else " (no token)"))
