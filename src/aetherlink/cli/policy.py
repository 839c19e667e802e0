"""`aether policy`: what decisions keep to now: the modes, the freezes, and how much of each budget is used."""

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from aetherlink.cli import exit_codes
from aetherlink.cli.parameters import Config, Json, Token, Url
from aetherlink.cli.printing import When, Words

group = typer.Typer()


@group.command(epilog=exit_codes.asking())
def policy(config: Config = None, url: Url = None, token: Token = None, as_json: Json = False) -> None:
    """Show what decisions keep to: modes, freezes, and how much of each budget is used."""
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json, print_line, print_table

    answer = talk(lambda agent: agent.ask("GET", "/api/v1/policy"), config=config, url=url, token=token)
    if as_json:
        print_json(answer)
        return
    print_table(("", Words("")), list(_facts(answer)), none="")
    print_line("")
    rows = map(_budget, answer.get("budgets") or [])
    print_table(("budget", Words("of", is_cut=True), "used", "free"), rows, none="no budgets")


def _budget(one: Mapping[str, Any]) -> tuple[object, ...]:
    used = f"{one.get('used')} of {one.get('allowed')}"
    return (one.get("name"), one.get("of") or "(all)", used, When(one.get("free_at")))


def _facts(answer: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    yield "mode", f"{answer.get('mode')}{' (dry run)' if answer.get('is_dry_run') else ''}"
    yield "VIP tenants", f"{answer.get('vip_mode')}: {', '.join(answer.get('vip_tenants') or []) or 'there are none'}"
    for name, mode in (answer.get("playbook_modes") or {}).items():
        yield "playbook", f"{name}: {mode}"
    for one in answer.get("freezes") or []:
        yield "freeze", f"{one.get('name')} ({one.get('scope')}): {one.get('when')}"
    for words in answer.get("frozen") or []:
        yield "FROZEN NOW", words
    yield "rules", f"{len(answer.get('rules') or [])}, each of them asked every time (--json tells them)"
