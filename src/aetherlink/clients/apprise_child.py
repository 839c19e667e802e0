"""Tells through Apprise, in a process of its own, which clients.apprise starts.

Apprise's plugins block, read answers without a bound, and obey whatever proxies the environment names. So they run
apart from the agent: with an environment of their own, bounded memory, and an end that nobody can put off. It reads a
line of JSON with the URLs, then one for each message, and writes a line of JSON for each URL. It writes no secret.
"""

import json
import logging
import os
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import requests
from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType, OverflowMode, PersistentStoreMode
from apprise.plugins.base import NotifyBase
from urllib3.exceptions import MaxRetryError, NewConnectionError, SSLError

_MEMORY = 1024 * 2**20
_MOST_BYTES = 1024 * 1024
_HERE_ONLY = frozenset({"blink1", "dbus", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"})

Said = dict[str, Any]


def main() -> None:
    """Serve until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    sys.stdout = sys.stderr  # whatever a plugin prints is no answer
    logging.disable(logging.CRITICAL)
    lines = iter(sys.stdin.readline, "")
    plugins = [_plugin(url) for url in json.loads(next(lines))["urls"]]
    print(json.dumps({"names": [_name(one) for one in plugins]}), file=out)
    for line in lines:
        message = json.loads(line)
        for number in message.pop("numbers"):
            print(json.dumps({"number": number, **_told(plugins[number], message)}), file=out)


def _plugin(url: str) -> NotifyBase | None:
    """None for a URL that cannot be used. Nothing is fetched, stored, loaded from elsewhere or read from files.

    One of several recipients is none: Apprise does not tell which of them heard a message, and would tell all again.
    """
    asset = AppriseAsset(
        storage_mode=PersistentStoreMode.MEMORY,
        plugin_paths=None,
        http_redirects=False,
        interpret_emojis=False,
        interpret_escapes=False,
        allow_templates=False,
        app_id="AetherLink",
        app_desc="AetherLink Command",
        app_url="",
        image_url_mask="",
        image_url_logo="",
    )
    if url.partition(":")[0].lower() in _HERE_ONLY:
        return None
    made: NotifyBase | None = Apprise.instantiate(url, asset=asset)
    if made is None or len(made) > 1:
        return None
    made.request_rate_per_sec = 0  # the channel has a spacing of its own, and a deadline that waits for no pauses
    made.overflow_mode = OverflowMode.TRUNCATE  # services refuse what is too long: it would be lost
    return made


def _name(plugin: NotifyBase | None) -> str:
    return "" if plugin is None else str(plugin.service_name)


def _told(plugin: NotifyBase | None, message: Said) -> Said:
    if plugin is None:
        return {"is_told": False, "is_unknown": True}
    with _watched() as seen:
        try:
            is_told = plugin.notify(
                body=message["body"],
                title=message["title"],
                notify_type=NotifyType(message["type"]),
                body_format=NotifyFormat.TEXT,
            )
        except Exception as problem:  # noqa: BLE001 - the named boundary to plugins of many hands
            return {"is_told": False, "broken": type(problem).__name__}
    if is_told:
        return {"is_told": True}
    return {"is_told": False, **next((one for one in seen if not 200 <= one.get("status", 0) < 300), {})}


@contextmanager
def _watched() -> Iterator[list[Said]]:
    """What came of each HTTP request."""
    seen: list[Said] = []
    original = requests.Session.send
    requests.Session.send = _bounded(original, seen)  # type: ignore[method-assign]  # for each message anew
    try:
        yield seen
    finally:
        requests.Session.send = original  # type: ignore[method-assign]  # as it was


def _bounded(original: Callable[..., requests.Response], seen: list[Said]) -> Any:
    """One attempt, of a bounded answer, that is never redirected."""

    def send(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        try:
            response = original(session, request, **{**options, "allow_redirects": False, "stream": True})
            body = b"".join(_pieces(response))
        except requests.RequestException as problem:
            seen.append({"is_unsure": not _was_not_sent(problem), "is_late": isinstance(problem, requests.Timeout)})
            raise
        response._content = body  # noqa: SLF001 - what reading it all would have set
        response._content_consumed = True  # noqa: SLF001 - as above
        seen.append({"status": response.status_code, "retry_after": response.headers.get("retry-after", "")[:100]})
        return response

    return send


def _pieces(response: requests.Response) -> Iterator[bytes]:
    left = _MOST_BYTES
    for piece in iter(partial(response.raw.read, 65536, decode_content=False), b""):
        left -= len(piece)
        if left < 0:
            response.close()
            raise requests.exceptions.ContentDecodingError("the answer is larger than is read")
        yield piece
    response.close()


def _was_not_sent(problem: requests.RequestException) -> bool:
    reason = problem.args[0] if problem.args else None
    inner = reason.reason if isinstance(reason, MaxRetryError) else reason
    return isinstance(
        problem, requests.ConnectTimeout | requests.exceptions.SSLError | requests.exceptions.ProxyError
    ) or isinstance(inner, NewConnectionError | SSLError)


if __name__ == "__main__":
    main()
