"""Leads over HTTP, on a real PostgreSQL: create, list, read, update, convert, count."""

import asyncio
from typing import Any

import httpx
import pytest

ADA = {"name": "Ada Example", "email": "Ada@Example.org", "source": "web", "company": "Example Ltd"}


async def created(crm: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    response = await crm.post("/api/leads", json={**ADA, **changes})
    assert response.status_code == 201, response.text
    lead: dict[str, Any] = response.json()
    return lead


async def moved(crm: httpx.AsyncClient, lead: dict[str, Any], *stages: str) -> None:
    for stage in stages:
        response = await crm.patch(f"/api/leads/{lead['id']}", json={"stage": stage})
        assert response.status_code == 200, response.text


async def test_a_created_lead_can_be_read_at_its_location(crm: httpx.AsyncClient) -> None:
    response = await crm.post("/api/leads", json=ADA)
    again = await crm.get(response.headers["Location"])

    assert response.status_code == 201
    assert again.json() == response.json()
    assert response.json() | ADA == response.json()
    assert response.json()["stage"] == "new"


async def test_a_repeated_create_returns_the_first_lead(crm: httpx.AsyncClient) -> None:
    first = await crm.post("/api/leads", json=ADA, headers={"Idempotency-Key": "one"})
    second = await crm.post("/api/leads", json=ADA, headers={"Idempotency-Key": "one"})

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()


async def test_a_key_with_another_body_is_refused(crm: httpx.AsyncClient) -> None:
    await crm.post("/api/leads", json=ADA, headers={"Idempotency-Key": "one"})

    other = await crm.post("/api/leads", json={**ADA, "name": "Ben"}, headers={"Idempotency-Key": "one"})

    assert other.status_code == 422
    assert "'one' was used for another body" in other.json()["detail"]


async def test_two_tenants_may_use_the_same_key(crm: httpx.AsyncClient) -> None:
    mine = await crm.post("/api/leads", json=ADA, headers={"Idempotency-Key": "one"})
    theirs = await crm.post("/api/leads", json=ADA, headers={"Idempotency-Key": "one", "X-Tenant": "globex"})

    assert theirs.status_code == 201
    assert theirs.json()["id"] != mine.json()["id"]


async def test_concurrent_equal_creates_make_one_lead(crm: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(crm.post("/api/leads", json=ADA, headers={"Idempotency-Key": "race"}) for _ in range(8))
    )
    stages = await crm.get("/api/leads/stages")

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert stages.json()["total"] == 1


async def test_no_tenant_sees_another_tenants_lead(crm: httpx.AsyncClient) -> None:
    lead = await created(crm)
    globex = {"X-Tenant": "globex"}

    answers = [
        await crm.get(f"/api/leads/{lead['id']}", headers=globex),
        await crm.patch(f"/api/leads/{lead['id']}", json={"stage": "lost"}, headers=globex),
        await crm.post(f"/api/leads/{lead['id']}/convert", headers=globex),
    ]
    listed = await crm.get("/api/leads", headers=globex)

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert listed.json() == {"items": [], "next_cursor": None}


async def test_an_unknown_tenant_is_forbidden_and_none_is_invalid(crm: httpx.AsyncClient) -> None:
    unknown = await crm.get("/api/leads", headers={"X-Tenant": "nobody"})
    del crm.headers["X-Tenant"]
    none = await crm.get("/api/leads")

    assert unknown.status_code == 403
    assert "known are: acme-corp" in unknown.json()["detail"]
    assert none.status_code == 422
    assert none.json()["errors"][0]["where"] == "header.X-Tenant"


@pytest.mark.parametrize(
    ("path", "target", "allowed"),
    [
        pytest.param((), "qualified", ["contacted", "lost"], id="new may not skip to qualified"),
        pytest.param((), "converted", ["contacted", "lost"], id="new may not be converted by an update"),
        pytest.param(("contacted",), "new", ["qualified", "lost"], id="contacted may not go back"),
        pytest.param(("contacted", "qualified"), "converted", ["converted", "lost"], id="converted needs convert"),
        pytest.param(("lost",), "qualified", ["contacted"], id="lost may only be taken up again"),
    ],
)
async def test_a_forbidden_move_names_the_allowed_ones(
    crm: httpx.AsyncClient, path: tuple[str, ...], target: str, allowed: list[str]
) -> None:
    lead = await created(crm)
    await moved(crm, lead, *path)

    response = await crm.patch(f"/api/leads/{lead['id']}", json={"stage": target})

    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["allowed"] == allowed
    assert all(stage in response.json()["detail"] for stage in allowed)


async def test_an_update_changes_what_it_names_and_nothing_else(crm: httpx.AsyncClient) -> None:
    lead = await created(crm, note="old", phone="+44 20 7946 0000")

    response = await crm.patch(f"/api/leads/{lead['id']}", json={"note": None, "name": "Ada Lovelace"})

    changed = response.json()
    assert changed.pop("updated_at") > lead.pop("updated_at")
    assert changed == {**lead, "note": None, "name": "Ada Lovelace"}


async def test_a_qualified_lead_becomes_a_customer_once(crm: httpx.AsyncClient) -> None:
    lead = await created(crm)
    await moved(crm, lead, "contacted", "qualified")

    first = await crm.post(f"/api/leads/{lead['id']}/convert")
    second = await crm.post(f"/api/leads/{lead['id']}/convert")
    read = await crm.get(first.headers["Location"])
    after = (await crm.get(f"/api/leads/{lead['id']}")).json()

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json() == read.json()
    assert (first.json()["name"], first.json()["contact"]["email"]) == ("Example Ltd", "Ada@Example.org")
    assert (after["stage"], after["customer_id"]) == ("converted", first.json()["id"])


async def test_a_lead_that_is_not_qualified_is_not_converted(crm: httpx.AsyncClient) -> None:
    lead = await created(crm)

    response = await crm.post(f"/api/leads/{lead['id']}/convert")

    assert response.status_code == 409
    assert response.json()["allowed"] == ["contacted", "lost"]


async def test_concurrent_converts_make_one_customer(crm: httpx.AsyncClient) -> None:
    lead = await created(crm)
    await moved(crm, lead, "contacted", "qualified")

    answers = await asyncio.gather(*(crm.post(f"/api/leads/{lead['id']}/convert") for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_customer_is_its_tenants_own(crm: httpx.AsyncClient) -> None:
    lead = await created(crm)
    await moved(crm, lead, "contacted", "qualified")
    location = (await crm.post(f"/api/leads/{lead['id']}/convert")).headers["Location"]

    response = await crm.get(location, headers={"X-Tenant": "globex"})

    assert response.status_code == 404


async def test_stages_are_counted_with_the_empty_ones(crm: httpx.AsyncClient) -> None:
    for _ in range(3):
        await created(crm)
    await moved(crm, await created(crm), "contacted")
    await created(crm, name="Not ours")
    await crm.post("/api/leads", json=ADA, headers={"X-Tenant": "globex"})

    counted = (await crm.get("/api/leads/stages")).json()

    assert counted == {"stages": {"new": 4, "contacted": 1, "qualified": 0, "converted": 0, "lost": 0}, "total": 5}


async def test_paging_is_stable_while_leads_come_in(crm: httpx.AsyncClient) -> None:
    first_five = [(await created(crm, name=f"Lead {number}"))["id"] for number in range(5)]

    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = (await crm.get("/api/leads", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        seen += [lead["id"] for lead in page["items"]]
        await created(crm, name="Latecomer")
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == first_five[::-1]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        pytest.param({"stage": "contacted"}, ["Cleo"], id="by stage"),
        pytest.param({"source": "event"}, ["Ben"], id="by source"),
        pytest.param({"text": "NORTH"}, ["Cleo", "Ben"], id="by part of the company in any case"),
        pytest.param({"text": "b%n"}, [], id="a wildcard is plain text"),
        pytest.param({"email": "ADA@example.org"}, ["Ada"], id="by the whole email in any case"),
        pytest.param({"text": "north", "source": "web"}, ["Cleo"], id="by both"),
    ],
)
async def test_a_listing_is_narrowed(crm: httpx.AsyncClient, filters: dict[str, str], names: list[str]) -> None:
    await created(crm, name="Ada")
    await created(crm, name="Ben", email="ben@north.example", source="event", company="Northwind")
    cleo = await created(crm, name="Cleo", email="cleo@north.example", company="Northwind")
    await moved(crm, cleo, "contacted")

    listed = (await crm.get("/api/leads", params=filters)).json()

    assert [lead["name"] for lead in listed["items"]] == names
