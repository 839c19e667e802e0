"""What strangers may send: each gets a problem of the right status, none gets a 500, and nothing is stored."""

import json
from typing import Any

import httpx
import pytest

JSON = {"content-type": "application/json"}
LEAD = {"name": "Ada", "email": "ada@example.org", "source": "web"}
ANY_ID = "/api/leads/00000000-0000-0000-0000-000000000000"


def lead(**changes: Any) -> bytes:
    return json.dumps({**LEAD, **changes}).encode()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", 422, id="no body"),
        pytest.param(b"{", 422, id="broken JSON"),
        pytest.param(b"\xff\xfe", 422, id="not UTF-8"),
        pytest.param(b"null", 422, id="null"),
        pytest.param(b"[]", 422, id="a list"),
        pytest.param(b"[" * 20_000, 400, id="nested beyond reason"),
        pytest.param(b'{"name": ' + b"9" * 10_000 + b"}", 400, id="a number of ten thousand digits"),
        pytest.param(b'{"name": NaN}', 422, id="not a number"),
        pytest.param(lead(name=1), 422, id="a number for a name"),
        pytest.param(lead(name=""), 422, id="an empty name"),
        pytest.param(lead(name="   "), 422, id="a blank name"),
        pytest.param(lead(name="A\x00da"), 422, id="NUL in a name"),
        pytest.param(lead(note="A\x00da"), 422, id="NUL in a note"),
        pytest.param(lead(email="a\x00@example.org"), 422, id="NUL in an email"),
        pytest.param(b'{"name": "\\ud800", "email": "ada@example.org"}', 422, id="half a character"),
        pytest.param(
            b'{"name": "Ada", "email": "ada@example.org", "\\ud800": 1}', 422, id="half a character for a key"
        ),
        pytest.param(lead(name="A" * 201), 422, id="too long a name"),
        pytest.param(lead(email="ada"), 422, id="no email"),
        pytest.param(lead(source="elsewhere"), 422, id="an unknown source"),
        pytest.param(lead(stage="converted"), 422, id="a field that is not theirs to set"),
        pytest.param(lead(note="A" * 70_000), 413, id="a huge body"),
        pytest.param(json.dumps({f"x{n}": 1 for n in range(5000)}).encode(), 422, id="thousands of fields"),
    ],
)
async def test_a_bad_body_is_refused_with_a_problem(crm: httpx.AsyncClient, body: bytes, status: int) -> None:
    response = await crm.post("/api/leads", content=body, headers=JSON)

    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == status
    assert response.json()["detail"]
    assert len(response.content) < 8_000
    assert (await crm.get("/api/leads/stages")).json()["total"] == 0


async def test_a_huge_body_of_unknown_length_is_cut_off(crm: httpx.AsyncClient) -> None:
    async def endless() -> Any:
        yield b'{"name": "'
        for _ in range(100):
            yield b"A" * 10_000

    response = await crm.post("/api/leads", content=endless(), headers=JSON)

    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_body_of_another_kind_is_refused(crm: httpx.AsyncClient) -> None:
    response = await crm.post("/api/leads", content=lead(), headers={"content-type": "text/plain"})

    assert response.status_code == 422


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("limit=0", id="no leads at all"),
        pytest.param("limit=-1", id="fewer than none"),
        pytest.param("limit=101", id="more than a page"),
        pytest.param(f"limit={'9' * 400}", id="absurdly many"),
        pytest.param("limit=ten", id="not a number"),
        pytest.param("cursor=1", id="a cursor that is not ours"),
        pytest.param(f"cursor={'A' * 4000}", id="a huge cursor"),
        pytest.param("stage=elsewhere", id="an unknown stage"),
        pytest.param("source=elsewhere", id="an unknown source"),
        pytest.param("text=a", id="a text too short to search"),
        pytest.param("text=a%00b", id="NUL in a text"),
        pytest.param("email=%00%40example.org", id="NUL in an email"),
        pytest.param("email=ada", id="no email"),
    ],
)
async def test_an_absurd_listing_is_refused_with_a_problem(crm: httpx.AsyncClient, query: str) -> None:
    response = await crm.get(f"/api/leads?{query}")

    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("GET", "/api/leads/1", None, id="an id that is none"),
        pytest.param("GET", "/api/leads/%00", None, id="NUL for an id"),
        pytest.param("PATCH", ANY_ID, {}, id="an update that says nothing"),
        pytest.param("PATCH", ANY_ID, {"name": None}, id="a name taken away"),
        pytest.param("PATCH", ANY_ID, {"stage": "elsewhere"}, id="an unknown stage"),
        pytest.param("PATCH", ANY_ID, {"customer_id": None}, id="a field that is not theirs to set"),
    ],
)
async def test_an_absurd_update_is_refused_with_a_problem(
    crm: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None
) -> None:
    response = await crm.request(method, path, json=body)

    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("key", ["", " ", "a b", "A" * 201, "\u00fc"])
async def test_an_idempotency_key_must_be_a_short_word(crm: httpx.AsyncClient, key: str) -> None:
    headers = [(b"idempotency-key", key.encode("latin-1"))]

    response = await crm.post("/api/leads", json=LEAD, headers=headers)

    assert response.status_code == 422
    assert response.json()["errors"][0]["where"] == "header.Idempotency-Key"


async def test_a_problem_names_what_is_wrong_and_where(crm: httpx.AsyncClient) -> None:
    response = await crm.post("/api/leads", json={"name": 1, "email": "ada@example.org"})

    assert response.json() == {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "body.name: Input should be a valid string",
        "instance": "/api/leads",
        "errors": [{"where": "body.name", "what": "Input should be a valid string"}],
    }


async def test_a_path_that_is_nowhere_is_a_404_problem(crm: httpx.AsyncClient) -> None:
    for path in ("/", "/api", "/api/leads/", "/openapi.yaml"):
        response = await crm.get(path)

        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"


async def test_a_method_that_is_not_taken_is_a_405_problem_with_the_taken_ones(crm: httpx.AsyncClient) -> None:
    response = await crm.delete(ANY_ID)

    assert response.status_code == 405
    assert response.headers["content-type"] == "application/problem+json"
    assert "GET" in response.headers["Allow"]


async def test_the_documentation_shows_examples_and_problems(crm: httpx.AsyncClient) -> None:
    document = (await crm.get("/openapi.json")).json()
    create = document["paths"]["/api/leads"]["post"]

    assert (await crm.get("/docs")).status_code == 200
    assert document["components"]["schemas"]["LeadIn"]["examples"][0]["name"] == "Ada Example"
    assert {"201", "200", "403", "422", "500", "503"} <= set(create["responses"])
    assert list(create["responses"]["422"]["content"]) == ["application/problem+json"]
    assert {parameter["name"] for parameter in create["parameters"]} == {"X-Tenant", "Idempotency-Key"}
