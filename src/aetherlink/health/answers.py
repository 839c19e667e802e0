"""Reads what a source answered to the health loop: scores, how old the data behind them are, their parts. Pure.

A number counts only when it is a score, when its rule is still evaluated, and when what it was computed from is still
scraped. Whatever else comes is no data or an error, with the reason in words: neither good nor bad news.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from aetherlink.errors import AnswerError
from aetherlink.health.options import HealthOptions
from aetherlink.health.questions import ALIVE, OF_TENANTS, OF_WHOLE, PART, SCRAPED, rests_on_samples
from aetherlink.model.health import WHOLE, Part, worst_first
from aetherlink.model.queries import QueryAnswer

Labels = Mapping[str, str]
TenantOf = Callable[[Labels], str]


@dataclass(frozen=True, slots=True)
class Score:
    """One score as asked: a number, or why there is none. `job` is that of its series, or empty."""

    value: float | None
    detail: str = ""
    is_error: bool = False
    job: str = ""

    @staticmethod
    def unknown(problem: Exception) -> "Score":
        """What could not be asked."""
        return Score(None, str(problem), is_error=True)


@dataclass(frozen=True, slots=True)
class Basis:
    """How old the samples of each query are (by its kind), when their data were scraped, whether their targets live."""

    ages: Mapping[str, float] = field(default_factory=dict)
    scraped: float | None = None
    alive: float | None = None


def one_score(answer: QueryAnswer, query: str) -> Score:
    """The one number between 0 and 100, or none. Raises AnswerError for anything else."""
    if answer.kind == "vector" and len(answer.result) > 1:
        raise AnswerError(
            f"`{query}` gave {len(answer.result)} samples where one score belongs: aggregate it, "
            f"for instance min({query}), in health.query"
        )
    if answer.kind not in ("vector", "scalar"):
        raise AnswerError(f"`{query}` gave a {answer.kind} where one score belongs: change health.query")
    if answer.value is None:
        return Score(None, f"`{query}` gave no number: no traffic yet, or the rules are not loaded")
    if not 0 <= answer.value <= 100:
        raise AnswerError(f"`{query}` gave {answer.value:g}, which is no score from 0 to 100: change health.query")
    [(labels, _)] = answer.samples or [({}, None)]
    return Score(answer.value, job=labels.get("job", ""))


def tenant_scores(answer: QueryAnswer, query: str, tenant_of: TenantOf) -> dict[str, Score]:
    """The score of each tenant that the answer names. Raises AnswerError when it is no vector, or names none at all."""
    if answer.kind != "vector":
        raise AnswerError(f"`{query}` gave a {answer.kind} where scores by tenant belong: change health.tenant_query")
    numbers: defaultdict[str, list[float | None]] = defaultdict(list)
    for labels, number in answer.samples:
        numbers[tenant_of(labels)].append(number)
    nameless = numbers.pop(WHOLE, [])
    if nameless and not numbers:
        raise AnswerError(f"`{query}` gave samples without any label of labels.tenant: change health.tenant_query")
    return {tenant: _tenant_score(found, query) for tenant, found in numbers.items()}


def _tenant_score(found: list[float | None], query: str) -> Score:
    number = found[0]
    if len(found) > 1:
        words = f"`{query}` gave {len(found)} samples for one tenant: aggregate them in health.tenant_query"
        return Score(None, words, is_error=True)
    if number is None:
        return Score(None, f"`{query}` gave NaN or an infinity")
    if not 0 <= number <= 100:
        return Score(None, f"`{query}` gave {number:g}, which is no score from 0 to 100", is_error=True)
    return Score(number)


def read_basis(answer: QueryAnswer) -> Basis:
    """The answer to questions.basis_query: of several selectors of one query the oldest counts."""
    ages: dict[str, float] = {}
    single: dict[str, float] = {}
    for labels, number in answer.samples:
        kind, _, place = labels.get(PART, "").partition("_")
        if number is not None and place:
            ages[kind] = max(number, ages.get(kind, -math.inf))
        elif number is not None:
            single[kind] = number
    return Basis(ages, single.get(SCRAPED), single.get(ALIVE))


def believed(score: Score, basis: Basis, options: HealthOptions, *, by_tenant: bool) -> Score:
    """The score, if what it rests on is fresh; else no data, with the reason."""
    if score.value is None:
        return score
    reason = _staleness(basis, options, by_tenant=by_tenant)
    if not reason and score.value >= options.threshold and options.alive_query is not None and basis.alive == 0:
        reason = "everything behind the score is down, and the score does not show it yet"
    return replace(score, value=None, detail=reason) if reason else score


def _staleness(basis: Basis, options: HealthOptions, *, by_tenant: bool) -> str:
    """Why the data are too old to count; empty when they are not."""
    query = (options.tenant_query or "") if by_tenant else options.query
    longest = options.max_age.total_seconds()
    age = basis.ages.get(OF_TENANTS if by_tenant else OF_WHOLE)
    if age is None and rests_on_samples(query):
        return f"`{query}` gave a number, and none of its series has a sample now"
    if age is not None and age > longest:
        return f"the score is {age:.0f} s old, at most {longest:g} s count: its rule is not evaluated any more"
    if options.freshness_query is None:
        return ""
    if basis.scraped is None:
        return (
            f"nothing tells when the data behind the score were scraped (`{options.freshness_query}` gave no number): "
            "their target is gone, or health.freshness_query asks for what is not there"
        )
    if basis.scraped > longest:
        return f"the data behind the score are {basis.scraped:.0f} s old, at most {longest:g} s count"
    return ""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the scores: those of each tenant, and of all together under model.health.WHOLE."""

    by_tenant: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def of(self, tenant: str) -> tuple[Part, ...]:
        """Those of the tenant, and where it has none of its own, everybody's; the one that takes most away first."""
        values = {**self.by_tenant.get(WHOLE, {}), **self.by_tenant.get(tenant, {})}
        return worst_first(Part(name, value) for name, value in values.items())


def read_parts(answer: QueryAnswer, tenant_of: TenantOf, job: str) -> Parts:
    """The answer to parts_query: of other jobs than the score's nothing counts, of several samples the worst."""
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for labels, number in answer.samples:
        name = labels.get(PART, "")
        is_ours = not job or labels.get("job", job) == job
        if number is not None and 0 <= number <= 1 and is_ours:
            mine = found[tenant_of(labels)]
            mine[name] = min(number, mine.get(name, number))
    return Parts(found)
