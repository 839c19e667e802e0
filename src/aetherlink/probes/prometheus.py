"""Puts bound PromQL to a source and says what the answer is evidence of. Implements the Probe port.

Called by the pipeline. An instant query answers with its own time and up to five minutes old values: so the age of the
samples is asked in the same evaluation, and measured on the server's clock. Decides nothing about actions.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from aetherlink.errors import AetherError, AnswerError, NotFoundError
from aetherlink.model.decisions import Evidence, EvidenceStatus
from aetherlink.model.ids import SourceName
from aetherlink.ports import Clock, QueryClient
from aetherlink.probes.expression import Expression, read_expression
from aetherlink.probes.freshness import Snapshot, Verdict, judge, read_snapshot
from aetherlink.probes.metrics import ProbeMetrics
from aetherlink.probes.options import ProbeOptions
from aetherlink.probes.spacing import Spacings, oldest_that_counts

logger = logging.getLogger("aetherlink.probes")
_MILLISECONDS = 0.005  # the server's time comes in whole milliseconds, rounded down
_WORTH_A_WORD = 1.0  # seconds by which the clocks may differ before the detail says so


@dataclass(frozen=True, slots=True)
class _Look:
    """One answer, by how many seconds the server's clock is ahead of ours, and whether the spacing was asked, too."""

    snapshot: Snapshot
    ahead: float
    is_spaced: bool


class PrometheusProbe:
    """The eyes on every source that speaks PromQL, by the source's name."""

    def __init__(
        self, clients: Mapping[SourceName, QueryClient], options: ProbeOptions, *, clock: Clock, metrics: ProbeMetrics
    ) -> None:
        self._clients = clients
        self._options = options
        self._clock = clock
        self._metrics = metrics
        self._spacings = Spacings(clock.monotonic)

    async def check(self, source: SourceName, query: str, *, newer_than: datetime | None = None) -> Evidence:
        """Ask the query; with `newer_than` (our clock) only samples after it count. Never raises.

        `sample_at` of the answer is on our clock, too.
        """
        try:
            verdict = await self._verdict(source, query, newer_than)
        except AetherError as error:
            verdict = Verdict(EvidenceStatus.ERROR, str(error))
        except Exception:
            # The boundary that makes "never raises" true: whatever went wrong here, nothing was seen.
            logger.exception("A probe failed on %r", query)
            verdict = Verdict(EvidenceStatus.ERROR, "the probe itself failed; the log says how")
        self._metrics.checked(verdict.status)
        sample_at = None if verdict.sample_at is None else datetime.fromtimestamp(verdict.sample_at, UTC)
        return Evidence(query, verdict.status, self._clock.now(), verdict.detail, sample_at, verdict.spacing)

    async def _verdict(self, source: SourceName, query: str, newer_than: datetime | None) -> Verdict:
        client = self._clients.get(source)
        if client is None:
            raise NotFoundError(f"there is no source {source!r}: known are {', '.join(sorted(self._clients))}")
        expression = read_expression(query)
        if refusal := _refusal(expression):
            return refusal
        look = await self._look(client, source, expression)
        is_doubted = self._options.max_age is None and self._spacings.doubts(source, expression, look.snapshot)
        if is_doubted and not look.is_spaced:
            look = await self._look(client, source, expression)
        spacing = self._spacings.of(source, expression)
        max_age = self._options.max_age or oldest_that_counts(spacing)
        limit = None if newer_than is None else newer_than.timestamp() + look.ahead
        verdict = judge(expression, look.snapshot, newer_than=limit, max_age=max_age)
        return replace(_on_our_clock(verdict, look.ahead), spacing=spacing)

    async def _look(self, client: QueryClient, source: SourceName, expression: Expression) -> _Look:
        question = self._spacings.question(source, expression)
        before = self._clock.now()
        answer = await client.instant(question)
        after = self._clock.now()
        if answer.kind != "vector":
            raise AnswerError(f"the source answered a {answer.kind} where a vector was asked for")
        if answer.warnings:
            raise AnswerError(f"the source warns that its answer may not be whole: {answer.warnings[0]}")
        snapshot = read_snapshot(answer.result)
        is_spaced = question == expression.spaced
        if is_spaced:
            self._spacings.learn(source, expression, snapshot)
        return _Look(snapshot, _ahead(snapshot.now, before, after), is_spaced)


def _refusal(expression: Expression) -> Verdict | None:
    """What can be said without asking."""
    if expression.kind != "vector":
        return Verdict(
            EvidenceStatus.ERROR, f"the query gives a {expression.kind}; evidence is a vector, such as a comparison"
        )
    if not expression.selectors:
        return Verdict(EvidenceStatus.NO_DATA, "the query rests on no samples at all")
    if expression.shifted:
        return Verdict(EvidenceStatus.NO_DATA, f"{expression.shifted} looks at another time than the present")
    return None


def _ahead(server: float, before: datetime, after: datetime) -> float:
    """By how many seconds the server's clock is ahead of ours: never less than it really is.

    Zero while the server's time lies between our two looks at our clock. Otherwise the most that it can be, so that a
    sample from before an instant is never taken for one from after it.
    """
    agrees = before.timestamp() - _MILLISECONDS <= server <= after.timestamp()
    return 0.0 if agrees else server - before.timestamp()


def _on_our_clock(verdict: Verdict, ahead: float) -> Verdict:
    sample_at = None if verdict.sample_at is None else verdict.sample_at - ahead
    side = "ahead of" if ahead > 0 else "behind"
    remark = f" (its clock is {abs(ahead):.1f} s {side} ours)" if abs(ahead) > _WORTH_A_WORD else ""
    return Verdict(verdict.status, verdict.detail + remark, sample_at)
