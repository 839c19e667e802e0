"""The agent as one process: wires the rooms together, starts them, serves, and takes them down in reverse order.

`Agent` makes everything and starts nothing; its `start` and `stop` bound its life. `run` is what `aether serve` calls,
`check` what `aether check` calls.
"""

import asyncio
import gc
import itertools
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from importlib.metadata import version as version_of
from pathlib import Path

import uvloop
from prometheus_client import CollectorRegistry, GCCollector, Info, PlatformCollector, ProcessCollector

from aetherlink import outside
from aetherlink.access.gate import Gate, check_listen
from aetherlink.access.token_files import file_principals
from aetherlink.access.tokens import TokenBook
from aetherlink.api.app import build_api
from aetherlink.api.connections import BoundedServer
from aetherlink.api.services import ApiServices
from aetherlink.audit import key_file
from aetherlink.audit.anchor_file import ANCHORS_FILE, AnchorFile
from aetherlink.audit.anchoring import Anchoring
from aetherlink.audit.metrics import AuditMetrics
from aetherlink.commands import Commands
from aetherlink.errors import SettingsError, UnreachableError
from aetherlink.health.heartbeat import Heartbeats
from aetherlink.health.loop import HealthLoop
from aetherlink.health.metrics import HealthMetrics, HeartbeatMetrics
from aetherlink.health.sources import SourceWatch
from aetherlink.incident_commands import IncidentCommands
from aetherlink.incidents.blindness import Blindness
from aetherlink.incidents.low_disk import LowDisk
from aetherlink.incidents.low_health import LowHealth
from aetherlink.incidents.mapping import LabelMapping
from aetherlink.incidents.metrics import AlertMetrics
from aetherlink.incidents.oversized import Oversized
from aetherlink.incidents.reception import Reception
from aetherlink.intake.comparison import Comparison
from aetherlink.intake.reconcile import Reconciler, Watched
from aetherlink.intake.reconcile_metrics import ReconcileMetrics
from aetherlink.intake.webhook import IntakeMetrics, WebhookIntake
from aetherlink.lib import logs
from aetherlink.lib.clock import SystemClock
from aetherlink.lib.hash_chain import Key
from aetherlink.lib.ids import SortableIds
from aetherlink.model.ids import SourceName
from aetherlink.model.playbooks import Playbook
from aetherlink.model.sources import SourceKind
from aetherlink.pipeline.metrics import PipelineMetrics
from aetherlink.pipeline.runner import Runner
from aetherlink.pipeline.step import World
from aetherlink.playbooks.loader import load_playbooks
from aetherlink.policy.decide import decide
from aetherlink.probes.metrics import ProbeMetrics
from aetherlink.probes.prometheus import PrometheusProbe
from aetherlink.settings import Settings
from aetherlink.store import backup, folder, restore
from aetherlink.store.archive import Manifest
from aetherlink.store.audit import SqlAudit, auditing
from aetherlink.store.backup import AutomaticBackup
from aetherlink.store.database import SqlStore
from aetherlink.store.free_space import FreeSpace, FreeSpaceMetrics
from aetherlink.store.restore import Restored
from aetherlink.store.retention import Retention, RetentionMetrics, kinds

VERSION = version_of("aetherlink")

_GRACE = timedelta(seconds=10)
_BACKLOG = 2048
_SWITCH = 0.0005  # seconds; at Python's 0.005 the writer waits that long for the interpreter after each statement
_YOUNG = 20_000  # new objects until the garbage collector looks: one group of alerts makes as many

_log = logging.getLogger("aetherlink.app")


