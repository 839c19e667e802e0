"""What stands outside the process, opened as the settings name it: sources, executors, playbooks, place and key."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from aetherlink.access.oidc_options import CALLBACK
from aetherlink.access.sessions import Vouched
from aetherlink.audit import key_file
from aetherlink.clients.alertmanager import AlertmanagerClient
from aetherlink.clients.credentials import connection_of, read_secret, read_tls
from aetherlink.clients.options import ClientOptions
from aetherlink.clients.prometheus import PrometheusClient
from aetherlink.clients.source_options import SourceOptions, TlsOptions
from aetherlink.errors import AetherError, SettingsError, StoreError
from aetherlink.executors.docker_finding import Declared, Grounds
from aetherlink.executors.docker_found import target_of, with_found
from aetherlink.executors.docker_own_life import OwnLife
from aetherlink.executors.finding import OpenedFinder, open_docker_finder
from aetherlink.executors.metrics import FollowingMetrics
from aetherlink.executors.options import ExecutorOptions
from aetherlink.executors.registry import Following, Opened, open_executors
from aetherlink.health.sources import problem_of
from aetherlink.incidents.mapping import LabelMapping
from aetherlink.lib.clock import SystemClock
from aetherlink.lib.deriving import Deriving
from aetherlink.lib.hash_chain import Key
from aetherlink.lib.ids import SortableIds
from aetherlink.lib.own_container import own_container
from aetherlink.model.actions import NO_LIMITS, Observation, Target, Verb
from aetherlink.model.alerts import Alert, AlertStatus
from aetherlink.model.decisions import Evidence
from aetherlink.model.findings import Finding
from aetherlink.model.ids import Fingerprint, SourceName, TargetName
from aetherlink.model.pauses import scope_problem
from aetherlink.model.playbooks import Playbook
from aetherlink.playbooks.book import Book
from aetherlink.playbooks.loader import load_playbooks
from aetherlink.policy.protection import life_in, protected_name
from aetherlink.ports import Clock, Executor, IdentityProvider
from aetherlink.probes.metrics import ProbeMetrics
from aetherlink.probes.prometheus import PrometheusProbe
from aetherlink.settings import Settings
from aetherlink.store.place import Place
from aetherlink.store.postgres import PostgresPlace
from aetherlink.store.sqlite import SqlitePlace

DATABASE_FILE = "aetherlink.db"

_LOOK = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking something outside: its problem, empty where there is none; and what cannot be done to it."""

    problem: str = ""
    lacks: tuple[str, ...] = ()
    words: str = "answers"


async def ask(settings: Settings, opened: Mapping[str, Opened]) -> dict[str, Asked]:
    """What stands outside, each with what came of asking."""
    clients: dict[str, PrometheusClient | AlertmanagerClient] = {}
    for source in settings.sources:
        clients[f"Prometheus {source.prometheus}"] = prometheus(source, settings.clients)
        for url, client in zip(source.alertmanagers, alertmanagers(source, settings.clients), strict=True):
            clients[f"Alertmanager {url}"] = client
    targets, looking = settings.declared_targets.values(), finder(settings)
    names = [*clients, *(f"target {one.name}: {one.service} by executor {one.executor}" for one in targets)]
    names += [] if looking is None else [f"Docker {settings.docker.host}"]
    try:
        answers = await asyncio.gather(
            *(_asked(client) for client in clients.values()),
            *(_out_of_hand(opened[target.executor].executor, target, settings.own_names) for target in targets),
            *([] if looking is None else [_out_of_sight(looking)]),
        )
    finally:
        for closing in (*clients.values(), *opened.values(), *([] if looking is None else [looking])):
            await closing.aclose()
    return dict(zip(names, answers, strict=True))


def out_of_store(database: PostgresPlace) -> str | None:
    """Why the database cannot be used, in words; None when it can."""
    try:
        database.try_out()
    except StoreError as problem:
        return str(problem)
    return None


async def _asked(client: PrometheusClient | AlertmanagerClient) -> Asked:
    return Asked(await problem_of(client) or "")


async def _out_of_hand(executor: Executor, target: Target, names: frozenset[str]) -> Asked:
    """Why the executor cannot look at the target, in words, and what it could not do to it."""
    try:
        seen = await executor.observe(target, deadline=_LOOK)
    except AetherError as problem:
        return Asked(str(problem))
    if (found := lived_on_as_seen(target, seen, names)) is not None:
        return Asked(lacks=(f"everything is refused: it is what the agent lives on ({found})",))
    if seen.no_change:
        return Asked(lacks=(f"everything is refused: {seen.no_change}",))
    return Asked(lacks=tuple(lacking(target, seen, executor)))


def lived_on_as_seen(target: Target, seen: Observation, names: frozenset[str]) -> str | None:
    """What tells that the agent lives on the target, so that it never acts on it; None where it may."""
    return None if target.is_break_glass else life_in(seen, names) or protected_name(target, names)


