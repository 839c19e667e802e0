"""`aether init`: adopts a stack that is there. It needs no running agent."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aetherlink.cli import exit_codes
from aetherlink.cli.parameters import Json

if TYPE_CHECKING:  # what runs imports it when it runs
    from collections.abc import Sequence

    from aetherlink.adoption.own_files import Outcome
    from aetherlink.adoption.proposal import Proposal, Wishes

group = typer.Typer()

_CODES = exit_codes.told(
    {
        0: "done, or shown",
        1: "a file has to be edited by hand",
        2: "usage, or files that cannot be used",
        3: "something is out of reach",
    }
)

_MOST_NAMED = 3


@group.command(epilog=_CODES)
def init(  # noqa: PLR0917 - typer reads options from parameters, however many there are
    prometheus: Annotated[str | None, typer.Option(help="The address of the stack's Prometheus.")] = None,
    alertmanager: Annotated[
        list[str] | None, typer.Option(help="The address of its Alertmanager; again for each of a cluster.")
    ] = None,
    compose: Annotated[Path | None, typer.Option(help="Its compose file.")] = None,
    project: Annotated[
        str | None,
        typer.Option(help="Its compose project, where that is not its folder; other containers are left out."),
    ] = None,
    docker: Annotated[
        str | None,
        typer.Option(help="Docker, or a proxy before it, to list containers: unix:///path or tcp://host:port."),
    ] = None,
    prometheus_file: Annotated[
        Path | None, typer.Option(help="Its prometheus.yml, where compose does not tell.")
    ] = None,
    alertmanager_file: Annotated[
        Path | None, typer.Option(help="Its alertmanager.yml, where compose does not tell.")
    ] = None,
    into: Annotated[Path, typer.Option(help="The folder for aether.yaml and playbooks.")] = Path(),
    source: Annotated[str, typer.Option(help="What the agent calls this stack.")] = "default",
    agent: Annotated[
        str | None, typer.Option(help="The address at which the stack reaches the agent.", show_default=False)
    ] = None,
    token_file: Annotated[
        str | None, typer.Option(help="Where Alertmanager reads its token, as it sees the path.", show_default=False)
    ] = None,
    on_host: Annotated[
        bool,
        typer.Option("--on-host", help="The agent runs on this machine, and not as a service of the compose stack."),
    ] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Write the shown lines into the stack's files.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write the agent's own files anew where they are there and differ.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Adopt a stack that is there: write settings and playbooks that observe, and show what its own files need.

    Says of each rule whether the agent would help, with which playbook on which target, or why not.
    """
    from aetherlink.adoption.finding_out import Whereabouts, find_out
    from aetherlink.adoption.own_files import carry_out, read_if_there
    from aetherlink.adoption.proposal import Wishes, propose
    from aetherlink.playbooks.loader import load_playbooks

    where = Whereabouts(
        prometheus=prometheus,
        alertmanagers=tuple(alertmanager or ()),
        compose=compose,
        project=project,
        docker=docker,
        prometheus_file=prometheus_file,
        alertmanager_file=alertmanager_file,
    )
    wishes = Wishes(where, into, source=source, agent=agent, token_file=token_file, on_host=on_host)
    proposal = propose(wishes, find_out(where), load_playbooks(None), read_if_there)
    if not as_json:
        _print_proposal(proposal)
    outcomes = carry_out(proposal.changes, apply=apply, overwrite=overwrite)
    if as_json:
        _print_json(proposal, outcomes)
    else:
        _print_done(wishes, proposal, outcomes)
    raise typer.Exit(exit_codes.FAILED if proposal.refusals else 0)


def _print_proposal(proposal: "Proposal") -> None:
    """Before anything is written: what then fails has been seen."""
    from aetherlink.cli.printing import Words, print_line, print_table

    rows = [(one.rule.name, one.help, _few(one.playbooks), _few(one.targets), one.why) for one in proposal.verdicts]
    columns = (Words("rule"), "the agent", Words("playbook"), Words("target"), Words("why, or what not"))
    print_table(columns, rows, none="no alerting rules")
    for change in proposal.changes:
        if not change.is_new:
            print_line("")
            for line in change.diff.splitlines():
                print_line(line)
    print_line("")


def _print_done(wishes: "Wishes", proposal: "Proposal", outcomes: "Sequence[Outcome]") -> None:
    from aetherlink.adoption.next_steps import next_steps
    from aetherlink.cli.printing import print_line

    for one in outcomes:
        backup = f", what was there is in {one.backup}" if one.backup else ""
        print_line(f"{one.change.path}: {one.done}{backup}")
    for refusal in proposal.refusals:
        print_line("")
        print_line(f"{refusal.file}: NOT EDITED: {refusal.why}. Add by hand:")
        for line in refusal.lines.splitlines():
            print_line(f"  {line}")
    if not outcomes:
        print_line("nothing to change: the files are as they would be written")
    for note in proposal.notes:
        print_line(f"note: {note}")
    for line in next_steps(wishes, outcomes, proposal.servers):
        print_line(line)


def _few(names: "Sequence[str]") -> str:
    return ", ".join(names[:_MOST_NAMED]) + (
        f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    )


def _print_json(proposal: "Proposal", outcomes: "Sequence[Outcome]") -> None:
    from aetherlink.cli.printing import print_json

    print_json(
        {
            "rules": [
                {
                    "rule": one.rule.name,
                    "group": one.rule.group,
                    "help": one.help,
                    "playbooks": list(one.playbooks),
                    "targets": list(one.targets),
                    "why": one.why,
                }
                for one in proposal.verdicts
            ],
            "targets": list(proposal.targets),
            "receivers": list(proposal.receivers),
            "changes": [
                {
                    "path": str(one.change.path),
                    "done": one.done,
                    "is_new": one.change.is_new,
                    "backup": None if one.backup is None else str(one.backup),
                    "diff": one.change.diff,
                }
                for one in outcomes
            ],
            "by_hand": [{"file": one.file, "why": one.why, "lines": one.lines} for one in proposal.refusals],
            "notes": list(proposal.notes),
        }
    )
