"""A webhook in a form of one's own: values in the structure, never text in text."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aetherlink.clients.options import ClientOptions
from aetherlink.clients.webhook_options import WORDS, WebhookOptions
from aetherlink.model.incidents import Severity
from aetherlink.notifiers import webhook
from aetherlink.notifiers.webhook import digest_words, incident_words
from rigs.hostile_values import ATTACKS
from rigs.letters import digest, incident, letter, waiting_action
from rigs.notifiers import HookServer

DEADLINE = timedelta(seconds=10)


@pytest.fixture
async def server() -> AsyncIterator[HookServer]:
    made = HookServer()
    await made.start()
    yield made
    await made.stop()


async def sent(server: HookServer, about: Any, **settings: Any) -> Any:
    options = WebhookOptions.model_validate({"url": server.url, **settings})
    opened = webhook.opened(options, ClientOptions())
    if hasattr(about, "incident"):
        await opened.notifier.tell(about, deadline=DEADLINE)
    else:
        await opened.notifier.sum_up(about, deadline=DEADLINE)
    await opened.aclose()
    return server.requests[-1].json


async def test_every_word_has_its_value_as_it_is(server: HookServer) -> None:
    body = {
        "text": "{{ incident.title }}",
        "vip": "{{incident.vip}}",
        "labels": "{{ incident.labels }}",
        "list": ["{{ incident.labels.tenant }}", "{{ incident.labels.nothing }}", 7, None, "plain"],
        "deep": {"verb": "{{ action.verb }}", "when": "{{ incident.opened_at }}"},
    }
    told = await sent(server, letter(action=waiting_action()), body=body)

    assert told == {
        "text": "CrmApiDown",
        "vip": False,
        "labels": {"alertname": "CrmApiDown", "tenant": "acme"},
        "list": ["acme", None, 7, None, "plain"],
        "deep": {"verb": "restart", "when": "2026-07-01T12:00:00Z"},
    }


async def test_what_an_event_does_not_have_is_null(server: HookServer) -> None:
    body = {"title": "{{ incident.title }}", "open": "{{ digest.open }}", "severity": "{{ severity }}"}

    assert await sent(server, digest(), body=body) == {"title": None, "open": 20, "severity": "warning"}
    assert await sent(server, letter(), body=body) == {"title": "CrmApiDown", "open": None, "severity": "warning"}


async def test_no_value_changes_the_structure(server: HookServer) -> None:
    for value in (*ATTACKS, '{"a": "{{ incident.id }}"}', "{{ incident.id }}"):
        told = await sent(server, letter(about=incident(title=value)), body={"a": ["{{ incident.title }}"], "b": 1})
        assert told == {"a": [value], "b": 1}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"a": ["x", "{{ incident.titel }}"]},
            r"body\.a\.1: there is no 'incident.titel', is 'incident.title' meant\?",
        ),
        ({"a": "down: {{ headline }}"}, r"body\.a: 'down: \{\{ headline \}\}' is not wholly one word"),
        ({"a": "{{ incident.__class__ }}"}, "there is no 'incident.__class__'"),
        ({"a": "{{ headline | upper }}"}, "is not wholly one word"),
        ({"a": "{{ incident.labels.a.b }}"}, "there is no"),
    ],
)
def test_a_body_that_cannot_be_filled_is_refused_with_the_place(body: object, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        WebhookOptions.model_validate({"url": "http://hook", "body": body})


def test_a_body_without_end_is_refused() -> None:
    deep: Any = "x"
    for _ in range(30):
        deep = [deep]
    for body, words in ((deep, "levels deep"), (["x"] * 1000, "more than 500 values")):
        with pytest.raises(ValidationError, match=words):
            WebhookOptions.model_validate({"url": "http://hook", "body": body})


def test_the_words_that_may_be_named_are_those_that_there_are() -> None:
    told = incident_words(letter(action=waiting_action()), "k")
    summed_up = digest_words(digest(), "k")

    assert set(told) == set(summed_up)
    assert set(WORDS) == set(_paths(told)) | set(_paths(summed_up))


def _paths(words: Mapping[str, object]) -> list[str]:
    inner = [f"{name}.{key}" for name, value in words.items() if isinstance(value, dict) for key in value]
    return [*words, *inner]


async def test_it_is_signed_and_has_headers_of_its_own_none_of_which_is_shown(
    server: HookServer, tmp_path: Path
) -> None:
    secret, token = tmp_path / "secret", tmp_path / "token"
    secret.write_text("s3cret\n")
    token.write_text("Bearer abc\n")
    settings = {"secret_file": secret, "headers": {"X-Team": "ops"}, "header_files": {"Authorization": token}}
    await sent(server, letter(), **settings)

    [request] = server.requests
    mac = hmac.new(b"s3cret", request.headers["x-aetherlink-time"].encode() + b"." + request.body, hashlib.sha256)
    assert request.headers["x-aetherlink-signature"] == f"sha256={mac.hexdigest()}"
    assert (request.headers["x-team"], request.headers["authorization"]) == ("ops", "Bearer abc")
    assert "ops" not in repr(WebhookOptions.model_validate({"url": server.url, **settings}))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"headers": {"Idempotency-Key": "x"}}, "is for the agent to set"),
        ({"headers": {"Host": "x"}}, "is for the HTTP client to set"),
        ({"headers": {"A": "x"}, "header_files": {"a": "/f"}}, "a: in headers and in header_files"),
        ({"url": "http://me:pw@hook"}, "must not hold a name or a password"),
    ],
)
def test_headers_that_are_not_ones_own_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        WebhookOptions.model_validate({"url": "http://hook", **settings})


async def test_a_storm_that_is_told_of_again_has_a_key_of_its_own_and_the_same_when_tried_again(
    server: HookServer,
) -> None:
    opened = webhook.opened(WebhookOptions(url=server.url), ClientOptions())
    first = await opened.notifier.sum_up(digest(), deadline=DEADLINE)
    again = await opened.notifier.sum_up(digest(), deadline=DEADLINE)
    second = await opened.notifier.sum_up(digest(is_open=False, reference=first), deadline=DEADLINE)
    await opened.aclose()

    assert (first["key"], again["key"], second["key"]) == ("dig-0001-1", "dig-0001-1", "dig-0001-2")


def test_the_usual_body_is_json_of_plain_values() -> None:
    told = incident_words(letter(about=incident(severity=Severity.CRITICAL)), "k")

    assert json.loads(json.dumps(told, default=str))["incident"]["severity"] == "critical"
