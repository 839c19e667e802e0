"""Everything that hears Slack, made of the settings: rooms, the door, a socket for each app."""

from collections.abc import Mapping

from aetherlink.approval_commands import ApprovalCommands
from aetherlink.clients.credentials import read_secret
from aetherlink.clients.slack import SlackClient
from aetherlink.clients.slack_options import SlackOptions, SlackUserOptions
from aetherlink.errors import SettingsError
from aetherlink.model.principals import Principal
from aetherlink.ports import Clock, Store
from aetherlink.slackdoor.answering import Answering, Room
from aetherlink.slackdoor.door import SlackDoor
from aetherlink.slackdoor.listening import Listening


class Hearing:
    """See ports.Ears. Raises SettingsError."""

    def __init__(
        self, channels: Mapping[str, SlackOptions], commands: ApprovalCommands, store: Store, clock: Clock
    ) -> None:
        rooms = [_opened(name, settings) for name, settings in channels.items() if settings.hears]
        self._clients = [room.client for room in rooms]
        self._door = SlackDoor(rooms, Answering(commands, store), clock)
        by_app: dict[str, list[Room]] = {}
        for room in rooms:
            if room.client.app_token is not None:
                by_app.setdefault(room.client.app_token, []).append(room)
        self._sockets = [Listening(own[0].client, own, self._door, clock) for own in by_app.values()]

    @property
    def door(self) -> SlackDoor:
        """See ports.Ears."""
        return self._door

    @property
    def problems(self) -> list[str]:
        """Why some buttons are not heard now."""
        return [socket.problem for socket in self._sockets if socket.problem]

    def start(self) -> None:
        """Open the sockets."""
        for socket in self._sockets:
            socket.start()

    async def stop(self) -> None:
        """Hear nothing more; what was heard comes to its end."""
        for socket in self._sockets:
            await socket.stop()
        await self._door.stop()
        for client in self._clients:
            await client.aclose()


def _opened(name: str, settings: SlackOptions) -> Room:
    try:
        return _room(name, settings)
    except SettingsError as problem:
        raise SettingsError(f"notify.channels.{name}.slack: {problem}") from problem


def _room(name: str, settings: SlackOptions) -> Room:
    users = {slack_id: _principal(user) for slack_id, user in settings.users.items()}
    files = {
        "signing_secret_file": settings.signing_secret_file,
        "previous_signing_secret_file": settings.previous_signing_secret_file,
    }
    secrets = tuple(read_secret(path, setting) for setting, path in files.items() if path is not None)
    return Room(name, settings.channel, users, SlackClient(settings), secrets)


def _principal(user: SlackUserOptions) -> Principal:
    return Principal(user.name, frozenset(user.scopes))
