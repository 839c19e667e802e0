"""The generator's words to its reader: a line every few seconds and a table at the end.

Pure: text from accounts. The runner prints it.
"""

from collections.abc import Collection

from peakpro_crm.traffic.tally import Account, Tally
from peakpro_crm.traffic.words import End

_HEADINGS = ("tenant", "sent", "2xx", "4xx", "5xx", "errors", "cut", "dropped", "p50 ms", "p95 ms", "p99 ms")


def line(seconds: float, account: Account, *, in_flight: int) -> str:
    """Return one line about the stretch since the last one; `seconds` counts from the start."""
    ends = account.ends
    counts = f"2xx {ends[End.OK]} 4xx {ends[End.REFUSED]} 5xx {ends[End.FAILED]} errors {ends[End.ERROR]}"
    p50, p95, p99 = _percentiles(account)
    return (
        f"{seconds:8.1f} s  sent {account.sent} {counts} dropped {account.dropped} "
        f"in flight {in_flight}  p50 {p50} p95 {p95} p99 {p99} ms"
    )


def table(tally: Tally, *, vip: Collection[str]) -> str:
    """Return the summary: a row per tenant, VIP tenants marked, and the sum."""
    rows: list[tuple[str, ...]] = [_HEADINGS]
    rows += [_row(f"{name} (VIP)" if name in vip else name, account) for name, account in tally.accounts.items()]
    rows.append(_row("all", tally.total()))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "\n".join(_aligned(row, widths) for row in rows)


def _row(name: str, account: Account) -> tuple[str, ...]:
    ends = [account.ends[end] for end in (End.OK, End.REFUSED, End.FAILED, End.ERROR, End.CUT)]
    return (name, *(str(number) for number in (account.sent, *ends, account.dropped)), *_percentiles(account))


def _percentiles(account: Account) -> tuple[str, ...]:
    seconds = (account.latencies.percentile(share) for share in (0.5, 0.95, 0.99))
    return tuple("-" if value is None else f"{value * 1000:.1f}" for value in seconds)


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
    return "  ".join((row[0].ljust(len(first)), *others))
