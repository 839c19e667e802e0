"""The assistant on standard input is told when to come again, and is answered then."""

import asyncio

from aetherlink.mcp.limited import LimitedTranslator
from aetherlink.mcp.translating import Outcome
from aetherlink.model.principals import Scope

ASSISTANTS = frozenset({Scope.READ})


class Patient:
    """An agent that answers once it may."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.asked = 0

    async def ask(self, *_: object) -> tuple[int, object]:
        self.asked += 1
        await self.may_answer.wait()
        return 200, {}


async def test_a_loop_of_calls_is_held_back_and_told_for_how_long(clock) -> None:
    agent = Patient()
    agent.may_answer.set()
    tools = LimitedTranslator(agent, ASSISTANTS, clock)

    outcomes = [(await tools.call("get_pauses", {})).outcome for _ in range(240)]
    refused = await tools.call("get_pauses", {})
    resource = await tools.read("aether://incidents")

    assert set(outcomes) == {Outcome.ANSWERED}
    assert refused.is_error
    assert refused.text == "too many calls: 240 a minute and 8 at once are answered; try again in 1 seconds"
    assert (resource.text, agent.asked) == (refused.text, 240)
    clock.move(1)
    assert not (await tools.call("get_pauses", {})).is_error


async def test_of_calls_at_once_eight_are_made_and_the_others_told_to_come_again(clock) -> None:
    agent = Patient()
    tools = LimitedTranslator(agent, ASSISTANTS, clock)

    calls = [asyncio.create_task(tools.call("get_pauses", {})) for _ in range(20)]
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    agent.may_answer.set()
    results = await asyncio.gather(*calls)

    assert [one.is_error for one in results] == [False] * 8 + [True] * 12
    assert agent.asked == 8
    assert not (await tools.call("get_pauses", {})).is_error
