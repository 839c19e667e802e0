"""`aether targets`: what the agent may change, within which bounds, and what holds each of them back now."""

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from aetherlink.cli import exit_codes
from aetherlink.cli.listing import All, Limit, Listing
from aetherlink.cli.parameters import Config, Json, Token, Url
from aetherlink.cli.printing import Words

group = typer.Typer()


def _row(item: Mapping[str, Any]) -> tuple[object, ...]:
    replicas = f"{item.get('min')}-{item.get('max')}"
    held = "; ".join(_held(item)) or "nothing"
    return (item.get("name"), item.get("executor"), item.get("service"), item.get("mode"), replicas, held)


def _held(item: Mapping[str, Any]) -> Iterator[str]:
    if item.get("protected"):
        yield f"protected: {item['protected']}"
    yield from (f"brake {brake.get('scope')}: {brake.get('reason')}" for brake in item.get("brakes") or [])
    yield from (f"paused: {pause.get('reason')}" for pause in item.get("pauses") or [])
    if item.get("cooldown_until"):
        yield f"cooldown until {item['cooldown_until']}"


_LISTING = Listing(
    "/api/v1/targets",
    (Words("name", is_cut=True), "executor", Words("service", is_cut=True), "mode", "replicas", Words("held back by")),
    _row,
    none="no targets: the agent may change nothing",
    most_on_a_page=100,
)


@group.command(epilog=exit_codes.asking())
def targets(
    *,
    limit: Limit = 100,
    is_whole: All = False,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """List what the agent may change, and what holds it back."""
    _LISTING.show({}, limit=limit, is_whole=is_whole, as_json=as_json, config=config, url=url, token=token)
