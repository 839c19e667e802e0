"""Narrows a query to one tenant: a matcher in every selector of the parsed query, checked again on what is sent.

Whatever the parser does not know, and whatever could look past a selector, is refused. Nothing here patches text: what
is sent is written anew from the tree, read once more, and every selector found in it has to hold the matcher.
"""

import json
import re

import promql_parser

from aetherlink.errors import BadRequestError, ForbiddenError
from aetherlink.lib import promql

_PLAIN_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OPERATORS = (  # pairs, because the parser's operators cannot be hashed
    (promql_parser.MatchOp.Equal, "="),
    (promql_parser.MatchOp.NotEqual, "!="),
    (promql_parser.MatchOp.Re, "=~"),
    (promql_parser.MatchOp.NotRe, "!~"),
)
# Functions that see their arguments and nothing else. `info` is not among them: it reads series that no selector names.
_FUNCTIONS = frozenset(
    re.findall(
        r"\w+",
        """
        abs absent absent_over_time acos acosh asin asinh atan atanh avg_over_time ceil changes clamp clamp_max
        clamp_min cos cosh count_over_time day_of_month day_of_week day_of_year days_in_month deg delta deriv
        double_exponential_smoothing exp first_over_time floor histogram_avg histogram_count histogram_fraction
        histogram_quantile histogram_stddev histogram_stdvar histogram_sum holt_winters hour idelta increase irate
        label_join label_replace last_over_time ln log10 log2 mad_over_time max_over_time min_over_time minute month pi
        predict_linear present_over_time quantile_over_time rad rate resets round scalar sgn sin sinh sort
        sort_by_label sort_by_label_desc sort_desc sqrt stddev_over_time stdvar_over_time sum_over_time tan tanh time
        timestamp ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time ts_of_min_over_time vector year
        """,
    )
)

Parts = list[tuple[str, str, str]]  # label, operator, value


class Tenancy:
    """One tenant's view by the label that holds it. Raises ForbiddenError for a tenant without a name."""

    def __init__(self, label: str, tenant: str) -> None:
        if not tenant:  # an empty matcher would find what belongs to nobody
            raise ForbiddenError("this token is bound to a tenant without a name: it may see nothing")
        self._own = (label, "=", tenant)

    @property
    def selector(self) -> str:
        """Everything of the tenant."""
        return _written([self._own])

    def narrowed(self, query: str) -> str:
        """The query with the tenant in each of its selectors.

        Raises BadRequestError for what cannot be narrowed, ForbiddenError where a selector names another tenant.
        """
        tree = promql.parse(query)
        _check_calls(tree)
        meant = len(promql.survey(tree).selectors)
        return self._checked(promql_parser.transform(tree, post_visit=self._placed).prettify(), meant)

    def selected(self, match: str) -> str:
        """One `match[]` with the tenant in it. Raises as `narrowed` does, and for what is more than a selector."""
        tree = promql.parse(match)
        if not isinstance(tree, promql_parser.VectorSelector) or tree.offset is not None or tree.at is not None:
            raise BadRequestError(f"match[] holds one selector each, not {match!r}")
        return self._checked(self._narrow(tree).prettify(), 1)

    def holds(self, labels: dict[str, str]) -> bool:
        """Whether a series with these labels is the tenant's."""
        return labels.get(self._own[0]) == self._own[2]

    def is_own(self, tenant: str) -> bool:
        """Whether it is this one."""
        return tenant == self._own[2]

    def _placed(self, node: promql_parser.Expr) -> promql_parser.Expr | None:
        return self._narrow(node) if isinstance(node, promql_parser.VectorSelector) else None

    def _narrow(self, selector: promql_parser.VectorSelector) -> promql_parser.Expr:
        label, _, tenant = self._own
        if selector.matchers.or_matchers:
            raise BadRequestError(f"`{selector.prettify()}`: a token of one tenant may not use `or` between matchers")
        parts = _parts(selector)
        if any(part[0] == label and part != self._own for part in parts):
            raise ForbiddenError(f"this token sees {label}={json.dumps(tenant, ensure_ascii=False)} only")
        meant = [*(part for part in parts if part != self._own), self._own]
        if selector.name:
            meant.insert(0, ("__name__", "=", selector.name))
        return _rewritten(selector, meant)

    def _checked(self, text: str, meant: int) -> str:
        """What is sent, read once more as Prometheus will."""
        tree = _read(text)
        selectors = [] if tree is None else promql.survey(tree).selectors
        is_narrow = all(self._own in _parts(one.plain) and not one.plain.matchers.or_matchers for one in selectors)
        if tree is None or tree.prettify() != text or len(selectors) != meant or not is_narrow:
            raise BadRequestError("the query cannot be narrowed to one tenant")
        return text


def _rewritten(selector: promql_parser.VectorSelector, meant: Parts) -> promql_parser.Expr:
    """The selector with these matchers, where and when it stood."""
    at = "" if selector.at is None else f" {selector.at}"
    text = f"{_written(meant)}{at}{_offset(selector)}"
    tree = _read(text)
    is_same = (
        isinstance(tree, promql_parser.VectorSelector)
        and sorted(_parts(tree)) == sorted(meant)
        and tree.name is None
        and tree.offset == selector.offset
        and str(tree.at) == str(selector.at)
    )
    if tree is None or not is_same:
        raise BadRequestError(f"`{selector.prettify()}` cannot be narrowed to one tenant")
    return tree


def _offset(selector: promql_parser.VectorSelector) -> str:
    offset = selector.offset
    if offset is None:
        return ""
    sign = "-" if offset.total_seconds() < 0 else ""
    return f" offset {sign}{promql_parser.display_duration(abs(offset))}"


def _written(parts: Parts) -> str:
    return "{" + ",".join(f"{_label(name)}{operator}{_text(value)}" for name, operator, value in parts) + "}"


def _label(name: str) -> str:
    return name if _PLAIN_LABEL.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _read(text: str) -> promql_parser.Expr | None:
    """What we wrote ourselves, in the parser's eyes; None where it is no PromQL."""
    try:
        tree: promql_parser.Expr = promql_parser.parse(text)
    except ValueError:  # half of a surrogate pair, for instance, is no text
        return None
    return tree


def _check_calls(tree: promql_parser.Expr) -> None:
    calls: list[str] = []

    def note(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.Call):
            calls.append(node.func.name)

    promql_parser.walk(tree, note, _nothing)
    for name in calls:
        if name not in _FUNCTIONS:
            raise BadRequestError(f"a token of one tenant may not call {name}(): it may look past its selectors")


def _nothing(_: promql_parser.Expr) -> None:
    """On the way up nothing is noted."""


def _parts(selector: promql_parser.VectorSelector) -> Parts:
    return [(matcher.name, _operator(matcher.op), matcher.value) for matcher in selector.matchers.matchers]


def _operator(wanted: promql_parser.MatchOp) -> str:
    return next(text for operator, text in _OPERATORS if operator == wanted)
