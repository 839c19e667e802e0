"""`aether lab ...` and `aether drill`: the embedded lab, its demo, and the drills."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aetherlink.cli import completing, exit_codes
from aetherlink.cli.parameters import Config, Json, Token, Url

if TYPE_CHECKING:  # the lab's options take a while to import, and `aether --help` needs them not
    from aetherlink.lab.drills.run import Report
    from aetherlink.lab.options import LabOptions

group = typer.Typer()
lab = typer.Typer(name="lab", help="The whole stack on this machine, without Docker.", no_args_is_help=True)
group.add_typer(lab)

Directory = Annotated[Path, typer.Option("--dir", help="The lab's directory.")]
Interval = Annotated[float, typer.Option(help="Seconds between two scrapes, evaluations and health checks.")]
Replicas = Annotated[int, typer.Option(help="How many processes of the CRM's API.")]
ReleaseName = Annotated[str, typer.Option(help="The CRM's release: 1.0.0, or 1.1.0, which is bad on purpose.")]
Rate = Annotated[float, typer.Option(help="Requests a second of the traffic; 0 for none.")]
Generation = Annotated[str, typer.Option(help="Which Prometheus and Alertmanager: stable, or next.")]
FreePorts = Annotated[
    bool, typer.Option("--free-ports", help="Listen on any free ports; else the usual ones, or those next to them.")
]

_LAB = {2: "usage", 3: "no lab runs, or it is out of reach"}
_HERE = Path(".lab")
_BAD_RELEASE = "1.1.0"
_DRILL = exit_codes.asking({0: "it ended as it should", 1: "it did not, or the agent refused"})


@lab.command(epilog=exit_codes.told({0: "ended", 1: "something of it did not start, or ended", 2: "usage"}))
def up(
    *,
    directory: Directory = _HERE,
    interval: Interval = 1.0,
    replicas: Replicas = 1,
    release: ReleaseName = "1.0.0",
    traffic_rate: Rate = 20.0,
    generation: Generation = "stable",
    free_ports: FreePorts = False,
) -> None:
    """Start PostgreSQL, Prometheus, Alertmanager, the CRM with traffic and the agent; stay until Ctrl-C."""
    import asyncio

    from aetherlink.lab import runner
    from aetherlink.lab.options import LabPorts

    options = _options(
        dir=directory,
        interval=interval,
        replicas=replicas,
        release=release,
        traffic_rate=traffic_rate,
        generation=generation,
        ports=dict.fromkeys(LabPorts.model_fields, 0) if free_ports else LabPorts(),
    )
    raise typer.Exit(asyncio.run(runner.run_lab(options, tell=_tell)))


@lab.command(epilog=exit_codes.told({0: "it was healed", 1: "it was not, or something did not start", 2: "usage"}))
def demo(
    *,
    directory: Directory = _HERE,
    interval: Interval = 1.0,
    traffic_rate: Rate = 20.0,
    generation: Generation = "stable",
    keep: Annotated[bool, typer.Option("--keep", help="Keep the lab running afterwards, until Ctrl-C.")] = False,
) -> None:
    """Start the lab, kill the CRM's API once, and show the agent heal it."""
    import asyncio

    from aetherlink.lab import demo as stage

    options = _options(dir=directory, interval=interval, traffic_rate=traffic_rate, generation=generation)
    raise typer.Exit(asyncio.run(stage.run_demo(options, keep=keep, tell=_tell)))


@lab.command(epilog=exit_codes.told({0: "it is down", 1: "it could not be ended", 2: "usage"}))
def down(
    *,
    directory: Directory = _HERE,
    purge: Annotated[
        bool, typer.Option("--purge", help="Remove what it stored as well: incidents, metrics, logs, the database.")
    ] = False,
    as_json: Json = False,
) -> None:
    """End the lab, and whatever a killed one left behind."""
    import asyncio

    from aetherlink.cli.printing import print_json
    from aetherlink.lab import remote

    ended = asyncio.run(remote.down(directory))
    removed = [str(path) for path in asyncio.run(remote.purge(directory))] if purge else []
    if as_json:
        print_json({"ended": ended, "removed": removed})
        return
    _tell(f"the lab in {directory} is down" if ended else f"no lab runs in {directory}")
    for path in removed:
        _tell(f"removed {path}")


@lab.command(epilog=exit_codes.told({0: "all is ready", 1: "something is not", **_LAB}))
def status(directory: Directory = _HERE, as_json: Json = False) -> None:
    """Show what runs."""
    import asyncio

    from aetherlink.cli.printing import Words, print_json, print_table
    from aetherlink.lab import remote
    from aetherlink.lab.states import State

    found = asyncio.run(remote.status(directory))
    if as_json:
        print_json(found.model_dump(mode="json"))
    elif found.running:
        rows = [
            (one.name, one.state, one.release, f"{one.ready}/{one.wanted}", found.urls.get(one.name))
            for one in found.services
        ]
        print_table(("service", "state", "release", "ready", Words("url")), rows, none="nothing")
        _tell(f"logs: {directory / 'logs'}")
        for line in found.moved:
            _tell(line)
    else:
        _tell(f"no lab runs in {directory}: start one with `aether lab up`")
    if not found.running:
        raise typer.Exit(3)
    raise typer.Exit(0 if all(one.state is State.READY for one in found.services) else exit_codes.FAILED)


