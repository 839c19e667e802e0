"""Whether each Alertmanager answers, and whether those of a cluster have found each other."""

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from functools import partial

from aetherlink import outside
from aetherlink.clients.alertmanager_setup import AlertmanagerSetup, AlertmanagerState
from aetherlink.clients.credentials import connection_of
from aetherlink.clients.source_options import SourceOptions
from aetherlink.doctor.findings import Finding, fault, not_set_up, ok, warning
from aetherlink.doctor.looking import Ground, Look
from aetherlink.errors import AetherError, UnreachableError
from aetherlink.settings import Settings


def looks(ground: Ground) -> Iterator[Look]:
    """One for each."""
    for source in ground.settings.sources:
        for number, url in enumerate(source.alertmanagers):
            yield Look(f"{url} of source {source.name}", partial(_look, ground.settings, source, number))
        if not source.alertmanagers:
            yield Look(f"source {source.name}", _none)


async def _none() -> Sequence[Finding]:
    return [not_set_up("the settings name no Alertmanager")]


async def _look(settings: Settings, source: SourceOptions, number: int) -> Sequence[Finding]:
    url = source.alertmanagers[number]
    client = outside.alertmanagers(source, settings.clients)[number]
    fix = f"mend `alertmanagers` of source {source.name}, and what it says of credentials"
    async with aclosing(client), aclosing(AlertmanagerSetup(url, settings.clients, connection_of(source))) as setup:
        try:
            await client.ready()
            await client.alerts(receiver=source.receiver)
            state = await setup.state()
        except UnreachableError as problem:
            return [fault(str(problem), f"start it, or {fix}")]
        except AetherError as problem:
            return [fault(str(problem), fix)]
    return [ok(f"it answers, version {state.version or 'unknown'}"), *_cluster(state, len(source.alertmanagers))]


def _cluster(state: AlertmanagerState, named: int) -> Iterator[Finding]:
    """One that is alone says `disabled`; one that was told to form a cluster and has nobody counts itself only."""
    if state.cluster == "settling":
        yield warning("its cluster has not settled yet", "wait a minute; else look at its log")
    elif state.peers > named:
        text = f"its cluster has {state.peers} members, and the settings name {named}"
        yield warning(text, "name every one of them in `alertmanagers`: a silence or an alert may be known to one only")
    elif named > 1 and state.peers < named:
        text = f"the settings name {named} Alertmanagers, and its cluster has {max(state.peers, 1)}"
        yield warning(text, "let them find each other (--cluster.peer): a silence of the agent is set in one of them")
    elif named > 1:
        yield ok(f"its cluster has all {named} members")
