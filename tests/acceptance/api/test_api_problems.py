"""What is wrong with a request, or with us, is said as application/problem+json and within bounds."""

import http.client
import json
from urllib.parse import urlsplit

import pytest

from aetherlink.web.bounds import LARGEST_BODY


def connection(agent) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(agent.url).netloc, timeout=10)


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/nowhere", 404, "there is nothing at /nowhere"),
        ("GET", "/redoc", 404, "there is nothing at /redoc"),
        ("GET", "/api/v1/alerts/", 404, "there is nothing at /api/v1/alerts/"),
        ("GET", "/docs/assets/..%2fdocs.html", 404, "there is nothing"),
        ("GET", "/docs/assets/docs.html", 404, "there is no asset 'docs.html'"),
        ("DELETE", "/health", 405, "DELETE is not for /health"),
        ("GET", "/query", 405, "GET is not for /query"),
        ("GET", "/alertmanager", 405, "GET is not for /alertmanager"),
    ],
)
def test_a_wrong_path_or_method_is_a_problem(agent, method: str, path: str, status: int, words: str) -> None:
    answer = agent.call(method, path)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert problem["type"] == "about:blank"
    assert problem["status"] == status
    assert words in problem["detail"]


def test_a_wrong_method_is_told_the_right_one(agent) -> None:
    assert agent.call("GET", "/query").headers["allow"] == "POST"
    assert agent.call("GET", "/alertmanager").headers["allow"] == "POST"


def test_an_announced_body_that_is_too_large_is_413_before_it_is_sent(agent) -> None:
    client = connection(agent)
    client.putrequest("POST", "/query")
    client.putheader("Content-Type", "application/json")
    client.putheader("Content-Length", str(LARGEST_BODY + 1))
    client.endheaders()

    answer = client.getresponse()

    assert answer.status == 413
    assert json.loads(answer.read())["detail"] == f"the body may have {LARGEST_BODY} bytes at most"
    client.close()


def test_a_body_that_grows_too_large_on_the_way_is_413(agent) -> None:
    client = connection(agent)
    chunks = (b" " * 65536 for _ in range(LARGEST_BODY // 65536 + 1))
    client.request("POST", "/query", chunks, {"Content-Type": "application/json"}, encode_chunked=True)

    answer = client.getresponse()

    assert answer.status == 413
    assert json.loads(answer.read())["status"] == 413
    client.close()


def test_a_body_at_the_bound_is_read(agent) -> None:
    body = json.dumps({"ql": ""}).encode().ljust(LARGEST_BODY)

    answer = agent.call("POST", "/query", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422


def test_a_store_that_cannot_be_used_is_503_without_its_files(agent) -> None:
    for file in agent.data_dir.glob("aether.db*"):
        file.write_bytes(b"this is no database")

    answer = agent.call("GET", "/api/v1/alerts")

    assert answer.status_code == 503
    assert answer.json()["detail"] == "The store cannot be used right now."
    assert answer.headers["retry-after"] == "1"
    assert str(agent.data_dir) not in answer.text


def test_a_failure_of_ours_is_500_and_says_nothing_of_us(agent) -> None:
    agent.world.sources = None

    answer = agent.call("GET", "/health")

    assert answer.status_code == 500
    assert answer.json() == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "the agent failed at this request; its log says why",
        "instance": "/health",
    }
