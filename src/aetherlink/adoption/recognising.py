"""What a rule's expression watches: told from its syntax tree, by its metrics and its comparison. Pure."""

from dataclasses import dataclass
from enum import StrEnum

import promql_parser

from aetherlink.adoption.carried_labels import Carried, carried, fixed_by
from aetherlink.lib import promql
from aetherlink.model import container_labels

NAMING_LABELS = (*container_labels.NAME, *container_labels.SERVICE)
"""Labels by which the agent will find a container; the first one that fits counts."""

_POD = "pod"
_DATABASES = frozenset(
    {*("pg_up", "mysql_up", "redis_up", "mongodb_up", "elasticsearch_cluster_health_up", "memcached_up", "oracledb_up")}
)
_MEMORY = ("container_memory_usage_bytes", "container_memory_working_set_bytes", "container_memory_rss")
_RESTARTS = frozenset({"changes", "resets", "increase", "rate", "delta"})
_MONITORING = ("prometheus_", "alertmanager_", "promhttp_", "aether_agent_")
_FLIPPED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
_OPPOSITE = {">": "<=", "<": ">=", ">=": "<", "<=": ">", "==": "!=", "!=": "=="}


class Watched(StrEnum):
    """What a rule is about."""

    UP = "up"
    NOT_SCRAPED = "not scraped"
    PROBE = "probe"
    DATABASE = "database"
    CONTAINER_ABSENT = "container absent"
    CONTAINER_GONE = "container gone"
    CONTAINER_RESTARTS = "container restarts"
    CONTAINER_MEMORY = "container memory"
    CONTAINER_CPU = "container cpu"
    CONTAINER_OTHER = "container, otherwise"
    HOST = "host"
    KUBERNETES = "kubernetes"
    MONITORING = "monitoring"
    HEARTBEAT = "heartbeat"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The comparison that decides whether an expression answers; the operator as if the number stood on the right."""

    node: promql_parser.BinaryExpr
    operator: str


@dataclass(frozen=True, slots=True)
class Recognised:
    """An expression as understood. `fixed` are the labels that each of its container selectors gives the same value."""

    watched: Watched
    tree: promql_parser.Expr
    metrics: tuple[str, ...]
    carried: Carried
    comparison: Comparison | None
    fixed: dict[str, str]

    @property
    def names_one(self) -> tuple[str, str] | None:
        """The label and the value by which the expression itself names one container; None where it names none."""
        return next(((label, self.fixed[label]) for label in NAMING_LABELS if label in self.fixed), None)


def recognised(expr: str) -> Recognised:
    """The expression as understood. Raises BadRequestError when it is not PromQL, or too large to be followed."""
    tree = promql.parse(expr)
    selectors = [one.plain for one in promql.survey(tree).selectors]
    metrics = tuple(dict.fromkeys(filter(None, map(_metric, selectors))))
    about = [one for one in selectors if _metric(one).startswith("container_")] or selectors
    comparison = comparison_of(tree)
    labels = carried(tree)
    # Where alerts name pods, `container` is one of a pod: no container that Docker knows by this name.
    of_pods = _POD in labels.kept or _POD in labels.fixed
    watched = Watched.KUBERNETES if of_pods else _watched(tree, metrics, comparison)
    return Recognised(watched, tree, metrics, labels, comparison, _shared(about))


def comparison_of(node: promql_parser.Expr) -> Comparison | None:
    """The outermost comparison with a number; of `a and b` that of `a`. None where there is none."""
    while isinstance(node, promql_parser.ParenExpr):
        node = node.expr
    if not isinstance(node, promql_parser.BinaryExpr):
        return None
    operator = str(node.op)
    if operator in ("and", "unless"):
        return comparison_of(node.lhs)
    if operator not in _FLIPPED or (node.modifier is not None and node.modifier.return_bool):
        return None
    if _number(node.rhs) is not None:
        return Comparison(node, operator)
    return Comparison(node, _FLIPPED[operator]) if _number(node.lhs) is not None else None


def opposite(expression: Recognised) -> str | None:
    """The same question answered when things are well: its comparison turned round. None where that cannot be told."""
    found, node = expression.comparison, expression.tree
    while isinstance(node, promql_parser.ParenExpr):
        node = node.expr
    if found is None or found.node is not node:
        return None
    return promql.graft(
        f"aether_left {_OPPOSITE[str(node.op)]} aether_right", {"aether_left": node.lhs, "aether_right": node.rhs}
    )


def _watched(tree: promql_parser.Expr, metrics: tuple[str, ...], comparison: Comparison | None) -> Watched:
    if not metrics:
        return Watched.OTHER if promql.survey(tree).selectors else Watched.HEARTBEAT
    if any(name.startswith("container_") for name in metrics):
        return _of_container(tree, metrics, comparison)
    if set(metrics) == {"up"}:
        return _of_zero(tree, comparison, Watched.UP, otherwise=Watched.NOT_SCRAPED)
    if set(metrics) <= {"probe_success", "up"}:
        return _of_zero(tree, comparison, Watched.PROBE, otherwise=Watched.OTHER)
    if set(metrics) <= _DATABASES:
        return Watched.DATABASE
    return _by_prefix(metrics)


def _by_prefix(metrics: tuple[str, ...]) -> Watched:
    prefixes = {
        Watched.HOST: ("node_", "windows_", "smartctl_", "machine_"),
        Watched.KUBERNETES: ("kube_", "kubelet_", "apiserver_", "etcd_"),
        Watched.MONITORING: _MONITORING,
    }
    for watched, beginnings in prefixes.items():
        if all(name.startswith(beginnings) for name in metrics):
            return watched
    return Watched.OTHER


def _of_zero(
    tree: promql_parser.Expr, comparison: Comparison | None, is_low: Watched, *, otherwise: Watched
) -> Watched:
    """Whether it asks for a 0 among zeros and ones: `== 0`, `< 1`, `!= 1`."""
    if _is_absence(tree) or comparison is None:
        return otherwise
    right, left = _number(comparison.node.rhs), _number(comparison.node.lhs)
    limit = left if right is None else right
    low = {"==": limit == 0, "!=": limit == 1, "<": limit is not None and 0 < limit <= 1, "<=": limit == 0}
    return is_low if low.get(comparison.operator, False) else Watched.OTHER


def _of_container(tree: promql_parser.Expr, metrics: tuple[str, ...], comparison: Comparison | None) -> Watched:
    if _is_absence(tree):
        return Watched.CONTAINER_ABSENT
    operator = "" if comparison is None else comparison.operator
    is_much = operator in (">", ">=")
    if "container_last_seen" in metrics:
        return Watched.CONTAINER_GONE if is_much else Watched.CONTAINER_OTHER
    if "container_start_time_seconds" in metrics:
        return Watched.CONTAINER_RESTARTS if is_much and _calls(tree) & _RESTARTS else Watched.CONTAINER_OTHER
    if is_much and any(name in metrics for name in _MEMORY):
        return Watched.CONTAINER_MEMORY
    if is_much and "container_cpu_usage_seconds_total" in metrics:
        return Watched.CONTAINER_CPU
    return Watched.CONTAINER_OTHER


def _is_absence(node: promql_parser.Expr) -> bool:
    while isinstance(node, promql_parser.ParenExpr):
        node = node.expr
    if isinstance(node, promql_parser.BinaryExpr) and _number(node.rhs) is not None:
        return _is_absence(node.lhs)  # `absent(x) == 1`
    return isinstance(node, promql_parser.Call) and node.func.name in ("absent", "absent_over_time")


def _calls(tree: promql_parser.Expr) -> set[str]:
    """The functions that are called anywhere in it."""
    found: set[str] = set()

    def note(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.Call):
            found.add(node.func.name)

    promql_parser.walk(tree, note)
    return found


def _metric(node: promql_parser.VectorSelector) -> str:
    by_label = {one.name: one.value for one in node.matchers.matchers if one.op == promql_parser.MatchOp.Equal}
    return node.name or by_label.get("__name__", "")


def _shared(selectors: list[promql_parser.VectorSelector]) -> dict[str, str]:
    """The labels to which all of them give the same value."""
    each = [fixed_by(one) for one in selectors]
    first = each[0] if each else {}
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in each)}


def _number(node: promql_parser.Expr) -> float | None:
    """The number that it is, of plain arithmetic; None for anything else."""
    match node:
        case promql_parser.NumberLiteral():
            return float(node.val)
        case promql_parser.ParenExpr():
            return _number(node.expr)
        case promql_parser.UnaryExpr():
            below = _number(node.expr)
            return None if below is None else -below
        case promql_parser.BinaryExpr():
            left, right = _number(node.lhs), _number(node.rhs)
            return None if left is None or right is None else _calculated(str(node.op), left, right)
    return None


def _calculated(operator: str, left: float, right: float) -> float | None:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / right if right else None
    return None
