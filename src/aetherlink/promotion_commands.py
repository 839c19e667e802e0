"""What people do to let a playbook act: promote it by what it has shown so far, and set it back.

Each is one transaction with its entry in a timeline of the agent's own (see agent_record). Nothing is promoted by
itself; what is promoted is set back by itself when its repairs fail (see pipeline.hindsight).
"""

import hmac
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.agent_record import AgentRecord, Subject
from aetherlink.errors import BadRequestError, ConflictError, NotFoundError
from aetherlink.lib.given_words import checked
from aetherlink.lib.option_types import Count, Number
from aetherlink.model.decisions import Mode
from aetherlink.model.playbooks import Playbook
from aetherlink.model.promotions import BY_AGENT, FILE_CHANGED, DemotionBounds, Promotion, PromotionState
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Clock, PlaybookView, Store, Transaction, Waker

_log = logging.getLogger("aetherlink.commands")


class PromotionOptions(BaseModel):
    """When a playbook that was promoted is set back by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    failures_in_a_row: Count = Field(
        default=2,
        ge=1,
        le=100,
        description="After so many repairs in a row that did not help a promoted playbook is set back.",
    )
    over: Count = Field(
        default=10, ge=2, le=100, description="Of how many of its latest repairs `least_share` have to help."
    )
    least_share: Number = Field(
        default=0.8, ge=0, le=1, description="With a smaller share that helped a promoted playbook is set back."
    )

    @property
    def bounds(self) -> DemotionBounds:
        """In the words of the model."""
        return DemotionBounds(self.failures_in_a_row, self.over, self.least_share)


class PromotionCommands:
    """Promoting and setting back. `playbooks` are those in force, `record` holds the timeline."""

    def __init__(
        self, store: Store, *, clock: Clock, waker: Waker, record: AgentRecord, playbooks: PlaybookView
    ) -> None:
        self._store = store
        self._clock = clock
        self._waker = waker
        self._record = record
        self._playbooks = playbooks

    async def promote(self, name: str, to: Mode, reason: str, *, digest: str, by: str) -> Promotion:
        """In force once this returns, restarts included. Said again it changes nothing.

        `digest` is that of the content which was shown to whoever promotes. Raises NotFoundError, BadRequestError (no
        reason, nothing to promote), ConflictError (the file changed, or something holds it below), StoreError,
        OverloadedError.
        """
        words = checked(reason)
        now = self._clock.now()

        def promote(transaction: Transaction) -> Promotion:
            playbook = self._found(name)  # here, where `end_lapsed` is either over or still to come
            self._check_may_rise(playbook, to, digest)
            held = transaction.promotions.of(playbook.name)
            if held is not None and held.holds_for(playbook) and held.mode is to:
                return held
            was = self._playbooks.mode_of(playbook, held)
            if was.rank >= to.rank:
                raise ConflictError(f"playbook {name} is at {was} already: `aether playbook demote` sets it lower")
            promotion = Promotion(playbook.name, to, playbook.digest, now, by, words)
            self._keep(transaction, promotion, _entry(EventKind.PROMOTED, playbook, (was, to), (by, words), now))
            return promotion

        return await self._written(promote, f"playbook {name} is promoted to {to} by {by}: {words}")

    async def demote(self, name: str, to: Mode, reason: str, *, by: str) -> Promotion:
        """Set it back to this mode, but never below that of its file. Raises as promote does.

        One that has lapsed, for its file was changed, ends whatever the mode.
        """
        words = checked(reason)
        now = self._clock.now()

        def demote(transaction: Transaction) -> Promotion:
            playbook = self._found(name)
            held = transaction.promotions.of(playbook.name)
            if held is None or held.ended_at is not None:
                raise ConflictError(f"playbook {name} is not promoted: {self._whence(playbook)}")
            is_in_force = held.holds_for(playbook)
            if is_in_force and to.rank >= held.mode.rank:
                raise ConflictError(f"playbook {name} is promoted to {held.mode}: {to} is not below that")
            if is_in_force and to.rank > playbook.mode.rank:
                changed, now_at = replace(held, mode=to, at=now, by=by, reason=words), to
            else:
                changed, now_at = replace(held, ended_at=now, ended_by=by, ended_because=words), playbook.mode
            self._keep(transaction, changed, _entry(EventKind.DEMOTED, playbook, (held.mode, now_at), (by, words), now))
            return changed

        return await self._written(demote, f"playbook {name} is set back by {by}: {words}")

    async def end_lapsed(self) -> None:
        """End for good what is for another content than that in force: put back, it has to be promoted anew.

        Raises StoreError, OverloadedError.
        """
        now = self._clock.now()

        def end(transaction: Transaction) -> list[Promotion]:
            in_force = {playbook.name: playbook for playbook in self._playbooks.playbooks}
            lapsed = [
                one
                for one in transaction.promotions.all()
                if one.state_for(in_force.get(one.playbook)) is PromotionState.LAPSED and one.ended_at is None
            ]
            for one in lapsed:
                ended = replace(one, ended_at=now, ended_by=BY_AGENT, ended_because=FILE_CHANGED)
                self._keep(transaction, ended, _lapsed(one, in_force.get(one.playbook), now))
            return lapsed

        for one in await self._store.write(end):
            _log.warning("the promotion of playbook %s to %s has %s", one.playbook, one.mode, FILE_CHANGED)

    def _found(self, name: str) -> Playbook:
        found = next((one for one in self._playbooks.playbooks if one.name == name), None)
        if found is None:
            raise NotFoundError(f"there is no playbook {name!r}: `aether playbook list` lists those in force")
        return found

    def _check_may_rise(self, playbook: Playbook, to: Mode, digest: str) -> None:
        name, set_to = playbook.name, self._playbooks.set_for(playbook.name)
        if to is Mode.OBSERVE:
            raise BadRequestError(
                "to: a playbook is promoted to approve or auto; `aether playbook demote` sets it back"
            )
        if not playbook.steps:
            raise BadRequestError(f"playbook {name} only observes: it has nothing that it could do")
        if set_to is not None:
            raise ConflictError(f"the settings say {set_to} (playbook_modes.{name}): take it out there, then promote")
        if to.rank > playbook.ceiling.rank:
            raise ConflictError(f"the file of playbook {name} says `ceiling: {playbook.ceiling}`: {to} is above that")
        if to.rank > self._playbooks.ceiling.rank:
            raise ConflictError(f"the settings say `mode: {self._playbooks.ceiling}`, and no playbook is above that")
        if not playbook.digest or not hmac.compare_digest(playbook.digest.encode(), digest.encode("utf-8", "replace")):
            raise ConflictError(f"playbook {name} is another one now than the one that was shown: look at it again")

    def _whence(self, playbook: Playbook) -> str:
        set_to = self._playbooks.set_for(playbook.name)
        if set_to is not None:
            return f"its mode, {set_to}, is that of the settings (playbook_modes.{playbook.name})"
        pause = f"`aether pause --scope playbook:{playbook.name}` holds it back at once"
        return f"its mode, {playbook.mode}, is that of its file; {pause}"

    def _keep(self, transaction: Transaction, promotion: Promotion, entry: Entry) -> None:
        transaction.promotions.put(promotion)
        self._record.enter(transaction, Subject.PLAYBOOKS, entry)

    async def _written(self, work: Callable[[Transaction], Promotion], said: str) -> Promotion:
        promotion = await self._store.write(work)
        _log.warning("%s", said)
        self._waker.wake()
        return promotion


def _entry(
    kind: EventKind, playbook: Playbook, modes: tuple[Mode, Mode], said: tuple[str, str], now: datetime
) -> Entry:
    (was, becomes), (by, words) = modes, said
    how = "promoted" if kind is EventKind.PROMOTED else "set back"
    text = f"playbook {playbook.name} was {how} from {was} to {becomes} by {by}: {words}"
    facts = {"playbook": playbook.name, "from": was.value, "to": becomes.value, "by": by, "reason": words}
    return Entry(kind, now, text, {**facts, "digest": playbook.digest})


def _lapsed(promotion: Promotion, playbook: Playbook | None, now: datetime) -> Entry:
    """`playbook` as it is in force now; None: its file is gone."""
    name, becomes = promotion.playbook, Mode.OBSERVE if playbook is None else playbook.mode
    text = f"the promotion of playbook {name} to {promotion.mode} has {FILE_CHANGED}"
    facts = {"playbook": name, "from": promotion.mode.value, "to": becomes.value, "by": BY_AGENT}
    return Entry(EventKind.DEMOTED, now, text, {**facts, "reason": FILE_CHANGED, "digest": promotion.digest})
