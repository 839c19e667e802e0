"""Assistants as the agent meets them: the official client over streamable HTTP, and bare requests of the protocol."""

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

MODERN, LEGACY = "auto", "legacy"  # the client's words for the protocol with and without its handshake
_WITHOUT_HANDSHAKE = "2026-07-28"
_META = "io.modelcontextprotocol"
_NUMBERS = itertools.count(1)


@asynccontextmanager
async def assistant(url: str, secret: str, *, mode: str = MODERN) -> AsyncIterator[Client]:
    """The official client at the agent's /mcp, with this token."""
    headers = {"Authorization": f"Bearer {secret}"}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False, verify=False, timeout=30) as browser,
        Client(streamable_http_client(f"{url}/mcp", http_client=browser), mode=mode) as client,
    ):
        yield client


def bearer(secret: str) -> dict[str, str]:
    """What a request of the protocol carries, with this token."""
    return {
        "Authorization": f"Bearer {secret}",
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
    }


def message(method: str, params: Mapping[str, object] | None = None) -> dict[str, Any]:
    """One request of the protocol, with a number that no other one has."""
    return {"jsonrpc": "2.0", "id": next(_NUMBERS), "method": method, "params": dict(params or {})}


def tool_call(name: str, arguments: Mapping[str, object] | None = None) -> dict[str, Any]:
    """The call of a tool."""
    return message("tools/call", {"name": name, "arguments": dict(arguments or {})})


def newer(sent: Any) -> tuple[Any, dict[str, str]]:
    """The same by the protocol without a handshake, as far as it can be: the message, and its headers."""
    headers = {"MCP-Protocol-Version": _WITHOUT_HANDSHAKE}
    params = sent.get("params") if isinstance(sent, dict) else None
    if not isinstance(params, dict) or not isinstance(sent.get("method"), str):
        return sent, headers
    told = {"Mcp-Method": sent["method"], "Mcp-Name": params.get("name", params.get("uri"))}
    headers |= {name: value for name, value in told.items() if _fits_a_header(value)}
    own = {f"{_META}/protocolVersion": _WITHOUT_HANDSHAKE, f"{_META}/clientCapabilities": {}}
    return {**sent, "params": {**params, "_meta": own}}, headers


def _fits_a_header(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and value.strip() == value
