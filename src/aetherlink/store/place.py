"""Where the data lie: the little that differs between SQLite and PostgreSQL. The rest of the store is one code."""

from typing import Protocol

import sqlalchemy as sa

from aetherlink.errors import StoreError

MAY_WAIT = "may_wait"
"""Option of a connection: whether the begin of its transactions may wait for a lock. Yes, where it is not said."""


class LockedError(StoreError):
    """Another program has the database's lock, and whoever begins must not wait for it."""


class Place(Protocol):
    """One agent's database. `take` before use, then the migrations, then `enter`; at the end `release`. All block."""

    @property
    def name(self) -> str:
        """What errors call it. Never holds a password."""
        ...

    @property
    def is_at_hand(self) -> bool:
        """Whether its statements are done without waiting for a network; only a commit waits, for the disk."""
        ...

    @property
    def writing(self) -> sa.Engine:
        """One connection; its transactions begin by making sure that they may write."""
        ...

    @property
    def reading(self) -> sa.Engine:
        """Connections that cannot write and see one consistent view."""
        ...

    @property
    def is_ours(self) -> bool:
        """False from the moment at which another agent was seen to have taken over."""
        ...

    def take(self) -> None:
        """Keep every other agent off, and see that the database can be used.

        Raises StoreError when it cannot be, or when another agent has it; OSError and SQLAlchemyError as they come.
        """
        ...

    def enter(self) -> None:
        """The schema is there: from now on every transaction of `writing` is checked."""
        ...

    def release(self) -> None:
        """Close every connection and let the next agent in."""
        ...
