"""`aether playbook list | check | test | explain | promote | demote`: which there are, and what they may do."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from aetherlink.cli import completing, exit_codes
from aetherlink.cli.parameters import Config, GivenToken, Json, Token, Url

if TYPE_CHECKING:  # what runs imports it when it runs
    from aetherlink.cli.printing import Short
    from aetherlink.clients.agent import AgentClient
    from aetherlink.model.decisions import Evidence, Mode
    from aetherlink.pipeline.rehearsal import Rehearsal
    from aetherlink.settings import Settings

group = typer.Typer()
playbook_commands = typer.Typer(help="Playbooks: list, check, try out, promote.", no_args_is_help=True)
group.add_typer(playbook_commands, name="playbook")

_BETWEEN = re.compile(r",(?=[a-zA-Z_][a-zA-Z0-9_]*=)")
_ALERT_NAME = re.compile(r'^alertname=~?"(.*)"$')
_MOST_ALERTS = 20


@playbook_commands.command("list", epilog=exit_codes.asking())
def list_playbooks(config: Config = None, url: Url = None, token: Token = None, as_json: Json = False) -> None:
    """List the playbooks in force in the running agent, in the order in which they are asked, and how good each was."""
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import Column, Words, print_json, print_table

    answer = talk(lambda agent: agent.ask("GET", "/api/v1/playbooks"), config=config, url=url, token=token)
    if as_json:
        print_json(answer)
        return
    rows = [
        (
            item.get("name"),
            _mode_words(item),
            "built in" if item.get("is_builtin") else "yours",
            _match_words(item.get("match", [])),
            ", ".join(map(_step_words, item.get("steps", []))) or "only observes",
            _record_words(item.get("precision", {})),
        )
        for item in answer.get("items", [])
    ]
    columns = (
        "name",
        Words("mode", is_cut=True),
        Column("from", is_spare=True),
        Words("matches", is_cut=True, least=16),
        Words("does", is_cut=True, least=16),
        Words("so far", is_cut=True, least=30, is_spare=True),
    )
    print_table(columns, rows, none="no playbooks")


@playbook_commands.command(
    epilog=exit_codes.told({0: "all are well", 1: "something is wrong with one", 2: "usage or settings"})
)
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Playbook files.")],
    *,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Read playbook files and say what is wrong with them: file, line, key.

    What they do has to be what can be done to those targets of the settings that they name.
    """
    from aetherlink import settings
    from aetherlink.cli.printing import print_json, print_line
    from aetherlink.errors import SettingsError
    from aetherlink.playbooks.loader import load_playbook

    targets, found = settings.load(config).declared_targets, []
    for file in files:
        try:
            playbook = load_playbook(file, targets)
        except SettingsError as problem:
            found.append({"file": str(file), "ok": False, "problems": str(problem).splitlines()})
        else:
            does = ", ".join(step.words for step in playbook.steps) or "only observes"
            well = {"playbook": playbook.name, "does": does, "mode": playbook.mode.value}
            found.append({"file": str(file), "ok": True, "problems": [], **well})
    is_well = all(one["ok"] for one in found)
    if as_json:
        print_json({"ok": is_well, "items": found})
    else:
        for line in _checked(found):
            print_line(line)
    raise typer.Exit(0 if is_well else exit_codes.FAILED)


