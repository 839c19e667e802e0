"""T38: whatever a label's value holds, it ends in its own matcher of a query, and nowhere else."""

from collections.abc import Iterator

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherlink.errors import BadRequestError
from aetherlink.playbooks.binding import bind_query
from rigs.hostile_values import ATTACKS

QUERIES = (
    "up == 0",
    'up{job="crm", zone!="a", pod=~"x.*", node!~"y"} == 0',
    '{__name__=~"up|down", job!=""} > 0',
    "sum by (job) (rate(hits[5m])) / ignoring (code) group_left sum(rate(all[5m])) > 0.1",
    'max_over_time(rate(hits{code="500"}[1m])[5m:10s]) > 1 unless on (job) up',
    "histogram_quantile(0.9, sum by (le) (rate(seconds_bucket[2m]))) > 0.5 or absent(up)",
    "-(a + b) ^ 2 >= bool 3 and c:rate5m < 4",
    'label_replace(up, "x", "$1", "job", "(.*)") == 1',
)
WRAPS = ("{}", "a{}", "{}a", 'x"{}', "{}\\", "{0}{0}", "\\{}", '{}"}} or vector(1)')

Matchers = list[tuple[str, str, str]]


def hostile() -> Iterator[str]:
    for attack in ATTACKS:
        for wrap in WRAPS:
            yield wrap.format(attack)


VALUES = sorted(set(hostile()))


def look(query: str) -> tuple[list[object], list[Matchers]]:
    """The shape of the query without its matchers, and the matchers of each selector."""
    shape: list[object] = []
    matchers: list[Matchers] = []

    def visit(node: promql_parser.Expr) -> bool:
        function = getattr(getattr(node, "func", None), "name", "")
        parts = ("name", "op", "range", "val", "modifier", "offset", "at")
        shape.append((type(node).__name__, function, *(str(getattr(node, part, "")) for part in parts)))
        if isinstance(node, promql_parser.VectorSelector):
            matchers.append(sorted((one.name, str(one.op), one.value) for one in node.matchers.matchers))
            assert not node.matchers.or_matchers
        return True

    promql_parser.walk(promql_parser.parse(query), visit)
    return shape, matchers


LOOKS = {query: look(query) for query in QUERIES}
EQUAL = str(promql_parser.MatchOp.Equal)


def check(query: str, value: str) -> None:
    shape, matchers = LOOKS[query]
    extra = [("instance", EQUAL, value), ("job", EQUAL, "crm")]

    bound = bind_query(query, ["job", "instance"], {"job": "crm", "instance": value, "other": "never"})

    assert look(bound) == (shape, [sorted([*one, *extra]) for one in matchers])


def test_there_are_five_hundred_hostile_values() -> None:
    assert len(VALUES) >= 500


@pytest.mark.parametrize("query", QUERIES)
def test_a_hostile_value_ends_in_its_own_matcher(query: str) -> None:
    for value in VALUES:
        check(query, value)


@given(st.sampled_from(QUERIES), st.text(st.characters(exclude_categories=("Cs",)), min_size=1))
def test_any_text_ends_in_its_own_matcher(query: str, value: str) -> None:
    check(query, value)


@given(st.lists(st.sampled_from(ATTACKS), min_size=2, max_size=6).map("".join))
def test_attacks_that_are_put_together_end_in_their_own_matcher(value: str) -> None:
    check(QUERIES[4], value)


@pytest.mark.parametrize("value", ["\ud800", "a\udfffb"])
def test_what_is_no_text_is_refused_rather_than_changed(value: str) -> None:
    with pytest.raises(BadRequestError, match="cannot be written into a query"):
        bind_query("up == 0", ["job"], {"job": value})
