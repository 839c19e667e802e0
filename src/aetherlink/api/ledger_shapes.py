"""How the ledger looks as JSON."""

from pydantic import BaseModel, Field

from aetherlink.model.ledger import Ledger, LedgerOutcome, Way


class Outcomes(BaseModel):
    """How many alerts became what; every alert has exactly one outcome."""

    opened: int = Field(description="A firing that was not known, or fires anew.", examples=[120])
    updated: int = Field(description="It changed one that is known: as a rule it resolved it.", examples=[110])
    duplicate: int = Field(description="It changed nothing.", examples=[2310])
    suppressed: int = Field(description="A heartbeat, or silenced or inhibited.", examples=[480])
    quarantined: int = Field(description="A body that could not be read counts as one.", examples=[1])


class LedgerShape(BaseModel):
    """What became of every alert received since the database was made."""

    received: int = Field(description="The sum of all outcomes, by whatever way.", examples=[3021])
    outcomes: Outcomes
    by_way: dict[Way, Outcomes] = Field(
        description="The same by how they were received: `reconcile` is what Alertmanager had to be asked for.",
        examples=[
            {
                "webhook": {"opened": 118, "updated": 109, "duplicate": 2310, "suppressed": 480, "quarantined": 1},
                "reconcile": {"opened": 2, "updated": 1, "duplicate": 0, "suppressed": 0, "quarantined": 0},
            }
        ],
    )


def ledger(found: Ledger) -> LedgerShape:
    """The totals, laid out."""
    return LedgerShape(
        received=found.received,
        outcomes=_outcomes(found.by_outcome()),
        by_way={way: _outcomes(found.by_outcome(way)) for way in Way},
    )


def _outcomes(totals: dict[LedgerOutcome, int]) -> Outcomes:
    return Outcomes(**{outcome.value: total for outcome, total in totals.items()})
