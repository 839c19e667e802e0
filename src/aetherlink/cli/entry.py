"""`aether`: THE list of command groups, one file each, and the one place where errors become exit codes.

Commands import what they need when they run, so that `aether --help` stays quick.
"""

import io
import sys

import typer

from aetherlink.cli import (
    alerts,
    approvals,
    asking,
    audit,
    backup,
    brakes,
    doctor,
    health,
    incident_acts,
    incidents,
    init,
    lab,
    mcp,
    notify,
    pause,
    playbooks,
    policy,
    report,
    serving,
    show,
    signing_in,
    smoke,
    socket_proxy,
    status,
    targets,
    tokens,
    watch,
)
from aetherlink.cli.printing import say
from aetherlink.errors import AetherError

GROUPS = (
    serving.group,
    init.group,
    lab.group,
    asking.group,
    health.group,
    status.group,
    watch.group,
    incidents.group,
    show.group,
    incident_acts.group,
    approvals.group,
    brakes.group,
    targets.group,
    policy.group,
    audit.group,
    alerts.group,
    notify.group,
    pause.group,
    playbooks.group,
    report.group,
    backup.group,
    signing_in.group,
    tokens.group,
    smoke.group,
    doctor.group,
    socket_proxy.group,
    mcp.group,
)

aether = typer.Typer(
    name="aether",
    help="AetherLink Command: hears every alert, repairs what it may, proves it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # the help in plain text: rich alone would double the time that it takes
)
for group in GROUPS:
    aether.add_typer(group)


@aether.callback()
def _all_commands() -> None:
    """Keeps `aether` a group of commands, however many there are."""


def main() -> None:
    """The entry point. For the exit codes see exit_codes."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that knows no ö gets \xf6, and not an error
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        aether()
    except AetherError as error:
        say(f"aether: {error}")
        raise SystemExit(error.exit_code) from None
