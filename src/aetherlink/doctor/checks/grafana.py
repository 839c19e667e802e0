"""Whether Grafana answers, where the settings name one."""

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from functools import partial

from aetherlink.clients.grafana import GrafanaClient
from aetherlink.doctor.findings import Finding, fault, not_set_up, ok
from aetherlink.doctor.looking import Ground, Look
from aetherlink.errors import AetherError
from aetherlink.settings import Settings


def looks(ground: Ground) -> Iterator[Look]:
    """One look."""
    yield Look(ground.settings.grafana_url or "Grafana", partial(_look, ground.settings))


async def _look(settings: Settings) -> Sequence[Finding]:
    if settings.grafana_url is None:
        return [not_set_up("grafana_url is not set")]
    async with aclosing(GrafanaClient(settings.grafana_url, settings.clients)) as client:
        try:
            health = await client.health()
        except AetherError as problem:
            return [fault(str(problem), "start it, or mend grafana_url")]
    if health.database != "ok":
        return [fault(f"it answers, and its database is {health.database}", "look at its log")]
    return [ok(f"it answers, version {health.version or 'unknown'}")]
