"""/openapi.json describes every route, with examples, the webhook included."""

import asyncio
import json
from dataclasses import replace

import pytest
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from aetherlink.api.prometheus_shape import PrometheusError
from aetherlink.api.registry import ROUTERS
from aetherlink.api.shapes import EXAMPLE_HASH
from aetherlink.api.webhook_docs import EXAMPLE
from aetherlink.lib.clock import SystemClock
from aetherlink.model.actions import ActionState, Outcome, OutcomeStatus, Plan, Verb
from aetherlink.model.decisions import Mode
from aetherlink.testing import CountingIds
from aetherlink.web.problems import Problem
from rigs.approvals import Desk

SCALED = {"before": {"ready": 3, "wanted": 3, "release": "", "oldest_start": None}}
"""Of an action that found three."""


@pytest.fixture
def agent(start_agent):
    """One whose playbooks may be promoted; the content of one of them is that of the example."""
    agent = start_agent(mode=Mode.AUTO)
    book = agent.services.playbooks
    book.replace(tuple(replace(one, digest=EXAMPLE_HASH) for one in book.playbooks))
    return agent


@pytest.fixture
def description(agent):
    answer = agent.call("GET", "/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def operations(description):
    for path, item in description["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def test_it_describes_every_route_and_the_webhook(agent, description) -> None:
    routes = {
        f"{method} {route.path}"
        for router in ROUTERS
        for route in router(agent.services).routes
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in route.methods
    }

    assert {name for name, _ in operations(description)} == routes | {
        "POST /alertmanager",
        "POST /alertmanager/{source}",
    }


def test_every_operation_says_what_it_does_and_how_it_fails(description) -> None:
    for name, operation in operations(description):
        assert operation["summary"], name
        assert {"default", "503"} & operation["responses"].keys(), name
        assert "HTTPValidationError" not in json.dumps(operation["responses"]), f"{name} promises FastAPI's own form"


def test_open_routes_ask_for_nothing_and_all_others_for_a_token(description) -> None:
    open_routes = {name for name, operation in operations(description) if "security" not in operation}

    signed = {"POST /slack/interactions"}
    assert open_routes == {"GET /health", "GET /metrics", "GET /livez", "GET /readyz"} | signed
    assert description["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_every_reference_leads_somewhere(description) -> None:
    def references(node) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [one for value in node.values() for one in references(value)]
        return [one for value in node for one in references(value)] if isinstance(node, list) else []

    for reference in references(description):
        node = description
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


async def an_action(desk: Desk, *, has_ended: bool) -> str:
    """One that waits for the approval of the example's hash, or has ended."""
    action = await desk.asked()
    approval = replace(action.approval, plan_hash=EXAMPLE_HASH)
    state = ActionState.FINISHED if has_ended else action.state
    ended = {"outcome": Outcome(OutcomeStatus.DONE, "1 of 1 ready"), "facts": SCALED} if has_ended else {}
    plan = Plan(Verb.SCALE, action.plan.target, replicas=1) if has_ended else action.plan
    return (await desk.put(replace(action, approval=approval, state=state, plan=plan, **ended))).id


def test_every_body_has_an_example_that_the_agent_takes(agent, description) -> None:
    agent.call("POST", "/alertmanager", json=EXAMPLE).raise_for_status()
    [incident] = agent.call("GET", "/api/v1/incidents").json()["items"]
    desk = Desk(agent.store, SystemClock(), CountingIds())
    for name, operation in operations(description):
        if "requestBody" not in operation:
            continue
        action_id = asyncio.run(an_action(desk, has_ended=name.endswith(("/wrong", "/undo"))))
        method, path = name.format(
            incident_id=incident["id"], source="lab", action_id=action_id, name="restart-crm-api"
        ).split(" ")
        content = operation["requestBody"]["content"]["application/json"]
        reference = content["schema"].get("$ref", "").rpartition("/")[2]
        examples = [content["example"]] if "example" in content else None
        if path.endswith("/rotate"):
            path = "/api/v1/tokens/read-test/rotate"
        for example in examples or description["components"]["schemas"][reference]["examples"]:
            there = {"incident_id": incident["id"]} if "incident_id" in example else {}
            answer = agent.call(method, path, token="operator", json=example | there)
            assert answer.status_code < 300, (name, answer.text)


def shape_of(of_the_route, status, kind):
    """Errors are problems; about a query also what Prometheus says."""
    if kind == "application/problem+json":
        return Problem
    return of_the_route if status.startswith("2") else PrometheusError


def test_every_answer_has_an_example_that_fits_its_shape(agent, description) -> None:
    shapes = {
        f"{method} {route.path}": route.response_model
        for router in ROUTERS
        for route in router(agent.services).routes
        if isinstance(route, APIRoute) and route.response_model is not None
        for method in route.methods
    }
    told = set()
    for name, operation in operations(description):
        for status, answer in operation["responses"].items():
            for kind, content in answer.get("content", {}).items():
                if kind == "application/json" and not content["schema"]:  # the metrics, which are text
                    continue
                assert content["example"], (name, status)
                shape = shape_of(shapes.get(name), status, kind)
                if shape is not None:
                    TypeAdapter(shape).validate_json(json.dumps(content["example"]))
                    told.add((name, shape is Problem))
    assert told >= {(name, is_problem) for name in shapes for is_problem in (True, False)}


def test_every_route_of_v1_says_it_all(description) -> None:
    for name, operation in operations(description):
        if " /api/v1/" not in name:
            continue
        assert operation["summary"], name
        assert "application/problem+json" in operation["responses"]["default"]["content"], name
        for parameter in operation.get("parameters", []):
            told = parameter.get("description"), parameter["schema"].get("examples"), parameter.get("examples")
            assert any(told), (name, parameter["name"])


def test_the_webhooks_example_becomes_an_alert(agent) -> None:
    agent.call("POST", "/alertmanager", json=EXAMPLE)

    [alert] = agent.call("GET", "/api/v1/alerts").json()["items"]
    assert alert["labels"] == EXAMPLE["alerts"][0]["labels"]
    assert alert["fingerprint"] == EXAMPLE["alerts"][0]["fingerprint"]


def test_the_seeds_routes_stand_under_a_heading_that_means_something(description) -> None:
    tags = {name: operation["tags"] for name, operation in operations(description)}
    seed = ("GET /health", "POST /query", "POST /act", "GET /metrics", "POST /alertmanager")

    assert [tags[name] for name in seed] == [["Health, queries, actions"]] * len(seed)


def test_the_page_at_the_root_links_to_the_page_about_all_this(agent) -> None:
    assert '<a href="/docs" ' in agent.call("GET", "/").text
