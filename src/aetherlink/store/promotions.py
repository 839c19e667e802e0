"""The promotions, one a playbook. Few rows."""

from typing import Any

import sqlalchemy as sa

from aetherlink.model.decisions import Mode
from aetherlink.model.ids import PlaybookName
from aetherlink.model.promotions import Promotion
from aetherlink.store.prepared import Prepared
from aetherlink.store.tables import promotions

_ALL = Prepared(sa.select(promotions).order_by(promotions.c.playbook))
_OF = Prepared(sa.select(promotions).where(promotions.c.playbook == sa.bindparam("its_playbook")))


class SqlPromotionRows:
    """See ports.PromotionRows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def all(self) -> list[Promotion]:
        """Every one, those that have ended too, by playbook."""
        return [_promotion(row) for row in _ALL.all(self._connection)]

    def of(self, playbook: PlaybookName) -> Promotion | None:
        """The one of this playbook, or None."""
        row = _OF.first(self._connection, {"its_playbook": playbook})
        return None if row is None else _promotion(row)

    def put(self, promotion: Promotion) -> None:
        """Insert it, or replace the one of its playbook."""
        is_it = promotions.c.playbook == promotion.playbook
        self._connection.execute(sa.delete(promotions).where(is_it))
        self._connection.execute(
            sa.insert(promotions).values(
                playbook=promotion.playbook,
                mode=promotion.mode.value,
                digest=promotion.digest,
                at=promotion.at,
                promoted_by=promotion.by,
                reason=promotion.reason,
                ended_at=promotion.ended_at,
                ended_by=promotion.ended_by or None,
                ended_because=promotion.ended_because or None,
            )
        )


def _promotion(row: Any) -> Promotion:
    return Promotion(
        row.playbook,
        Mode(row.mode),
        row.digest,
        row.at,
        row.promoted_by,
        row.reason,
        row.ended_at,
        row.ended_by or "",
        row.ended_because or "",
    )
