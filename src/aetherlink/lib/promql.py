"""Parses PromQL within bounds, and finds its selectors. Every room that reads a query goes through here.

The parser's walk takes cubic time in the depth of a query, and a very long chain of operators overflows its stack and
ends the process: what is too large is refused before it is parsed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import promql_parser

from aetherlink.errors import BadRequestError

LONGEST_QUERY = 4096  # characters
MOST_STEPS = 80  # 0.1 s at 80, three minutes at 2000

_QUOTED = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`""")
_MATCHERS = re.compile(r"\{[^{}]*\}")
_STEP = re.compile(r"[(\[]|[-+*/%^]|[<>=!]=?|\b(?:and|or|unless|atan2)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Selector:
    """One selector where it stands. `ranged` is there when it stands in a range, `subquery` sums those around it."""

    plain: promql_parser.VectorSelector
    ranged: promql_parser.MatrixSelector | None
    subquery: timedelta

    @property
    def window(self) -> timedelta:
        """Its own range; zero when it has none."""
        return timedelta(0) if self.ranged is None else self.ranged.range

    @property
    def reach(self) -> timedelta:
        """How far back its samples go; zero when only its current ones count."""
        return self.window + self.subquery


@dataclass(slots=True)
class Survey:
    """What a query rests on. `shifted` names a part that does not look at the present (offset or @), or is empty."""

    selectors: list[Selector] = field(default_factory=list)
    shifted: str = ""

    @property
    def reach(self) -> timedelta:
        """How far back the query looks."""
        return max((selector.reach for selector in self.selectors), default=timedelta(0))


def survey(tree: promql_parser.Expr) -> Survey:
    """Every selector of the tree, in the order in which they stand."""
    visit = _Visit()
    promql_parser.walk(tree, visit.enter, visit.leave)
    return visit.survey


@dataclass(slots=True)
class _Visit:
    """Collects the selectors while the tree is walked."""

    survey: Survey = field(default_factory=Survey)
    _ranges: list[promql_parser.MatrixSelector] = field(default_factory=list)
    _subqueries: list[timedelta] = field(default_factory=list)

    def enter(self, node: promql_parser.Expr) -> None:
        match node:
            case promql_parser.MatrixSelector():
                self._ranges.append(node)
            case promql_parser.SubqueryExpr():
                self._note_shift(node)
                self._subqueries.append(node.range or timedelta(0))
            case promql_parser.VectorSelector():
                self._note_shift(node)
                ranged = self._ranges[-1] if self._ranges else None
                self.survey.selectors.append(Selector(node, ranged, sum(self._subqueries, timedelta(0))))

    def leave(self, node: promql_parser.Expr) -> None:
        match node:
            case promql_parser.MatrixSelector():
                self._ranges.pop()
            case promql_parser.SubqueryExpr():
                self._subqueries.pop()

    def _note_shift(self, node: promql_parser.VectorSelector | promql_parser.SubqueryExpr) -> None:
        if node.offset is not None or node.at is not None:
            self.survey.shifted = self.survey.shifted or node.prettify()


def check_size(query: str) -> None:
    """Raises BadRequestError when the query is too large to be followed."""
    if len(query) > LONGEST_QUERY:
        raise BadRequestError(f"the query has {len(query)} characters; at most {LONGEST_QUERY} are read")
    steps = len(_STEP.findall(_MATCHERS.sub("", _QUOTED.sub("", query))))
    if steps > MOST_STEPS:
        raise BadRequestError(f"the query has {steps} operators, calls and brackets; at most {MOST_STEPS} are followed")


def parse(query: str) -> promql_parser.Expr:
    """The query's syntax tree. Raises BadRequestError when it is not PromQL, or too large to be followed."""
    check_size(query)
    try:
        tree: promql_parser.Expr = promql_parser.parse(query)
    except ValueError as error:
        raise BadRequestError(f"the query is not PromQL: {error}: {query!r}") from error
    return tree


def graft(
    form: str, pieces: Mapping[str, promql_parser.Expr], ranges: Mapping[str, promql_parser.Expr] | None = None
) -> str:
    """Our own words with trees in the place of names: no text of a query is ever pasted.

    A selector of `form` that has a name in `pieces` becomes that tree, a range over a name in `ranges` that one.
    """

    def place(node: promql_parser.Expr) -> promql_parser.Expr | None:
        match node:
            case promql_parser.VectorSelector():
                return pieces.get(node.name or "")
            case promql_parser.MatrixSelector():
                return (ranges or {}).get(node.vector_selector.name or "")
        return None

    grafted: str = promql_parser.transform(promql_parser.parse(form), None, place).prettify()
    return grafted
