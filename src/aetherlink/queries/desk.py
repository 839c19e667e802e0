"""The one way by which questions of others reach Prometheus: bounded, narrowed to the caller's tenant, counted."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from aetherlink.access.turnstile import Turnstile
from aetherlink.errors import (
    AetherError,
    AnswerError,
    BadRequestError,
    DeadlineError,
    ForbiddenError,
    OverloadedError,
    RejectedError,
    TooLargeError,
)
from aetherlink.model.ids import SourceName
from aetherlink.model.queries import Asking, PassedAnswer, QueryAnswer, Question, QuestionKind, Selection, Span
from aetherlink.ports import Clock, QuestionClient
from aetherlink.queries import bounds
from aetherlink.queries.cache import AnswerCache
from aetherlink.queries.metrics import ProxyMetrics
from aetherlink.queries.options import QueryOptions
from aetherlink.queries.tenancy import Tenancy

_MOST_SELECTORS = 20
_REFUSALS = (BadRequestError, ForbiddenError, TooLargeError)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Errand:
    """A question as it goes to one source."""

    question: Question
    asking: Asking
    source: SourceName
    is_kept: bool


class GuardedDesk:
    """Implements the port QueryDesk. `tenant_label` is the label of Prometheus' series that holds the tenant."""

    def __init__(
        self,
        sources: Mapping[SourceName, QuestionClient],
        options: QueryOptions,
        *,
        tenant_label: str,
        clock: Clock,
        metrics: ProxyMetrics,
    ) -> None:
        self._sources = sources
        self._options = options
        self._label = tenant_label
        self._clock = clock
        self._metrics = metrics
        self._turnstile = _turnstile(options, metrics)
        self._cache = AnswerCache(most_bytes=options.cache_bytes, age=options.cache_age, monotonic=clock.monotonic)

    async def evaluate(self, query: str, asking: Asking) -> QueryAnswer:
        """See the port."""
        with self._counted(QuestionKind.QUERY):
            client = self._sources[self._named(asking.source)]
            text = self._narrowed(query, asking)
            with self._turnstile.through(asking.caller.name):
                answer = await self._in_time(client.instant(text), asking)
        if len(answer.result) > self._options.most_series:
            raise self._too_many(len(answer.result))
        return answer

    async def instant(self, query: str, asking: Asking, *, at: float | None = None) -> PassedAnswer:
        """See the port."""
        when = () if at is None else (("time", _instant(at)),)
        return await self._asked(
            QuestionKind.QUERY,
            asking,
            lambda: (("query", self._narrowed(query, asking)), *when),
            is_kept=at is not None,
        )

    async def over(self, query: str, asking: Asking, span: Span) -> PassedAnswer:
        """See the port."""

        def form() -> tuple[tuple[str, str], ...]:
            asked = bounds.checked(span, self._options)
            return (
                ("query", self._narrowed(query, asking)),
                ("start", _instant(asked.start)),
                ("end", _instant(asked.end)),
                ("step", _instant(asked.step)),
            )

        return await self._asked(QuestionKind.QUERY_RANGE, asking, form)

    async def labels(self, asking: Asking, selection: Selection) -> PassedAnswer:
        """See the port."""
        return await self._asked(QuestionKind.LABELS, asking, lambda: self._selected(selection, asking))

    async def label_values(self, label: str, asking: Asking, selection: Selection) -> PassedAnswer:
        """See the port."""
        return await self._asked(
            QuestionKind.LABEL_VALUES, asking, lambda: self._selected(selection, asking), label=label
        )

    async def series(self, asking: Asking, selection: Selection) -> PassedAnswer:
        """See the port."""

        def form() -> tuple[tuple[str, str], ...]:
            if not selection.match:
                raise BadRequestError("no match[] parameter provided")
            return self._selected(selection, asking)

        return await self._asked(QuestionKind.SERIES, asking, form)

    async def _asked(
        self,
        kind: QuestionKind,
        asking: Asking,
        form: Callable[[], tuple[tuple[str, str], ...]],
        *,
        label: str = "",
        is_kept: bool = True,
    ) -> PassedAnswer:
        with self._counted(kind) as ended:
            source = self._named(asking.source)
            errand = _Errand(Question(kind, form(), label), asking, source, is_kept)
            key = (source, asking.caller.tenant, errand.question)
            if is_kept and (known := self._cache.get(key)):
                ended("cached")
                return known
            answer = self._whole(await self._fetched(errand), errand)
            if is_kept:
                self._cache.put(key, answer)
        return answer

    async def _fetched(self, errand: _Errand) -> PassedAnswer:
        deadline = self._patience(errand.asking)
        question = errand.question
        if question.kind in {QuestionKind.QUERY, QuestionKind.QUERY_RANGE}:
            question = replace(question, form=(*question.form, ("timeout", f"{deadline.total_seconds():.3f}")))
        client = self._sources[errand.source]
        with self._turnstile.through(errand.asking.caller.name):
            began = self._clock.monotonic()
            answer = await client.pass_on(question, deadline=deadline, most_bytes=self._options.most_bytes)
            self._metrics.took(question.kind, self._clock.monotonic() - began, len(answer.data))
        return answer

    def _whole(self, answer: PassedAnswer, errand: _Errand) -> PassedAnswer:
        """The answer within its bounds, and, as far as it can be told from it, of the tenant alone."""
        kind = errand.question.kind
        if kind in {QuestionKind.QUERY, QuestionKind.QUERY_RANGE}:
            if answer.count > self._options.most_series:
                raise self._too_many(answer.count)
            return answer
        limit = int(dict(errand.question.form)["limit"]) - 1
        tenant = self._tenancy(errand.asking)
        names = json.loads(answer.data) if answer.count > limit or tenant is not None else []
        if tenant is not None and kind is QuestionKind.SERIES and not all(map(tenant.holds, names)):
            raise AnswerError("Prometheus answered with series of other tenants: nothing of it is shown")
        if tenant is not None and errand.question.label == self._label and not all(map(tenant.is_own, names)):
            raise AnswerError("Prometheus answered with other tenants: nothing of it is shown")
        if answer.count <= limit:
            return answer
        cut = json.dumps(names[:limit], ensure_ascii=False).encode()
        return PassedAnswer(cut, limit, (*answer.warnings, "results truncated due to limit"), answer.infos)

    def _narrowed(self, query: str, asking: Asking) -> str:
        """The query as Prometheus is asked it."""
        bounds.check_text(query, self._options)
        tenancy = self._tenancy(asking)
        return query if tenancy is None else tenancy.narrowed(query)

    def _selected(self, selection: Selection, asking: Asking) -> tuple[tuple[str, str], ...]:
        if len(selection.match) > _MOST_SELECTORS:
            raise BadRequestError(f"{len(selection.match)} times match[]; at most {_MOST_SELECTORS} are taken")
        for match in selection.match:
            bounds.check_text(match, self._options)
        tenancy = self._tenancy(asking)
        matches = selection.match
        if tenancy is not None:
            matches = tuple(map(tenancy.selected, matches)) or (tenancy.selector,)
        limit = min(selection.limit or self._options.most_names, self._options.most_names)
        ends = (("start", selection.start), ("end", selection.end))
        return (
            *(("match[]", one) for one in matches),
            *((name, _instant(at)) for name, at in ends if at is not None),
            ("limit", str(limit + 1)),  # one more than is shown: so it can be told that there are more
        )

    def _tenancy(self, asking: Asking) -> Tenancy | None:
        tenant = asking.caller.tenant
        return None if tenant is None else Tenancy(self._label, tenant)

    def _named(self, source: str | None) -> SourceName:
        if source is None:
            return next(iter(self._sources))
        if source not in self._sources:
            raise BadRequestError(f"unknown source {source!r}: known are {', '.join(self._sources)}")
        return SourceName(source)

    def _patience(self, asking: Asking) -> timedelta:
        return min(asking.patience or self._options.deadline, self._options.deadline)

    async def _in_time(self, answer: Awaitable[_T], asking: Asking) -> _T:
        limit = self._patience(asking)
        try:
            async with asyncio.timeout(limit.total_seconds()):
                return await answer
        except TimeoutError:
            raise DeadlineError(f"no answer within {limit.total_seconds():g} s (queries.deadline)") from None

    def _too_many(self, count: int) -> TooLargeError:
        return TooLargeError(
            f"the answer has {count} series; at most {self._options.most_series} are passed on (queries.most_series)"
        )

    @contextmanager
    def _counted(self, kind: QuestionKind) -> Iterator[Callable[[str], None]]:
        """Counts what becomes of one question; what is called with a word says it where that is no error."""
        outcome = "answered"

        def ended(word: str) -> None:
            nonlocal outcome
            outcome = word

        try:
            yield ended
        except (AetherError, asyncio.CancelledError) as error:
            outcome = _outcome(error)
            raise
        finally:
            self._metrics.ended(kind, outcome)


def _turnstile(options: QueryOptions, metrics: ProxyMetrics) -> Turnstile:
    most, most_each = options.at_once, options.at_once_each

    def full() -> OverloadedError:
        return OverloadedError(f"{most} queries are on their way already (queries.at_once): try again")

    def full_each() -> OverloadedError:
        return OverloadedError(
            f"{most_each} queries of this caller are on their way already (queries.at_once_each): try again"
        )

    return Turnstile(most=most, most_each=most_each, full=full, full_each=full_each, told=metrics.on_their_way)


def _outcome(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "gone"
    if isinstance(error, OverloadedError):
        return "full"
    return "refused" if isinstance(error, (*_REFUSALS, RejectedError)) else "failed"


def _instant(seconds: float) -> str:
    return f"{seconds:.3f}"
