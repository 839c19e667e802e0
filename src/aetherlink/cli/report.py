"""`aether report`: what playbooks did or would have done, and what happened then; and the words for it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from aetherlink.cli import completing, exit_codes
from aetherlink.cli.parameters import Config, Json, Token, Url
from aetherlink.cli.printing import Words

group = typer.Typer()

_COLUMNS = (
    "playbook",
    "mode",
    Words("would have acted"),
    Words("right"),
    Words("acted"),
    Words("helped"),
    Words("kept by"),
)
_THEN = (
    ("ended_by_itself", "ended by themselves"),
    ("looked_after", "a person looked after"),
    ("repaired", "another repair helped"),
    ("stayed", "fire still"),
    ("open", "too early to tell"),
    ("lost", "nobody knows"),
)
_RAN = (
    ("recovered", "verified"),
    ("not_recovered", "did not help"),
    ("cannot_tell", "nobody can tell"),
    ("failed", "failed"),
    ("unknown", "unknown"),
    ("wrong", "called wrong"),
    ("unchanged", "changed nothing"),
    ("unfinished", "not over yet"),
    ("undone", "undone"),
)


@group.command(epilog=exit_codes.asking())
def report(
    *,
    since: Annotated[
        str, typer.Option(help="How far back: 7d, 12h; or an instant with its zone, like 2026-01-31T22:00+01:00.")
    ] = "7d",
    playbook: Annotated[
        str | None, typer.Option(help="Only this playbook.", show_default="all", autocompletion=completing.playbooks)
    ] = None,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Say of each playbook what it did, what it would have done, and how often that would have been right.

    Right: it was only observed, nothing but its mode was against it, and the alert did not end by itself within the
    time that the repair may take. What is not known is counted as not known.
    """
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json, print_table, print_words

    path = path_of(since, playbook)
    answer = talk(lambda agent: agent.ask("GET", path), config=config, url=url, token=token)
    if as_json:
        print_json(answer)
        return
    items = answer.get("items", [])
    rows = [_row(item) for item in items if playbook or _is_wanted(item)]
    print_table(_COLUMNS, rows, none="no playbook was wanted")
    quiet = sum(1 for item in items if not _is_wanted(item))
    if quiet and not playbook:
        print_words(f"{quiet} more playbooks were not wanted")
    for item in items if playbook else ():
        for line in details(item):
            print_words(line)
    if not answer.get("is_complete", True):
        print_words(f"only the newest {answer.get('plans')} plans are counted: ask for a shorter time")


def path_of(since: str, playbook: str | None) -> str:
    """The route's path for what was asked. Raises SettingsError."""
    from urllib.parse import urlencode

    asked = {"since": _instant(since).isoformat()} | ({} if playbook is None else {"playbook": playbook})
    return f"/api/v1/report?{urlencode(asked)}"


def summary(item: Mapping[str, Any]) -> str:
    """How good it was and would have been, in one line."""
    observed, acted = item.get("observed", {}), item.get("acted", {})
    known = observed.get("total", 0) - observed.get("not_known", 0)
    settled = sum(acted.get(key, 0) for key, _ in _RAN[:6])
    would = f"would have been right {observed.get('right', 0)} of {known} times"
    not_known = f" (not known: {observed['not_known']})" if observed.get("not_known") else ""
    helped = f"; helped {acted.get('recovered', 0)} of {settled} times" if settled else ""
    return f"{would}{not_known}{helped}"


def details(item: Mapping[str, Any]) -> Iterator[str]:
    """Everything that is known of one playbook, line by line."""
    observed, acted, asked = item.get("observed", {}), item.get("acted", {}), item.get("asked", {})
    yield f"would have acted {observed.get('total', 0)} times: {_counts(observed, _THEN) or 'never'}"
    yield (
        f"  right {observed.get('right', 0)}, needless {observed.get('needless', 0)}, "
        f"called wrong {observed.get('wrong', 0)}, not known {observed.get('not_known', 0)}"
        f"{_median(observed, '; it ended after')}"
    )
    yield f"acted {acted.get('total', 0)} times: {_counts(acted, _RAN) or 'never'}{_median(acted, '; it helped after')}"
    if asked.get("total"):
        words = (("waiting", "wait"), ("over", "over before anybody said yes"), ("refused", "refused or expired"))
        yield f"asked and not carried out {asked['total']} times: {_counts(asked, words)}"
    if item.get("held"):
        yield f"allowed and then not carried out {item['held']} times"
    for one in item.get("denied", []):
        yield f"denied {one.get('number')} times by {one.get('rule')}{_such_as(one)}"
    for one in item.get("examples", []):
        yield f"  {one.get('what')}: {one.get('number')}{_such_as(one)}"


def _row(item: Mapping[str, Any]) -> tuple[object, ...]:
    observed, acted = item.get("observed", {}), item.get("acted", {})
    denied = ", ".join(f"{one.get('rule')} {one.get('number')}" for one in item.get("denied", [])[:3])
    return (
        item.get("playbook"),
        item.get("mode") or "is gone",
        _with_total(observed, _THEN),
        _share(observed.get("right_share"), observed.get("not_known")),
        _with_total(acted, _RAN),
        _share(acted.get("helped_share"), None) + _median(acted, " after"),
        denied,
    )


def _with_total(counts: Mapping[str, Any], words: tuple[tuple[str, str], ...]) -> str:
    return f"{counts['total']}: {_counts(counts, words)}" if counts.get("total") else ""


def _counts(counts: Mapping[str, Any], words: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{counts[key]} {word}" for key, word in words if counts.get(key))


def _share(share: float | None, not_known: int | None) -> str:
    unknown = f", {not_known} not known" if not_known else ""
    return f"{share:.0%}{unknown}" if share is not None else unknown.removeprefix(", ")


def _median(counts: Mapping[str, Any], words: str) -> str:
    seconds = counts.get("median_seconds")
    return "" if seconds is None else f"{words} {seconds:.1f} s (median)"


def _such_as(one: Mapping[str, Any]) -> str:
    incidents = one.get("incidents", [])
    return f", such as {', '.join(map(str, incidents))}" if incidents else ""


def _is_wanted(item: Mapping[str, Any]) -> bool:
    totals = (item.get(kind, {}).get("total", 0) for kind in ("observed", "acted", "asked"))
    return bool(sum(totals) or item.get("held") or item.get("denied"))


def _instant(text: str) -> datetime:
    from aetherlink.errors import SettingsError
    from aetherlink.lib.clock import SystemClock
    from aetherlink.lib.durations import parse_duration

    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        try:
            return SystemClock().now() - parse_duration(text)
        except (ValueError, OverflowError) as problem:
            raise SettingsError(f"--since: {problem}") from problem
    if instant.tzinfo is None:
        raise SettingsError(f"--since: {text!r} does not say its zone: write for instance {text}+00:00")
    return instant
