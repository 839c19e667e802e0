"""The rooms of one agent, made and put together: they know each other by their ports only. Nothing starts here."""

import logging
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from importlib.metadata import version as version_of

from prometheus_client import CollectorRegistry, GCCollector, Info, PlatformCollector, ProcessCollector

from aetherlink import outside
from aetherlink.access.gate import check_listen
from aetherlink.access.last_use import LastUse
from aetherlink.access.sessions import SessionBook
from aetherlink.access.token_files import file_principals
from aetherlink.access.tokens import TokenBook
from aetherlink.agent_record import AgentRecord
from aetherlink.approval_commands import ApprovalCommands
from aetherlink.audit.anchor_file import ANCHORS_FILE, AnchorFile
from aetherlink.audit.anchoring import Anchoring
from aetherlink.audit.metrics import AuditMetrics
from aetherlink.briefing import Restraints
from aetherlink.demotion import Demotion
from aetherlink.health.heartbeat import Heartbeats
from aetherlink.health.loop import HealthLoop
from aetherlink.health.metrics import HealthMetrics, HeartbeatMetrics
from aetherlink.health.sources import SourceWatch
from aetherlink.incidents.blindness import Blindness
from aetherlink.incidents.condition import Conditions
from aetherlink.incidents.low_disk import LowDisk
from aetherlink.incidents.low_health import LowHealth
from aetherlink.incidents.mapping import LabelMapping
from aetherlink.incidents.metrics import AlertMetrics
from aetherlink.incidents.oversized import Oversized
from aetherlink.incidents.reception import Reception
from aetherlink.incidents.refused_playbooks import RefusedPlaybooks
from aetherlink.incidents.unwell import Unwell
from aetherlink.intake.comparison import Comparison
from aetherlink.intake.reconcile import Reconciler, Watched
from aetherlink.intake.reconcile_metrics import ReconcileMetrics
from aetherlink.lib.clock import SystemClock
from aetherlink.lib.ids import SortableIds
from aetherlink.model import windows
from aetherlink.model.ids import Fingerprint, SourceName
from aetherlink.model.sources import SourceKind
from aetherlink.pausing.outside_pause import PauseFile
from aetherlink.pipeline.metrics import PipelineMetrics
from aetherlink.pipeline.runner import Runner
from aetherlink.pipeline.step import Consent, World
from aetherlink.pipeline.trial import Trials
from aetherlink.playbooks.reload import Reload, ReloadMetrics
from aetherlink.policy.decide import decide
from aetherlink.policy.protection import life_in
from aetherlink.ports import Clock
from aetherlink.probes.metrics import ProbeMetrics
from aetherlink.probes.prometheus import PrometheusProbe
from aetherlink.promotion_commands import PromotionCommands
from aetherlink.settings import Settings
from aetherlink.silencing.metrics import SilenceMetrics
from aetherlink.silencing.silences import Silences
from aetherlink.store import backup, folder
from aetherlink.store.backup import AutomaticBackup
from aetherlink.store.database import SqlStore
from aetherlink.store.free_space import FreeSpace, FreeSpaceMetrics
from aetherlink.store.retention import Retention, RetentionMetrics, kinds
from aetherlink.vigil import Rooms, Vigil
from aetherlink.voice import Ground, Voice, ears

VERSION = version_of("aetherlink")
_log = logging.getLogger("aetherlink.app")


