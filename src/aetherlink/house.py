"""The rooms of one agent, made and put together: they know each other by their ports only. Nothing starts here."""

import logging
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from importlib.metadata import version as version_of

from prometheus_client import CollectorRegistry, GCCollector, Info, PlatformCollector, ProcessCollector

from aetherlink import outside
from aetherlink.access.gate import Gate, check_listen
from aetherlink.access.last_use import LastUse
from aetherlink.access.oidc import OidcDoor
from aetherlink.access.oidc_record import SignInRecord
from aetherlink.access.public_place import place_of
from aetherlink.access.sessions import SessionBook, Vouched
from aetherlink.access.sign_in import SignIn
from aetherlink.access.throttle import SignInThrottle
from aetherlink.access.token_files import file_principals
from aetherlink.access.tokens import TokenBook
from aetherlink.agent_record import AgentRecord
from aetherlink.api.app import build_api
from aetherlink.approval_commands import ApprovalCommands
from aetherlink.audit.anchor_file import ANCHORS_FILE, AnchorFile
from aetherlink.audit.anchoring import Anchoring
from aetherlink.audit.metrics import AuditMetrics
from aetherlink.briefing import Restraints
from aetherlink.commands import Commands
from aetherlink.console import registry as pages
from aetherlink.delivery_commands import DeliveryCommands
from aetherlink.demotion import Demotion
from aetherlink.health.heartbeat import Heartbeats
from aetherlink.health.loop import HealthLoop
from aetherlink.health.metrics import HealthMetrics, HeartbeatMetrics
from aetherlink.health.sources import SourceWatch
from aetherlink.incident_commands import IncidentCommands
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
from aetherlink.intake.webhook import IntakeMetrics, WebhookIntake
from aetherlink.lib.clock import SystemClock
from aetherlink.lib.ids import SortableIds
from aetherlink.mcp import door
from aetherlink.mcp.metrics import McpMetrics
from aetherlink.model import windows
from aetherlink.model.health import WHOLE
from aetherlink.model.ids import Fingerprint, SourceName
from aetherlink.model.pauses import EVERYTHING
from aetherlink.model.sources import SourceKind
from aetherlink.pause_commands import PauseCommands
from aetherlink.pausing.outside_pause import PauseFile
from aetherlink.pipeline.metrics import PipelineMetrics
from aetherlink.pipeline.runner import Runner
from aetherlink.pipeline.step import Consent, World
from aetherlink.pipeline.trial import Trials
from aetherlink.playbooks.reload import Reload, ReloadMetrics
from aetherlink.policy.decide import decide
from aetherlink.policy.protection import life_in
from aetherlink.policy.rules import RULES
from aetherlink.ports import Clock
from aetherlink.probes.metrics import ProbeMetrics
from aetherlink.probes.prometheus import PrometheusProbe
from aetherlink.promotion_commands import PromotionCommands
from aetherlink.queries.desk import GuardedDesk
from aetherlink.queries.metrics import ProxyMetrics
from aetherlink.settings import Settings, variable_of
from aetherlink.silencing.metrics import SilenceMetrics
from aetherlink.silencing.silences import Silences
from aetherlink.store import backup, folder
from aetherlink.store.backup import AutomaticBackup
from aetherlink.store.database import SqlStore
from aetherlink.store.free_space import FreeSpace, FreeSpaceMetrics, free_bytes
from aetherlink.store.retention import Retention, RetentionMetrics, kinds
from aetherlink.vigil import Rooms, Vigil
from aetherlink.voice import Ground, Voice, ears
from aetherlink.web.feed import Feed
from aetherlink.web.house_rules import Freeze, HouseRules, Part
from aetherlink.web.services import CLOSED, ApiServices, Stance, no_graphs
from aetherlink.web.shown_settings import shown_settings

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
        self._settings = settings
        self._clock = clock or SystemClock()
        self._ids = SortableIds(self._clock)
        self._mapping = LabelMapping(
            settings.labels,
            settings.vip_tenants,
            grouping=settings.grouping,
            source_labels=settings.source_labels,
        )
        self._record = AgentRecord(ids=self._ids, source=settings.main_source)
        self.registry = _registry()
        self.store = self._sql_store()
        sources = {SourceName(source.name): source for source in settings.sources}
        self.prometheus = {name: outside.prometheus(one, settings.clients) for name, one in sources.items()}
        self.asked_by_others = outside.asked_by_others(settings)
        self.alertmanagers = {name: outside.alertmanagers(one, settings.clients) for name, one in sources.items()}
        self.anchoring = self._anchors()
        self._outside_pause = PauseFile(settings.pause_file, is_set=settings.paused)
        self.silences = self._own_silences()
        self.executors = outside.executors(settings)
        self.following = outside.following(self.executors, self.registry)
        self._targets = outside.targets(settings)
        self.finder = outside.finder(settings)
        self._pipeline_metrics = PipelineMetrics(self.registry)
        self._book = outside.book(settings)
        world = self._world()
        self._briefing, self._trials = world.briefing, Trials(world, self._book)
        self.runner = Runner(world, self._pipeline_metrics)
        health_metrics = HealthMetrics(self.registry)
        self.health = self._health_loop(health_metrics)
        self.sources = self._source_watch(health_metrics)
        self.retention = Retention(
            self.store, kinds(settings.retention), clock=self._clock, metrics=RetentionMetrics(self.registry)
        )
        self.free_space = self._space()
        self._promotions = PromotionCommands(
            self.store, clock=self._clock, waker=self.runner, record=self._record, playbooks=self._book
        )
        self.reload = self._playbook_reload()
        self.tokens = self._token_book()
        self.sessions = self._session_book()
        self.last_use = LastUse(self.tokens, self.sessions)
        self.heartbeats = self._heartbeat_watch()
        self._alert_metrics = AlertMetrics(self.registry)
        self.reception = self._alert_reception()
        self.oversized = self._size_watch()
        ground = Ground(self.store, self._clock, self._ids, self.registry)
        self.voice = Voice(settings, ground)
        self.vigil = Vigil(settings, self.voice, ground, self._rooms(), sink=self._unwell())
        self._approvals = self._approval_commands()
        self.ears = ears(settings, self._approvals, self.store, self._clock)
        self.feed = Feed(self.store, newest=lambda: self.store.tally.number, present=self._present)
        self.asgi = self._front()
        self.reconcilers = self._reconciliation()

    def _sql_store(self) -> SqlStore:
        settings = self._settings
        return SqlStore(
            outside.place(settings),
            key=partial(outside.audit_key, settings),
            is_anchored=lambda: bool(AnchorFile(settings.data_dir / ANCHORS_FILE).read()[0]),
            before_migration=AutomaticBackup(settings.data_dir / backup.FOLDER, outside.beside(settings), self._clock),
        )

    def _health_loop(self, metrics: HealthMetrics) -> HealthLoop:
        settings = self._settings
        return HealthLoop(
            self.prometheus[settings.main_source],
            settings.health,
            source=settings.main_source,
            store=self.store,
            names=self._mapping,
            clock=self._clock,
            metrics=metrics,
            sink=LowHealth(
                self.store,
                ids=self._ids,
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
            interval=self._settings.health.source_interval,
            clock=self._clock,
            metrics=metrics,
        )

    def _conditions(self) -> Conditions:
        return Conditions(self.store, ids=self._ids, reopen_window=self._settings.grouping.reopen_window)

    def _space(self) -> FreeSpace:
        settings = self._settings
        return FreeSpace(
            settings.data_dir,
            settings.retention.low_disk_bytes,
            sink=LowDisk(self._conditions(), settings.main_source),
            clock=self._clock,
            metrics=FreeSpaceMetrics(self.registry),
        )

    def _rooms(self) -> Rooms:
        return Rooms(
            self._idle,
            lambda: self.heartbeats.blind_sources,
            lambda: () if self.ears is None else self.ears.problems,
        )

    def _unwell(self) -> Unwell:
        return Unwell(self._conditions(), self._settings.main_source)

    def _token_book(self) -> TokenBook:
        settings = self._settings
        return TokenBook(
            self.store,
            clock=self._clock,
            ids=self._ids,
            fixed=file_principals(settings.data_dir, settings.auth.webhook_token_file),
            sources=frozenset(self.prometheus),
        )

    def _session_book(self) -> SessionBook:
        oidc = self._settings.auth.oidc
        return SessionBook(
            self.store,
            self.tokens,
            clock=self._clock,
            ids=self._ids,
            options=self._settings.auth.sessions,
            vouched=None if oidc is None else Vouched(oidc.root, oidc.lifetime),
        )

    def _sign_in(self) -> SignIn:
        oidc, throttle = self._settings.auth.oidc, SignInThrottle(self._clock)
        provider, place = outside.identity_provider(self._settings, self._clock), place_of(self._settings.external_url)
        if oidc is None or provider is None:
            return SignIn(self.sessions, throttle, place)
        record = SignInRecord(self.store, self._record, clock=self._clock, issuer=oidc.issuer)
        door = OidcDoor(oidc, provider, self.sessions, record, clock=self._clock)
        return SignIn(self.sessions, throttle, place, door)

    def _heartbeat_watch(self) -> Heartbeats:
        settings = self._settings
        return Heartbeats(
            self.prometheus,
            settings.heartbeat,
            clock=self._clock,
            standings=self.store.standings,
            sink=Blindness(self._conditions()),
            metrics=HeartbeatMetrics(self.registry),
        )

    def _anchors(self) -> Anchoring:
        return Anchoring(
            AnchorFile(self._settings.data_dir / ANCHORS_FILE),
            lambda: self.store.tally,
            interval=self._settings.audit.anchor_interval,
            clock=self._clock,
            metrics=AuditMetrics(self.registry),
        )

    def _own_silences(self) -> Silences:
        return Silences(
            self.store,
            self.alertmanagers,
            clock=self._clock,
            metrics=SilenceMetrics(self.registry),
            action_deadline=self._settings.pipeline.action_deadline,
        )

    def _approval_commands(self) -> ApprovalCommands:
        settings = self._settings
        return ApprovalCommands(
            self.store,
            clock=self._clock,
            waker=self.runner,
            record=self._record,
            requester_may_approve=settings.approvals.requester_may_approve,
            demotion=Demotion(self._record, settings.promotions.bounds, lambda: self._book.playbooks),
        )

    def _pause_commands(self) -> PauseCommands:
        return PauseCommands(
            self.store,
            clock=self._clock,
            waker=self.runner,
            record=self._record,
            known=lambda: {
                "target": self._targets,
                "source": self.prometheus,
                "playbook": [playbook.name for playbook in self._book.playbooks],
            },
        )

    def _world(self) -> World:
        settings = self._settings
        probe = PrometheusProbe(
            self.prometheus, settings.probes, clock=self._clock, metrics=ProbeMetrics(self.registry)
        )
        return World(
            store=self.store,
            probe=probe,
            executors={name: opened.executor for name, opened in self.executors.items()},
            targets=self._targets,
            playbooks=self._book.playbooks,
            decide=decide,
            ceiling=settings.mode,
            modes=settings.modes,
            clock=self._clock,
            ids=self._ids,
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
        settings = self._settings
        return Reload(
            settings.playbooks_dir,
            partial(outside.playbooks, settings),
            self.runner.use,
            settle=self._promotions.end_lapsed,
            book=self._book,
            every=settings.playbooks_reload,
            sink=RefusedPlaybooks(self._conditions(), settings.main_source),
            clock=self._clock,
            metrics=ReloadMetrics(self.registry),
        )

    def _restraints(self) -> Restraints:
        settings = self._settings
        return Restraints(
            budgets=settings.budgets.bounds,
            vip_mode=settings.vip_mode,
            protected=outside.protected(settings),
            life_in=partial(life_in, names=settings.own_names),
            outside_pause=self._outside_pause,
            freeze=partial(windows.in_force, settings.windows),
            blindness=self._blindness,
            listed_at=self._listed_at,
            is_vip=self._mapping.is_vip,
        )

    def _blindness(self, source: SourceName) -> str | None:
        if source not in self.heartbeats.blind_sources:
            return None
        return f"monitoring of {source} is blind: its heartbeat has stopped"

    def _listed_at(self, source: SourceName, fingerprint: Fingerprint) -> datetime | None:
        reconciler = self.reconcilers.get(source)
        return None if reconciler is None else reconciler.listed_at(fingerprint)

    def _alert_reception(self) -> Reception:
        settings = self._settings
        return Reception(
            self.store,
            self.store.standings,
            self._mapping,
            grouping=settings.grouping,
            options=settings.reception,
            clock=self._clock,
            ids=self._ids,
            waker=self.runner,
            metrics=self._alert_metrics,
            heartbeats=self.heartbeats,
        )

    def _size_watch(self) -> Oversized:
        settings = self._settings
        return Oversized(
            self.store,
            ids=self._ids,
            clock=self._clock,
            sources=tuple(self.prometheus),
            max_body_bytes=settings.intake.max_body_bytes,
            reopen_window=settings.grouping.reopen_window,
        )

    def _front(self) -> WebhookIntake:
        """The webhook's bare callable with the API behind it."""
        place = place_of(self._settings.external_url)
        gate = Gate(self.tokens, options=self._settings.auth, sessions=self.sessions, place=place)
        assistants = door.routers(self._settings.mcp, McpMetrics(self.registry))
        return WebhookIntake(
            build_api(self._services(gate), (*pages.ROUTERS, *assistants)),
            gate=gate,
            sink=self.reception,
            base_path=place.base_path,
            store=self.store,
            sources=tuple(self.prometheus),
            clock=self._clock,
            options=self._settings.intake,
            metrics=IntakeMetrics(self.registry),
            counted=self._alert_metrics.filed,
            incomplete=self._reconcile_soon,
            oversized=self.oversized,
        )

    def _reconciliation(self) -> dict[SourceName, Reconciler]:
        """One for each source that has an Alertmanager."""
        settings = self._settings
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
                clock=self._clock,
                metrics=metrics,
                own_silences=self.silences.ids,
            )
            for watched in self._watched()
        }

    def _watched(self) -> Iterator[Watched]:
        for source in self._settings.sources:
            name = SourceName(source.name)
            if clients := self.alertmanagers[name]:
                yield Watched(name, clients, source.receiver)

    def _reconcile_soon(self, source: SourceName) -> None:
        if reconciler := self.reconcilers.get(source):
            reconciler.soon()

    def _services(self, gate: Gate) -> ApiServices:
        settings = self._settings
        commands = Commands(
            self.store,
            decide,
            self._briefing,
            clock=self._clock,
            ids=self._ids,
            waker=self.runner,
            actions=settings.actions,
            source=settings.main_source,
            per_hour=settings.requests_per_hour,
            is_vip=self._mapping.is_vip,
            count=self._pipeline_metrics.action_stored,
        )
        return ApiServices(
            store=self.store,
            gate=gate,
            tokens=self.tokens,
            sign_in=self._sign_in(),
            commands=commands,
            incident_commands=IncidentCommands(self.store, clock=self._clock, waker=self.runner),
            approval_commands=self._approvals,
            pause_commands=self._pause_commands(),
            promotion_commands=self._promotions,
            delivery_commands=DeliveryCommands(self.store, clock=self._clock, record=self._record, voice=self.voice),
            voice=self.voice,
            outside_pause=self._outside_pause,
            stance=self._stance(),
            health=self.health,
            anchors=self.anchoring,
            ledger=self.reception,
            playbooks=self._book,
            trials=self._trials,
            clock=self._clock,
            queries=self.prometheus,
            query_desk=self._query_desk(),
            metrics=self.registry,
            version=VERSION,
            sources=lambda: self.sources.states,
            feed=self.feed,
            readiness=self._unready,
            graphs_of=no_graphs if settings.dashboard is None else settings.dashboard.link,
            slack=CLOSED if self.ears is None else self.ears.door,
            rules=self._house_rules(),
            base_path=place_of(settings.external_url).base_path,
        )

    async def _present(self) -> dict[str, dict[str, object]]:
        """What the stream tells whenever it changes; `paused` are the scopes."""
        now = self._clock.now()
        pauses = await self.store.read(lambda rows: rows.pauses.all())
        paused = {pause.scope for pause in pauses if pause.holds(now)}
        if self._outside_pause() is not None:
            paused.add(EVERYTHING)
        scores = {reading.tenant: reading for reading in self.health.present}
        whole = scores.get(WHOLE)
        return {
            "health": {
                "at": None if whole is None else whole.at.isoformat(),
                "score": None if whole is None else whole.score,
                "status": None if whole is None else whole.status.value,
                "tenants": [
                    {"tenant": tenant, "score": reading.score, "status": reading.status.value}
                    for tenant, reading in scores.items()
                    if tenant != WHOLE
                ],
            },
            "state": {
                "blind": sorted(self.heartbeats.blind_sources),
                "paused": sorted(paused),
                "unready": self._unready(),
            },
        }

    def _house_rules(self) -> HouseRules:
        settings = self._settings
        return HouseRules(
            targets=self._targets,
            protected=outside.protected(settings),
            rules=[(rule.__name__, " ".join((rule.__doc__ or "").split())) for rule in RULES],
            budgets=settings.budgets.bounds,
            requests_per_hour=settings.requests_per_hour,
            modes=settings.modes,
            vip_mode=settings.vip_mode,
            vip_tenants=settings.vip_tenants,
            is_dry_run=settings.dry_run,
            freezes=[Freeze(one.name, one.scope, one.words) for one in settings.windows],
            settings=shown_settings(settings, variable_of),
            store="SQLite" if settings.database_url is None else "PostgreSQL",
            parts=lambda: [Part(name, is_alive) for name, is_alive in self._alive().items()],
            free_bytes=self._free_bytes,
        )

    def _free_bytes(self) -> int | None:
        try:
            return free_bytes(self._settings.data_dir)
        except OSError:
            return None

    def _query_desk(self) -> GuardedDesk:
        settings = self._settings
        return GuardedDesk(
            self.asked_by_others,
            settings.queries,
            tenant_label=outside.tenant_label(settings),
            clock=self._clock,
            metrics=ProxyMetrics(self.registry),
        )

    def _stance(self) -> Stance:
        settings = self._settings
        return Stance(
            mode=settings.mode,
            freezes=partial(windows.all_in_force, settings.windows),
            blind_sources=lambda: self.heartbeats.blind_sources,
        )

    def _unready(self) -> list[str]:
        unread = [] if self.store.can_read else ["the store cannot be read"]
        return [*unread, *self._idle(), *self.vigil.unready]

    def _idle(self) -> list[str]:
        return [f"the {name} does not run" for name, is_alive in self._alive().items() if not is_alive]

    def _alive(self) -> dict[str, bool]:
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