class Agent:
    """Everything of one agent, put together. Raises SettingsError for settings that cannot be put together."""

    def __init__(self, settings: Settings) -> None:
        check_listen(settings.host, settings.auth)
        folder.make(settings.data_dir)
        holds_database = settings.database_url is None
        if holds_database and (warning := folder.check_file_system(settings.data_dir)):
            _log.warning("%s", warning)
        self._settings = settings
        self._clock = SystemClock()
        self._ids = SortableIds(self._clock)
        self._mapping = LabelMapping(
            settings.labels,
            settings.vip_tenants,
            grouping=settings.grouping,
            source_labels=settings.source_labels,
        )
        self._cleanups: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        self.registry = _registry()
        self.store = SqlStore(
            outside.place(settings),
            key=partial(_audit_key, settings),
            is_anchored=lambda: bool(AnchorFile(settings.data_dir / ANCHORS_FILE).read()[0]),
            before_migration=AutomaticBackup(settings.data_dir / backup.FOLDER, _beside(settings), self._clock),
        )
        self._prometheus = {
            SourceName(source.name): outside.prometheus(source, settings.clients) for source in settings.sources
        }
        self._alertmanagers = {
            SourceName(source.name): outside.alertmanagers(source, settings.clients) for source in settings.sources
        }
        self._anchoring = self._anchors()
        self._executors = outside.executors(settings)
        self._pipeline_metrics = PipelineMetrics(self.registry)
        self._runner = Runner(self._world(), self._pipeline_metrics)
        health_metrics = HealthMetrics(self.registry)
        self._health = HealthLoop(
            self._prometheus[settings.main_source],
            settings.health,
            source=settings.main_source,
            store=self.store,
            names=self._mapping,
            clock=self._clock,
            metrics=health_metrics,
            sink=LowHealth(
                self.store,
                ids=self._ids,
                source=settings.main_source,
                merge_window=settings.grouping.merge_window,
                reopen_window=settings.grouping.reopen_window,
            ),
        )
        self._sources = SourceWatch(
            {
                SourceKind.PROMETHEUS: {name: [client] for name, client in self._prometheus.items()},
                SourceKind.ALERTMANAGER: self._alertmanagers,
            },
            interval=settings.health.source_interval,
            clock=self._clock,
            metrics=health_metrics,
        )
        self._retention = Retention(
            self.store, kinds(settings.retention), clock=self._clock, metrics=RetentionMetrics(self.registry)
        )
        self._free_space = self._space()
        self._tokens = TokenBook(
            self.store,
            clock=self._clock,
            ids=self._ids,
            fixed=file_principals(settings.data_dir, settings.auth.webhook_token_file),
            sources=frozenset(self._prometheus),
        )
        self._heartbeats = Heartbeats(
            self._prometheus,
            settings.heartbeat,
            clock=self._clock,
            standings=self.store.standings,
            sink=Blindness(self.store, ids=self._ids, reopen_window=settings.grouping.reopen_window),
            metrics=HeartbeatMetrics(self.registry),
        )
        self.asgi = self._front()
        self._reconcilers = self._reconciliation()

    async def start(self) -> None:
        """Start every room; what was started is stopped again when a later one fails."""
        try:
            await self._start_rooms()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop what was started, the last first; each failure is logged by name and stops no other."""
        while self._cleanups:
            name, close = self._cleanups.pop()
            try:
                await close()
            except Exception:  # noqa: BLE001 - the named boundary of a shutdown: the rooms below have to be closed too
                _log.exception("stopping %s failed", name)

    async def _start_rooms(self) -> None:
        for prometheus in self._prometheus.values():
            self._cleanups.append((f"client of {prometheus.address}", prometheus.aclose))
        for alertmanager in itertools.chain.from_iterable(self._alertmanagers.values()):
            self._cleanups.append((f"client of {alertmanager.address}", alertmanager.aclose))
        for name, opened in self._executors.items():
            self._cleanups.append((f"executor {name}", opened.aclose))
        await asyncio.to_thread(self.store.open)
        self._cleanups.append(("store", lambda: asyncio.to_thread(self.store.close)))
        await self._anchoring.start()
        self._cleanups.append(("anchors", self._anchoring.stop))
        await self._tokens.reload()
        await self._reception.start()
        self._cleanups.append(("reception", self._reception.flush))
        await self._heartbeats.start()
        self._cleanups.append(("heartbeats", self._heartbeats.stop))
        self._runner.start()
        self._cleanups.append(("pipeline", lambda: self._runner.stop(grace=_GRACE)))
        self._health.start()
        self._cleanups.append(("health loop", self._health.stop))
        self._retention.start()
        self._cleanups.append(("retention", self._retention.stop))
        self._oversized.start()
        self._cleanups.append(("watch over large webhooks", self._oversized.stop))
        self._free_space.start()
        self._cleanups.append(("watch over the disk", self._free_space.stop))
        self._sources.start()
        self._cleanups.append(("source watch", self._sources.stop))
        for source, reconciler in self._reconcilers.items():
            reconciler.start()
            self._cleanups.append((f"reconciliation of {source}", reconciler.stop))

    def _space(self) -> FreeSpace:
        settings = self._settings
        return FreeSpace(
            settings.data_dir,
            settings.retention.low_disk_bytes,
            sink=LowDisk(
                self.store,
                ids=self._ids,
                source=settings.main_source,
                reopen_window=settings.grouping.reopen_window,
            ),
            clock=self._clock,
            metrics=FreeSpaceMetrics(self.registry),
        )

    def _anchors(self) -> Anchoring:
        return Anchoring(
            AnchorFile(self._settings.data_dir / ANCHORS_FILE),
            lambda: self.store.tally,
            interval=self._settings.audit.anchor_interval,
            clock=self._clock,
            metrics=AuditMetrics(self.registry),
        )

    def _world(self) -> World:
        settings = self._settings
        probe = PrometheusProbe(
            self._prometheus, settings.probes, clock=self._clock, metrics=ProbeMetrics(self.registry)
        )
        return World(
            store=self.store,
            probe=probe,
            executors={name: opened.executor for name, opened in self._executors.items()},
            targets=settings.declared_targets,
            playbooks=_playbooks(settings),
            decide=decide,
            ceiling=settings.mode,
            modes=settings.modes,
            clock=self._clock,
            ids=self._ids,
            options=settings.pipeline,
        )

    def _front(self) -> WebhookIntake:
        """The webhook's bare callable with the API behind it."""
        settings = self._settings
        gate = Gate(self._tokens, options=settings.auth)
        alert_metrics = AlertMetrics(self.registry)
        self._reception = Reception(
            self.store,
            self.store.standings,
            self._mapping,
            grouping=settings.grouping,
            options=settings.reception,
            clock=self._clock,
            ids=self._ids,
            waker=self._runner,
            metrics=alert_metrics,
            heartbeats=self._heartbeats,
        )
        sources = tuple(SourceName(source.name) for source in settings.sources)
        self._oversized = Oversized(
            self.store,
            ids=self._ids,
            clock=self._clock,
            sources=sources,
            max_body_bytes=settings.intake.max_body_bytes,
            reopen_window=settings.grouping.reopen_window,
        )
        return WebhookIntake(
            build_api(self._services(gate)),
            gate=gate,
            sink=self._reception,
            store=self.store,
            sources=sources,
            clock=self._clock,
            options=settings.intake,
            metrics=IntakeMetrics(self.registry),
            counted=alert_metrics.filed,
            incomplete=self._reconcile_soon,
            oversized=self._oversized,
        )

    def _reconciliation(self) -> dict[SourceName, Reconciler]:
        """One for each source that has an Alertmanager."""
        settings = self._settings
        metrics = ReconcileMetrics(self.registry, self._prometheus)
        return {
            watched.name: Reconciler(
                watched,
                settings.reconcile,
                comparison=Comparison(settings.reconcile, frozenset(settings.labels.heartbeat)),
                standings=self.store.standings,
                sink=self._reception,
                store=self.store,
                heartbeats=self._heartbeats,
                clock=self._clock,
                metrics=metrics,
            )
            for watched in self._watched()
        }

    def _watched(self) -> Iterator[Watched]:
        for source in self._settings.sources:
            name = SourceName(source.name)
            if clients := self._alertmanagers[name]:
                yield Watched(name, clients, source.receiver)

    def _reconcile_soon(self, source: SourceName) -> None:
        if reconciler := self._reconcilers.get(source):
            reconciler.soon()

    def _services(self, gate: Gate) -> ApiServices:
        settings = self._settings
        commands = Commands(
            self.store,
            decide,
            clock=self._clock,
            ids=self._ids,
            waker=self._runner,
            mode=settings.mode,
            targets=settings.declared_targets,
            actions=settings.actions,
            source=settings.main_source,
            per_hour=settings.requests_per_hour,
            count=self._pipeline_metrics.action_stored,
        )
        return ApiServices(
            store=self.store,
            gate=gate,
            tokens=self._tokens,
            commands=commands,
            incident_commands=IncidentCommands(self.store, clock=self._clock, waker=self._runner),
            health=self._health,
            anchors=self._anchoring,
            ledger=self._reception,
            queries=self._prometheus,
            metrics=self.registry,
            version=VERSION,
            sources=lambda: self._sources.states,
            readiness=self._unready,
        )

    def _unready(self) -> list[str]:
        alive = {
            "store": self.store.is_alive,
            "pipeline": self._runner.is_alive,
            "health loop": self._health.is_alive,
            "heartbeat watch": self._heartbeats.is_alive,
            **{f"reconciliation of {name}": each.is_alive for name, each in self._reconcilers.items()},
        }
        return [f"the {name} does not run" for name, is_alive in alive.items() if not is_alive]


