"""An approval request that a channel cannot deliver goes to the next one, once."""

import pytest

from aetherlink.errors import UndeliveredError
from aetherlink.model.deliveries import Failure
from aetherlink.model.ids import ChannelName
from aetherlink.model.incidents import Stage
from aetherlink.model.timeline import EventKind
from aetherlink.notify_options import NotifyOptions
from aetherlink.outbox.plan import ChannelPlan, RequestPlan
from aetherlink.outbox.routes import Route, Routing
from aetherlink.simulation.memory_store import MemoryStore
from aetherlink.testing import ManualClock
from rigs.outbox import CHAT, MAIL, Rig


@pytest.fixture
async def rig() -> Rig:
    """Incidents go to chat only; requests to mail after a minute."""
    made = Rig(
        MemoryStore(),
        ManualClock(),
        {CHAT: ChannelPlan(CHAT), MAIL: ChannelPlan(MAIL)},
        routing=Routing((Route((CHAT,)),)),
        requests=RequestPlan((CHAT, MAIL)),
    )
    await made.start()
    return made


async def asked(rig: Rig) -> None:
    await rig.opened()
    await rig.happens(1, EventKind.APPROVAL_ASKED, stage=Stage.APPROVE)


async def test_the_next_channel_is_asked_after_a_minute_and_hears_all_of_it(rig: Rig) -> None:
    rig.notifiers[CHAT].problems = [UndeliveredError("away", failure=Failure.UNREACHABLE)] * 1000
    await asked(rig)
    await rig.pass_time(59)
    assert rig.notifiers[MAIL].letters == []
    await rig.pass_time(10)

    [letter] = rig.notifiers[MAIL].letters
    assert [one.entry.kind for one in letter.entries] == [EventKind.OPENED, EventKind.APPROVAL_ASKED]
    await rig.pass_time(600)
    assert len(rig.notifiers[MAIL].letters) == 1


async def test_a_request_that_was_heard_goes_nowhere_else(rig: Rig) -> None:
    await asked(rig)
    await rig.pass_time(300)

    assert len(rig.notifiers[CHAT].letters) == 1
    assert rig.notifiers[MAIL].letters == []


async def test_a_record_that_was_told_of_a_request_is_nobody_who_heard_it() -> None:
    graphs = ChannelName("graphs")
    rig = Rig(
        MemoryStore(),
        ManualClock(),
        {name: ChannelPlan(name) for name in (CHAT, MAIL, graphs)},
        routing=Routing((Route((CHAT, graphs)),)),
        requests=RequestPlan((graphs, CHAT, MAIL), records=frozenset({graphs})),
    )
    await rig.start()
    rig.notifiers[CHAT].problems = [UndeliveredError("away", failure=Failure.UNREACHABLE)] * 1000
    await asked(rig)
    await rig.pass_time(70, (CHAT, MAIL, graphs))

    assert len(rig.notifiers[graphs].letters) == 1
    assert len(rig.notifiers[MAIL].letters) == 1


async def test_what_one_channel_could_not_say_and_another_did_goes_no_further() -> None:
    pager = ChannelName("pager")
    rig = Rig(
        MemoryStore(),
        ManualClock(),
        {name: ChannelPlan(name) for name in (CHAT, MAIL, pager)},
        routing=Routing((Route((CHAT, pager)),)),
        requests=RequestPlan((CHAT, MAIL)),
    )
    await rig.start()
    rig.notifiers[CHAT].problems = [UndeliveredError("away", failure=Failure.UNREACHABLE)] * 1000
    await asked(rig)
    await rig.pass_time(300, (CHAT, MAIL, pager))

    assert len(rig.notifiers[pager].letters) == 1
    assert rig.notifiers[MAIL].letters == []


def test_grafana_is_a_record_and_chat_is_none() -> None:
    channels = {"graphs": {"grafana": {"url": "http://g", "token_file": "t"}}, "hook": {"webhook": {"url": "http://h"}}}

    assert NotifyOptions.model_validate({"channels": channels}).request_plan.records == {"graphs"}


