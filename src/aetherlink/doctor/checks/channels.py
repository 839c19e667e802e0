"""Whether each channel's service knows us and the place is there, and what waits for it. Nobody is told anything."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from aetherlink import voice
from aetherlink.doctor.findings import Finding, fault, not_set_up, ok, warning
from aetherlink.doctor.looking import Ground, Look
from aetherlink.errors import AetherError, SettingsError, UndeliveredError
from aetherlink.model.deliveries import Failure

_PAGE = "docs/how-to/notifications.md"
_LATER = "it is tried again by itself; see to the service, and look again"
_FIXES: Mapping[str, str] = {
    Failure.AUTH: "make a new token or key there, with the rights that docs/how-to names, and name its file",
    Failure.REFUSED: "mend what the channel's settings name: the service does not know it, or not for us",
    Failure.UNREACHABLE: "mend the address, or what lies between here and there (name, firewall, proxy, certificate)",
}


def looks(ground: Ground) -> Iterator[Look]:
    """One for each channel."""
    channels = ground.settings.notify.channels
    if not channels:
        yield Look("notify.channels", _nobody)
    for name in channels:
        yield Look(f"channel {name}", partial(_look, ground, name))


async def _nobody() -> Sequence[Finding]:
    return [not_set_up("nobody is told of incidents", f"declare a channel: {_PAGE}")]


async def _look(ground: Ground, name: str) -> Sequence[Finding]:
    return [await _known(ground, name), *await _left(ground, name)]


async def _known(ground: Ground, name: str) -> Finding:
    try:
        return ok(await voice.account(ground.settings, name))
    except SettingsError as problem:
        return fault(str(problem), "mend the setting, or put the file there for the agent's user")
    except UndeliveredError as problem:
        return fault(str(problem), _FIXES.get(problem.failure, _LATER))


async def _left(ground: Ground, name: str) -> Sequence[Finding]:
    """What the running agent could not tell; nothing where it is not reached, which other checks say."""
    try:
        items = (await ground.agent.page("/api/v1/channels")).get("items", [])
    except AetherError:
        return []
    found = next((one for one in items if one.get("name") == name), None)
    if found is None:
        return [warning("the running agent does not know it", "start the agent anew: settings are read at its start")]
    return list(_untold(found, name))


def _untold(channel: Mapping[str, object], name: str) -> Iterator[Finding]:
    if channel.get("problem"):
        text = f"the agent cannot tell it anything: {channel['problem']}; {channel.get('waiting')} wait"
        yield fault(text, f"`aether notify test {name}` tries it at once")
    if channel.get("dead"):
        yield warning(
            f"{channel['dead']} were given up", "`aether notify dead` lists them, `aether notify resend` tells again"
        )
