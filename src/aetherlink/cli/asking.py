"""`aether query` and `aether act`: what the seed's routes do, from the command line."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from aetherlink.cli import completing, exit_codes
from aetherlink.cli.parameters import Config, Json, Token, Url

group = typer.Typer()


@group.command(
    epilog=exit_codes.asking({2: "usage, settings, or no PromQL", 3: "the agent or Prometheus is out of reach"})
)
def query(
    ql: Annotated[str, typer.Argument(help="PromQL, evaluated now.")],
    *,
    source: Annotated[
        str | None,
        typer.Option(help="The source to ask.", show_default="the first", autocompletion=completing.sources),
    ] = None,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Ask PromQL of the agent's Prometheus."""
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json

    body = _given({"ql": ql, "source": source})
    answer = talk(lambda agent: agent.ask("POST", "/query", body), config=config, url=url, token=token)
    if as_json:
        print_json(answer)
    else:
        _print_result(answer.get("result"))


@group.command(epilog=exit_codes.asking({0: "accepted", 1: "not accepted, or the agent refused"}))
def act(
    action: Annotated[str, typer.Argument(help="restart_api, restart, scale, rollback, or one of the settings.")],
    *,
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    service: Annotated[str | None, typer.Option(help="A target's service or name.", show_default=False)] = None,
    replicas: Annotated[int | None, typer.Option(help="For scale: how many.", show_default=False)] = None,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Ask for an action; policy decides."""
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_requested

    body = _given({"action": action, "reason": reason, "service": service, "replicas": replicas})
    answer = talk(lambda agent: agent.ask("POST", "/act", body), config=config, url=url, token=token)
    print_requested(answer, as_json=as_json)


def _given(options: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def _print_result(result: Any) -> None:
    from aetherlink.cli.printing import Words, labels, print_line, print_table

    if result and all(isinstance(sample, dict) for sample in result):
        rows = [(labels(sample.get("metric", {})), _values(sample)) for sample in result]
        print_table((Words("series"), "value"), rows, none="")
    elif result:  # a scalar or a string: its time and its value
        print_line(str(result[-1]))
    else:
        print_line("no data")


def _values(sample: Mapping[str, Any]) -> str:
    pairs = [sample["value"]] if "value" in sample else sample.get("values", [])
    return " ".join(str(value) for _, value in pairs)
