"""Whether the identity provider that people sign in by is there, and describes itself as the settings have it."""

from collections.abc import Iterator, Sequence
from functools import partial

from aetherlink import outside
from aetherlink.access.oidc_options import CALLBACK
from aetherlink.doctor.findings import Finding, fault, not_set_up, ok
from aetherlink.doctor.looking import Ground, Look


def looks(ground: Ground) -> Iterator[Look]:
    """One look, which signs nobody in."""
    oidc = ground.settings.auth.oidc
    yield Look("identity provider" if oidc is None else oidc.issuer, partial(_look, ground))


async def _look(ground: Ground) -> Sequence[Finding]:
    settings = ground.settings
    if settings.auth.oidc is None:
        return [not_set_up("auth.oidc is not set")]
    found = await outside.vouching(settings)  # a SettingsError is a fault in its own words
    if found.problem:
        return [fault(found.problem, "mend auth.oidc, or start it: docs/how-to/sign-in-with-oidc.md")]
    return [ok(f"it {found.words}; whether it leads back to {settings.external_url}{CALLBACK} only a sign-in shows")]
