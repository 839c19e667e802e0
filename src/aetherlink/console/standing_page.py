"""What the page at /settings shows: how every part stands, channels and dead letters, the settings without secrets."""

from collections.abc import Mapping, Sequence

from fastapi import Response

from aetherlink.console.writing import page
from aetherlink.model.deliveries import ChannelState, Delivery, DeliveryState
from aetherlink.model.ids import ChannelName
from aetherlink.model.principals import Principal, Scope
from aetherlink.ports import Transaction
from aetherlink.web.services import ApiServices

PATH = "/settings"
_MOST_DEAD = 20
SAID = {
    "tested": "The test was told: the channel works.",
    "resent": "It is told again, as its incident stands now.",
}


async def standing_page(services: ApiServices, caller: Principal, said: str, *, changed: bool) -> Response:
    """The page. `changed`: only settings that are not the default. Raises StoreError."""

    def work(rows: Transaction) -> tuple[Mapping[ChannelName, ChannelState], Sequence[Delivery]]:
        dead, _ = rows.deliveries.page(limit=_MOST_DEAD, before=None, state=DeliveryState.DEAD)
        return {one.channel: one for one in rows.deliveries.states()}, dead

    states, dead = await services.store.read(work)
    rules, voice, free = services.rules, services.voice, services.rules.free_bytes()
    shown = rules.settings if caller.may(Scope.ADMIN) else ()
    return await page(
        services,
        "settings.html",
        caller=caller,
        said=SAID.get(said, ""),
        unready=list(services.readiness()),
        parts=rules.parts(),
        sources=services.sources(),
        blind=services.stance.blind_sources(),
        store=rules.store,
        free="" if free is None else f"{free / 2**30:,.1f} GiB",
        entries=services.anchors.entries,
        channels=[(name, voice.kinds.get(name), states.get(name)) for name in sorted({*states, *voice.kinds})],
        channel_problems=voice.problems,
        delivery_states=DeliveryState,
        dead=dead,
        settings=[one for one in shown if not changed or one.origin != "default"],
        changed=changed,
        hidden_count=len(shown),
    )
