"""Binds a playbook's query to the labels of an alert: matchers added to each selector of the parsed query.

A selector is written anew from its parsed parts, parsed again, and compared with what was meant: a label's value, which
comes from outside, can end up nowhere but in its own matcher.
"""

import json
from collections.abc import Iterable, Mapping

import promql_parser

from aetherlink.errors import BadRequestError
from aetherlink.lib import promql

_OPERATORS = (  # pairs, because the parser's operators cannot be hashed
    (promql_parser.MatchOp.Equal, "="),
    (promql_parser.MatchOp.NotEqual, "!="),
    (promql_parser.MatchOp.Re, "=~"),
    (promql_parser.MatchOp.NotRe, "!~"),
)

Parts = list[tuple[str, str, str]]  # label, operator, value


def bind_query(query: str, names: Iterable[str], labels: Mapping[str, str]) -> str:
    """The query with `name="value"` added to each of its selectors, for each of these labels of the alert.

    Raises BadRequestError when the alert lacks one of them (a query bound to less would speak of other targets too), or
    when the query holds what cannot be bound: an offset, an `@`, `or` between matchers.
    """
    wanted = list(names)
    missing = [name for name in wanted if not labels.get(name)]
    if missing:
        raise BadRequestError(f"the alert has no label {', '.join(missing)} to bind `{query}` to")
    extra = [(name, "=", labels[name]) for name in wanted]

    def bind(node: promql_parser.Expr) -> promql_parser.Expr | None:
        return _with_matchers(node, extra) if isinstance(node, promql_parser.VectorSelector) else None

    bound: str = promql_parser.transform(promql.parse(query), post_visit=bind).prettify()
    return bound


def _with_matchers(selector: promql_parser.VectorSelector, extra: Parts) -> promql_parser.Expr:
    if selector.offset is not None or selector.at is not None or selector.matchers.or_matchers:
        raise BadRequestError(f"`{selector.prettify()}` cannot be bound: take out offset, @ and `or`")
    meant = sorted(_parts(selector) + extra)
    inside = ", ".join(f"{label}{operator}{json.dumps(value, ensure_ascii=False)}" for label, operator, value in meant)
    try:
        written = promql_parser.parse(f"{selector.name or ''}{{{inside}}}")
    except ValueError:  # half of a surrogate pair, for instance, is no text
        written = None
    if isinstance(written, promql_parser.VectorSelector) and (written.name, sorted(_parts(written))) == (
        selector.name,
        meant,
    ):
        return written
    raise BadRequestError(f"the labels {extra!r} cannot be written into a query")


def _parts(selector: promql_parser.VectorSelector) -> Parts:
    return [(matcher.name, _operator(matcher.op), matcher.value) for matcher in selector.matchers.matchers]


def _operator(wanted: promql_parser.MatchOp) -> str:
    return next(text for operator, text in _OPERATORS if operator == wanted)
