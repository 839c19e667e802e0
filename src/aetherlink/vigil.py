"""The watch that one agent keeps over itself, put together; its alarm needs neither the loop nor the store."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from aetherlink import voice
from aetherlink.clients.credentials import read_secret
from aetherlink.clients.deadman import DeadmanClient
from aetherlink.errors import AetherError, SettingsError
from aetherlink.lib.option_types import check_url
from aetherlink.model import lifecycle
from aetherlink.model.ids import SourceName
from aetherlink.model.incidents import Incident, Severity
from aetherlink.notify_options import ChannelOptions
from aetherlink.outbox.own_letters import own_incident, own_letter
from aetherlink.ports import Clock, Ids, UnwellSink
from aetherlink.settings import Settings
from aetherlink.voice import Ground, Voice
from aetherlink.watch.deadman import Deadman
from aetherlink.watch.guard import Guard
from aetherlink.watch.metrics import WatchMetrics
from aetherlink.watch.options import DeadmanOptions
from aetherlink.watch.self_watch import SelfWatch, Vitals

_log = logging.getLogger("aetherlink.watch")

_TITLE = "AetherLink Command itself is not well: it may hear nothing and repair nothing"


@dataclass(frozen=True, slots=True)
class Rooms:
    """How the other rooms of the agent are: what does not run, in words, the sources that are blind, deaf ears."""

    idle: Callable[[], Sequence[str]]
    blind: Callable[[], Collection[SourceName]]
    deaf: Callable[[], Sequence[str]]


class Vigil:
    """`start` and `stop` bound its life. Raises SettingsError for an address of the dead man's switch that is none."""

    def __init__(self, settings: Settings, spoken: Voice, ground: Ground, rooms: Rooms, *, sink: UnwellSink) -> None:
        metrics = WatchMetrics(ground.registry)
        options = settings.watch
        alarm = Alarm(settings, clock=ground.clock, ids=ground.ids)
        self._watch = SelfWatch(
            options,
            Vitals(ground.store, spoken, rooms.idle, lambda: spoken.outbox.stuck, rooms.blind, rooms.deaf),
            guard=Guard(options.blocked_after, clock=ground.clock, tell=alarm.tell, metrics=metrics),
            sink=sink,
            clock=ground.clock,
            metrics=metrics,
        )
        self._deadman = None
        if options.deadman is not None:
            client = DeadmanClient(address_of(options.deadman), settings.clients)
            self._deadman = Deadman(
                client, options.deadman.interval, unwell=lambda: self._watch.unwell, metrics=metrics
            )

    def start(self) -> None:
        """Begin to look."""
        self._watch.start()
        if self._deadman is not None:
            self._deadman.start()

    async def stop(self) -> None:
        """Look no more, and let the dead man's switch go."""
        if self._deadman is not None:
            await self._deadman.stop()
        await self._watch.stop()

    @property
    def unready(self) -> list[str]:
        """Why the agent cannot do its work, as of the latest look, in words."""
        return self._watch.unready


class Alarm:
    """Tells every channel by a conversation of its own, in the thread that calls it."""

    def __init__(self, settings: Settings, *, clock: Clock, ids: Ids) -> None:
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._incident: Incident | None = None
        self._references: dict[str, Mapping[str, str]] = {}

    def tell(self, text: str, is_over: bool) -> bool:
        """See watch.guard.Tell."""
        return asyncio.run(self._tell(text, is_over=is_over))

    async def _tell(self, text: str, *, is_over: bool) -> bool:
        now = self._clock.now()
        incident = self._incident
        if incident is None:
            incident = own_incident(self._ids.new("inc"), _TITLE, severity=Severity.CRITICAL, at=now)
        said = lifecycle.recovered(incident, at=now) if is_over else incident
        channels = self._settings.notify.channels
        names = [name for name in channels if not is_over or name in self._references]
        heard = await asyncio.gather(*(self._told(name, channels[name], said, text) for name in names))
        if not is_over:
            self._incident = incident
            return any(heard)
        for name, has_heard in zip(names, heard, strict=True):
            if has_heard:
                del self._references[name]
        self._incident = incident if self._references else None
        return not self._references

    async def _told(self, name: str, channel: ChannelOptions, incident: Incident, text: str) -> bool:
        letter = own_letter(
            incident, text, link=self._settings.notify.url or "", reference=self._references.get(name, {})
        )
        try:
            async with (
                asyncio.timeout(channel.deadline.total_seconds()),
                contextlib.aclosing(voice.opened(name, channel, self._settings.clients)) as mine,
            ):
                self._references[name] = await mine.notifier.tell(letter, deadline=channel.deadline)
        except (AetherError, TimeoutError) as problem:
            _log.error("channel %s could not be told that the agent is not well: %s", name, str(problem) or "too slow")
            return False
        except Exception:  # noqa: BLE001 - the named boundary of a channel: a broken one stops no other
            _log.exception("channel %s could not be told that the agent is not well", name)
            return False
        return True


def address_of(options: DeadmanOptions) -> str:
    """The address of the dead man's switch. Raises SettingsError, which never shows what is in a file."""
    if options.url_file is None:
        return options.url or ""
    try:
        return check_url(read_secret(options.url_file, "watch.deadman.url_file"))
    except ValueError:
        raise SettingsError(
            f"watch.deadman.url_file {options.url_file} holds no address like https://host/id"
        ) from None
