"""How commands print: tables for people, JSON for programs. What comes from outside is made harmless first.

On a terminal a row of a list is one line, as wide as the terminal; elsewhere lines are for grep, and nothing is cut.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import typer

from aetherlink.cli.exit_codes import FAILED, READER_GONE
from aetherlink.errors import AetherError
from aetherlink.lib.hidden import without_hidden

if TYPE_CHECKING:  # rich takes a while to import, and `aether --help` needs it not
    from datetime import datetime

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_WIDEST_IN_A_PIPE = 60  # columns that the rows below are moved by for a long cell
_GAP = 2
_FEWEST_LEFT = 8  # columns for words, on however narrow a terminal


@dataclass(frozen=True, slots=True)
class Column:
    """A column. On a terminal its cells are cut after `most` columns; None: they never are, as an id must not be.

    `styles` are by what a cell says, and count on a terminal only. A spare column gives way to the others: it shrinks
    first, and is left out where there is still no room; the last of them first.
    """

    name: str
    most: int | None = None
    styles: Mapping[str, str] = field(default_factory=dict)
    is_spare: bool = False


@dataclass(frozen=True, slots=True)
class Words(Column):
    """A column that has what is left of a terminal's line, and goes on in the next one, or is cut there.

    Spare columns are left out until it has `least` columns, if it wants so many.
    """

    is_cut: bool = False
    least: int = _FEWEST_LEFT


@dataclass(frozen=True, slots=True)
class Marked:
    """A cell that stands out on a terminal."""

    text: object
    style: str

    def __str__(self) -> str:
        return str(self.text)


@dataclass(frozen=True, slots=True)
class Short:
    """A cell that is told in fewer letters on a terminal, and elsewhere whole."""

    whole: object
    short: str

    def __str__(self) -> str:
        return "" if self.whole is None else str(self.whole)


@dataclass(frozen=True, slots=True)
class When:
    """An instant as the agent writes it. On a terminal it is how far away that is, elsewhere the instant."""

    instant: object

    def __str__(self) -> str:
        return "" if self.instant is None else str(self.instant)


def is_for_a_person() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def print_json(answer: object) -> None:
    """The answer as it came, indented."""
    _write(json.dumps(answer, indent=2, ensure_ascii=True))


def print_json_line(event: object) -> None:
    """One of many, in one line."""
    _write(json.dumps(event, ensure_ascii=True))


def print_line(text: str) -> None:
    """One line. Raises typer.Exit when nobody reads any more."""
    _write(plain(text))


def print_words(text: str) -> None:
    """A sentence, which goes on in the next line of a terminal between two words."""
    print_table((Words(""),), [(text,)], none="")


def say(text: str) -> None:
    """A line beside the answer, on standard error."""
    typer.echo("\n".join(plain(line) for line in text.split("\n")), err=True)


def print_table(columns: Sequence[str | Column], rows: Iterable[Sequence[object]], *, none: str) -> None:
    """A table, or the line `none` when there are no rows. Columns without names get no heading."""
    found = [list(row) for row in rows]
    if found:
        print_drawn(drawn(columns, found))
    else:
        print_line(none)


def drawn(columns: Sequence[str | Column], rows: Sequence[Sequence[object]]) -> str:
    """A table as text, for print_drawn."""
    whole = [one if isinstance(one, Column) else Column(one) for one in columns]
    if not is_for_a_person():
        return "\n".join(_lines([[plain(_words(cell)) for cell in row] for row in rows], [one.name for one in whole]))
    screen, now = console(), _now()
    cells = [[_cell(cell, column, now) for cell, column in zip(row, whole, strict=True)] for row in rows]
    with screen.capture() as captured:
        screen.print(_table(screen, whole, cells), crop=False, no_wrap=True)
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))


def print_drawn(table: str) -> None:
    """What `drawn` made."""
    _write(table)


def plain(text: str) -> str:
    """The text without anything that a terminal would obey: what controls or hides becomes an escape."""
    return without_hidden(text, lambda letter: letter.encode("unicode_escape").decode())


def labels(pairs: Mapping[str, str]) -> str:
    """Labels as PromQL writes them."""
    return "{" + ", ".join(f"{name}={json.dumps(value)}" for name, value in sorted(pairs.items())) + "}"


def print_requested(answer: Mapping[str, Any], *, as_json: bool) -> NoReturn:
    """What became of a request for an action, and how to go on. Exits, for which commands have to tell 0 and FAILED."""
    details = answer.get("details", {})
    if as_json:
        print_json(answer)
    else:
        print_words(f"{details.get('decision')}: {details.get('reason')} ({details.get('rule')})")
        then = "approve" if details.get("decision") == "needs_approval" else "show"
        print_line(f"aether {then} {details.get('id')}")
    raise typer.Exit(0 if answer.get("accepted") else FAILED)


def height() -> int | None:
    """Lines of the terminal; None: standard output is none."""
    return console().height if is_for_a_person() else None


def console() -> "Console":
    """Where everything is painted: colours on a terminal only, whatever FORCE_COLOR says, and none with NO_COLOR."""
    from rich.console import Console

    def made(colours: Literal["auto"] | None) -> Console:
        is_terminal = is_for_a_person()
        return Console(highlight=False, markup=False, emoji=False, force_terminal=is_terminal, color_system=colours)

    coloured = made("auto")
    return made(None) if coloured.no_color else coloured  # which would leave bold and the like


def _lines(rows: Sequence[Sequence[str]], names: Sequence[str]) -> Iterator[str]:
    """One line a row, with nothing cut; what is longer than others by far moves what follows it in its line only."""
    whole = [names, *rows] if any(names) else rows
    widths = [min(_WIDEST_IN_A_PIPE, max(map(len, column))) for column in zip(*whole, strict=True)]
    for row in whole:
        yield (" " * _GAP).join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)).rstrip()


def _words(cell: object) -> str:
    return "" if cell is None else str(cell)


def _cell(cell: object, column: Column, now: "datetime") -> "Text":
    from rich.text import Text

    from aetherlink.cli.instants import away

    match cell:
        case When():
            text = away(cell, now)
        case Short():
            text = cell.short
        case _:
            text = _words(cell)
    style = cell.style if isinstance(cell, Marked) else column.styles.get(text, "")
    return Text(plain(text), style=style)


def _table(screen: "Console", columns: Sequence[Column], cells: "Sequence[Sequence[Text]]") -> "Table":
    from rich.table import Table

    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, show_header=any(one.name for one in columns))
    places = _kept(screen.width, columns, cells)
    columns, cells = [columns[place] for place in places], [[row[place] for place in places] for row in cells]
    widths = _widths(screen.width, columns, cells)
    screen.width = max(screen.width, sum(widths) + _GAP * len(widths))  # rather wrapped by the terminal than cut
    for column, taken in zip(columns, widths, strict=True):
        is_folded = isinstance(column, Words) and not column.is_cut
        table.add_column(column.name, width=taken, no_wrap=not is_folded, overflow="fold" if is_folded else "ellipsis")
    for row in cells:
        table.add_row(*row)
    return table


def _kept(room: int, columns: Sequence[Column], cells: "Sequence[Sequence[Text]]") -> Sequence[int]:
    """The places of the columns that are shown: spare ones go, from the last on, until the others have their least."""
    wanted = _wanted(columns, cells)
    kept = list(range(len(columns)))
    for spare in [place for place in reversed(kept) if columns[place].is_spare]:
        if sum(_least(columns[place], wanted[place]) for place in kept) + _GAP * (len(kept) - 1) <= room:
            break
        kept.remove(spare)
    return kept


def _widths(room: int, columns: Sequence[Column], cells: "Sequence[Sequence[Text]]") -> Sequence[int]:
    """So wide is each column: as its longest cell; those with words share what the others leave, spare ones last."""
    wanted, room = _wanted(columns, cells), room - _GAP * (len(columns) - 1)
    wide = [_least(one, most) for one, most in zip(columns, wanted, strict=True)]
    if sum(wide) > room:
        fewest = zip(columns, wanted, strict=True)
        wide = [min(most, _FEWEST_LEFT) if isinstance(one, Words) else most for one, most in fewest]
    growing = [place for place, most in enumerate(wanted) if wide[place] < most]
    for _ in range(room - sum(wide)):
        if not growing:
            break
        place = min(growing, key=lambda each: (columns[each].is_spare, wide[each]))
        wide[place] += 1
        if wide[place] == wanted[place]:
            growing.remove(place)
    return wide


def _wanted(columns: Sequence[Column], cells: "Sequence[Sequence[Text]]") -> Sequence[int]:
    longest = [max(len(one.name), *(row[place].cell_len for row in cells)) for place, one in enumerate(columns)]
    return [min(one.most or wanted, wanted) for one, wanted in zip(columns, longest, strict=True)]


def _least(column: Column, wanted: int) -> int:
    return min(wanted, column.least) if isinstance(column, Words) else wanted


def _now() -> "datetime":
    from aetherlink.lib.clock import SystemClock

    return SystemClock().now()


def _write(text: str) -> None:
    """To standard output. A reader that goes away, as `head` does, is no failure of anybody's."""
    try:
        typer.echo(text)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains at its end
        raise typer.Exit(READER_GONE) from None
    except OSError as problem:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise AetherError(f"standard output cannot be written: {problem.strerror}") from problem
