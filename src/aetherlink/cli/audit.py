"""`aether audit verify` looks at the database itself and believes no running agent; `status` asks one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aetherlink.cli import exit_codes
from aetherlink.cli.parameters import Config, Json, Token, Url

if TYPE_CHECKING:
    from aetherlink.audit.verify import Report

group = typer.Typer()

_CODES = exit_codes.told(
    {
        0: "all is as it was stored",
        1: "something was changed, or the store cannot be read",
        2: "usage, settings, the key, or the anchors",
        3: "the database is out of reach",
    }
)
audit_commands = typer.Typer(help="Tamper evidence of the timelines.", no_args_is_help=True)
group.add_typer(audit_commands, name="audit")


@audit_commands.command(epilog=exit_codes.asking())
def status(config: Config = None, url: Url = None, token: Token = None, as_json: Json = False) -> None:
    """Show how many timeline entries there are and how far the anchors reach, as the running agent says."""
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json, print_line

    answer = talk(lambda agent: agent.ask("GET", "/api/v1/audit"), config=config, url=url, token=token)
    anchor = answer.get("anchor") or {}
    if as_json:
        print_json(answer)
        return
    reach = f"up to entry {anchor.get('number')}, since {anchor.get('at')}" if anchor else "none yet"
    print_line(f"{answer.get('entries')} entries; anchors: {reach}")
    print_line("what they are worth says `aether audit verify`, which believes no running agent")


@audit_commands.command(epilog=_CODES)
def verify(
    *,
    anchors: Annotated[
        Path | None, typer.Option(help="A file of anchors.", show_default="audit.anchors in data_dir")
    ] = None,
    anchor: Annotated[
        list[str] | None,
        typer.Option(help="A line of the log with an anchor; may be repeated.", show_default=False),
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Check that no timeline entry was changed, and name the first one that was."""
    from aetherlink.cli.printing import print_json

    report = _report(config, anchors, anchor or [])
    if as_json:
        print_json(_as_json(report))
    else:
        _print(report)
    raise typer.Exit(0 if report.first_bad is None else exit_codes.FAILED)


def _report(config: Path | None, anchors: Path | None, lines: list[str]) -> "Report":
    from aetherlink import app, settings
    from aetherlink.audit import anchor_file, key_file
    from aetherlink.audit.verify import verify as verified
    from aetherlink.errors import SettingsError

    found = settings.load(config)
    if anchors is not None and not anchors.is_file():
        raise SettingsError(f"there is no file of anchors at {anchors}")
    path = anchors or found.data_dir / anchor_file.ANCHORS_FILE
    try:
        noted, unreadable = anchor_file.AnchorFile(path).read()
    except OSError as problem:
        raise SettingsError(f"the anchors in {path} cannot be read: {problem.strerror}") from problem
    with app.audited(found) as view:  # before the key: without a database none is missing
        key = key_file.read(key_file.place(found.audit, found.data_dir))
        report = verified(view, key, [*noted, *anchor_file.from_log(lines)])
    if unreadable:
        report.notice(f"{unreadable} lines of {path} hold no anchor: a crash leaves at most one each time")
    if not noted and not lines:
        report.notice("there are no anchors: that the end was cut, or an older database put back, would not show")
    return report


def _as_json(report: "Report") -> dict[str, object]:
    bad = report.first_bad
    return {
        "ok": bad is None,
        "entries": report.tally.number,
        "pruned": report.pruned,
        "anchors": report.anchors,
        "digest": report.tally.hex,
        "first_bad": None
        if bad is None
        else {
            "number": bad.number,
            "incident_id": bad.incident_id,
            "sequence": bad.sequence,
            "problem": bad.problem,
        },
        "notices": report.notices,
    }


def _print(report: "Report") -> None:
    from aetherlink.cli.printing import print_line

    for notice in report.notices:
        print_line(f"notice: {notice}")
    pruned = f", {report.pruned} of them without their text (retention)" if report.pruned else ""
    print_line(f"{report.tally.number} entries are as they were stored{pruned}; {report.anchors} anchors agree")
    if report.first_bad is None:
        print_line("nothing was changed")
    else:
        print_line(f"CHANGED: {report.first_bad}")
