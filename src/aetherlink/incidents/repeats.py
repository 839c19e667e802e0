"""The repeats that wait to be counted in the ledger: each is counted once, also when the answer of a commit is lost."""

from collections import Counter

from aetherlink.model.ledger import Ledger, LedgerOutcome, Way

Counts = Counter[tuple[Way, LedgerOutcome]]


class Repeats:
    """Those that wait, and those of the one commit that may have been stored although it failed."""

    def __init__(self) -> None:
        self._waiting: Counts = Counter()
        self._in_doubt: Counts = Counter()
        self._stored = 0  # duplicates in the ledger, as far as is known; nobody else counts any

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, way: Way, count: int) -> None:
        """So many more wait."""
        self._waiting[way, LedgerOutcome.DUPLICATE] += count

    def take(self) -> Counts:
        """All that wait, for one commit."""
        taken, self._waiting = self._waiting, Counter()
        return taken

    def put_back(self, taken: Counts) -> None:
        """Nothing of the commit was stored."""
        self._waiting += taken

    def doubt(self, taken: Counts) -> None:
        """Whether the commit was stored is not known; `settle` comes before the next one."""
        self._in_doubt += taken

    def committed(self, counts: Counts) -> None:
        """These were stored, with everything else in that commit."""
        self._stored += _duplicates(counts)

    def settle(self, ledger: Ledger) -> None:
        """What is stored in truth: what was in doubt waits again when it is not among it."""
        stored = _duplicates(Counter(ledger.totals))
        if stored < self._stored + _duplicates(self._in_doubt):
            self._waiting += self._in_doubt
        self._in_doubt = Counter()
        self._stored = stored


def _duplicates(counts: Counts) -> int:
    return sum(count for (_, outcome), count in counts.items() if outcome is LedgerOutcome.DUPLICATE)
