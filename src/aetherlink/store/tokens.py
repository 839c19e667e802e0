"""The tokens, by digest only."""

import sqlalchemy as sa

from aetherlink.model.ids import SourceName
from aetherlink.model.principals import Scope, TokenRecord
from aetherlink.store.tables import tokens


class SqlTokenRows:
    """See ports.TokenRows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def all(self) -> list[TokenRecord]:
        """Every token ever made, oldest first, the revoked ones too."""
        query = sa.select(tokens).order_by(tokens.c.created_at, tokens.c.id)
        return [
            TokenRecord(
                id=row.id,
                name=row.name,
                digest=row.digest,
                scopes=frozenset(Scope(scope) for scope in row.scopes),
                created_at=row.created_at,
                revoked_at=row.revoked_at,
                source=None if row.source is None else SourceName(row.source),
                tenant=row.tenant,
                expires_at=row.expires_at,
                used_at=row.used_at,
            )
            for row in self._connection.execute(query)
        ]

    def put(self, record: TokenRecord) -> None:
        """Insert or replace the token."""
        values = {
            "name": record.name,
            "digest": record.digest,
            "scopes": sorted(record.scopes),
            "created_at": record.created_at,
            "revoked_at": record.revoked_at,
            "source": record.source,
            "tenant": record.tenant,
            "expires_at": record.expires_at,
            "used_at": record.used_at,
        }
        if not self._connection.execute(sa.update(tokens).where(tokens.c.id == record.id).values(values)).rowcount:
            self._connection.execute(sa.insert(tokens).values({"id": record.id, **values}))
