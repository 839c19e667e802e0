"""The front of one agent: every door that it has over HTTP, and what stands behind them."""

from functools import partial

from aetherlink import outside
from aetherlink.access.gate import Gate
from aetherlink.access.oidc import OidcDoor
from aetherlink.access.oidc_record import SignInRecord
from aetherlink.access.public_place import place_of
from aetherlink.access.sign_in import SignIn
from aetherlink.access.throttle import SignInThrottle
from aetherlink.api.app import build_api
from aetherlink.commands import Commands
from aetherlink.console import registry as pages
from aetherlink.delivery_commands import DeliveryCommands
from aetherlink.house import VERSION, House
from aetherlink.incident_commands import IncidentCommands
from aetherlink.intake.webhook import IntakeMetrics, WebhookIntake
from aetherlink.mcp import door
from aetherlink.mcp.metrics import McpMetrics
from aetherlink.model import windows
from aetherlink.model.health import WHOLE
from aetherlink.model.ids import SourceName
from aetherlink.model.pauses import EVERYTHING
from aetherlink.pause_commands import PauseCommands
from aetherlink.policy.decide import decide
from aetherlink.policy.rules import RULES
from aetherlink.queries.desk import GuardedDesk
from aetherlink.queries.metrics import ProxyMetrics
from aetherlink.settings import variable_of
from aetherlink.store.free_space import free_bytes
from aetherlink.web.feed import Feed
from aetherlink.web.house_rules import Freeze, HouseRules, Part
from aetherlink.web.services import CLOSED, ApiServices, Stance, no_graphs
from aetherlink.web.shown_settings import shown_settings


class Front:
    """The webhook and, behind it, API, console and assistants. Nothing starts here. Raises SettingsError."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.feed = Feed(house.store, newest=lambda: house.store.tally.number, present=self._present)
        self.asgi = self._door()

    def _door(self) -> WebhookIntake:
        """The webhook's bare callable with the API behind it."""
        house = self._house
        place = place_of(house.settings.external_url)
        gate = Gate(house.tokens, options=house.settings.auth, sessions=house.sessions, place=place)
        assistants = door.routers(house.settings.mcp, McpMetrics(house.registry))
        return WebhookIntake(
            build_api(self._services(gate), (*pages.ROUTERS, *assistants)),
            gate=gate,
            sink=house.reception,
            base_path=place.base_path,
            store=house.store,
            sources=tuple(house.prometheus),
            clock=house.clock,
            options=house.settings.intake,
            metrics=IntakeMetrics(house.registry),
            counted=house.alert_metrics.filed,
            incomplete=self._reconcile_soon,
            oversized=house.oversized,
        )

    def _services(self, gate: Gate) -> ApiServices:
        house, settings = self._house, self._house.settings
        commands = Commands(
            house.store,
            decide,
            house.briefing,
            clock=house.clock,
            ids=house.ids,
            waker=house.runner,
            actions=settings.actions,
            source=settings.main_source,
            per_hour=settings.requests_per_hour,
            is_vip=house.mapping.is_vip,
            count=house.pipeline_metrics.action_stored,
        )
        return ApiServices(
            store=house.store,
            gate=gate,
            tokens=house.tokens,
            sign_in=self._sign_in(),
            commands=commands,
            incident_commands=IncidentCommands(house.store, clock=house.clock, waker=house.runner),
            approval_commands=house.approvals,
            pause_commands=self._pause_commands(),
            promotion_commands=house.promotions,
            delivery_commands=DeliveryCommands(house.store, clock=house.clock, record=house.record, voice=house.voice),
            voice=house.voice,
            outside_pause=house.outside_pause,
            stance=self._stance(),
            health=house.health,
            anchors=house.anchoring,
            ledger=house.reception,
            playbooks=house.book,
            trials=house.trials,
            clock=house.clock,
            queries=house.prometheus,
            query_desk=self._query_desk(),
            metrics=house.registry,
            version=VERSION,
            sources=lambda: house.sources.states,
            feed=self.feed,
            readiness=house.unready,
            graphs_of=no_graphs if settings.dashboard is None else settings.dashboard.link,
            slack=CLOSED if house.ears is None else house.ears.door,
            rules=self._house_rules(),
            base_path=place_of(settings.external_url).base_path,
        )

    async def _present(self) -> dict[str, dict[str, object]]:
        """What the stream tells whenever it changes; `paused` are the scopes."""
        house = self._house
        now = house.clock.now()
        pauses = await house.store.read(lambda rows: rows.pauses.all())
        paused = {pause.scope for pause in pauses if pause.holds(now)}
        if house.outside_pause() is not None:
            paused.add(EVERYTHING)
        scores = {reading.tenant: reading for reading in house.health.present}
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
                "blind": sorted(house.heartbeats.blind_sources),
                "paused": sorted(paused),
                "unready": house.unready(),
            },
        }

    def _house_rules(self) -> HouseRules:
        house, settings = self._house, self._house.settings
        return HouseRules(
            targets=house.targets,
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
            parts=lambda: [Part(name, is_alive) for name, is_alive in house.alive().items()],
            free_bytes=self._free_bytes,
            low_disk_bytes=settings.retention.low_disk_bytes,
        )

    def _free_bytes(self) -> int | None:
        try:
            return free_bytes(self._house.settings.data_dir)
        except OSError:
            return None

    def _query_desk(self) -> GuardedDesk:
        house, settings = self._house, self._house.settings
        return GuardedDesk(
            house.asked_by_others,
            settings.queries,
            tenant_label=outside.tenant_label(settings),
            clock=house.clock,
            metrics=ProxyMetrics(house.registry),
        )

    def _stance(self) -> Stance:
        house, settings = self._house, self._house.settings
        return Stance(
            mode=settings.mode,
            freezes=partial(windows.all_in_force, settings.windows),
            blind_sources=lambda: house.heartbeats.blind_sources,
        )

    def _reconcile_soon(self, source: SourceName) -> None:
        if reconciler := self._house.reconcilers.get(source):
            reconciler.soon()

    def _pause_commands(self) -> PauseCommands:
        house = self._house
        return PauseCommands(
            house.store,
            clock=house.clock,
            waker=house.runner,
            record=house.record,
            known=lambda: {
                "target": house.targets,
                "source": house.prometheus,
                "playbook": [playbook.name for playbook in house.book.playbooks],
            },
        )

    def _sign_in(self) -> SignIn:
        house = self._house
        oidc, throttle = house.settings.auth.oidc, SignInThrottle(house.clock)
        provider, place = (
            outside.identity_provider(house.settings, house.clock),
            place_of(house.settings.external_url),
        )
        if oidc is None or provider is None:
            return SignIn(house.sessions, throttle, place)
        record = SignInRecord(house.store, house.record, clock=house.clock, issuer=oidc.issuer)
        door = OidcDoor(oidc, provider, house.sessions, record, clock=house.clock)
        return SignIn(house.sessions, throttle, place, door)