def lacking(target: Target, seen: Observation, executor: Executor) -> Iterator[str]:
    """What could not be done to a target that may be changed, each in words with the reason."""
    if seen.most_replicas is not None and target.maximum > max(seen.most_replicas, seen.wanted):
        yield f"more than {seen.most_replicas} replicas are refused, {target.maximum} are its max: {seen.no_more}"
    if seen.no_release:
        yield f"rollback is refused: {seen.no_release}"
    elif Verb.ROLLBACK in executor.verbs and not seen.previous_release:
        yield "rollback is refused: no other release is known to have run"
    if target.most != NO_LIMITS and seen.limits.instead_of(target.most) is None:
        yield "limits are refused: it has none now, or they are not the same for all replicas"


async def _out_of_sight(looking: OpenedFinder) -> Asked:
    """Why no target could be found among containers, in words."""
    try:
        await looking.finder.find({}, since=None, deadline=_LOOK)
    except AetherError as problem:
        return Asked(str(problem))
    return Asked()


def place(settings: Settings) -> Place:
    """Where the data lie: PostgreSQL when it is named, else a file in the data folder."""
    return postgres(settings) or SqlitePlace(settings.data_dir / DATABASE_FILE)


def postgres(settings: Settings) -> PostgresPlace | None:
    """The PostgreSQL database, when one is named."""
    if settings.database_url is None:
        return None
    clock = SystemClock()
    return PostgresPlace(
        settings.database_url.get_secret_value(),
        owner=SortableIds(clock).new("agent"),
        clock=clock,
        password_file=settings.database_password_file,
    )


def beside(settings: Settings) -> Mapping[str, Path]:
    """What belongs into a backup beside the database: without the key nobody could verify the timelines."""
    return {key_file.KEY_FILE: key_file.place(settings.audit, settings.data_dir)}


def audit_key(settings: Settings, is_in_use: bool) -> Key:
    """The key of the timelines' chain; made when there is none, unless one is in use. Raises SettingsError."""
    path = key_file.place(settings.audit, settings.data_dir)
    return key_file.read_or_create(path, is_in_use=lambda: is_in_use)


def prometheus(source: SourceOptions, options: ClientOptions) -> PrometheusClient:
    """The Prometheus of the source."""
    return PrometheusClient(source.prometheus, options, connection_of(source))


def identity_provider(settings: Settings, clock: Clock) -> IdentityProvider | None:
    """Who vouches for people; None where nobody is set up to. Raises SettingsError."""
    oidc = settings.auth.oidc
    if oidc is None:
        return None
    try:
        from aetherlink.clients import identity_provider as provider  # noqa: PLC0415 - what it verifies with is an extra
    except ModuleNotFoundError as problem:
        raise SettingsError(
            f"auth.oidc needs {problem.name}, which is not installed: pip install 'aetherlink[oidc]'"
        ) from problem
    own = provider.Registration(
        issuer=oidc.issuer,
        client_id=oidc.client_id,
        secret=read_secret(oidc.client_secret_file, "auth.oidc.client_secret_file"),
        way_back=f"{settings.external_url}{CALLBACK}",
        scopes=oidc.scopes,
        tls=read_tls(TlsOptions(ca_file=oidc.ca_file)),
    )
    return provider.IdentityProvider(own, settings.clients, clock=clock)


def vouched(settings: Settings) -> Vouched | None:
    """What sessions rest on that the identity provider vouches for; None where there is none. Raises SettingsError."""
    oidc = settings.auth.oidc
    if oidc is None:
        return None
    return Vouched(oidc.root(read_secret(oidc.client_secret_file, "auth.oidc.client_secret_file")), oidc.lifetime)


async def vouching(settings: Settings) -> Asked:
    """Whether the identity provider is what the settings say. Raises SettingsError."""
    provider = identity_provider(settings, SystemClock())
    if provider is None:
        return Asked()
    try:
        return Asked(words=f"answers; keys that it publishes: {await provider.check()}")
    except AetherError as problem:
        return Asked(str(problem))


def asked_by_others(settings: Settings) -> dict[SourceName, PrometheusClient]:
    """The Prometheus of each source once more, for what people ask: the agent's own questions never wait for theirs."""
    queries = settings.queries
    options = ClientOptions(
        deadline=queries.deadline, max_bytes=queries.most_bytes, in_flight=min(queries.at_once, 100)
    )
    return {SourceName(source.name): prometheus(source, options) for source in settings.sources}


def tenant_label(settings: Settings) -> str:
    """The label of Prometheus' series that holds the tenant."""
    return settings.queries.tenant_label or next(iter(settings.labels.tenant), "tenant")


def alertmanagers(source: SourceOptions, options: ClientOptions) -> list[AlertmanagerClient]:
    """The Alertmanagers of the source, in their order."""
    connection = connection_of(source)
    return [AlertmanagerClient(url, options, connection) for url in source.alertmanagers]


