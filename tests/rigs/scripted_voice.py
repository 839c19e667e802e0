"""The channels of an agent, as a test wants them to be."""

from dataclasses import dataclass, field

from aetherlink.errors import UndeliveredError
from aetherlink.model.ids import ChannelName


@dataclass
class ScriptedVoice:
    """See ports.VoiceView."""

    kinds: dict[ChannelName, str] = field(
        default_factory=lambda: {ChannelName("chat"): "webhook", ChannelName("mail"): "webhook"}
    )
    problems: dict[ChannelName, str] = field(default_factory=dict)
    woken: list[ChannelName] = field(default_factory=list)
    refusal: UndeliveredError | None = None

    def wake(self, channel: ChannelName) -> None:
        self.woken.append(channel)

    async def test(self, channel: ChannelName) -> str:
        if self.refusal is not None:
            raise self.refusal
        return f"told {channel}"