@lab.command(epilog=exit_codes.told({0: "it is ready", 1: "it is not, or there is none of this name", **_LAB}))
def restart(
    name: Annotated[str, typer.Argument(help="The service, as `aether lab status` names it.")],
    directory: Directory = _HERE,
    as_json: Json = False,
) -> None:
    """Start a service anew, also one that has ended, and wait until it is ready."""
    import asyncio

    from aetherlink.cli.printing import print_json
    from aetherlink.lab import remote

    view = asyncio.run(remote.restart(directory, name))
    if as_json:
        print_json(view.model_dump(mode="json"))
        return
    _tell(f"{view.name} was restarted and is {view.state}")


@lab.command(epilog=exit_codes.told({0: "it runs", 1: "it does not, or there is no such release", **_LAB}))
def deploy(
    release: Annotated[
        str,
        typer.Argument(
            help="1.0.0, or 1.1.0, which is bad on purpose.", autocompletion=completing.words("1.0.0", _BAD_RELEASE)
        ),
    ],
    directory: Directory = _HERE,
    as_json: Json = False,
) -> None:
    """Put a release of the CRM in place."""
    import asyncio

    from aetherlink.cli.printing import print_json
    from aetherlink.lab import remote

    view = asyncio.run(remote.deploy(directory, release))
    if as_json:
        print_json(view.model_dump(mode="json"))
        return
    _tell(f"{view.name} runs {view.release}; before it ran {view.previous_release or view.release}")
    if view.release == _BAD_RELEASE:
        _tell(
            "it leaks database connections on purpose: expect alerts within a minute; back with "
            "`aether lab deploy 1.0.0` or `aether act rollback --reason ...`"
        )


@group.command(epilog=_DRILL)
def drill(
    name: Annotated[str, typer.Argument(help="Which drill; `all` for every one that can take place here.")],
    *,
    directory: Directory = _HERE,
    crm_url: Annotated[
        str | None, typer.Option(envvar="AETHER_DRILL_CRM_URL", help="Where the CRM is. Else the lab's.")
    ] = None,
    within: Annotated[
        float | None,
        typer.Option(help="Seconds until the incident has to be resolved.", show_default="the drill's own"),
    ] = None,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Break something on purpose and watch what the agent does, on a lab or in a compose stack."""
    import asyncio

    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json, say
    from aetherlink.clients.agent import AgentClient
    from aetherlink.lab.drills import place
    from aetherlink.lib.clock import SystemClock

    found = asyncio.run(place.find(directory, crm_url=crm_url))

    async def run(agent: AgentClient) -> "list[Report]":
        return await place.run_all(
            name,
            found.ground,
            ask=lambda path: agent.ask("GET", path),
            clock=SystemClock(),
            tell=say if as_json else _tell,
            within=within,
        )

    reports = talk(run, config=config, url=url or found.agent_url, token=token)
    is_well = all(report.is_well for report in reports)
    if as_json:
        print_json({"ok": is_well, "drills": [_drilled(report) for report in reports]})
    raise typer.Exit(0 if is_well else exit_codes.FAILED)


def _drilled(report: "Report") -> dict[str, object]:
    return {
        "drill": report.drill.name,
        "ok": report.is_well,
        "resolved": report.is_resolved,
        "repaired": report.is_repaired,
        "lifted": report.was_lifted,
        "problem": report.problem,
        "seconds": report.seconds,
    }


def _tell(line: str) -> None:
    from aetherlink.cli.printing import print_line

    print_line(line)


def _options(*, traffic_rate: float, **given: object) -> "LabOptions":
    """The lab's options. Raises SettingsError for values that are out of bounds."""
    from pydantic import ValidationError

    from aetherlink.errors import SettingsError
    from aetherlink.lab.options import LabOptions

    traffic = {"traffic_rate": traffic_rate} if traffic_rate > 0 else {"traffic": False}
    try:
        return LabOptions.model_validate({**given, **traffic, "agent_environment": _agent_environment()})
    except ValidationError as problem:
        lines = (f"--{error['loc'][0]}: {error['msg']}" for error in problem.errors())
        raise SettingsError("\n".join(lines)) from problem


def _agent_environment() -> dict[str, str]:
    """The caller's settings for the agent, and a line about each: a mode that was asked for is not ignored silently."""
    from aetherlink import settings

    found = settings.inherited()
    for line in found.told():
        _tell(f"agent: {line} from your environment")
    if found.withheld:
        _tell(f"agent: not passed on from your environment: {', '.join(found.withheld)}")
    return found.passed
