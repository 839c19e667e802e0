"""A query that is narrowed to one tenant gives the same whether or not others' samples are there: a real Prometheus.

Two of them run: one knows the samples of two tenants, the other those of the first alone. Whatever a narrowed query
gives of the one it has to give of the other, errors included.
"""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aetherlink.errors import BadRequestError, ForbiddenError
from aetherlink.queries.tenancy import Tenancy
from rigs.past_prometheus import past_prometheus
from rigs.remote_write import Tape, key

FEW, MANY = 150, 20_000
OWN = 'ac"me'
NOW = float(int(time.time()) - 3600)
METRICS = ("up", "errors_total", "load", "only_theirs")
TENANCY = Tenancy("tenant", OWN)


def tape(*tenants: str) -> Tape:
    told = Tape()
    for number, tenant in enumerate(tenants):
        for metric in METRICS[: len(METRICS) - (tenant == OWN)]:
            for job in ("a", "b"):
                labels = {"tenant": tenant, "job": job, "owner": f"owner-{number}"}
                for step in range(40):
                    told.add(key(metric, labels), NOW - 600 + 15 * step, float(1000 * number + step))
    return told


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """Those of both tenants, and of the first alone."""
    folders = [tmp_path_factory.mktemp(name) for name in ("shared", "alone")]
    with past_prometheus(folders[0]) as shared, past_prometheus(folders[1]) as alone:
        shared.take(tape(OWN, "globex", ""))
        alone.take(tape(OWN))
        yield shared, alone


def asked(world, path: str, **form: object) -> object:
    answer = world.client.post(f"/api/v1/{path}", data=form)
    body = answer.json()
    return body["data"] if answer.status_code == 200 else (answer.status_code, body["errorType"])


MATCHERS = st.lists(
    st.sampled_from(
        ['job="a"', 'job!="a"', 'job=~".+"', 'owner=~"owner-.*"', 'owner!~"owner-0"', 'x=""', 'tenant="ac\\"me"']
    ),
    max_size=2,
)
NAMES = st.one_of(
    st.sampled_from(METRICS).map(lambda name: ("", f'__name__="{name}"')),
    st.sampled_from(['__name__=~".+"', '__name__!=""', '__name__=~"up|only.*"']).map(lambda text: ("", text)),
    st.sampled_from(METRICS).map(lambda name: (name, "")),
)
SHIFTS = st.sampled_from(["", " offset 1m", " offset -30s", f" @ {NOW - 60:.0f}", " @ start()", " @ end() offset 90s"])


@st.composite
def selectors(draw) -> str:
    name, first = draw(NAMES)
    return f"{name}{{{','.join(filter(None, [first, *draw(MATCHERS)]))}}}"


@st.composite
def instants(draw) -> str:
    return draw(selectors()) + draw(SHIFTS)


@st.composite
def ranges(draw) -> str:
    function = draw(st.sampled_from(["rate", "max_over_time", "count_over_time", "absent_over_time", "last_over_time"]))
    return f"{function}({draw(selectors())}[2m]{draw(SHIFTS)})"


def grown(inner):
    """Larger queries of smaller ones."""
    pairs = st.tuples(
        inner,
        st.sampled_from(
            [
                "or",
                "unless",
                "and",
                "+",
                "> bool",
                "== on(job)",
                "/ ignoring(owner)",
                "and on()",
                "or on(job)",
                "* on(job) group_left(owner)",
            ]
        ),
        inner,
    )
    return st.one_of(
        pairs.map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
        st.tuples(
            st.sampled_from(["sum by (owner) (", "count(", "topk by (tenant) (2,", "group("]),
            inner,
        ).map(lambda parts: f"{parts[0]}{parts[1]})"),
        inner.map(lambda text: f"absent({text})"),
        inner.map(lambda text: f"vector(scalar({text}))"),
        inner.map(lambda text: f'label_replace({text}, "tenant", "globex", "job", ".*")'),
        inner.map(lambda text: f'label_replace({text}, "seen", "$1", "owner", "(.*)")'),
        inner.map(lambda text: f'count_values("tenant", {text})'),
        st.tuples(inner, SHIFTS).map(lambda parts: f"max_over_time(({parts[0]})[3m:30s]{parts[1]})"),
        inner.map(lambda text: f"-{text}"),
    )


QUERIES = st.recursive(st.one_of(instants(), ranges(), st.just("vector(1)")), grown, max_leaves=5)


def check(worlds, query: str) -> None:
    """Narrowed, it gives the same in both worlds."""
    shared, alone = worlds
    narrowed = TENANCY.narrowed(query)

    over = {"query": narrowed, "start": NOW - 120, "end": NOW - 60, "step": 30}
    assert asked(shared, "query_range", **over) == asked(alone, "query_range", **over), narrowed
    assert asked(shared, "query", query=narrowed, time=NOW - 60) == asked(alone, "query", query=narrowed, time=NOW - 60)


@settings(max_examples=FEW, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=QUERIES)
def test_a_narrowed_query_never_rests_on_a_sample_of_another_tenant(worlds, query) -> None:
    check(worlds, query)


@pytest.mark.long
@settings(max_examples=MANY, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=QUERIES)
def test_many_narrowed_queries_never_do(worlds, query) -> None:
    check(worlds, query)


@pytest.mark.parametrize("query", ["only_theirs", '{__name__=~".+"}', 'up{tenant=~".*"}', "up or only_theirs"])
def test_the_worlds_differ_to_a_query_that_is_not_narrowed(worlds, query) -> None:
    shared, alone = worlds

    assert asked(shared, "query", query=query, time=NOW - 60) != asked(alone, "query", query=query, time=NOW - 60)


def test_what_is_narrowed_still_finds_the_tenants_own(worlds) -> None:
    found = asked(worlds[0], "query", query=TENANCY.narrowed('{__name__=~".+"}'), time=NOW - 60)

    assert {(one["metric"]["__name__"], one["metric"]["owner"]) for one in found["result"]} == {
        (name, "owner-0") for name in METRICS[:3]
    }


@pytest.mark.parametrize("text", ["up", "{}", '{tenant=""}', '{job="a" or tenant="globex"}', 'up{tenant!="x"}'])
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(noise=st.text(alphabet="{}()[]\"'`\\,=~!|orunles@:#\n\t up1tenaglobx", max_size=30))
def test_text_of_any_kind_is_refused_or_narrowed(worlds, text, noise) -> None:
    shared, alone = worlds
    for query in (text + noise, noise + text, f'up{{job="{noise}"}}'):
        try:
            narrowed = TENANCY.narrowed(query)
        except (BadRequestError, ForbiddenError):
            continue
        form = {"query": narrowed, "time": NOW - 60}
        assert asked(shared, "query", **form) == asked(alone, "query", **form), narrowed


def test_lists_of_names_are_the_tenants_own(worlds) -> None:
    shared, alone = worlds
    for match in (TENANCY.selector, TENANCY.selected('{__name__=~".+"}'), TENANCY.selected("only_theirs")):
        form = {"match[]": match, "start": NOW - 600, "end": NOW}
        for path in ("labels", "series"):
            assert asked(shared, path, **form) == asked(alone, path, **form)
        values = [world.client.get("/api/v1/label/tenant/values", params=form).json() for world in worlds]
        assert values[0] == values[1]
