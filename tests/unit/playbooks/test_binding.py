"""A query is bound to an alert's labels, and to nothing else, whatever the labels hold."""

import promql_parser
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aetherlink.errors import BadRequestError
from aetherlink.playbooks.binding import bind_query


def selectors(query: str) -> list[dict[str, str]]:
    """The matchers of every selector of the query, by label."""
    found: list[dict[str, str]] = []

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append({matcher.name: matcher.value for matcher in node.matchers.matchers})
        return True

    promql_parser.walk(promql_parser.parse(query), visit)
    return found


def test_every_selector_gets_the_matcher_also_inside_ranges_and_subqueries() -> None:
    query = 'up == 0 and sum by (job) (rate(hits{code="500"}[5m])) > max_over_time(load[5m:1m])'

    bound = bind_query(query, ["job"], {"job": "crm"})

    assert selectors(bound) == [{"job": "crm"}, {"code": "500", "job": "crm"}, {"job": "crm"}]
    assert "[5m]" in bound
    assert "[5m:1m]" in bound


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1))
@example('x"} or vector(1) or up{job="')
@example("back\\slash and\nline")
@example("`{}[5m] offset")
def test_a_label_value_stays_in_its_own_matcher(value: str) -> None:
    bound = bind_query("up == 0 or rate(down[1m]) > 0", ["job"], {"job": value})

    assert selectors(bound) == [{"job": value}, {"job": value}]


def test_a_matcher_that_is_there_already_is_kept_beside() -> None:
    bound = promql_parser.parse(bind_query('up{job="other"}', ["job"], {"job": "crm"}))

    assert sorted(matcher.value for matcher in bound.matchers.matchers) == ["crm", "other"]


@pytest.mark.parametrize("labels", [{}, {"job": ""}], ids=["absent", "empty"])
def test_an_alert_without_the_label_is_refused_rather_than_bound_to_less(labels: dict[str, str]) -> None:
    with pytest.raises(BadRequestError, match="no label job"):
        bind_query("up == 0", ["job"], labels)


@pytest.mark.parametrize("query", ["up offset 5m", "up @ 0", 'up{a="b" or c="d"}', "rate(up[5m] offset 1m)"])
def test_what_cannot_be_bound_is_refused(query: str) -> None:
    with pytest.raises(BadRequestError, match="cannot be bound"):
        bind_query(query, ["job"], {"job": "crm"})
