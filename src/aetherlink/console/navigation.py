"""The pages that the frame leads to, in their order, each with the key that leads there after `g`."""

from collections.abc import Sequence
from typing import NamedTuple


class Place(NamedTuple):
    """One page. `name` is what its template sets as `here`, and the name of its icon in `icons.html`."""

    name: str
    path: str
    title: str
    key: str


PLACES: Sequence[Place] = (
    Place("now", "/", "Now", "n"),
    Place("incidents", "/incidents", "Incidents", "i"),
    Place("alerts", "/alerts", "Alerts", "a"),
    Place("actions", "/actions", "Actions", "c"),
    Place("playbooks", "/playbooks", "Playbooks", "p"),
    Place("ledger", "/ledger", "Ledger", "l"),
    Place("audit", "/audit", "Audit", "u"),
    Place("settings", "/settings", "Settings", "s"),
)
