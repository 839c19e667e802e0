"""The browsers that are signed in, and the links that sign one in: by digest only. Few rows, read whole."""

from collections.abc import Iterable

import sqlalchemy as sa

from aetherlink.model.principals import LoginLink, Scope, Session
from aetherlink.store.tables import login_links, sessions


class SqlSessionRows:
    """See ports.SessionRows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def all(self) -> list[Session]:
        """Every session that is stored, oldest first."""
        rows = self._connection.execute(sa.select(sessions).order_by(sessions.c.created_at, sessions.c.id))
        return [Session(**{**row._mapping, "scopes": _scopes(row.scopes)}) for row in rows]  # noqa: SLF001 - its public name

    def put(self, session: Session) -> None:
        """Insert or replace the session."""
        values = {
            "digest": session.digest,
            "name": session.name,
            "scopes": sorted(session.scopes),
            "created_at": session.created_at,
            "expires_at": session.expires_at,
            "used_at": session.used_at,
            "tenant": session.tenant,
            "root": session.root,
            "revoked_at": session.revoked_at,
        }
        if not self._connection.execute(sa.update(sessions).where(sessions.c.id == session.id).values(values)).rowcount:
            self._connection.execute(sa.insert(sessions).values({"id": session.id, **values}))

    def drop(self, ids: Iterable[str]) -> None:
        """Forget these, where they are known."""
        for session_id in ids:
            self._connection.execute(sa.delete(sessions).where(sessions.c.id == session_id))


class SqlLoginLinkRows:
    """See ports.LoginLinkRows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def all(self) -> list[LoginLink]:
        """Every link that was not used yet, oldest first."""
        rows = self._connection.execute(sa.select(login_links).order_by(login_links.c.created_at, login_links.c.digest))
        return [LoginLink(**{**row._mapping, "scopes": _scopes(row.scopes)}) for row in rows]  # noqa: SLF001 - its public name

    def add(self, link: LoginLink) -> None:
        """A new link. Raises StoreError where there is one of this digest."""
        values = {
            "digest": link.digest,
            "name": link.name,
            "scopes": sorted(link.scopes),
            "created_at": link.created_at,
            "expires_at": link.expires_at,
            "root": link.root,
            "session_ends_at": link.session_ends_at,
        }
        self._connection.execute(sa.insert(login_links).values(values))

    def drop(self, digest: str) -> bool:
        """Forget the link; False: there was none."""
        return bool(self._connection.execute(sa.delete(login_links).where(login_links.c.digest == digest)).rowcount)


def _scopes(names: Iterable[str]) -> frozenset[Scope]:
    return frozenset(Scope(name) for name in names)
