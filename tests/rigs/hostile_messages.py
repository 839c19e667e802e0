"""What an assistant may send, drawn from a seed: arguments that fit no tool, and messages that are none."""

import json
import random
from collections.abc import Callable, Sequence

from aetherlink.mcp.tools import TOOLS
from rigs.assistants import message, newer, tool_call
from rigs.hostile_values import ATTACKS

_NAMES = (*(tool.name for tool in TOOLS), "approve_action", "", "../health", "get_incident\x00")
_METHODS = (
    *("tools/list", "resources/list", "resources/templates/list", "resources/read", "ping", "initialize"),
    *("server/discover", "subscriptions/listen", "logging/setLevel", "completion/complete", "prompts/get"),
    *("sampling/createMessage", "notifications/cancelled", "notifications/initialized", "tools/call", "", "\x00"),
)
_KEYS = ("jsonrpc", "id", "method", "params", "result", "error")


def value(draw: random.Random, depth: int = 0) -> object:
    """Any JSON value, a hostile one as a rule."""
    plain: Sequence[Callable[[], object]] = (
        lambda: draw.choice(ATTACKS),
        lambda: draw.choice(ATTACKS) * draw.choice((1, 50, 5000)),
        lambda: draw.choice((0, -1, 2**31, 2**63, -(2**70), 10**30, 1.5, -0.0, 1e308)),
        lambda: draw.choice((None, True, False)),
        lambda: f"inc-{draw.choice(ATTACKS)}",
        lambda: f"{draw.choice(('inc', 'act'))}-0123456789abcdef",
        lambda: draw.choice(("aether://incidents", "aether://incidents/..%2f", "file:///etc/passwd", "//[", "aether:")),
    )
    if depth > 2 or draw.random() < 0.8:
        return draw.choice(plain)()
    many = range(draw.randrange(4))
    if draw.random() < 0.5:
        return [value(draw, depth + 1) for _ in many]
    return {str(draw.choice(ATTACKS)): value(draw, depth + 1) for _ in many}


def arguments(draw: random.Random, name: str) -> dict[str, object]:
    """Arguments of this tool, some of which it has."""
    own = [each.name for tool in TOOLS if tool.name == name for each in tool.arguments]
    wanted = [each for each in own if draw.random() < 0.7] + ["nonsense"] * (draw.random() < 0.2)
    return {each: value(draw) for each in wanted}


def request(draw: random.Random, names: Sequence[str] = _NAMES) -> tuple[bytes, dict[str, str]]:
    """The body of one request, and headers: one in three is of the newer protocol."""
    sent = _message(draw, names)
    more: dict[str, str] = {}
    if draw.random() < 0.33:
        sent, more = newer(sent)
    body = _written(sent)
    if draw.random() < 0.05:
        spot = draw.randrange(len(body))
        body = body[:spot] + draw.randbytes(draw.randrange(4)) + body[spot + draw.randrange(4) :]
    return body, more


def _message(draw: random.Random, names: Sequence[str]) -> object:
    chance = draw.random()
    if chance < 0.5:
        name = draw.choice(names)
        return tool_call(name, arguments(draw, name))
    if chance < 0.75:
        return message(draw.choice(_METHODS)) | {"params": value(draw) if draw.random() < 0.5 else _uri(draw)}
    return _bent(draw, tool_call(draw.choice(names)))


def _uri(draw: random.Random) -> dict[str, object]:
    return {"uri": draw.choice(("aether://incidents", f"aether://incidents/{draw.choice(ATTACKS)}", value(draw)))}


def _bent(draw: random.Random, sent: dict[str, object]) -> object:
    key = draw.choice(_KEYS)
    if draw.random() < 0.2:
        return [sent, sent]
    if draw.random() < 0.3:
        return {name: each for name, each in sent.items() if name != key}
    return sent | {key: value(draw)}


def _written(sent: object) -> bytes:
    return json.dumps(sent, ensure_ascii=True).encode()
