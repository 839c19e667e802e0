"""Whether the Prometheus of each source is ready, answers questions, and knows where to send alerts."""

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from functools import partial

from aetherlink import outside
from aetherlink.clients.credentials import connection_of
from aetherlink.clients.prometheus_setup import PrometheusSetup
from aetherlink.clients.source_options import SourceOptions
from aetherlink.doctor.findings import Finding, Status, fault, ok, warning
from aetherlink.doctor.looking import Ground, Look
from aetherlink.doctor.words import some
from aetherlink.errors import AetherError, AnswerError, UnreachableError
from aetherlink.settings import Settings

_WHERE = "mend `prometheus` of source {}, and what it says of credentials"


def looks(ground: Ground) -> Iterator[Look]:
    """Two for each source."""
    for source in ground.settings.sources:
        subject = f"{source.prometheus} of source {source.name}"
        yield Look(subject, partial(_answers, ground.settings, source))
        yield Look(subject, partial(_tells, ground.settings, source))


async def _answers(settings: Settings, source: SourceOptions) -> Sequence[Finding]:
    fix = _WHERE.format(source.name)
    async with (
        aclosing(outside.prometheus(source, settings.clients)) as client,
        aclosing(PrometheusSetup(source.prometheus, settings.clients, connection_of(source))) as setup,
    ):
        try:
            await client.ready()
            answer = await client.instant("vector(1)")
        except UnreachableError as problem:
            return [fault(str(problem), f"start it, or {fix}")]
        except AetherError as problem:
            return [fault(str(problem), fix)]
        if answer.value != 1:
            return [fault(f"it says that vector(1) is {answer.value}: that is no Prometheus", fix)]
        return [ok(f"it answers questions{await _version(setup)}"), *_remarks(answer.warnings)]


async def _version(setup: PrometheusSetup) -> str:
    """What only speaks its API (Thanos, Mimir) may not say."""
    try:
        return f", version {await setup.version()}"
    except AetherError:
        return ""


def _remarks(remarks: Sequence[str]) -> Iterator[Finding]:
    if remarks:
        yield warning(f"it warns about its own answers: {some(remarks)}", "see to the stores behind it")


async def _tells(settings: Settings, source: SourceOptions) -> Sequence[Finding]:
    """A Prometheus that tells no Alertmanager fires in silence."""
    async with aclosing(PrometheusSetup(source.prometheus, settings.clients, connection_of(source))) as setup:
        try:
            told = await setup.alertmanagers()
        except UnreachableError as problem:
            return [Finding(Status.NOT_CHECKED, f"to whom it sends its alerts: {problem}")]
        except AnswerError as problem:  # what only speaks its API has a ruler of its own elsewhere
            return [Finding(Status.NOT_CHECKED, f"to whom it sends its alerts cannot be told: {problem}")]
    if not told:
        fix = "name your Alertmanagers in `alerting` of its configuration, and look at its log"
        return [fault("it sends its alerts to nobody: no Alertmanager is known to it, or none is there", fix)]
    return [ok(f"it sends its alerts to {some(told)}")]
