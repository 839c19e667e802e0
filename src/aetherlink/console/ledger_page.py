"""What the page at /ledger shows: what became of every alert received, by way, added up twice."""

from fastapi import Response

from aetherlink.console.writing import page
from aetherlink.model.ledger import LedgerOutcome, Way
from aetherlink.model.principals import Principal
from aetherlink.web.services import ApiServices

PATH = "/ledger"


async def ledger_page(services: ApiServices, caller: Principal) -> Response:
    """The page. Raises StoreError."""
    ledger = await services.ledger.ledger()
    by_way = {way: ledger.by_outcome(way) for way in Way}
    by_outcome = ledger.by_outcome()
    return await page(
        services,
        "ledger.html",
        caller=caller,
        outcomes=list(LedgerOutcome),
        by_way=by_way,
        by_outcome=by_outcome,
        received=ledger.received,
        of_ways=sum(sum(one.values()) for one in by_way.values()),
        of_outcomes=sum(by_outcome.values()),
    )
