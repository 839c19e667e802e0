"""APIs that are built once and serve one agent after another: to build one takes longer than most tests of it."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from aetherlink.api.app import build_api
from aetherlink.console import registry as pages
from aetherlink.mcp import door
from aetherlink.mcp.metrics import McpMetrics
from aetherlink.mcp.options import McpOptions
from aetherlink.web.services import ApiServices

_BUILT_IN = {"version", "base_path"}  # no part that could be another one at the next look


class _Relay:
    """Is what one of the services is at the moment, to whoever uses it."""

    def __init__(self, seat: "_Seat", name: str) -> None:
        self._seat = seat
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target(), name)

    def __call__(self, *arguments: object, **named: object) -> object:
        return self._target()(*arguments, **named)

    def __iter__(self) -> Iterator[object]:
        return iter(self._target())

    def _target(self) -> Any:
        assert self._seat.services is not None, "the agent of this API is gone"
        return getattr(self._seat.services, self._name)


class _Seat:
    """An API, and the services that it has now."""

    def __init__(self, version: str) -> None:
        self.services: ApiServices | None = None
        names = [field.name for field in dataclasses.fields(ApiServices)]
        relays: dict[str, Any] = {name: _Relay(self, name) for name in names if name not in _BUILT_IN}
        assistants = door.routers(McpOptions(enabled=True), McpMetrics(CollectorRegistry()))
        self.api = build_api(ApiServices(version=version, **relays), (*pages.ROUTERS, *assistants))


class StandingApis:
    """As many as are in use at once."""

    def __init__(self) -> None:
        self._free: list[_Seat] = []

    @contextmanager
    def of(self, services: ApiServices) -> Iterator[FastAPI]:
        """An API of these services, for as long as the block lasts."""
        if services.base_path:  # built into the API, too, and rare
            yield build_api(services, pages.ROUTERS)
            return
        seat = self._free.pop() if self._free else _Seat(services.version)
        seat.services = services
        try:
            yield seat.api
        finally:
            seat.services = None
            self._free.append(seat)