def run(settings: Settings) -> int:
    """Serve until SIGTERM or Ctrl-C; 0 after a clean end. Raises SettingsError or StoreError when it cannot start."""
    logs.configure(settings.log_level, settings.log_format)
    sys.setswitchinterval(_SWITCH)
    gc.set_threshold(_YOUNG, 20, 50)
    return uvloop.run(_serve(settings))


def check(settings: Settings) -> Iterator[str]:
    """What the settings come to, line by line. Raises SettingsError, and at the end UnreachableError."""
    check_listen(settings.host, settings.auth)
    database = outside.postgres(settings)
    warning = folder.try_out(settings.data_dir, holds_database=database is None)
    yield f"mode {settings.mode}, listening on {settings.listen}, data in {settings.data_dir}"
    if warning:
        yield f"WARNING: {warning}"
    for playbook in _playbooks(settings):
        mode = min(settings.mode, settings.modes.get(playbook.name, playbook.mode), key=lambda each: each.rank)
        declared = "" if playbook.target in settings.targets else " (target not configured: it can do nothing)"
        yield f"playbook {playbook.name}: {playbook.verb} {playbook.target}, {mode}{declared}"
    executors = outside.executors(settings)
    asked = asyncio.run(outside.ask(settings, executors))
    if database is not None:
        asked[database.name.removeprefix("the ")] = outside.out_of_store(database)
    away = []
    for name, problem in asked.items():
        yield f"{name}: {'answers' if problem is None else f'NOT REACHED: {problem}'}"
        away += [name] if problem is not None else []
    if away:
        raise UnreachableError(f"not reached: {', '.join(away)}")


