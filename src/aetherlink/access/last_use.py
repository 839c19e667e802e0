"""Writes when tokens and sessions were last used, all of them at once and not at every request."""

import logging
from datetime import timedelta

from aetherlink.access.sessions import SessionBook
from aetherlink.access.tokens import TokenBook
from aetherlink.errors import StoreError
from aetherlink.lib.periodic import Periodic

EVERY = timedelta(minutes=1)
_log = logging.getLogger("aetherlink.access")


class LastUse:
    """`start` and `stop` bound its life."""

    def __init__(self, tokens: TokenBook, sessions: SessionBook) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._loop = Periodic("last uses", self._write, every=EVERY, log=_log, at_once=False)

    def start(self) -> None:
        """Write from time to time."""
        self._loop.start()

    async def stop(self) -> None:
        """Write the last ones."""
        await self._loop.stop()
        try:
            await self._write()
        except StoreError as problem:  # the end must not fail for it
            _log.warning("the last uses of tokens and sessions could not be stored: %s", problem)

    async def _write(self) -> None:
        await self._tokens.write_uses()
        await self._sessions.write_uses()
