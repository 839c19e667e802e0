"""Prometheus' query API through the agent: a real Prometheus behind it, and its refusals in its own shape."""

import json
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.queries.options import QueryOptions

OVER = {"query": "vector(1)", "start": "1762113600", "end": "1762113900", "step": "15"}


def said(metrics: str, kind: str, outcome: str) -> float:
    line = f'aether_agent_proxy_requests_total{{kind="{kind}",outcome="{outcome}"}} '
    return next(float(each.removeprefix(line)) for each in metrics.splitlines() if each.startswith(line))


def bind(agent, monkeypatch, tenant: str, scope: str = "read") -> None:
    """Let the token of this scope be of one tenant."""
    admit = agent.services.gate.admit

    def bound(*given, **more):
        return replace(admit(*given, **more), tenant=tenant)

    monkeypatch.setattr(type(agent.services.gate), "admit", lambda _, *given, **more: bound(*given, **more))


@pytest.mark.parametrize("how", ["address", "form", "json"])
def test_a_range_is_answered_as_prometheus_does(agent, how) -> None:
    sent = {"address": {"params": OVER}, "form": {"data": OVER}, "json": {"json": OVER}}[how]

    answer = agent.call("GET" if how == "address" else "POST", "/api/v1/query_range", token="read", **sent)

    assert answer.status_code == 200, answer.text
    [series] = answer.json()["data"]["result"]
    assert answer.json()["status"] == "success"
    assert answer.json()["data"]["resultType"] == "matrix"
    assert series["metric"] == {}
    assert series["values"] == [[1762113600 + 15 * number, "1"] for number in range(21)]


@pytest.mark.parametrize("when", ["1762113900", "1762113900.000", "2025-11-02T20:05:00Z", "2025-11-02T21:05:00+01:00"])
def test_an_instant_is_written_in_each_of_prometheus_ways(agent, when) -> None:
    answer = agent.call("POST", "/api/v1/query", data={"query": "vector(time())", "time": when})

    assert answer.json()["data"]["result"][0]["value"] == [1762113900, "1762113900"]


def test_names_and_series_are_listed(agent) -> None:
    for path in ("labels", "series", "label/job/values"):
        answer = agent.call("GET", f"/api/v1/{path}", params={"match[]": '{__name__=~".+"}'})
        assert answer.json() == {"status": "success", "data": []}, path


def test_prometheus_own_refusals_are_passed_on_as_it_wrote_them(agent) -> None:
    broken = agent.call("GET", "/api/v1/query", params={"query": "sum(", "time": "1"})
    twice = 'label_replace(vector(1), "x", "a", "", "") or label_replace(vector(2), "x", "b", "", "")'
    inexecutable = agent.call("GET", "/api/v1/query", params={"query": f"vector(1) + on() ({twice})"})

    assert (broken.status_code, broken.json()["status"], broken.json()["errorType"]) == (400, "error", "bad_data")
    assert "parse error" in broken.json()["error"]
    assert (inexecutable.status_code, inexecutable.json()["errorType"]) == (422, "execution")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"step": "0.5"}, "queries.smallest_step"),
        ({"step": "0"}, "zero or negative"),
        ({"step": "NaN"}, "duration"),
        ({"start": "1700000000"}, "queries.longest_range"),
        ({"end": "1762200000", "step": "1"}, "queries.most_points"),
        ({"end": "1762113000"}, "before start"),
        ({"start": "yesterday"}, "'start'"),
        ({"end": "1e300"}, "'end'"),
        ({"query": "x" * 5000}, "queries.longest_query"),
        ({"query": "(" * 200 + "1" + ")" * 200}, "at most 80"),
        ({"query": "max_over_time(up[1y])"}, "queries.longest_range"),
        ({"query": ""}, "'query' is missing"),
        ({"source": "../admin"}, "unknown source"),
        ({"source": "http://127.0.0.1:1"}, "unknown source"),
        ({"timeout": "-1s"}, "'timeout'"),
    ],
)
def test_what_asks_for_too_much_is_refused_before_prometheus_is_asked(agent, change, words) -> None:
    answer = agent.call("POST", "/api/v1/query_range", data={**OVER, **change})

    assert answer.status_code == 400, answer.text
    assert (answer.json()["status"], answer.json()["errorType"]) == ("error", "bad_data")
    assert words in answer.json()["error"]


