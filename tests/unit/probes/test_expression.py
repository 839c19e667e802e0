"""Reading expressions: selectors, reach, shifts, truth values, and the combined question."""

import json
from datetime import timedelta

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherlink.errors import BadRequestError
from aetherlink.lib.promql import LONGEST_QUERY
from aetherlink.probes.expression import read_expression


def seconds(query: str) -> list[tuple[str, float, float]]:
    return [
        (one.text, one.window.total_seconds(), one.subquery.total_seconds()) for one in read_expression(query).selectors
    ]


@pytest.mark.parametrize(
    ("query", "selectors"),
    [
        ('up{job="crm"} == 0', [('up{job="crm"}', 0, 0)]),
        ("rate(a[1m]) / rate(b[90s]) > 0.1", [("a", 60, 0), ("b", 90, 0)]),
        ("a + a > a", [("a", 0, 0)]),
        ("a > avg_over_time(a[5m])", [("a", 0, 0), ("a", 300, 0)]),
        ("max_over_time((up == 0)[30s:1s])", [("up", 0, 30)]),
        ("max_over_time(rate(x[10s])[1m:5s]) + y", [("x", 10, 60), ("y", 0, 0)]),
        ("max_over_time(min_over_time(up[1m:])[2m:1s])", [("up", 0, 180)]),
        ("topk(scalar(n), {job=~'a|b'})", [("n", 0, 0), ('{job=~"a|b"}', 0, 0)]),
        ("vector(1) + time()", []),
    ],
)
def test_every_selector_is_found_with_its_reach(query: str, selectors: list[tuple[str, float, float]]) -> None:
    assert seconds(query) == selectors


@pytest.mark.parametrize(
    "query",
    ["x offset 5m", "rate(x[1m] offset -1m)", "x @ 123", "x @ end()", "a + x offset 1s", "max_over_time(x[1m:1s] @ 7)"],
)
def test_a_look_at_another_time_is_noticed(query: str) -> None:
    assert "x" in read_expression(query).shifted
    assert read_expression("x + y").shifted == ""


@pytest.mark.parametrize(
    ("query", "is_truth"),
    [
        ("a > bool 1", True),
        ("(a > bool 1)", True),
        ("-(a == bool b)", True),
        ("(a > bool 1) * (b > bool 2)", True),
        ("max by (job) (a > bool 1)", True),
        ("clamp_max(a > bool 1, 1)", True),
        ("max_over_time((a > bool 1)[1m:1s])", True),
        ("a > bool 1 and b", True),
        ("b or a > bool 1", True),
        ("b and a > bool 1", False),
        ("sum(a > bool 1) > 2", False),
        ("a > 1", False),
        ("a", False),
    ],
)
def test_zeroes_of_bool_comparisons_are_told_from_other_zeroes(query: str, is_truth: bool) -> None:
    assert read_expression(query).is_truth_valued is is_truth


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("1 + 2", "scalar"),
        ("time() - 5", "scalar"),
        ("(-scalar(x))", "scalar"),
        ('"text"', "string"),
        ("x[5m]", "matrix"),
        ("(x[5m:1m])", "matrix"),
        ("x > 1", "vector"),
        ("1 < x", "vector"),
        ("vector(1)", "vector"),
        ("sum(x)", "vector"),
    ],
)
def test_the_kind_of_answer_is_known_beforehand(query: str, kind: str) -> None:
    expression = read_expression(query)

    assert expression.kind == kind
    assert bool(expression.combined) == (kind == "vector")


def test_the_combined_question_asks_everything_in_one_evaluation() -> None:
    combined = " ".join(read_expression('min_over_time(up{job="crm"}[3s]) == 1').combined.split())

    assert combined == (
        'label_replace(min_over_time(up{job="crm"}[3s]) == 1, "aether_part", "value", "", "")'
        ' or label_replace(vector(time()), "aether_part", "now", "", "")'
        ' or label_replace(min(timestamp(up{job="crm"})), "aether_part", "current-0", "", "")'
        ' or label_replace(count(last_over_time(up{job="crm"}[3s])), "aether_part", "present-0", "", "")'
    )


def test_metrics_named_like_our_placeholders_stay_what_they_are() -> None:
    combined = read_expression("aether_expression > aether_current_1 + aether_range_0").combined

    assert "aether_expression > aether_current_1 + aether_range_0" in combined


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "no expression found"),
        ("sum(", "not PromQL"),
        ("up) or vector(1", "not PromQL"),
        ('x{a=~"("}', "not PromQL"),
        ("x" * (LONGEST_QUERY + 1), "4097 characters; at most 4096"),
        (" + ".join(f"metric_{number}" for number in range(21)), "21 selectors; at most 20"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_the_reason(query: str, words: str) -> None:
    with pytest.raises(BadRequestError, match=words):
        read_expression(query)


@pytest.mark.parametrize(
    "query",
    ["(" * 1000 + "x" + ")" * 1000, "x" + "+x" * 1000, "x" + " and x" * 600, "x" + "[1m:1s]" * 500, "-" * 4000 + "x"],
)
def test_a_query_that_is_deep_is_refused_before_it_costs_anything(query: str) -> None:
    """The parser's walk would take minutes over it."""
    with pytest.raises(BadRequestError, match="at most 80 are followed"):
        read_expression(query)


def test_what_stands_in_labels_and_comments_is_not_counted() -> None:
    query = 'up{job=~"' + "(a|b)" * 90 + '", x="' + "+" * 100 + "\", y='\"(('} == 0 # " + "(" * 100

    assert read_expression(query).kind == "vector"


@pytest.mark.parametrize("label", ["(", 'x"} or vector(1) or up{a="', "\\"])
def test_a_label_ends_in_its_own_matcher_where_its_past_is_asked_too(label: str) -> None:
    matcher = "{a=" + json.dumps(label) + "}"
    expression = read_expression(f"max_over_time((up{matcher} == 1)[1m:5s])")

    assert f"timestamp(up{matcher} offset 1m)" in expression.combined
    assert f"timestamp(up{matcher} offset 2m)" in expression.spaced


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_never_worse(text: str) -> None:
    try:
        expression = read_expression(text)
    except BadRequestError:
        return
    if expression.combined:
        promql_parser.parse(expression.combined)


@given(st.text(min_size=0, max_size=30), st.sampled_from(["=", "!=", "=~"]))
def test_label_values_of_any_kind_survive_the_combination(value: str, operator: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    try:
        tree = promql_parser.parse(f'x{{job="a",label{operator}"{quoted}"}} > 1')
    except ValueError:
        return

    combined = promql_parser.parse(read_expression(tree.prettify()).combined)

    found: list[str] = []

    def look(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(next(matcher.value for matcher in node.matchers.matchers if matcher.name == "label"))

    promql_parser.walk(combined, look)
    assert found == [value, value]


def test_the_selectors_reach_is_window_and_subquery_together() -> None:
    selector = read_expression("max_over_time(rate(x[10s])[1m:5s]) > 0").selectors[0]

    assert selector.reach == timedelta(seconds=70)
