"""How deliveries and channels look as JSON."""

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, Field

from aetherlink.api.shapes import Instant, Shape
from aetherlink.model.deliveries import ChannelState, Delivery, DeliveryState
from aetherlink.model.ids import ChannelName
from aetherlink.ports import VoiceView
from aetherlink.web.paging import Page

_UNDER_WAY = (DeliveryState.WAITING, DeliveryState.SENDING)


class DeliveryShape(Shape):
    """How far one channel was told of one incident, or of the digest of a storm."""

    subject: str = Field(description="The incident, or the digest.", examples=["inc-06f3qk2c8d1v7m4t"])
    channel: str = Field(examples=["ops"])
    state: DeliveryState
    wanted: int = Field(description="The sequence of the last timeline entry that is to be told.", examples=[7])
    told: int = Field(description="That of the last one that was told; 0: none was.", examples=[3])
    began_at: Instant = Field(description="When it was first to be told of.")
    since: Instant = Field(description="When the oldest entry was stored that is untold, or was told last.")
    due_at: Instant | None = Field(description="When it is told, or tried again; null: nothing is to be done.")
    attempts: int = Field(description="Since it was heard last.", examples=[2])
    is_unsure: bool = Field(description="The last attempt may have been heard.")
    is_asking: bool = Field(description="A person is asked for an approval, and has not been told so.")
    digest: str = Field(description="The digest that tells of it instead; empty: none does.", examples=["dig-06f3qk2c"])
    failure: str = Field(description="Why the last attempt failed, in a word; empty: it did not.", examples=["server"])
    problem: str = Field(description="The same in words.", examples=["POST https://hooks.example.org answered 503"])


class DeliveryPage(Page):
    """Deliveries, newest first."""

    items: list[DeliveryShape]


class ChannelShape(BaseModel):
    """How a channel stands."""

    name: str = Field(examples=["ops"])
    kind: str | None = Field(description="Its service; null: it is not in the settings any more.", examples=["webhook"])
    told: int = Field(description="Incidents and digests of which it knows all.", examples=[12])
    waiting: int = Field(description="Of which something is to be told.", examples=[0])
    digested: int = Field(description="Of which a digest tells instead.", examples=[0])
    dead: int = Field(description="That were given up.", examples=[0])
    waiting_since: Instant | None = Field(description="When the oldest entry was stored that is to be told.")
    problem: str = Field(description="Why nothing can be told now; empty: nothing is known against it.", examples=[""])


class ChannelList(BaseModel):
    """Channels by name."""

    items: list[ChannelShape]


class TestedChannel(BaseModel):
    """What came of a test."""

    channel: str = Field(examples=["ops"])
    told: str = Field(
        description="What was told where.",
        examples=["opened and resolved a test incident: POST https://hooks.example.org"],
    )


def delivery(one: Delivery) -> DeliveryShape:
    """As JSON shows it: without the reference, which is between a notifier and the other side."""
    known = {name: getattr(one, name) for name in DeliveryShape.model_fields if name != "is_asking"}
    return DeliveryShape(**known, is_asking=one.asks != 0)


def channels(states: Iterable[ChannelState], voice: VoiceView) -> ChannelList:
    """Those of the settings, and those of which something is stored."""
    known = {one.channel: one for one in states}
    names = sorted({*known, *voice.kinds})
    return ChannelList(items=[_channel(name, known.get(name), voice) for name in names])


def _channel(name: ChannelName, state: ChannelState | None, voice: VoiceView) -> ChannelShape:
    by_state: Mapping[DeliveryState, int] = {} if state is None else state.by_state
    return ChannelShape(
        name=name,
        kind=voice.kinds.get(name),
        told=by_state.get(DeliveryState.TOLD, 0),
        waiting=sum(by_state.get(each, 0) for each in _UNDER_WAY),
        digested=by_state.get(DeliveryState.DIGESTED, 0),
        dead=by_state.get(DeliveryState.DEAD, 0),
        waiting_since=None if state is None else state.waiting_since,
        problem=voice.problems.get(name, ""),
    )