def back_up(settings: Settings, file: Path) -> Manifest:
    """Back up the data of an agent, whether it runs or not. Raises SettingsError, StoreError."""
    _refuse_without_database(settings)
    place = outside.place(settings)
    try:
        return backup.write(place.reading, file, beside=_beside(settings), now=SystemClock().now())
    finally:
        place.release()


def restore_from(settings: Settings, file: Path, *, force: bool) -> Restored:
    """Put a backup in the place of the data, paused. Raises SettingsError, StoreError."""
    files = restore.Files(_beside(settings), stale=(settings.data_dir / ANCHORS_FILE,))
    now = SystemClock().now()
    if (place := outside.postgres(settings)) is not None:
        return restore.into_postgres(file, place, settings.data_dir, files, force=force, now=now)
    return restore.into_file(file, settings.data_dir / outside.DATABASE_FILE, files, force=force, now=now)


def audited(settings: Settings) -> AbstractContextManager[SqlAudit]:
    """The timelines as they are stored, beside an agent that runs or not. Raises SettingsError, StoreError."""
    _refuse_without_database(settings)
    return auditing(outside.place(settings))


def _refuse_without_database(settings: Settings) -> None:
    if settings.database_url is None and not (settings.data_dir / outside.DATABASE_FILE).is_file():
        raise SettingsError(f"there is no database in {settings.data_dir}: is data_dir (AETHER_DATA_DIR) the agent's?")


def _beside(settings: Settings) -> Mapping[str, Path]:
    """What belongs into a backup beside the database: without the key nobody could verify the timelines."""
    return {key_file.KEY_FILE: key_file.place(settings.audit, settings.data_dir)}


def _audit_key(settings: Settings, is_in_use: bool) -> Key:
    path = key_file.place(settings.audit, settings.data_dir)
    return key_file.read_or_create(path, is_in_use=lambda: is_in_use)


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    Info("aether_agent_build", "The version that runs.", registry=registry).info({"version": VERSION})
    return registry


def _playbooks(settings: Settings) -> tuple[Playbook, ...]:
    playbooks = load_playbooks(settings.playbooks_dir)
    unknown = sorted(set(settings.modes) - {playbook.name for playbook in playbooks})
    if unknown:
        known = ", ".join(playbook.name for playbook in playbooks)
        raise SettingsError(f"playbook_modes names {', '.join(unknown)}, which is no playbook: known are {known}")
    return playbooks


async def _serve(settings: Settings) -> int:
    _log.info("Starting AetherLink Command AI Agent")
    agent = Agent(settings)
    listener = _listen(settings)
    try:
        await agent.start()
        server = BoundedServer(agent.asgi, grace=_GRACE)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, server.handle_exit, number, None)
        _log.info("Listening on http://%s in mode %s", settings.listen, settings.mode)
        await server.serve(sockets=[listener])
    finally:
        await agent.stop()
        listener.close()
    _log.info("Stopped")
    return 0


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except OSError as problem:
        listener.close()
        raise SettingsError(
            f"cannot listen on {settings.listen} ({problem.strerror}): stop what listens there, or set `listen` "
            "(AETHER_LISTEN) to another address"
        ) from problem
    return listener