def test_an_answer_of_too_many_series_or_bytes_is_refused(start_agent) -> None:
    agent = start_agent(queries=QueryOptions(most_series=1, most_bytes=1024))
    two = 'label_replace(vector(1), "x", "a", "", "") or label_replace(vector(2), "x", "b", "", "")'

    many = agent.call("GET", "/api/v1/query", params={"query": two})
    large = agent.call("GET", "/api/v1/query_range", params={**OVER, "end": "1762120000"})

    assert (many.status_code, many.json()["errorType"]) == (422, "execution")
    assert "queries.most_series" in many.json()["error"]
    assert (large.status_code, "larger than 1024 bytes" in large.json()["error"]) == (422, True)
    assert agent.call("POST", "/query", json={"ql": two}).status_code == 422


def test_what_is_on_its_way_is_bounded_and_the_rest_comes_again(start_agent, answering) -> None:
    goes_on = threading.Event()

    def slowly(handler) -> None:
        goes_on.wait(10)
        body = b'{"status":"success","data":{"resultType":"vector","result":[]}}'
        handler.send_response(200)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    agent = start_agent(prometheus_url=answering(slowly), queries=QueryOptions(at_once=1))
    first = threading.Thread(target=lambda: agent.call("GET", "/api/v1/query", params={"query": "1"}))
    first.start()
    try:
        while agent.services.metrics.get_sample_value("aether_agent_proxy_in_flight") != 1:
            time.sleep(0.01)
        full = agent.call("GET", "/api/v1/query", params={"query": "2"})
        seeds = agent.call("POST", "/query", json={"ql": "2"})
    finally:
        goes_on.set()
        first.join()

    assert (full.status_code, full.headers["retry-after"], full.json()["status"]) == (503, "1", "error")
    assert seeds.status_code == 503
    assert agent.call("GET", "/api/v1/query", params={"query": "2"}).status_code == 200


def test_who_is_slow_and_who_is_away(start_agent, answering) -> None:
    over = threading.Event()
    slow = start_agent(prometheus_url=answering(lambda _: over.wait(5)), queries=QueryOptions(deadline=0.2))
    answer = slow.call("GET", "/api/v1/query", params={"query": "1"})
    seeds = slow.call("POST", "/query", json={"ql": "1"})
    over.set()

    assert (answer.status_code, answer.json()["errorType"]) == (504, "timeout")
    assert seeds.status_code == 504


def test_an_unreachable_prometheus_is_said(start_agent) -> None:
    agent = start_agent(prometheus_url="http://127.0.0.1:1")

    answer = agent.call("GET", "/api/v1/labels")

    assert (answer.status_code, answer.json()["errorType"]) == (502, "unavailable")


def test_a_caller_who_goes_away_ends_the_query(start_agent, answering) -> None:
    asked, hung_up = threading.Event(), threading.Event()

    def watch(handler) -> None:
        asked.set()
        handler.connection.settimeout(5)
        if handler.connection.recv(1) == b"":
            hung_up.set()

    agent = start_agent(prometheus_url=answering(watch))
    with pytest.raises(Exception, match="timed out"):
        agent.client.get(f"{agent.url}/api/v1/query", params={"query": "1"}, timeout=0.5)

    assert asked.is_set()
    assert hung_up.wait(4), "the query went on for nobody"
    assert said(agent.call("GET", "/metrics").text, "query", "gone") == 1