async def test_a_refused_request_goes_on_too(rig: Rig) -> None:
    rig.notifiers[CHAT].problems = [UndeliveredError("no such room", failure=Failure.REFUSED)]
    await asked(rig)
    await rig.pass_time(70)

    assert len(rig.notifiers[MAIL].letters) == 1


async def test_a_request_that_nobody_waits_for_any_more_goes_nowhere(rig: Rig) -> None:
    rig.notifiers[CHAT].problems = [UndeliveredError("away", failure=Failure.UNREACHABLE)] * 1000
    await asked(rig)
    await rig.pass_time(30)
    await rig.happens(1, EventKind.EXPIRED, stage=Stage.WATCH)
    await rig.pass_time(120)

    assert rig.notifiers[MAIL].letters == []


async def test_what_is_asked_while_the_next_channel_speaks_is_told_once(rig: Rig) -> None:
    """The row may want more than it did when it was found due: all that the letter holds counts as told."""
    rig.notifiers[CHAT].problems = [UndeliveredError("away", failure=Failure.UNREACHABLE)] * 1000
    await asked(rig)
    await rig.pass_time(120)
    await rig.happens(1, EventKind.APPROVED, stage=Stage.ACT)
    await rig.pass_time(60)

    told = [one.sequence for letter in rig.notifiers[MAIL].letters for one in letter.entries]
    assert told == sorted(set(told)) == [1, 2, 3]


async def test_every_request_goes_on_however_many_are_unheard(rig: Rig) -> None:
    rig.notifiers[CHAT].problems = [UndeliveredError("away", failure=Failure.UNREACHABLE)] * 10_000
    for number in range(1, 121):
        await rig.opened(number)
        await rig.happens(number, EventKind.APPROVAL_ASKED, stage=Stage.APPROVE)
    await rig.pass_time(300)

    assert len({letter.incident.id for letter in rig.notifiers[MAIL].letters}) == 120
    late = rig.clock.now()
    assert await rig.store.read(lambda rows: rows.deliveries.unheard_requests(CHAT, late, limit=1)) == []


async def test_a_record_that_nobody_is_called_by_has_heard_no_request(rig: Rig) -> None:
    graphs = ChannelName("graphs")
    rig.plans[graphs] = ChannelPlan(graphs)
    rig.routing = Routing((Route((CHAT, graphs)),))
    rig.requests = RequestPlan((graphs, CHAT, MAIL), records=frozenset({graphs}))
    await rig.start()
    rig.notifiers[CHAT].problems = [UndeliveredError("away", failure=Failure.UNREACHABLE)] * 1000
    await asked(rig)
    await rig.pass_time(90, (CHAT, MAIL, graphs))

    assert len(rig.notifiers[graphs].letters) == len(rig.notifiers[MAIL].letters) == 1


async def test_a_request_has_its_own_minute_although_something_else_waits_for_longer(rig: Rig) -> None:
    rig.notifiers[CHAT].problems = [UndeliveredError("busy", failure=Failure.RATE_LIMITED, wait=100)]
    await rig.opened()
    await rig.pass_time(80)
    await rig.happens(1, EventKind.APPROVAL_ASKED, stage=Stage.APPROVE)
    await rig.pass_time(59)

    assert (len(rig.notifiers[CHAT].letters), rig.notifiers[MAIL].letters) == (1, [])


async def test_a_request_that_is_asked_anew_while_it_is_unheard_does_not_wait_anew(rig: Rig) -> None:
    rig.notifiers[CHAT].problems = [UndeliveredError("away", failure=Failure.UNREACHABLE)] * 1000
    await asked(rig)
    await rig.pass_time(40)
    await rig.happens(1, EventKind.APPROVAL_ASKED)
    await rig.pass_time(25)

    assert len(rig.notifiers[MAIL].letters) == 1
