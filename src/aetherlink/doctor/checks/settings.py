"""Whether the settings make sense together, as `aether check` builds them, and what in them is for trying out only."""

from collections.abc import Iterator, Sequence
from functools import partial

from aetherlink import outside
from aetherlink.access.gate import check_listen
from aetherlink.doctor.findings import Finding, fault, ok, warning
from aetherlink.doctor.looking import Ground, Look
from aetherlink.errors import SettingsError
from aetherlink.mcp import door
from aetherlink.settings import Settings


def looks(ground: Ground) -> Iterator[Look]:
    """One look."""
    yield Look(str(ground.file or "the environment"), partial(_look, ground.settings))


async def _look(settings: Settings) -> Sequence[Finding]:
    try:
        check_listen(settings.host, settings.auth)
        assistants = [ok(line) for line in door.account(settings.mcp)]
        for opened in outside.executors(settings).values():
            await opened.aclose()
    except SettingsError as problem:
        return [fault(str(problem), "mend the setting that it names; the agent does not start like this")]
    dry = ", dry_run: nothing is ever changed" if settings.dry_run else ""
    text = (
        f"mode {settings.mode}{dry}; {len(settings.sources)} source(s), {len(settings.targets)} target(s); "
        f"listening on {settings.listen}, data in {settings.data_dir}"
    )
    return [ok(text), *assistants, *_risky(settings)]


def _risky(settings: Settings) -> Iterator[Finding]:
    for source in settings.sources:
        if source.tls is not None and source.tls.insecure_skip_verify:
            yield warning(
                f"source {source.name} takes whatever answers for it, certificate or not",
                f"name who vouches for it in tls.ca_file of source {source.name}, and take insecure_skip_verify out",
            )
        if not source.alertmanagers:
            yield warning(
                f"source {source.name} has no Alertmanagers: what no webhook said is never asked for",
                f"name them in alertmanagers of source {source.name}",
            )
    for name, target in settings.targets.items():
        if target.break_glass:
            yield warning(f"target {name} may be acted on even where the agent lives on it", "take break_glass out")
