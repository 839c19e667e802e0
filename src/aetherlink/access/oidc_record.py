"""What is kept for the record of people whom an identity provider vouches for: who came in, who did not and why."""

import logging
from collections import Counter
from datetime import timedelta

from aetherlink.access.oidc_person import Person, printable
from aetherlink.agent_record import AgentRecord, Subject
from aetherlink.lib.seldom import Seldom
from aetherlink.model.principals import Session
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Clock, Store, Transaction

STRANGERS_AN_HOUR = 100
KNOWN_AN_HOUR = 1000
"""So many refusals are written down, of those who proved nothing and of those who did; the rest is counted."""

_HOUR = timedelta(hours=1).total_seconds()
_LONGEST_WHY = 500
_log = logging.getLogger("aetherlink.access")


class SignInRecord:
    """Writes a timeline of the agent's own (see agent_record)."""

    def __init__(self, store: Store, record: AgentRecord, *, clock: Clock, issuer: str) -> None:
        self._store = store
        self._record = record
        self._clock = clock
        self._issuer = issuer
        self._hour_began = clock.monotonic()
        self._written = Counter[bool]()  # by whether somebody was vouched for
        self._unwritten = 0
        self._seldom = Seldom(_log)

    def entered(self, transaction: Transaction, session: Session, person: Person, *, address: str) -> None:
        """The person is signed in; a part of the caller's transaction."""
        groups = " and ".join(person.why)
        text = f"{person.name} signed in as {person.role} by the group {groups}, until {session.expires_at:%H:%M} UTC"
        facts = self._facts(person, address) | {
            "role": str(person.role),
            "groups": list(person.why),
            "session": session.id,
            "until": session.expires_at.isoformat(),
        }
        self._enter(transaction, EventKind.SIGNED_IN, text, facts)

    async def refused(self, why: str, *, address: str, person: Person | None = None) -> None:
        """Somebody was not let in; without a person it is nobody whom the provider vouched for. Raises StoreError."""
        words, now = why[:_LONGEST_WHY], self._clock.monotonic()
        self._seldom.warn(f"a sign-in by the identity provider from {address or 'a socket'} was refused: {words}", now)
        if not self._has_room(now, is_known=person is not None):
            self._unwritten += 1
            return
        facts = self._facts(person, address) | {"why": words, "not_written_before": self._unwritten}
        if person is not None:
            facts["groups"] = person.shown_groups
        text = f"{'somebody' if person is None else person.name} was not signed in: {words}"
        self._unwritten = 0
        await self._store.write(lambda rows: self._enter(rows, EventKind.SIGN_IN_REFUSED, text, facts))

    def _has_room(self, now: float, *, is_known: bool) -> bool:
        if now - self._hour_began >= _HOUR:
            self._hour_began = now
            self._written.clear()
        self._written[is_known] += 1
        return self._written[is_known] <= (KNOWN_AN_HOUR if is_known else STRANGERS_AN_HOUR)

    def _facts(self, person: Person | None, address: str) -> dict[str, object]:
        """`by` is whom the audit trail shows it of; no name of a person or token has a blank in it."""
        who = f"somebody at {address or 'a socket'}" if person is None else person.name
        subject = {} if person is None else {"subject": printable(person.subject)}
        return {"by": who, **subject, "issuer": self._issuer, "address": address}

    def _enter(self, transaction: Transaction, kind: EventKind, text: str, facts: dict[str, object]) -> None:
        self._record.enter(transaction, Subject.SIGN_INS, Entry(kind, self._clock.now(), text, facts))
