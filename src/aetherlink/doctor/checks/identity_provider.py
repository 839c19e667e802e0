"""Whether the identity provider that people sign in by is there, and describes itself as the settings have it."""

from collections.abc import Iterator, Sequence
from functools import partial

from aetherlink import outside
from aetherlink.access.oidc_options import CALLBACK
from aetherlink.doctor.findings import Finding, fault, not_set_up, ok
from aetherlink.doctor.looking import Ground, Look
from aetherlink.errors import AetherError


def looks(ground: Ground) -> Iterator[Look]:
    """One look, which signs nobody in."""
    oidc = ground.settings.auth.oidc
    yield Look("identity provider" if oidc is None else oidc.issuer, partial(_look, ground))


async def _look(ground: Ground) -> Sequence[Finding]:
    try:
        provider = outside.identity_provider(ground.settings, ground.clock)
        if provider is None:
            return [not_set_up("auth.oidc is not set")]
        keys = await provider.check()
    except AetherError as problem:
        return [fault(str(problem), "mend auth.oidc, or start it: docs/how-to/sign-in-with-oidc.md")]
    way_back = f"{ground.settings.external_url}{CALLBACK}"
    return [ok(f"it answers, and publishes {keys} keys; whether it leads back to {way_back} only a sign-in shows")]
