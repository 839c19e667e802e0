"""Which receivers of an Alertmanager deliver to this agent, as far as its file shows it. No I/O."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from aetherlink.clients.source_options import SourceOptions
from aetherlink.doctor.findings import Finding, fault, ok, warning
from aetherlink.doctor.routing import Receiver, Routing, Webhook
from aetherlink.doctor.words import some
from aetherlink.model.agent_receiver import DOOR, Delivery, delivery, source_in

_HOW = "docs/how-to/connect-alertmanager.md has the receiver and its two routes"


@dataclass(frozen=True, slots=True)
class Found:
    """The names of the receivers, and what there is to say of them."""

    names: frozenset[str]
    findings: Sequence[Finding]


def find(routing: Routing, source: SourceOptions, others: Collection[str], *, is_tried: bool = False) -> Found:
    """By the setting `receiver`, else by the addresses; `others` are the names of the other sources.

    `is_tried` says that a test alert is sent, which tells where an address leads that is not shown.
    """
    if source.receiver is not None:
        return _named(routing, source, source.receiver, is_tried=is_tried)
    shown = [one for one in routing.receivers.values() if any(map(_is_door, one.webhook_configs))]
    if shown:
        findings = [finding for one in shown for finding in _judged(one, source, others)]
        return Found(frozenset(one.name for one in shown), findings)
    return _guessed(routing, source)


def _named(routing: Routing, source: SourceOptions, name: str, *, is_tried: bool) -> Found:
    receiver = routing.receivers.get(name)
    if receiver is None or not receiver.webhook_configs:
        lack = "there is no such receiver" if receiver is None else "it has no webhook"
        text = f"`receiver` of source {source.name} is {name}, and {lack}"
        return Found(frozenset(), [fault(text, f"add it: {_HOW}; or mend the setting")])
    if not (is_tried or any(map(_is_door, receiver.webhook_configs))):
        is_hidden = any(map(_is_hidden, receiver.webhook_configs))
        where = "" if is_hidden else some(map(_address, receiver.webhook_configs))
        why = f"{where} is not .../{DOOR}" if where else "its address is not shown"
        text = f"whether receiver {name} delivers to the agent is not known: {why}"
        fix = "send a test alert: --send-test-alert shows whether it arrives"
        return Found(frozenset({name}), [warning(text, fix), *_left_out(receiver)])
    return Found(frozenset({name}), list(_judged(receiver, source, ())))


def _guessed(routing: Routing, source: SourceOptions) -> Found:
    """Newer Alertmanagers keep the addresses of webhooks to themselves."""
    hidden = [one.name for one in routing.receivers.values() if any(map(_is_hidden, one.webhook_configs))]
    likely = [name for name in hidden if name == "agent" or "aether" in name.lower()]
    if len(likely) == 1:
        fix = f"set `receiver: {likely[0]}` of source {source.name}; --send-test-alert shows whether it arrives"
        text = f"receiver {likely[0]} is taken for the agent's by its name: the address is not shown"
        return Found(frozenset(likely), [warning(text, fix)])
    if hidden:
        text = f"which receiver delivers to the agent is not shown; those with a webhook: {some(hidden)}"
        return Found(frozenset(), [fault(text, f"name it in `receiver` of source {source.name}; {_HOW}")])
    text = "no receiver delivers to the agent: none has a webhook to .../alertmanager"
    return Found(frozenset(), [fault(text, f"add one: {_HOW}")])


def _judged(receiver: Receiver, source: SourceOptions, others: Collection[str]) -> Iterator[Finding]:
    yield ok(f"receiver {receiver.name} delivers to {some(map(_address, receiver.webhook_configs))}")
    for webhook in receiver.webhook_configs:
        said = source_in(webhook.url)
        if said and said != source.name and said in others:
            text = f"receiver {receiver.name} delivers as source {said}, and this is source {source.name}"
            yield fault(text, f"let its address end in /{DOOR}/{source.name}")
    yield from _left_out(receiver)


def _left_out(receiver: Receiver) -> Iterator[Finding]:
    for webhook in receiver.webhook_configs:
        if not webhook.send_resolved:
            text = f"receiver {receiver.name} does not tell the end of an alert"
            yield warning(text, "set send_resolved: true")
        if webhook.max_alerts > 0:
            text = f"receiver {receiver.name} leaves out what is above {webhook.max_alerts} alerts in a group"
            yield warning(text, "set max_alerts: 0")


def _is_hidden(webhook: Webhook) -> bool:
    return _delivery(webhook) is Delivery.UNKNOWN


def _is_door(webhook: Webhook) -> bool:
    return _delivery(webhook) is Delivery.YES


def _delivery(webhook: Webhook) -> Delivery:
    return delivery("" if webhook.url_file else webhook.url)


def _address(webhook: Webhook) -> str:
    """Where it leads, without what may be secret in it."""
    if _is_hidden(webhook):
        return "an address that is not shown"
    parts = urlsplit(webhook.url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
