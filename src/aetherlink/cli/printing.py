"""How commands print: tables for people, JSON for programs. What comes from outside is made harmless first."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import typer

_WIDE = 200  # not a terminal: lines are for grep, and are not folded at 80


def print_json(answer: object) -> None:
    """The answer as it came, indented."""
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=True))


def print_line(text: str) -> None:
    """One line."""
    typer.echo(plain(text))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, none: str) -> None:
    """A table, or the line `none` when there are no rows. Columns without names get no heading."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_header=any(columns))
    for row in rows:
        table.add_row(*(Text("" if cell is None else plain(str(cell)), overflow="fold") for cell in row))
    if not table.row_count:
        print_line(none)
        return
    table.columns[0].no_wrap = True  # an id that is folded cannot be copied
    Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE).print(table)


def plain(text: str) -> str:
    """The text without anything that a terminal would obey: control characters become escapes."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def labels(pairs: Mapping[str, str]) -> str:
    """Labels as PromQL writes them."""
    return "{" + ", ".join(f"{name}={json.dumps(value)}" for name, value in sorted(pairs.items())) + "}"


def print_requested(answer: Mapping[str, Any], *, as_json: bool) -> NoReturn:
    """What became of a request for an action, and how to go on. Exits 1 when it is not accepted, else 0."""
    details = answer.get("details", {})
    if as_json:
        print_json(answer)
    else:
        print_line(f"{details.get('decision')}: {details.get('reason')} ({details.get('rule')})")
        then = "approve" if details.get("decision") == "needs_approval" else "show"
        print_line(f"aether {then} {details.get('id')}")
    raise typer.Exit(0 if answer.get("accepted") else 1)
