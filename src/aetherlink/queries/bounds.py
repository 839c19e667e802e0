"""What is refused before Prometheus is asked, with what to ask instead."""

from datetime import timedelta

from aetherlink.errors import BadRequestError
from aetherlink.lib import promql
from aetherlink.model.queries import Span
from aetherlink.queries.options import QueryOptions


def check_text(query: str, options: QueryOptions) -> None:
    """Raises BadRequestError for a query that is too long, too deep, or looks too far back."""
    if len(query) > options.longest_query:
        raise BadRequestError(
            f"the query has {len(query)} characters; at most {options.longest_query} are taken (queries.longest_query)"
        )
    promql.check_size(query)
    if (reach := _reach(query)) > options.longest_range:
        raise BadRequestError(
            f"the query looks {reach} back; at most {options.longest_range} are allowed (queries.longest_range)"
        )


def checked(span: Span, options: QueryOptions) -> Span:
    """The span as it is asked for: on whole steps where that is set. Raises BadRequestError for one too large."""
    if span.end < span.start:
        raise BadRequestError("end timestamp must not be before start time")
    if span.step < options.smallest_step.total_seconds():
        raise BadRequestError(
            f"the step is {span.step:g} s; at least {options.smallest_step.total_seconds():g} s are allowed "
            "(queries.smallest_step)"
        )
    if span.end - span.start > options.longest_range.total_seconds():
        raise BadRequestError(
            f"the range is {timedelta(seconds=span.end - span.start)}; at most {options.longest_range} are allowed "
            "(queries.longest_range)"
        )
    aligned = span.on_whole_steps() if options.align else span
    if aligned.points > options.most_points:
        raise BadRequestError(
            f"the range has {aligned.points} points a series; at most {options.most_points} are allowed "
            "(queries.most_points): take a larger step"
        )
    return aligned


def _reach(query: str) -> timedelta:
    """How far back it looks. What the parser does not know yet, Prometheus judges."""
    if "[" not in query:
        return timedelta(0)
    try:
        return promql.survey(promql.parse(query)).reach
    except BadRequestError:
        return timedelta(0)
