"""Whether Grafana answers, and whether each channel to it may write there. Nothing is written to find that out."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import partial

from aetherlink.clients import grafana_account
from aetherlink.clients.grafana import GrafanaClient
from aetherlink.clients.grafana_options import GrafanaOptions
from aetherlink.clients.options import ClientOptions
from aetherlink.doctor.findings import Finding, fault, not_checked, not_set_up, ok, warning
from aetherlink.doctor.looking import Ground, Look
from aetherlink.errors import AetherError
from aetherlink.settings import Settings

_NEEDED = ("annotations:read", "annotations:create", "annotations:write")
_TIDIES_UP = "annotations:delete"
_ANYWHERE = frozenset({"", "*", "annotations:*", "annotations:type:*"})
_OF_THE_ORGANISATION = _ANYWHERE | {"annotations:type:organization"}
_OF_DASHBOARDS = _ANYWHERE | {"annotations:type:dashboard", "dashboards:*", "dashboards:uid:*", "folders:*"}
_FIX = "give the service account or user the role Editor, or the rights annotations:read, :create and :write"


def looks(ground: Ground) -> Iterator[Look]:
    """One look at Grafana, and one for each channel to it."""
    settings = ground.settings
    yield Look(settings.grafana_url or "Grafana", partial(_look, settings))
    for name, channel in settings.notify.channels.items():
        if channel.grafana is not None:
            yield Look(f"channel {name}", partial(_look_at_account, channel.grafana, settings.clients))


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


async def _look_at_account(options: GrafanaOptions, clients: ClientOptions) -> Sequence[Finding]:
    async with aclosing(grafana_account.opened(options, clients)) as client:
        try:
            whose = await client.organisation()
            rights = await client.rights()
        except AetherError as problem:
            return [fault(str(problem), "mend its url, or make a new token for token_file: docs/how-to/grafana.md")]
        found = [_of_rights(rights, options.dashboard_uid, whose)]
        return found if options.dashboard_uid is None else [*found, await _of_dashboard(client, options.dashboard_uid)]


async def _of_dashboard(client: GrafanaClient, uid: str) -> Finding:
    try:
        await client.dashboard_id(uid)
    except AetherError as problem:
        return fault(str(problem), f"mend dashboard_uid, or let the account see dashboard {uid}")
    return ok(f"dashboard {uid} is there")


def _of_rights(rights: Mapping[str, Sequence[str]] | None, dashboard: str | None, whose: str) -> Finding:
    if rights is None:
        return not_checked(f"{whose}: this Grafana does not tell what an account may do", _FIX)
    missing = [right for right in _NEEDED if not _is_given(rights.get(right), dashboard)]
    where = "in the organisation" if dashboard is None else f"on dashboard {dashboard}"
    if missing:
        return fault(f"{whose}: the account lacks {', '.join(missing)} {where}", _FIX)
    if not _is_given(rights.get(_TIDIES_UP), dashboard):
        return warning(
            f"{whose}: the account may write {where}, and take nothing away: a region that was made twice stays twice",
            f"give it {_TIDIES_UP}, too, or live with that",
        )
    return ok(f"{whose}: the account may write annotations {where}")


def _is_given(scopes: Sequence[str] | None, dashboard: str | None) -> bool:
    """Whether one of the scopes is where annotations are written; a folder may be the one of the dashboard."""
    if scopes is None:
        return False
    if dashboard is None:
        return any(scope in _OF_THE_ORGANISATION for scope in scopes)
    own = _OF_DASHBOARDS | {f"dashboards:uid:{dashboard}"}
    return any(scope in own or scope.startswith("folders:uid:") for scope in scopes)