def _checked(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in found:
        if one["ok"]:
            yield f"{one['file']}: {one['playbook']}: {one['does']}, mode {one['mode']}"
        yield from one["problems"]


@playbook_commands.command(
    "test",
    epilog=exit_codes.asking(
        {
            0: "an action would be planned",
            1: "none would, or the agent refused",
            3: "the agent or Prometheus is out of reach",
        }
    ),
)
def try_out(
    file: Annotated[Path, typer.Argument(help="The playbook file.")],
    *,
    alert: Annotated[
        str | None,
        typer.Option(help="An invented alert: alertname=CrmApiDown,service=crm,...", show_default=False),
    ] = None,
    incident: Annotated[
        str | None, typer.Option(help="A recorded incident's id; the running agent is asked.", show_default=False)
    ] = None,
    ask: Annotated[
        bool,
        typer.Option("--ask", help="Ask the first source's Prometheus the bound queries, and Docker for the target."),
    ] = False,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Try a playbook out on an alert, and touch nothing.

    With --ask no action would be planned where `when` does not hold now.
    """
    from aetherlink import settings
    from aetherlink.cli.printing import print_json
    from aetherlink.errors import SettingsError
    from aetherlink.playbooks.loader import load_playbook

    if (alert is None) is (incident is None):
        raise SettingsError("give either --alert or --incident")
    playbook, found = load_playbook(file), settings.load(config)
    if incident is not None:
        recorded = list(_recorded(incident, config=config, url=url, token=token))
    else:
        recorded = [(_labels(alert or ""), None)]
    tried = [_rehearsed(found, playbook, labels, service, ask=ask) for labels, service in recorded]
    shown = [_asked(found, one) if ask else [] for one in tried]
    mode = _mode(found, tried[0])
    if as_json:
        print_json({"mode": mode, "alerts": [_as_json(one, asked) for one, asked in zip(tried, shown, strict=True)]})
    else:
        for (labels, _), one, asked in zip(recorded, tried, shown, strict=True):
            _print(labels, one, asked, mode)
    raise typer.Exit(_exit_code(tried, shown))


@playbook_commands.command(epilog=exit_codes.told({0: "one would match", 1: "none would", 2: "usage or settings"}))
def explain(
    alert: Annotated[str, typer.Argument(help="An alert's name, or labels: alertname=CrmApiDown,severity=critical")],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Say of every playbook whether it would match an alert, and why not."""
    from aetherlink import outside, settings
    from aetherlink.cli.printing import Words, print_json, print_table
    from aetherlink.pipeline.rehearsal import compared

    labels = _labels(alert if "=" in alert else f"alertname={alert}")
    rows: list[tuple[str, str, str]] = []
    taken = ""
    for playbook, mode in outside.book(settings.load(config)).in_force:
        missed = [one.words for one in compared(playbook, labels) if not one.fits]
        verdict = "no" if missed else "later" if taken else "yes"
        why = "; ".join(missed) if missed else f"{taken} is asked before it" if taken else f"mode {mode}"
        rows.append((playbook.name, verdict, why))
        taken = taken or ("" if missed else playbook.name)
    if as_json:
        print_json({"items": [dict(zip(("playbook", "matches", "why"), row, strict=True)) for row in rows]})
    else:
        print_table(("playbook", "matches", Words("why")), rows, none="no playbooks")
    raise typer.Exit(0 if taken else exit_codes.FAILED)


@playbook_commands.command(epilog=exit_codes.asking({0: "promoted", 1: "not promoted, or the agent refused"}))
def promote(
    name: Annotated[
        str,
        typer.Argument(help="The playbook, as `aether playbook list` prints it.", autocompletion=completing.playbooks),
    ],
    *,
    to: Annotated[Literal["approve", "auto"], typer.Option(help="Up to which mode it may act.")],
    since: Annotated[str, typer.Option(help="How far back the numbers go that are shown.")] = "30d",
    reason: Annotated[str | None, typer.Option(help="Why, for the record.", show_default="the numbers")] = None,
    is_sure: Annotated[bool, typer.Option("--yes", help="Do not ask: the numbers are shown all the same.")] = False,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Let a playbook do more than its file says, by what it has shown. Needs a token with the scope admin.

    It lasts until its file changes, its repairs keep failing, or `aether playbook demote`.
    """
    from urllib.parse import quote

    from aetherlink.cli import report
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json, print_line, say

    async def looked_at(agent: "AgentClient") -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        numbers = await agent.ask("GET", report.path_of(since, name))
        found = await agent.ask("GET", "/api/v1/playbooks")
        fitting = (one for one in found.get("items", []) if one.get("name") == name)
        return next(fitting, {}), next(iter(numbers.get("items", [])), {})

    playbook, record = talk(looked_at, config=config, url=url, token=token)
    if not as_json:
        print_line(f"{name}: {_mode_words(playbook)}, to be promoted to {to}. The numbers, since {since}:")
        for line in report.details(record):
            print_line(f"  {line}")
        print_line(f"  it {report.summary(record)}")
    if not is_sure and not typer.confirm(f"promote {name} to {to}?", err=as_json):
        say("not promoted")
        raise typer.Exit(exit_codes.FAILED)
    body = {"to": to, "digest": playbook.get("digest") or "none", "reason": reason or f"it {report.summary(record)}"}
    path = f"/api/v1/playbooks/{quote(name, safe='')}/promotion"
    answer = talk(lambda agent: agent.ask("PUT", path, body), config=config, url=url, token=token)
    if as_json:
        print_json(answer)
    else:
        print_line(f"{name} is promoted to {answer.get('mode')}; `aether playbook demote {name}` sets it back")


@playbook_commands.command(epilog=exit_codes.asking())
def demote(
    name: Annotated[
        str,
        typer.Argument(help="The playbook, as `aether playbook list` prints it.", autocompletion=completing.playbooks),
    ],
    *,
    to: Annotated[
        Literal["observe", "approve"], typer.Option(help="How far back; never below the mode of its file.")
    ] = "observe",
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "set back by hand",
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Set a promoted playbook back, at once. Needs a token with the scope approve."""
    from urllib.parse import quote, urlencode

    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json, print_line

    path = f"/api/v1/playbooks/{quote(name, safe='')}/promotion?{urlencode({'to': to, 'reason': reason})}"
    answer = talk(lambda agent: agent.ask("DELETE", path), config=config, url=url, token=token)
    if as_json:
        print_json(answer)
    elif answer.get("ended_at"):
        print_line(f"{name} is not promoted any more: the mode of its file counts")
    else:
        print_line(f"{name} is promoted to {answer.get('mode')} only")


def _mode_words(item: Mapping[str, Any]) -> str:
    """The mode in force, and what a promotion has to do with it."""
    promotion, mode = item.get("promotion") or {}, str(item.get("mode", "not in force"))
    match item.get("promotion_state"):
        case "in_force":
            return f"{mode} (promoted by {promotion.get('by')})"
        case "lapsed":
            return f"{mode} (its file was changed since it was promoted to {promotion.get('mode')})"
        case "set_back":
            return f"{mode} (set back by the agent: {promotion.get('ended_because')})"
        case _:
            return mode


def _match_words(matchers: Sequence[str]) -> "Short":
    """What nearly all begin with says nothing on a terminal, where it takes the room of the name."""
    from aetherlink.cli.printing import Short

    return Short(" ".join(matchers), " ".join(_ALERT_NAME.sub(r"\1", one) for one in matchers))


def _step_words(step: Mapping[str, Any]) -> str:
    target = step.get("target", {}).get("name") or "by labels"
    return " ".join(filter(None, (step.get("verb"), step.get("request"), target)))


def _record_words(precision: Mapping[str, Any]) -> str:
    """How good it was, in a few words; empty for one that was never wanted."""
    observed: Mapping[str, int] = precision.get("would_be", {})
    ran = [("executed", "ran"), ("recovered", "recovered"), ("not_recovered", "did not"), ("cannot_tell", "unclear")]
    judged = [("undone", "undone"), ("wrong", "wrong")]
    then = [
        ("resolved_by_itself", "ended by themselves"),
        ("looked_after", "a person looked after"),
        ("repaired", "another repair helped"),
        ("not_known", "nobody knows"),
    ]
    lived = ", ".join(f"{precision[key]} {word}" for key, word in (*ran, *judged) if precision.get(key))
    would = ", ".join(f"{observed[key]} {word}" for key, word in then if observed.get(key))
    return "; ".join(filter(None, (lived, would and f"would have acted {sum(observed.values())} times: {would}")))


def _labels(text: str) -> dict[str, str]:
    """`a=b,c=d` as labels. Raises SettingsError."""
    from aetherlink.errors import SettingsError

    pairs = [pair.partition("=") for pair in _BETWEEN.split(text)]
    wrong = next((name for name, equals, _ in pairs if not equals or not re.fullmatch(r"[a-zA-Z_]\w*", name)), None)
    if wrong is not None:
        raise SettingsError(f"{wrong!r} is no label: write for instance alertname=CrmApiDown,service=crm")
    return {name: value for name, _, value in pairs}


def _recorded(
    incident_id: str, *, config: Path | None, url: str | None, token: GivenToken | None
) -> Iterator[tuple[dict[str, str], str | None]]:
    """The labels of the incident's alerts, and its service. Raises NotFoundError when it has none."""
    from aetherlink.cli import lookups
    from aetherlink.cli.connection import talk
    from aetherlink.errors import NotFoundError

    answer = talk(lambda agent: lookups.incident(agent, incident_id), config=config, url=url, token=token)
    alerts = answer.get("alerts", [])
    if not alerts:
        raise NotFoundError(f"incident {incident_id} has no alerts: it is what the agent saw by itself")
    for one in alerts[:_MOST_ALERTS]:
        yield dict(one.get("labels", {})), answer.get("service")


def _rehearsed(
    found: "Settings", playbook: Any, labels: Mapping[str, str], service: str | None, *, ask: bool
) -> "Rehearsal":
    from aetherlink import outside
    from aetherlink.pipeline.rehearsal import Meant, rehearse

    service = outside.service_of(found, labels) if service is None else service
    finding = outside.found(found, labels) if ask else None
    return rehearse(playbook, labels, Meant(service, found.declared_targets, finding))


def _asked(found: "Settings", tried: "Rehearsal") -> "Sequence[Evidence]":
    """What the queries of the first step show now."""
    from aetherlink import outside

    first = next((each for each in tried.steps if each.when), None)
    return [] if first is None or not tried.is_match else outside.shown(found, (first.when, first.verify))


def _mode(found: "Settings", tried: "Rehearsal") -> "Mode":
    from aetherlink.playbooks.book import Book

    return Book((tried.playbook,), ceiling=found.mode, modes=found.modes).mode_of(tried.playbook)


def _exit_code(tried: "Sequence[Rehearsal]", shown: "Sequence[Sequence[Evidence]]") -> int:
    from aetherlink.model.decisions import EvidenceStatus

    if any(one.status is EvidenceStatus.ERROR for asked in shown for one in asked):
        return 3
    planned = [not one.problems for one in tried]
    held = [not asked or asked[0].status is EvidenceStatus.HOLDS for asked in shown]
    return 0 if any(fits and holds for fits, holds in zip(planned, held, strict=True)) else 1


def _print(labels: Mapping[str, str], tried: "Rehearsal", asked: "Sequence[Evidence]", mode: "Mode") -> None:
    from aetherlink.cli.printing import Words, print_line, print_table
    from aetherlink.cli.printing import labels as as_promql
    from aetherlink.pipeline.rehearsal import needs

    print_line(f"{tried.playbook.name} on {as_promql(labels)}")
    rows: list[tuple[str, str]] = [("matches" if one.fits else "DOES NOT MATCH", one.words) for one in tried.compared]
    for each in tried.steps if tried.is_match else ():
        name = f"{each.step.name}: " if each.step.name else ""
        rows.append(("would plan", f"{name}{each.step.deed} {each.target or each.step.target.words}"))
        rows += [("when", each.when or "its alert fires"), ("verify", each.verify)] if each.verify else []
        rows += [("then", f"restart {', '.join(each.dependents)}, one after another")] if each.dependents else []
        rows += [("CANNOT", each.problem)] if each.problem else []
    if tried.is_match and not tried.steps:
        rows.append(("observes", "a person is called"))
    rows += [("now", f"{one.status}: `{one.query}` {one.detail}") for one in asked]
    rows += [("needs", line) for line in needs(tried.playbook, mode)] if tried.is_match and tried.steps else []
    print_table(("", Words("")), rows, none="")


def _as_json(tried: "Rehearsal", asked: "Sequence[Evidence]") -> dict[str, object]:
    return {
        "playbook": tried.playbook.name,
        "matches": tried.is_match,
        "problems": list(tried.problems),
        "steps": [
            {
                "name": each.step.name,
                "verb": each.step.verb,
                "request": each.step.request,
                "target": each.target,
                "when": each.when,
                "verify": each.verify,
                "dependents": each.dependents,
                "problem": each.problem,
            }
            for each in tried.steps
        ],
        "evidence": [{"query": one.query, "status": one.status, "detail": one.detail} for one in asked],
    }
