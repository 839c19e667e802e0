"""How `aether alerts` and `aether incidents` list: ask for what fits, newest first, and print it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

OfSource = Annotated[str | None, typer.Option("--source", help="Of this source.", show_default="all")]
OfTenant = Annotated[str | None, typer.Option("--tenant", help="Of this tenant.", show_default="all")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many at most.")]


@dataclass(frozen=True, slots=True)
class Listing:
    """What is listed: its path, the table's columns, the cells of one item, and the words for an empty list."""

    path: str
    columns: Sequence[str]
    row: Callable[[Mapping[str, Any]], Sequence[object]]
    none: str

    def show(self, filters: Mapping[str, str | bool | None], *, limit: int, as_json: bool, **where: Any) -> None:
        """Print what fits the filters that are given; `where` is what connection.talk wants to know."""
        from aetherlink.cli import lookups
        from aetherlink.cli.connection import talk
        from aetherlink.cli.printing import print_json, print_table

        answer = talk(lambda agent: lookups.listed(agent, self.path, filters, limit=limit), **where)
        if as_json:
            print_json(answer)
        else:
            print_table(self.columns, map(self.row, answer["items"]), none=self.none)
