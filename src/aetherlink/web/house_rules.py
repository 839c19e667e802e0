"""What the settings hold the agent to and what it is made of, for whoever shows it to people: no secrets in it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from aetherlink.model.actions import Target
from aetherlink.model.budgets import Budgets
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import PlaybookName, TargetName


class ShownSetting(NamedTuple):
    """One setting in force: its key with dots, its value as text, where it came from. A secret's value is hidden."""

    name: str
    value: str
    origin: str


class Part(NamedTuple):
    """One part of the agent, and whether it runs."""

    name: str
    is_alive: bool


class Freeze(NamedTuple):
    """One freeze window: when it holds, in words, and what it covers."""

    name: str
    scope: str
    words: str


def _no_parts() -> Sequence[Part]:
    return ()


def _no_disk() -> int | None:
    return None


@dataclass(frozen=True, slots=True)
class HouseRules:
    """`targets` lists the declared ones, and answers for those that are found too. `protected` says why of some.

    `rules` are the names of policy's rules in their order with what each sees to. `parts` and `free_bytes` must be
    quick; no bytes: nobody can tell. With fewer than `low_disk_bytes` the disk is not well.
    """

    targets: Mapping[TargetName, Target] = field(default_factory=dict)
    protected: Mapping[TargetName, str] = field(default_factory=dict)
    rules: Sequence[tuple[str, str]] = ()
    budgets: Budgets = field(default_factory=Budgets)
    requests_per_hour: int = 6
    modes: Mapping[PlaybookName, Mode] = field(default_factory=dict)
    vip_mode: Mode = Mode.APPROVE
    vip_tenants: Sequence[str] = ()
    is_dry_run: bool = False
    freezes: Sequence[Freeze] = ()
    settings: Sequence[ShownSetting] = ()
    store: str = ""
    parts: Callable[[], Sequence[Part]] = _no_parts
    free_bytes: Callable[[], int | None] = _no_disk
    low_disk_bytes: int = 0


NO_RULES = HouseRules()
"""Of an agent without targets, with the budgets of a fresh install."""
