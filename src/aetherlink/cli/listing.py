"""How all lists are listed: ask for what fits, newest first, print it, and say when there may be more."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from aetherlink.cli import completing
from aetherlink.cli.printing import Column

OfSource = Annotated[
    str | None,
    typer.Option("--source", help="Of this source.", show_default="all", autocompletion=completing.sources),
]
OfTenant = Annotated[
    str | None,
    typer.Option("--tenant", help="Of this tenant.", show_default="all", autocompletion=completing.tenants),
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many at most.")]
All = Annotated[bool, typer.Option("--all", help="All of them, however many pages that are.")]


@dataclass(frozen=True, slots=True)
class Listing:
    """What is listed: its path, the table's columns, the cells of one item, and the words for an empty list."""

    path: str
    columns: Sequence[str | Column]
    row: Callable[[Mapping[str, Any]], Sequence[object]]
    none: str
    most_on_a_page: int = 500

    def show(
        self,
        filters: Mapping[str, str | bool | None],
        *,
        limit: int,
        is_whole: bool = False,
        as_json: bool,
        **where: Any,
    ) -> None:
        """Print what fits the filters that are given; `where` is what connection.talk wants to know."""
        from aetherlink.cli import lookups
        from aetherlink.cli.connection import talk
        from aetherlink.cli.printing import print_json, print_table, say

        most = None if is_whole else limit
        by = self.most_on_a_page
        answer = talk(lambda agent: lookups.listed(agent, self.path, filters, limit=most, by=by), **where)
        if as_json:
            print_json(answer)
            return
        print_table(self.columns, map(self.row, answer["items"]), none=self.none)
        if answer["next_cursor"] is not None:
            say(f"{len(answer['items'])} shown, there may be more: --limit N, or --all")
