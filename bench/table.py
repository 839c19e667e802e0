"""How figures are shown: what was measured, beside what is asked. Nothing is judged here."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table."""

    what: str
    measured: str
    asked: str = ""


def show(title: str, rows: Sequence[Row]) -> None:
    """Print the table."""
    what = max(len(row.what) for row in rows)
    measured = max(len("measured"), *(len(row.measured) for row in rows))
    print(f"\n{title}\n  {'':<{what}}  {'measured':<{measured}}  asked")
    for row in rows:
        print(f"  {row.what:<{what}}  {row.measured:<{measured}}  {row.asked}".rstrip(), flush=True)