class House:
    """Every room of one agent. Raises SettingsError for settings that cannot be put together.

    `clock` is the machine's own where none is given.
    """

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        check_listen(settings.host, settings.auth)
        folder.make(settings.data_dir)
        holds_database = settings.database_url is None
        if holds_database and (warning := folder.check_file_system(settings.data_dir)):
            _log.warning("%s", warning)
        self.settings = settings
        self.clock = clock or SystemClock()
        self.ids = SortableIds(self.clock)
        self.mapping = LabelMapping(
            settings.labels,
            settings.vip_tenants,
            grouping=settings.grouping,
            source_labels=settings.source_labels,
        )
        self.record = AgentRecord(ids=self.ids, source=settings.main_source)
        self.registry = _registry()
        self.store = self._sql_store()
        sources = {SourceName(source.name): source for source in settings.sources}
        self.prometheus = {name: outside.prometheus(one, settings.clients) for name, one in sources.items()}
        self.asked_by_others = outside.asked_by_others(settings)
        self.alertmanagers = {name: outside.alertmanagers(one, settings.clients) for name, one in sources.items()}
        self.anchoring = self._anchors()
        self.outside_pause = PauseFile(settings.pause_file, is_set=settings.paused)
        self.silences = self._own_silences()
        self.executors = outside.executors(settings)
        self.following = outside.following(self.executors, self.registry)
        self.targets = outside.targets(settings)
        self.finder = outside.finder(settings)
        self.pipeline_metrics = PipelineMetrics(self.registry)
        self.book = outside.book(settings)
        world = self._world()
        self.briefing, self.trials = world.briefing, Trials(world, self.book)
        self.runner = Runner(world, self.pipeline_metrics)
        health_metrics = HealthMetrics(self.registry)
        self.health = self._health_loop(health_metrics)
        self.sources = self._source_watch(health_metrics)
        self.retention = Retention(
            self.store, kinds(settings.retention), clock=self.clock, metrics=RetentionMetrics(self.registry)
        )
        self.free_space = self._space()
        self.promotions = PromotionCommands(
            self.store, clock=self.clock, waker=self.runner, record=self.record, playbooks=self.book
        )
        self.reload = self._playbook_reload()
        self.tokens = self._token_book()
        self.sessions = self._session_book()
        self.last_use = LastUse(self.tokens, self.sessions)
        self.heartbeats = self._heartbeat_watch()
        self.alert_metrics = AlertMetrics(self.registry)
        self.reception = self._alert_reception()
        self.oversized = self._size_watch()
        ground = Ground(self.store, self.clock, self.ids, self.registry)
        self.voice = Voice(settings, ground)
        self.vigil = Vigil(settings, self.voice, ground, self._rooms(), sink=self._unwell())
        self.approvals = self._approval_commands()
        self.ears = ears(settings, self.approvals, self.store, self.clock)
        self.reconcilers = self._reconciliation()

    def _sql_store(self) -> SqlStore:
        settings = self.settings
        return SqlStore(
            outside.place(settings),
            key=partial(outside.audit_key, settings),
            is_anchored=lambda: bool(AnchorFile(settings.data_dir / ANCHORS_FILE).read()[0]),
            before_migration=AutomaticBackup(settings.data_dir / backup.FOLDER, outside.beside(settings), self.clock),
        )

    def _health_loop(self, metrics: HealthMetrics) -> HealthLoop:
        settings = self.settings
        return HealthLoop(
            self.prometheus[settings.main_source],
            settings.health,
            source=settings.main_source,
            store=self.store,
            names=self.mapping,
            clock=self.clock,
            metrics=metrics,
            sink=LowHealth(
                self.store,
                ids=self.ids,
                source=settings.main_source,
                merge_window=settings.grouping.merge_window,
                reopen_window=settings.grouping.reopen_window,
            ),
        )

    def _source_watch(self, metrics: HealthMetrics) -> SourceWatch:
        return SourceWatch(
            {
                SourceKind.PROMETHEUS: {name: [client] for name, client in self.prometheus.items()},
                SourceKind.ALERTMANAGER: self.alertmanagers,
            },
            interval=self.settings.health.source_interval,
            clock=self.clock,
            metrics=metrics,
        )

    def _conditions(self) -> Conditions:
        return Conditions(self.store, ids=self.ids, reopen_window=self.settings.grouping.reopen_window)

    def _space(self) -> FreeSpace:
        settings = self.settings
        return FreeSpace(
            settings.data_dir,
            settings.retention.low_disk_bytes,
            sink=LowDisk(self._conditions(), settings.main_source),
            clock=self.clock,
            metrics=FreeSpaceMetrics(self.registry),
        )

    def _rooms(self) -> Rooms:
        return Rooms(
            self._idle,
            lambda: self.heartbeats.blind_sources,
            lambda: () if self.ears is None else self.ears.problems,
        )

    def _unwell(self) -> Unwell:
        return Unwell(self._conditions(), self.settings.main_source)

    def _token_book(self) -> TokenBook:
        settings = self.settings
        return TokenBook(
            self.store,
            clock=self.clock,
            ids=self.ids,
            fixed=file_principals(settings.data_dir, settings.auth.webhook_token_file),
            sources=frozenset(self.prometheus),
        )

    def _session_book(self) -> SessionBook:
        return SessionBook(
            self.store,
            self.tokens,
            clock=self.clock,
            ids=self.ids,
            options=self.settings.auth.sessions,
            vouched=outside.vouched(self.settings),
        )

    def _heartbeat_watch(self) -> Heartbeats:
        settings = self.settings
        return Heartbeats(
            self.prometheus,
            settings.heartbeat,
            clock=self.clock,
            standings=self.store.standings,
            sink=Blindness(self._conditions()),
            metrics=HeartbeatMetrics(self.registry),
        )

    def _anchors(self) -> Anchoring:
        return Anchoring(
            AnchorFile(self.settings.data_dir / ANCHORS_FILE),
            lambda: self.store.tally,
            interval=self.settings.audit.anchor_interval,
            clock=self.clock,
            metrics=AuditMetrics(self.registry),
        )

    def _own_silences(self) -> Silences:
        return Silences(
            self.store,
            self.alertmanagers,
            clock=self.clock,
            metrics=SilenceMetrics(self.registry),
            action_deadline=self.settings.pipeline.action_deadline,
        )

    def _approval_commands(self) -> ApprovalCommands:
        settings = self.settings
        return ApprovalCommands(
            self.store,
            clock=self.clock,
            waker=self.runner,
            record=self.record,
            requester_may_approve=settings.approvals.requester_may_approve,
            demotion=Demotion(self.record, settings.promotions.bounds, lambda: self.book.playbooks),
        )

    def _world(self) -> World:
        settings = self.settings
        probe = PrometheusProbe(self.prometheus, settings.probes, clock=self.clock, metrics=ProbeMetrics(self.registry))
        return World(
            store=self.store,
            probe=probe,
            executors={name: opened.executor for name, opened in self.executors.items()},
            targets=self.targets,
            playbooks=self.book.playbooks,
            decide=decide,
            ceiling=settings.mode,
            modes=settings.modes,
            clock=self.clock,
            ids=self.ids,
            options=settings.pipeline,
            restraints=self._restraints(),
            consent=Consent(
                expires_after=settings.approvals.expires_after,
                second_person_for_vip=settings.approvals.second_person_for_vip,
                stays_for=settings.approvals.stays_for,
            ),
            silencer=self.silences,
            finder=None if self.finder is None else self.finder.finder,
            demotion=settings.promotions.bounds,
        )

    def _playbook_reload(self) -> Reload:
        settings = self.settings
        return Reload(
            settings.playbooks_dir,
            partial(outside.playbooks, settings),
            self.runner.use,
            settle=self.promotions.end_lapsed,
            book=self.book,
            every=settings.playbooks_reload,
            sink=RefusedPlaybooks(self._conditions(), settings.main_source),
            clock=self.clock,
            metrics=ReloadMetrics(self.registry),
        )

    def _restraints(self) -> Restraints:
        settings = self.settings
        return Restraints(
            budgets=settings.budgets.bounds,
            vip_mode=settings.vip_mode,
            protected=outside.protected(settings),
            life_in=partial(life_in, names=settings.own_names),
            outside_pause=self.outside_pause,
            freeze=partial(windows.in_force, settings.windows),
            blindness=self._blindness,
            listed_at=self._listed_at,
            is_vip=self.mapping.is_vip,
        )

    def _blindness(self, source: SourceName) -> str | None:
        if source not in self.heartbeats.blind_sources:
            return None
        return f"monitoring of {source} is blind: its heartbeat has stopped"

    def _listed_at(self, source: SourceName, fingerprint: Fingerprint) -> datetime | None:
        reconciler = self.reconcilers.get(source)
        return None if reconciler is None else reconciler.listed_at(fingerprint)

    def _alert_reception(self) -> Reception:
        settings = self.settings
        return Reception(
            self.store,
            self.store.standings,
            self.mapping,
            grouping=settings.grouping,
            options=settings.reception,
            clock=self.clock,
            ids=self.ids,
            waker=self.runner,
            metrics=self.alert_metrics,
            heartbeats=self.heartbeats,
        )

    def _size_watch(self) -> Oversized:
        settings = self.settings
        return Oversized(
            self.store,
            ids=self.ids,
            clock=self.clock,
            sources=tuple(self.prometheus),
            max_body_bytes=settings.intake.max_body_bytes,
            reopen_window=settings.grouping.reopen_window,
        )

    def _reconciliation(self) -> dict[SourceName, Reconciler]:
        """One for each source that has an Alertmanager."""
        settings = self.settings
        metrics = ReconcileMetrics(self.registry, self.prometheus)
        return {
            watched.name: Reconciler(
                watched,
                settings.reconcile,
                comparison=Comparison(settings.reconcile, frozenset(settings.labels.heartbeat)),
                standings=self.store.standings,
                sink=self.reception,
                store=self.store,
                heartbeats=self.heartbeats,
                clock=self.clock,
                metrics=metrics,
                own_silences=self.silences.ids,
            )
            for watched in self._watched()
        }

    def _watched(self) -> Iterator[Watched]:
        for source in self.settings.sources:
            name = SourceName(source.name)
            if clients := self.alertmanagers[name]:
                yield Watched(name, clients, source.receiver)

    def unready(self) -> list[str]:
        unread = [] if self.store.can_read else ["the store cannot be read"]
        return [*unread, *self._idle(), *self.vigil.unready]

    def _idle(self) -> list[str]:
        return [f"the {name} does not run" for name, is_alive in self.alive().items() if not is_alive]

    def alive(self) -> dict[str, bool]:
        return {
            "store": self.store.is_alive,
            "pipeline": self.runner.is_alive,
            "health loop": self.health.is_alive,
            "heartbeat watch": self.heartbeats.is_alive,
            **{f"reconciliation of {name}": each.is_alive for name, each in self.reconcilers.items()},
        }


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    Info("aether_agent_build", "The version that runs.", registry=registry).info({"version": VERSION})
    return registry
