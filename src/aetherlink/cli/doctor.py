"""`aether doctor`: looks the whole installation over, and says of each part how it is and what to do.

It changes nothing; a test alert is sent only where it is asked for.
"""

from typing import Annotated

import typer

from aetherlink.cli import exit_codes
from aetherlink.cli.parameters import Config, Json, Token, Url
from aetherlink.errors import SettingsError

group = typer.Typer()

_CODES = exit_codes.told(
    {0: "well", 1: "something is at fault", 2: "usage or settings", 3: "the agent is out of reach"}
)


@group.command(epilog=_CODES)
def doctor(
    *,
    send_test_alert: Annotated[
        bool,
        typer.Option(
            "--send-test-alert",
            help="Send a test alert by each Alertmanager and wait for it in the agent. Everybody whom its route leads "
            "to is told as well: without this option it is shown who that is.",
        ),
    ] = False,
    wait: Annotated[str, typer.Option(help="How long to wait for the test alert.")] = "1m",
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Check an installation, on the agent's machine: each finding with what to do about it."""
    from aetherlink.cli.connection import settings_file, talk
    from aetherlink.cli.doctor_report import print_report, report_as_json
    from aetherlink.cli.printing import print_json
    from aetherlink.clients.agent import AgentClient
    from aetherlink.doctor.agent_view import AgentView
    from aetherlink.doctor.examine import Report, examine
    from aetherlink.doctor.looking import Ground
    from aetherlink.lib.clock import SystemClock
    from aetherlink.lib.durations import parse_duration
    from aetherlink.settings import load

    try:
        patience = parse_duration(wait)
    except ValueError as problem:
        raise SettingsError(f"--wait: {problem}") from problem
    file = settings_file(config)
    settings = load(file)

    async def work(agent: AgentClient) -> Report:
        alert_wait = patience if send_test_alert else None
        return await examine(Ground(settings, file, AgentView(agent), SystemClock(), alert_wait))

    report = talk(work, config=config, url=url, token=token)
    if as_json:
        print_json(report_as_json(report))
    else:
        print_report(report)
    raise typer.Exit(report.exit_code)