def test_the_same_range_is_asked_once_and_never_for_another_tenant(agent, monkeypatch) -> None:
    first = agent.call("GET", "/api/v1/query_range", params=OVER)
    again = agent.call("GET", "/api/v1/query_range", params={**OVER, "start": "1762113601", "end": "1762113907"})
    bind(agent, monkeypatch, "acme")
    others = agent.call("GET", "/api/v1/query_range", params=OVER)

    assert first.content == again.content
    assert others.status_code == 200
    metrics = agent.call("GET", "/metrics").text
    assert said(metrics, "query_range", "cached") == 1
    assert said(metrics, "query_range", "answered") == 2


def test_a_token_of_one_tenant_sees_no_other(agent, monkeypatch, start_agent, answering) -> None:
    bind(agent, monkeypatch, "acme")

    other = agent.call("GET", "/api/v1/query", params={"query": 'up{tenant="globex"}'})
    own = agent.call("GET", "/api/v1/query", params={"query": "absent(up)"})
    seeds = agent.call("POST", "/query", json={"ql": 'up{tenant=~".+"}'})
    absent = agent.call("POST", "/query", json={"ql": "absent(up)"})

    assert (other.status_code, other.json()["errorType"]) == (403, "forbidden")
    assert own.json()["data"]["result"][0]["metric"] == {"tenant": "acme"}
    assert seeds.status_code == 403
    assert absent.json()["result"][0]["metric"] == {"tenant": "acme"}


def test_a_tenant_without_a_name_sees_nothing(agent, monkeypatch) -> None:
    bind(agent, monkeypatch, "")

    for path, params in (("query", {"query": "1"}), ("labels", {}), ("series", {"match[]": "up"})):
        assert agent.call("GET", f"/api/v1/{path}", params=params).status_code == 403, path
    assert agent.call("POST", "/query", json={"ql": "1"}).status_code == 403


@pytest.mark.parametrize(("path", "data"), [("series", [{"tenant": "globex"}]), ("label/tenant/values", ["globex"])])
def test_a_prometheus_that_does_not_select_shows_nothing(start_agent, answering, monkeypatch, path, data) -> None:
    def everything(handler) -> None:
        body = json.dumps({"status": "success", "data": data}).encode()
        handler.send_response(200)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    agent = start_agent(prometheus_url=answering(everything))
    bind(agent, monkeypatch, "acme")

    answer = agent.call("GET", f"/api/v1/{path}", params={"match[]": "up"})

    assert answer.status_code == 502
    assert "globex" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/admin/tsdb/snapshot",
        "/-/reload",
        "/-/quit",
        "/api/v1/write",
        "/api/v1/status/config",
        "/api/v1/targets/metadata",
        "/api/v1/query/../admin/tsdb/snapshot",
        "/api/v1/label/..%2f..%2fadmin/values",
        "/api/v1/label/%2e%2e/values",
        "/api/v1/label/a%0d%0aX-A:%20b/values",
        "/api/v1/label/job/values/../../../-/reload",
        "/federate",
    ],
)
def test_nothing_else_of_prometheus_is_there(agent, path) -> None:
    for method in ("GET", "POST"):
        assert agent.call(method, path, token="operator").status_code in {400, 404, 405}, (method, path)


def test_it_is_for_those_who_may_read(agent) -> None:
    answer = agent.call("GET", "/api/v1/query", params={"query": "1"}, token="webhook")

    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"


def test_bodies_in_unknown_forms_are_refused(agent) -> None:
    xml = agent.call("POST", "/api/v1/query", content=b"<a/>", headers={"content-type": "text/xml"})
    deep = agent.call("POST", "/api/v1/query", content=b"[" * 9999, headers={"content-type": "application/json"})
    many = agent.call("POST", "/api/v1/query", data={f"a{number}": "1" for number in range(200)})

    assert (xml.status_code, deep.status_code, many.status_code) == (415, 400, 400)


def test_the_longest_wait_is_the_callers_own(start_agent, answering) -> None:
    over = threading.Event()
    agent = start_agent(prometheus_url=answering(lambda _: over.wait(5)), patience=timedelta(seconds=9))

    answer = agent.call("GET", "/api/v1/query", params={"query": "1", "timeout": "200ms"})
    over.set()

    assert answer.status_code == 504
