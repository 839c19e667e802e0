"""The sockets to what is outside: time, new ids, what can be asked, and what can be changed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from aetherlink.model.actions import Observation, Outcome, Target, Verb, Wish
from aetherlink.model.decisions import Evidence
from aetherlink.model.deliveries import Digest, Letter
from aetherlink.model.findings import Finding
from aetherlink.model.ids import SourceName
from aetherlink.model.queries import Asking, PassedAnswer, QueryAnswer, Question, Selection, Span


class Clock(Protocol):
    """Time."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...


class Ids(Protocol):
    """New ids."""

    def new(self, prefix: str) -> str: ...

    def secret(self) -> str:
        """What nobody can guess: 128 random bits in hex."""
        ...


class QueryClient(Protocol):
    """Asks PromQL of one source."""

    async def instant(self, query: str, *, at: datetime | None = None) -> QueryAnswer:
        """Raises RejectedError (with Prometheus' own words), DeadlineError, UnreachableError or AnswerError."""
        ...


class QuestionClient(QueryClient, Protocol):
    """Asks it what somebody else wants to know, too."""

    async def pass_on(self, question: Question, *, deadline: timedelta, most_bytes: int) -> PassedAnswer:
        """As `instant`; RejectedError holds Prometheus' words alone, TooLargeError ends an answer of more bytes."""
        ...


class QueryDesk(Protocol):
    """Takes questions of people and their tools to Prometheus, within bounds, and each tenant's own samples only.

    Raises BadRequestError, ForbiddenError, OverloadedError, or what a QuestionClient raises.
    """

    async def evaluate(self, query: str, asking: Asking) -> QueryAnswer:
        """The value of the query now, decoded."""
        ...

    async def instant(self, query: str, asking: Asking, *, at: float | None = None) -> PassedAnswer:
        """The query at that instant, in seconds since 1970; now when None."""
        ...

    async def over(self, query: str, asking: Asking, span: Span) -> PassedAnswer:
        """The query over a range: Prometheus' resultType `matrix`."""
        ...

    async def labels(self, asking: Asking, selection: Selection) -> PassedAnswer:
        """The names of the labels that these series have."""
        ...

    async def label_values(self, label: str, asking: Asking, selection: Selection) -> PassedAnswer:
        """The values that the label has in these series."""
        ...

    async def series(self, asking: Asking, selection: Selection) -> PassedAnswer:
        """The label sets of these series."""
        ...


class ReadyClient(Protocol):
    """Something outside that can say whether it is ready."""

    async def ready(self) -> None:
        """Returns when it is ready; raises UnreachableError or AnswerError, with the reason, when it is not."""
        ...


class Probe(Protocol):
    """Eyes: bound questions to the metrics of one source."""

    async def check(self, source: SourceName, query: str, *, newer_than: datetime | None = None) -> Evidence:
        """Ask the query; with `newer_than` only samples after that instant count. Never raises: errors are evidence."""
        ...


class Executor(Protocol):
    """Hands: knows how to observe a target and how to make a wish about it true."""

    @property
    def verbs(self) -> frozenset[Verb]: ...

    @property
    def is_rolling(self) -> bool:
        """Whether it replaces replicas one after another, so that at most one is away at a time."""
        ...

    async def observe(self, target: Target, *, deadline: timedelta) -> Observation:
        """What is. Raises UnreachableError, NotFoundError or AnswerError."""
        ...

    async def converge(self, target: Target, wish: Wish, *, deadline: timedelta) -> Outcome:
        """Make it so. A wish that is already true is `not_needed`; no answer in time is `unknown`; never raises."""
        ...


class TargetFinder(Protocol):
    """Eyes of an executor: which target the labels of an alert mean among what runs there."""

    @property
    def executor(self) -> str:
        """Whose targets it finds."""
        ...

    async def find(self, labels: Mapping[str, str], *, since: datetime | None, deadline: timedelta) -> Finding:
        """The target, or why there is none. `since` is when the alert began; None: nobody knows.

        Raises UnreachableError, NotFoundError or AnswerError when it could not look.
        """
        ...


class Notifier(Protocol):
    """Voice: tells one channel of the outside how an incident stands.

    What cannot be told raises UndeliveredError, whose message holds no secret. Every text of a letter came from
    outside: nothing in it may ping, link or fake anything there.
    """

    @property
    def collapses(self) -> bool:
        """Whether in a storm one digest takes the place of many messages."""
        ...

    async def tell(self, letter: Letter, *, deadline: timedelta) -> Mapping[str, str]:
        """Tell it; the reference by which the next letter of the incident changes what was told. Never told twice."""
        ...

    async def sum_up(self, digest: Digest, *, deadline: timedelta) -> Mapping[str, str]:
        """Tell of many at once; as `tell`."""
        ...

    async def check(self, *, deadline: timedelta) -> str:
        """Whose account this is, in words, without telling anybody anything."""
        ...


class IdentityProvider(Protocol):
    """Who vouches for people: a browser is led there, and comes back with a code."""

    async def address(self, *, state: str, nonce: str, verifier: str) -> str:
        """Where to lead the browser. Raises UnreachableError or AnswerError."""
        ...

    async def claims(self, code: str, *, nonce: str, verifier: str) -> Mapping[str, object]:
        """What the verified ID token says for which the code stands. Raises UnreachableError or AnswerError."""
        ...

    async def check(self) -> int:
        """How many keys it publishes, all being as it should be. Raises UnreachableError or AnswerError."""
        ...
