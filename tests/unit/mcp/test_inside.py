"""Asking an app within the process: what arrives there, and whatever it answers."""

import asyncio
import json
from datetime import timedelta

import pytest

from aetherlink.errors import AnswerError, DeadlineError, TooLargeError
from aetherlink.mcp.inside import LARGEST_ANSWER, InsideApi
from aetherlink.mcp.translating import Outcome, Translator
from aetherlink.model.principals import Scope


def asked(app, method="GET", params=None, body=None, deadline=timedelta(seconds=5)):
    api = InsideApi(app, authorization=b"Bearer me", client=("203.0.113.9", 1), deadline=deadline)
    return asyncio.run(api.ask(method, "/api/v1/alerts", params or {}, body))


def answering(status: int, *pieces: bytes):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": []})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})

    return app


def test_the_app_gets_the_callers_token_and_place_and_the_whole_request() -> None:
    seen = {}

    async def app(scope, receive, send):
        seen.update(scope, body=(await receive())["body"])
        await answering(201, b'{"a":', b"1}")(scope, receive, send)

    answer = asked(app, "POST", {"q": "a&b=ü"}, {"x": "\n"})

    assert answer == (201, {"a": 1})
    assert dict(seen["headers"])[b"authorization"] == b"Bearer me"
    assert seen["client"] == ("203.0.113.9", 1)
    assert (seen["method"], seen["path"], seen["query_string"]) == ("POST", "/api/v1/alerts", b"q=a%26b%3D%C3%BC")
    assert json.loads(seen["body"]) == {"x": "\n"}


def test_what_is_too_large_or_no_json_or_never_comes_is_an_error_in_words() -> None:
    async def silent(scope, receive, send):
        await asyncio.Event().wait()

    with pytest.raises(TooLargeError, match=f"more than {LARGEST_ANSWER} bytes"):
        asked(answering(200, b'"', b"x" * LARGEST_ANSWER, b'"'))
    with pytest.raises(AnswerError, match="answered with 200 and no JSON"):
        asked(answering(200, b"<html>"))
    with pytest.raises(DeadlineError, match=r"within 0.05 s \(mcp\.deadline\)"):
        asked(silent, deadline=timedelta(seconds=0.05))


def test_an_app_that_fails_is_told_by_its_answer_and_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def failing(scope, receive, send):
        await answering(500, b'{"detail": "the agent failed at this request; its log says why"}')(scope, receive, send)
        raise RuntimeError("a secret of ours")

    assert asked(failing)[0] == 500
    assert "a secret of ours" in caplog.text


def test_a_bug_is_told_to_nobody_but_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope, receive, send):
        raise RuntimeError("a secret of ours")

    api = InsideApi(broken, authorization=b"", client=None, deadline=timedelta(seconds=5))
    result = asyncio.run(Translator(api, frozenset({Scope.READ})).call("health", {}))

    assert (result.outcome, result.text) == (Outcome.FAILED, "this tool has failed: the log says why")
    assert "a secret of ours" in caplog.text
    assert "a secret of ours" not in str(result)
