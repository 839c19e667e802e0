"""What became of the plans of a playbook, one word each: what people go by when they let it do more, and the agent
when it lets it do less.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from aetherlink.model.actions import VERDICT_FACT, VERIFIED_AT_FACT, WRONG_FACT, Action, ActionState, OutcomeStatus
from aetherlink.model.decisions import Effect
from aetherlink.model.ids import IncidentId, PlaybookName
from aetherlink.model.would_be import AFTER, HOW, THEN_FACT, WORD_OF

MOST_COUNTED = 200_000
"""Of so many of the newest plans a report is made at most."""

MOST_EXAMPLES = 3
"""So many incidents are named of each kind, the newest."""


class Kind(StrEnum):
    """What was made of a plan: `held` was allowed and then not carried out, `undid` took another action back.

    `followed` is the turn of a dependent after a repair, whatever came of it: it says nothing of the repair.
    """

    OBSERVED = "observed"
    DENIED = "denied"
    ASKED = "asked"
    HELD = "held"
    RAN = "ran"
    UNDID = "undid"
    FOLLOWED = "followed"


class Fate(StrEnum):
    """What happened after a plan was only observed. `early` and `late` are told by the time a repair may take.

    `stayed` fires still, though a repair would have been over. `open` fires still, and it is too early to tell. `lost`
    is what nobody wrote down.
    """

    EARLY = "ended_early"
    LATE = "ended_late"
    PERSON_EARLY = "person_early"
    PERSON_LATE = "person_late"
    REPAIRED = "repaired"
    STAYED = "stayed"
    WRONG = "wrong"
    OPEN = "open"
    LOST = "lost"


RIGHT = frozenset({Fate.LATE, Fate.PERSON_LATE, Fate.REPAIRED, Fate.STAYED})
"""It did not end by itself within the time that the repair may take: something had to be done."""
NEEDLESS = frozenset({Fate.EARLY})
NOT_KNOWN = frozenset({Fate.PERSON_EARLY, Fate.OPEN, Fate.LOST})
"""Who looked after it within that time ended it, or it ended by itself: nobody can tell which."""

RECOVERED = "recovered"
UNJUDGED = "unjudged"
RUNNING = "running"
WRONG = "wrong"
WAITING, REFUSED = "waiting", "refused"
WITHOUT_HELP = frozenset({"not_recovered", "cannot_tell", "failed", "unknown", WRONG})
"""The words of repairs that did not help, could not be done, or were called wrong."""
_MS = 1000
_UNDECIDED = frozenset({OutcomeStatus.NOT_NEEDED.value, OutcomeStatus.NOT_DONE.value, UNJUDGED, RUNNING})


@dataclass(frozen=True, slots=True)
class Trace:
    """What is kept beside an action, for counting: its kind, one word, the rule that decided.

    `took_ms` is how long it took, from the decision to the proof that it helped, or to the end of what was only
    observed; None: nobody knows. `within_ms` is how long a repair may take. Both are milliseconds.
    """

    kind: Kind
    result: str
    rule: str
    took_ms: int | None
    within_ms: int


def trace_of(action: Action) -> Trace:
    """What is counted of the action as it is now."""
    kind = _kind(action)
    word = {Kind.OBSERVED: _observed, Kind.ASKED: _asked, Kind.UNDID: _ended}.get(kind, _ran)
    within_ms = round(action.plan.verify_within_seconds * _MS)
    return Trace(kind, word(action), action.decision.rule, _took(action, kind), within_ms)


def fate_of(trace: Trace, created_at: datetime, now: datetime, *, is_open: bool) -> Fate:
    """What happened after it was only observed. `is_open`: its incident is."""
    is_late = (trace.took_ms or 0) > trace.within_ms
    match trace.result:
        case "by_itself":
            return Fate.LATE if is_late else Fate.EARLY
        case "by_person":
            return Fate.PERSON_LATE if is_late else Fate.PERSON_EARLY
        case "by_repair":
            return Fate.REPAIRED
        case "wrong":
            return Fate.WRONG
        case _ if is_open:
            is_over = now - created_at > timedelta(milliseconds=trace.within_ms)
            return Fate.STAYED if is_over else Fate.OPEN
        case _:
            return Fate.LOST


def _kind(action: Action) -> Kind:
    if not action.plan.is_repair:
        return Kind.FOLLOWED if action.plan.undo_of is None else Kind.UNDID
    if action.started_at is not None:
        return Kind.RAN
    match action.decision.effect:
        case Effect.OBSERVE:
            return Kind.OBSERVED
        case Effect.DENY:
            return Kind.DENIED
        case Effect.NEEDS_APPROVAL:
            return Kind.ASKED
        case Effect.ALLOW:
            return Kind.HELD


def _observed(action: Action) -> str:
    then = action.facts.get(THEN_FACT)
    if WRONG_FACT in action.facts:
        return WRONG
    return WORD_OF.get(str(then.get(HOW)), "") if isinstance(then, dict) else ""


def _asked(action: Action) -> str:
    if action.state is ActionState.WAITING_APPROVAL:
        return WAITING
    is_over = action.outcome is not None and action.outcome.status is OutcomeStatus.NOT_NEEDED
    return OutcomeStatus.NOT_NEEDED.value if is_over else REFUSED


def _ran(action: Action) -> str:
    if WRONG_FACT in action.facts:
        return WRONG
    ended = _ended(action)
    return str(action.facts.get(VERDICT_FACT) or UNJUDGED) if ended == OutcomeStatus.DONE.value else ended


def _ended(action: Action) -> str:
    if action.outcome is None:
        return RUNNING if action.state is ActionState.RUNNING else ""
    return action.outcome.status.value


def _took(action: Action, kind: Kind) -> int | None:
    if kind is Kind.OBSERVED:
        then = action.facts.get(THEN_FACT)
        return round(float(then[AFTER]) * _MS) if isinstance(then, dict) and AFTER in then else None
    verified = action.facts.get(VERIFIED_AT_FACT)
    if kind is not Kind.RAN or not isinstance(verified, list) or not verified:
        return None
    took = datetime.fromisoformat(str(verified[-1])) - action.created_at
    return max(0, round(took.total_seconds() * _MS))


@dataclass(frozen=True, slots=True)
class Tally:
    """So many plans of one playbook with the same kind and word, with the newest incidents of them.

    `rule` is that of a denial; empty for all else.
    """

    playbook: PlaybookName
    kind: Kind
    word: str
    rule: str
    number: int
    incidents: tuple[IncidentId, ...] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    """Everything that was counted. `medians` holds seconds, by playbook and kind; `plans` how many were looked at."""

    tallies: tuple[Tally, ...]
    medians: Mapping[tuple[PlaybookName, Kind], float]
    plans: int

    def of(self, playbook: PlaybookName) -> "TrackRecord":
        """What was counted of this one."""
        own = tuple(one for one in self.tallies if one.playbook == playbook)
        times = {kind: seconds for (name, kind), seconds in self.medians.items() if name == playbook}
        return TrackRecord(own, times)

    @property
    def playbooks(self) -> frozenset[PlaybookName]:
        """Those of which there is something."""
        return frozenset(one.playbook for one in self.tallies)


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """What became of the plans of one playbook."""

    tallies: tuple[Tally, ...]
    medians: Mapping[Kind, float]

    def number(self, kind: Kind, *words: str) -> int:
        """How many of this kind; with words only those."""
        return sum(one.number for one in self.tallies if one.kind is kind and (not words or one.word in words))

    @property
    def right(self) -> int:
        """How often the repair would have been right, of what was only observed."""
        return self.number(Kind.OBSERVED, *RIGHT)

    @property
    def needless(self) -> int:
        """How often it would have ended by itself while the repair was under way."""
        return self.number(Kind.OBSERVED, *NEEDLESS)

    @property
    def wrong(self) -> int:
        """How often a person called what was only observed wrong."""
        return self.number(Kind.OBSERVED, Fate.WRONG)

    @property
    def not_known(self) -> int:
        """Of how many nobody can tell."""
        return self.number(Kind.OBSERVED, *NOT_KNOWN)

    @property
    def right_share(self) -> float | None:
        """How often it would have been right, of those of which it is known; None: of none."""
        known = self.right + self.needless + self.wrong
        return self.right / known if known else None

    @property
    def helped_share(self) -> float | None:
        """How often what was carried out helped, of those of which it is settled; None: of none."""
        helped = self.number(Kind.RAN, RECOVERED)
        settled = helped + self.number(Kind.RAN, *WITHOUT_HELP)
        return helped / settled if settled else None

    @property
    def denials(self) -> Iterator[Tally]:
        """Those that were denied, the most frequent rule first."""
        denied = (one for one in self.tallies if one.kind is Kind.DENIED)
        return iter(sorted(denied, key=lambda one: (-one.number, one.rule)))


@dataclass(frozen=True, slots=True)
class Repair:
    """One action of a playbook that was carried out: for which incident, and the word for what came of it."""

    incident_id: IncidentId | None
    result: str


def helped_each(repairs: Sequence[Repair]) -> list[bool]:
    """Whether each incident was helped, the newest first: of the steps and tries for one incident the last counts.

    What is not settled, or changed nothing, says nothing.
    """
    found: dict[object, bool] = {}
    for place, repair in enumerate(repairs):
        if repair.result not in _UNDECIDED:
            found.setdefault(repair.incident_id or place, repair.result == RECOVERED)
    return list(found.values())
