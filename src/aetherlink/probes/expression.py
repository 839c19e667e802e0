"""Reads a PromQL expression: on which samples it rests, and how to ask for it together with the age of those samples.

Called by the Prometheus probe. Pure: parses and rewrites syntax trees, asks nobody.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

import promql_parser as promql

from aetherlink.errors import BadRequestError
from aetherlink.lib.promql import Selector as Standing
from aetherlink.lib.promql import graft, parse, survey

MOST_SELECTORS = 20
SPACING_WINDOW = timedelta(minutes=2)
"""Within so long samples are counted, to know how far apart they are; a new interval is known when it is over."""

PART = "aether_part"
"""The label that tells the parts of one combined answer apart: `value`, `now`, and those of `Selector`."""

_COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
_ONE_SIDED = frozenset({"and", "unless"})  # their samples are those of the left side
_KINDS: Mapping[type[promql.Expr], str] = {
    promql.NumberLiteral: "scalar",
    promql.StringLiteral: "string",
    promql.MatrixSelector: "matrix",
    promql.SubqueryExpr: "matrix",
}
_EXPRESSION = "aether_expression"


@dataclass(frozen=True, slots=True)
class Selector:
    """One selector in the expression. It reaches back `window` (its own range) plus `subquery` (those around it)."""

    index: int
    text: str
    window: timedelta
    subquery: timedelta

    @property
    def reach(self) -> timedelta:
        """How far back its samples go; zero when only its current ones count."""
        return self.window + self.subquery

    @property
    def current(self) -> str:
        """The part that carries the time of the oldest of its current samples."""
        return f"current-{self.index}"

    @property
    def earliest(self) -> str:
        """The part that carries the time of the oldest sample that the first step of its subquery sees."""
        return f"earliest-{self.index}"

    @property
    def present(self) -> str:
        """The part that is there when any sample lies in its range, of a series that has ended too."""
        return f"present-{self.index}"

    @property
    def spacing(self) -> str:
        """The part that carries how many seconds its samples are apart, of the series where that is the most."""
        return f"spacing-{self.index}"


@dataclass(frozen=True, slots=True)
class Expression:
    """A query as understood. `combined` asks for it and for the age of its samples in one evaluation, `spaced` for how
    far apart they are, too; `kind` is what it evaluates to (only a vector can be evidence, anything else has neither).

    `shifted` names a selector that does not look at the present (offset or @), or is empty. `is_truth_valued` says that
    its samples are the 0 or 1 of a `bool` comparison, where 0 means no.
    """

    combined: str
    selectors: tuple[Selector, ...]
    shifted: str
    is_truth_valued: bool
    kind: str
    spaced: str = ""


@lru_cache(maxsize=512)
def read_expression(query: str) -> Expression:
    """Parse the query. Raises BadRequestError when it is not PromQL, or too large to be followed."""
    tree = parse(query)
    seen = survey(tree)
    found = _each_once(seen.selectors)
    if len(found) > MOST_SELECTORS:
        raise BadRequestError(f"the query rests on {len(found)} selectors; at most {MOST_SELECTORS} are followed")
    kind = _kind(tree)
    return Expression(
        combined=_combine(tree, found) if kind == "vector" else "",
        selectors=tuple(one.selector for one in found),
        shifted=seen.shifted,
        is_truth_valued=_is_truth_valued(tree),
        kind=kind,
        spaced=_combine(tree, found, with_spacing=True) if kind == "vector" else "",
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """A selector with its nodes; `ranged` is there when it stands in a range."""

    selector: Selector
    plain: promql.VectorSelector
    ranged: promql.MatrixSelector | None


def _each_once(selectors: Iterable[Standing]) -> list[_Found]:
    found: dict[tuple[str, timedelta, timedelta], _Found] = {}
    for one in selectors:
        selector = Selector(len(found), one.plain.prettify(), one.window, one.subquery)
        found.setdefault((selector.text, one.window, one.subquery), _Found(selector, one.plain, one.ranged))
    return list(found.values())


def _combine(tree: promql.Expr, found: Iterable[_Found], *, with_spacing: bool = False) -> str:
    """One expression that answers everything at one instant. Built as a tree: no text of the query is ever pasted."""
    pieces: dict[str, promql.Expr] = {_EXPRESSION: tree}
    ranges: dict[str, promql.Expr] = {}
    terms = [_term(_EXPRESSION, "value"), _term("vector(time())", "now")]
    for one in found:
        number, selector = one.selector.index, one.selector
        pieces[f"aether_current_{number}"] = one.plain
        terms.append(_term(f"min(timestamp(aether_current_{number}))", selector.current))
        if with_spacing:
            pieces[f"aether_before_{number}"] = _looking_back(one.plain, SPACING_WINDOW)
            terms.append(_term(_spacing(number), selector.spacing))
        if one.ranged is not None:
            ranges[f"aether_range_{number}"] = one.ranged
            terms.append(_term(f"count(last_over_time(aether_range_{number}[1s]))", selector.present))
        if selector.subquery:
            pieces[f"aether_earliest_{number}"] = _looking_back(one.plain, selector.subquery)
            terms.append(_term(f"min(timestamp(aether_earliest_{number}))", selector.earliest))

    return graft(" or ".join(terms), pieces, ranges)


def _spacing(number: int) -> str:
    """From the last sample before the window to the current one, by the samples since: exact for each series.

    One that has just begun has none before, one that has ended no current one: neither has a say.
    """
    span = f"(timestamp(aether_current_{number}) - timestamp(aether_before_{number}))"
    return f"max({span} / count_over_time(aether_current_{number}[{SPACING_WINDOW.total_seconds():.0f}s]))"


def _term(form: str, part: str) -> str:
    """Our own words only: `form` names a placeholder, never the query."""
    return f'label_replace({form}, "{PART}", "{part}", "", "")'


def _looking_back(node: promql.VectorSelector, distance: timedelta) -> promql.Expr:
    """Only what `prettify` writes has its labels escaped, and that knows nothing of an offset that was set on a node.

    A selector that is shifted already is nothing that is ever asked.
    """
    if node.offset is not None or node.at is not None:
        return node
    return promql.parse(f"{node.prettify()} offset {distance // timedelta(milliseconds=1)}ms")


def _is_truth_valued(node: promql.Expr) -> bool:
    """Whether a zero in the answer is the "no" of a `bool` comparison; a filtering comparison in between ends that."""
    match node:
        case promql.BinaryExpr():
            operator = str(node.op)
            if operator in _COMPARISONS:
                return node.modifier is not None and node.modifier.return_bool
            return _is_truth_valued(node.lhs) or (operator not in _ONE_SIDED and _is_truth_valued(node.rhs))
        case promql.ParenExpr() | promql.UnaryExpr() | promql.AggregateExpr() | promql.SubqueryExpr():
            return _is_truth_valued(node.expr)
        case promql.Call():
            return any(_is_truth_valued(argument) for argument in node.args)
    return False


def _kind(node: promql.Expr) -> str:
    """What the expression evaluates to: vector, scalar, matrix or string."""
    match node:
        case promql.ParenExpr() | promql.UnaryExpr():
            return _kind(node.expr)
        case promql.BinaryExpr():
            return "scalar" if {_kind(node.lhs), _kind(node.rhs)} == {"scalar"} else "vector"
        case promql.Call():
            return "scalar" if node.func.return_type == promql.ValueType.Scalar else "vector"
    return _KINDS.get(type(node), "vector")