def executors(settings: Settings) -> dict[str, Opened]:
    """Those that the targets name; with `dry_run` none of them changes anything."""
    targets = settings.declared_targets.values()
    asked = {name: target.http for name, target in settings.targets.items() if target.http is not None}
    options = ExecutorOptions(lab=settings.lab, http=asked, docker=settings.docker, containers=settings.docker_places)
    return open_executors(targets, options, clock=SystemClock(), is_dry_run=settings.dry_run)


def following(opened: Mapping[str, Opened], registry: CollectorRegistry) -> dict[str, Following]:
    """What executors listen with while the agent runs, by what it is called; none of it is started."""
    metrics = FollowingMetrics(registry)
    return {
        f"events of executor {name}": one.following(partial(metrics.follows, name))
        for name, one in opened.items()
        if one.following is not None
    }


def targets(settings: Settings) -> Mapping[TargetName, Target]:
    """The declared ones, and, where Docker is set up, those that are found among its containers, by their names.

    None of these is what a declared one is.
    """
    if settings.docker.host is None:
        return settings.declared_targets
    return with_found(settings.declared_targets, target_of, settings.docker_places)


def protected(settings: Settings) -> Mapping[TargetName, str]:
    """The targets that the agent itself lives on, found ones too, with what tells."""
    return Deriving(settings.protected_targets, partial(_lived_on, names=settings.own_names))


def _lived_on(name: TargetName, names: frozenset[str]) -> str | None:
    target = target_of(name)
    word = None if target is None else protected_name(target, names)
    return None if word is None else f"what the agent lives on ({word})"


def finder(settings: Settings) -> OpenedFinder | None:
    """What finds targets among Docker's containers; None where Docker is not set up. Raises SettingsError."""
    host = settings.docker.host
    return None if host is None else open_docker_finder(host, grounds(settings))


def grounds(settings: Settings) -> Grounds:
    """What may be found among Docker's containers by these settings."""
    declared = settings.declared_targets
    return Grounds(
        settings.docker,
        tuple(Declared(declared[name], place) for name, place in settings.docker_places.items()),
        OwnLife(settings.own_names, container=own_container()),
    )


def found(settings: Settings, labels: Mapping[str, str], *, since: datetime | None = None) -> Finding | None:
    """Which target among Docker's containers the labels of an alert mean, or why none; None: Docker is not set up.

    Raises SettingsError, UnreachableError, NotFoundError or AnswerError.
    """
    return asyncio.run(_found(settings, labels, since))


async def _found(settings: Settings, labels: Mapping[str, str], since: datetime | None) -> Finding | None:
    opened = finder(settings)
    if opened is None:
        return None
    try:
        return await opened.finder.find(labels, since=since, deadline=_LOOK)
    finally:
        await opened.aclose()


def _check_freezes(settings: Settings, found: Sequence[Playbook]) -> None:
    """A window of a playbook that is not there would freeze nothing. Raises SettingsError."""
    known = {"playbook": [playbook.name for playbook in found]}
    for number, freeze in enumerate(settings.freezes):
        if problem := scope_problem(freeze.scope, known):
            raise SettingsError(f"freezes.{number}.scope: {problem}")


def playbooks(settings: Settings) -> tuple[Playbook, ...]:
    """Those of the settings' folder, the modes of which are set for playbooks that are there. Raises SettingsError."""
    found = load_playbooks(settings.playbooks_dir, settings.declared_targets)
    unknown = sorted(set(settings.modes) - {playbook.name for playbook in found})
    if unknown:
        known = ", ".join(playbook.name for playbook in found)
        raise SettingsError(f"playbook_modes names {', '.join(unknown)}, which is no playbook: known are {known}")
    _check_freezes(settings, found)
    return found


def book(settings: Settings) -> Book:
    """Those, with the modes in force. Raises SettingsError."""
    return Book(playbooks(settings), ceiling=settings.mode, modes=settings.modes)


def service_of(settings: Settings, labels: Mapping[str, str]) -> str:
    """The service that these labels name, by the settings."""
    names = LabelMapping(settings.labels, settings.vip_tenants, grouping=settings.grouping)
    now = SystemClock().now()
    alert = Alert(settings.main_source, Fingerprint(""), AlertStatus.FIRING, now, None, dict(labels), {})
    return names.meaning(alert).service


def shown(settings: Settings, queries: Sequence[str]) -> list[Evidence]:
    """What the first source's Prometheus shows for these queries now, as the agent would judge it. Never raises."""
    return asyncio.run(_shown(settings, queries))


async def _shown(settings: Settings, queries: Sequence[str]) -> list[Evidence]:
    name = settings.main_source
    client = prometheus(settings.sources[0], settings.clients)
    metrics = ProbeMetrics(CollectorRegistry())
    probe = PrometheusProbe({name: client}, settings.probes, clock=SystemClock(), metrics=metrics)
    try:
        return [await probe.check(name, query) for query in queries]
    finally:
        await client.aclose()
