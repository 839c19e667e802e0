"""Whether there is a health score, and whether the agent believes it."""

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from functools import partial

from aetherlink import outside
from aetherlink.doctor.findings import Finding, not_checked, not_set_up, ok, warning
from aetherlink.doctor.looking import Ground, Look
from aetherlink.errors import AetherError

_FIX = (
    "load monitoring/rules/health_score.yml, or set health.query to a score of your own; health.enabled: false "
    "switches it off"
)


def looks(ground: Ground) -> Iterator[Look]:
    """One look."""
    yield Look(ground.settings.health.query, partial(_look, ground))


async def _look(ground: Ground) -> Sequence[Finding]:
    settings = ground.settings
    if not settings.health.enabled:
        return [not_set_up("health.enabled is false")]
    async with aclosing(outside.prometheus(settings.sources[0], settings.clients)) as client:
        try:
            answer = await client.instant(settings.health.query)
        except AetherError as problem:
            return [not_checked(f"the score cannot be asked for: {problem}")]
    if answer.value is None:
        text = "there is no score: its rules are not loaded, or what they rest on has no traffic"
        return [warning(text, _FIX)]
    return [_on_scale(answer.value), *await _as_read(ground)]


def _on_scale(score: float) -> Finding:
    if not 0 <= score <= 100:
        return warning(f"the score is {score:g}, and should be 0 to 100", "mend health.query")
    return ok(f"the score is {score:.4g}")


async def _as_read(ground: Ground) -> Sequence[Finding]:
    """Fresh data count for the agent, and a score may rest on old ones."""
    try:
        read = (await ground.agent.reply("/health")).data
    except AetherError:
        return []
    if read.get("status") in ("no_data", "error"):
        text = f"the agent does not believe it: {read.get('detail')}"
        return [warning(text, "see to the data behind the score; health.max_age says how old they may be")]
    return []
