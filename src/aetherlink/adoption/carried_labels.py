"""Which labels the alerts of a rule carry, as far as the rule's expression tells. Pure: reads syntax trees."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import promql_parser

_EQUAL = promql_parser.MatchOp.Equal


@dataclass(frozen=True, slots=True)
class Carried:
    """`fixed` have one value, `kept` are there with values that the series give.

    With `is_open` any other may be there, but for those that are `gone`.
    """

    fixed: Mapping[str, str] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    is_open: bool = False
    gone: frozenset[str] = frozenset()

    def may_have(self, label: str) -> bool:
        """Whether an alert of the rule can have this label."""
        return label in self.kept or label in self.fixed or (self.is_open and label not in self.gone)

    def only(self, labels: frozenset[str]) -> "Carried":
        """What is left where only these are kept."""
        fixed = {name: value for name, value in self.fixed.items() if name in labels}
        wanted = labels - self.gone if self.is_open else labels & self.kept
        return Carried(fixed, frozenset(wanted - fixed.keys()))

    def without(self, labels: frozenset[str]) -> "Carried":
        """What is left where these are taken away."""
        fixed = {name: value for name, value in self.fixed.items() if name not in labels}
        return Carried(fixed, self.kept - labels, self.is_open, self.gone | labels)


NOTHING = Carried()
_SAME = frozenset({"and", "unless", "or"})


def carried(node: promql_parser.Expr) -> Carried:
    """The labels of what the expression answers with."""
    match node:
        case promql_parser.VectorSelector():
            return Carried(fixed_by(node), is_open=True)
        case promql_parser.ParenExpr() | promql_parser.UnaryExpr() | promql_parser.SubqueryExpr():
            return carried(node.expr)
        case promql_parser.AggregateExpr():
            return _of_sum(node)
        case promql_parser.BinaryExpr():
            return _of_two(node)
        case promql_parser.Call():
            return _of_call(node)
    return carried(node.vector_selector) if isinstance(node, promql_parser.MatrixSelector) else NOTHING


def fixed_by(node: promql_parser.VectorSelector) -> dict[str, str]:
    """The labels that the selector itself gives a value."""
    found = {one.name: one.value for one in node.matchers.matchers if one.op == _EQUAL and one.value}
    return {name: value for name, value in found.items() if name != "__name__"}


def _of_sum(node: promql_parser.AggregateExpr) -> Carried:
    inner = carried(node.expr)
    if str(node.op) in ("topk", "bottomk"):
        return inner
    modifier = node.modifier
    if modifier is None:
        return NOTHING
    labels = frozenset(modifier.labels)
    return inner.only(labels) if modifier.type == promql_parser.AggModifierType.By else inner.without(labels)


def _of_two(node: promql_parser.BinaryExpr) -> Carried:
    left, right = carried(node.lhs), carried(node.rhs)
    operator = str(node.op)
    if operator == "or":
        both = {name: value for name, value in left.fixed.items() if right.fixed.get(name) == value}
        either = (left.kept | right.kept | left.fixed.keys() | right.fixed.keys()) - both.keys()
        return Carried(both, frozenset(either), left.is_open or right.is_open, left.gone & right.gone)
    if operator in _SAME:
        return left
    if left == NOTHING and _is_number(node.lhs):
        return right
    if _is_number(node.rhs):
        return left
    return _of_joined(node, left, right)


def _of_joined(node: promql_parser.BinaryExpr, left: Carried, right: Carried) -> Carried:
    """Two vectors: the labels on which they are matched, or those of the side that has many."""
    modifier = node.modifier
    cardinality = None if modifier is None else str(modifier.card)
    if cardinality == "VectorMatchCardinality.OneToMany":
        return right
    if cardinality == "VectorMatchCardinality.ManyToOne":
        return left
    matching = None if modifier is None else modifier.matching
    if matching is None:
        return left
    labels = frozenset(matching.labels)
    is_on = matching.type == promql_parser.LabelModifierType.Include
    return left.only(labels) if is_on else left.without(labels)


def _of_call(node: promql_parser.Call) -> Carried:
    name = node.func.name
    arguments = [carried(argument) for argument in node.args]
    if name in ("absent", "absent_over_time"):
        return _of_absence(node)
    if name in ("vector", "scalar", "time"):
        return NOTHING
    found = max(arguments, key=lambda one: (one.is_open, len(one.fixed), len(one.kept)), default=NOTHING)
    if name in ("label_replace", "label_join") and len(node.args) > 1:
        made = getattr(node.args[1], "val", "")
        return Carried(found.without(frozenset({made})).fixed, found.kept | {made}, found.is_open, found.gone)
    return found


def _of_absence(node: promql_parser.Call) -> Carried:
    """`absent` gives what the selector fixes, if it is a selector; of a sum it knows nothing."""
    inner = node.args[0]
    while isinstance(inner, promql_parser.ParenExpr):
        inner = inner.expr
    match inner:
        case promql_parser.VectorSelector():
            return Carried(fixed_by(inner))
        case promql_parser.MatrixSelector():
            return Carried(fixed_by(inner.vector_selector))
    return NOTHING


def _is_number(node: promql_parser.Expr) -> bool:
    """Whether it is a number and no vector."""
    match node:
        case promql_parser.NumberLiteral():
            return True
        case promql_parser.ParenExpr() | promql_parser.UnaryExpr():
            return _is_number(node.expr)
        case promql_parser.BinaryExpr():
            return _is_number(node.lhs) and _is_number(node.rhs)
        case promql_parser.Call():
            return bool(node.func.return_type == promql_parser.ValueType.Scalar)
    return False
