"""PagerDuty's Events API v2, through the official client.

That client blocks, tries again by itself for minutes and has no bound for an answer. So it runs in a thread, and its
every request goes over an Exchange: one attempt, within the deadline, of a bounded answer, past proxies that only the
environment names. Whatever is no success ends it at once, before it would rest and try again.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import httpx2
from pagerduty import EventsApiV2Client
from pagerduty.errors import Error

from aetherlink.clients.credentials import read_secret
from aetherlink.clients.exchange import Answer, Exchange
from aetherlink.clients.options import ClientOptions
from aetherlink.clients.pagerduty_options import PagerDutyOptions
from aetherlink.errors import AnswerError

_THREADS = 2
_ITS_OWN_NAME = "https://events.pagerduty.com"  # the client takes no other scheme; where it leads, the exchange says
_HIDDEN = b"[routing key]"

Refuse = Callable[[Answer, str], None]
"""Raises for an answer that is no success; the text is what it said, without secrets."""


class PagerDutyEvents:
    """One integration. `refuse` judges every answer. Raises SettingsError for a key that cannot be read."""

    def __init__(self, settings: PagerDutyOptions, options: ClientOptions) -> None:
        self._key = read_secret(settings.routing_key_file, "routing_key_file")
        self._exchange = Exchange("PagerDuty", settings.url, options=options)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="pagerduty")
        self.address = self._exchange.address
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # one line a request would drown the agent's own

    async def send(self, action: str, key: str, *, refuse: Refuse, deadline: timedelta, **properties: object) -> None:
        """Send one event: trigger, acknowledge or resolve what has this key. Raises as Exchange.ask and `refuse` do."""
        loop = asyncio.get_running_loop()
        transport = _Way(partial(self._ask, loop, deadline), partial(self._judge, refuse))
        work = partial(self._in_thread, transport, action, key, properties)
        try:
            await asyncio.wrap_future(self._threads.submit(work))
        finally:
            transport.cut()

    async def aclose(self) -> None:
        """Close the connections. What is being sent fails."""
        await self._exchange.aclose()
        self._threads.shutdown(wait=False)

    def _in_thread(self, transport: "_Way", action: str, key: str, properties: dict[str, object]) -> None:
        client = EventsApiV2Client(self._key, base_url=_ITS_OWN_NAME, transport=transport, trust_env=False)
        client.retry = {}
        client.max_network_attempts = 0
        with closing(client):
            try:
                client.send_event(action, dedup_key=key, **properties)
            except Error as problem:  # its words may hold the key, or what the other side made of it
                words = f"POST /v2/enqueue at {self.address}: the answer is none of PagerDuty's"
                raise AnswerError(words) from problem

    def _judge(self, refuse: Refuse, answer: Answer) -> None:
        shown = replace(answer, body=answer.body.replace(self._key.encode(), _HIDDEN))
        refuse(answer, shown.excerpt(length=300))

    def _ask(self, loop: asyncio.AbstractEventLoop, deadline: timedelta, path: str, body: bytes) -> "Future[Answer]":
        asked: Coroutine[Any, Any, Answer] = self._exchange.ask("POST", path, content=body, deadline=deadline)
        return asyncio.run_coroutine_threadsafe(asked, loop)


class _Way(httpx2.BaseTransport):
    """Lets the client's requests go over the exchange of the loop, and its answers back, if they are successes."""

    def __init__(self, ask: Callable[[str, bytes], "Future[Answer]"], judge: Callable[[Answer], None]) -> None:
        self._ask = ask
        self._judge = judge
        self._asked: Future[Answer] | None = None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises what the exchange raises, and what `judge` does."""
        self._asked = self._ask(request.url.raw_path.decode("ascii"), request.read())
        answer = self._asked.result()
        self._judge(answer)
        return httpx2.Response(answer.status, content=answer.body)

    def cut(self) -> None:
        """End what is asked; the thread that waits for it is free then."""
        if self._asked is not None:
            self._asked.cancel()
