"""What came of the requests, by tenant: counts, and latencies in a histogram of constant size.

Pure: the runner notes each end, the report reads. A run of days needs no more memory than one of seconds.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from peakpro_crm.traffic.words import End

_SMALLEST = 0.0001  # seconds
_STEP = math.log(1.05)  # neighbouring bounds differ by 5 %, and so may a percentile
_LAST = math.ceil(math.log(3600 / _SMALLEST) / _STEP)


@dataclass(slots=True)
class Latencies:
    """Durations in seconds, counted in logarithmic buckets."""

    counts: Counter[int] = field(default_factory=Counter)

    def note(self, seconds: float) -> None:
        """Count one duration."""
        bucket = math.ceil(math.log(max(seconds, _SMALLEST) / _SMALLEST) / _STEP)
        self.counts[min(bucket, _LAST)] += 1

    def percentile(self, share: float) -> float | None:
        """Return the duration that a share (0 to 1) of all stay under, in seconds; None when there are none."""
        wanted = share * self.counts.total()
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= wanted:
                return _SMALLEST * math.exp(bucket * _STEP)
        return None


@dataclass(slots=True)
class Account:
    """What came of one tenant's requests. `sent` is the sum of all ends once nothing is under way."""

    sent: int = 0
    dropped: int = 0
    ends: Counter[End] = field(default_factory=Counter)
    latencies: Latencies = field(default_factory=Latencies)

    def ended(self, end: End, *, seconds: float) -> None:
        """Note how a request ended, and after how long; one that was cut short says nothing of the latency."""
        self.ends[end] += 1
        if end is not End.CUT:
            self.latencies.note(seconds)


@dataclass(slots=True)
class Tally:
    """The accounts of all tenants."""

    accounts: dict[str, Account]

    @classmethod
    def of(cls, tenants: Iterable[str]) -> "Tally":
        """Return an empty tally for these tenants."""
        return cls({tenant: Account() for tenant in tenants})

    def total(self) -> Account:
        """Return the sum of all accounts."""
        return summed(self.accounts)


def summed(accounts: Mapping[str, Account]) -> Account:
    """Add accounts up."""
    total = Account()
    for account in accounts.values():
        total.sent += account.sent
        total.dropped += account.dropped
        total.ends.update(account.ends)
        total.latencies.counts.update(account.latencies.counts)
    return total


def end_of(status: int) -> End:
    """Return how a request with this status ended. 1xx and 3xx are nothing that the CRM should answer."""
    if 200 <= status < 300:
        return End.OK
    if 400 <= status < 500:
        return End.REFUSED
    return End.FAILED if 500 <= status < 600 else End.ERROR
