"""Writes docs/reference from the code: `make docs`. tests/docs compares what it would write with what is committed.

Each page is one function that answers with the page's text. Nothing here is typed by hand that the code knows itself.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args, get_origin

import typer
import yaml
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from aetherlink.access.gate import LOCAL_SCOPES
from aetherlink.agent import Agent
from aetherlink.api import webhook_docs
from aetherlink.api.registry import ROUTERS
from aetherlink.cli import exit_codes
from aetherlink.cli.entry import aether
from aetherlink.commands import ALWAYS_KNOWN
from aetherlink.console import registry as pages
from aetherlink.lab.drills.catalogue import DRILLS
from aetherlink.mcp import door
from aetherlink.mcp.metrics import McpMetrics
from aetherlink.mcp.options import McpOptions
from aetherlink.model.lifecycle import TRANSITIONS, State
from aetherlink.model.principals import ROLES, Principal, Role, Scope
from aetherlink.model.timeline import EventKind
from aetherlink.playbooks.loader import load_playbooks
from aetherlink.playbooks.schema import PlaybookForm
from aetherlink.policy.rules import RULES
from aetherlink.settings import PREFIX, Settings
from aetherlink.web.guard import Needs
from aetherlink.web.services import ApiServices
from peakpro_crm.metrics import Metrics as CrmMetrics
from peakpro_crm.settings import CrmSettings, TrafficSettings

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs/reference"
MADE = "<!-- Written by `make docs` from the code: change the code, not this page. -->"

TIMELINE: Mapping[EventKind, str] = {
    EventKind.OPENED: "The incident begins: by an alert, by a low health score, or by a request.",
    EventKind.ALERTS: "An alert joined the incident, fired again, or resolved.",
    EventKind.PLANNED: "A playbook matched, or none did; with the plan and its bound queries. After a repair: which of "
    "what depends on its target is restarted now, left as it is, or left out, and why.",
    EventKind.DECIDED: "Policy decided: allow, needs_approval, observe or deny, with the rule and the reason.",
    EventKind.ACTION_STARTED: "The intent is committed; only then is the executor called.",
    EventKind.ACTION_FINISHED: "What came of the action: done, not_needed, failed or unknown.",
    EventKind.VERIFYING: "The verifying query is asked on samples newer than the action.",
    EventKind.VERIFIED: "The query held for as long as the playbook asks; or a dependent that was restarted is up.",
    EventKind.NOT_RECOVERED: "The query did not hold, or a dependent did not come up, within the playbook's time.",
    EventKind.CANNOT_TELL: "Nobody can tell whether the repair helped: no data, or an error. Never taken for success.",
    EventKind.UNDONE: "A repair that did not help was taken back.",
    EventKind.BRAKED: "Automation keeps off a target or a playbook from now on, until a person lets go of it.",
    EventKind.RELEASED: "A person let go of a brake.",
    EventKind.WRONG: "A person said that the action was wrong.",
    EventKind.APPROVAL_ASKED: "A person is asked to approve: the plan, what was seen, and the hash that binds both.",
    EventKind.APPROVED: "A person approved exactly this plan.",
    EventKind.NOT_APPROVED: "A person tried to approve, and may not, or not this: a stale plan, too late, his own.",
    EventKind.DENIED: "A person denied the plan, or took the request back.",
    EventKind.EXPIRED: "Nobody approved in time.",
    EventKind.DRIFTED: "The target is not as it was shown any more: the request is made anew.",
    EventKind.ESCALATED: "A person is needed; said once for each incident.",
    EventKind.RESOLVED: "Nothing is wrong any more: the alerts resolved, or the request was carried out.",
    EventKind.REOPENED: "What was over is back within the reopen window, an alert or what the agent sees.",
    EventKind.MERGED: "A symptom of the same cause joined, or the cause took over what a symptom had opened.",
    EventKind.FLAPPING: "Alerts stop and fire again and again; said when it begins.",
    EventKind.SUPPRESSED: "Alerts of the incident were silenced or inhibited in Alertmanager; they fire on.",
    EventKind.ACKNOWLEDGED: "A person has taken it over.",
    EventKind.NOTE: "A person wrote this down.",
    EventKind.CLOSED: "A person closed it by hand, and why.",
    EventKind.PAUSED: "A person paused the agent or a part of it: what, until when, why.",
    EventKind.RESUMED: "A person ended a pause, and which.",
    EventKind.PROMOTED: "A person let a playbook do more than its file says: up to which mode, and why.",
    EventKind.SIGNED_IN: "An identity provider vouched for a person: who, with which role, by which of the groups.",
    EventKind.SIGN_IN_REFUSED: "Somebody was not let in by the identity provider's answer, and why; of many who are "
    "nobody that it knows, some are written down.",
    EventKind.DEMOTED: "A promoted playbook was set back: by a person, or by the agent, for its repairs kept failing.",
}


def page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", MADE, *(part.strip("\n") for part in parts)]) + "\n"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"

    names = list(head)
    return "\n".join([line(names), "|" + "---|" * len(names), *(line(row) for row in rows)])


def code(text: object) -> str:
    return f"`{text}`" if str(text) else ""


# --- settings


def shown(value: object) -> str:
    """A default as it would be written in YAML."""
    return "" if value is None else code(written(value))


def written(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case timedelta():
            return f"{value.total_seconds():g}s"
        case BaseModel():
            return written({name: each for name, each in value if each is not None})
        case dict():
            return "{" + ", ".join(f"{written(key)}: {written(each)}" for key, each in value.items()) + "}"
        case tuple() | list() | frozenset():
            return "[" + ", ".join(map(written, value)) + "]"
    return str(getattr(value, "value", value))


def inner_model(annotation: object) -> type[BaseModel] | None:
    """The model inside an annotation such as tuple[Model, ...] or dict[str, Model]."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := inner_model(argument))), None)


def default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "" if value is PydanticUndefined else shown(value)


def settings_rows(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        here = f"{path}{field.alias or name}"
        below = inner_model(field.annotation)
        is_single = isinstance(field.annotation, type)
        if below is None or not is_single:
            yield code(here), default_of(field), field.description or ""
        if below is not None:
            container = {dict: ".NAME.", tuple: "[].", list: "[]."}.get(get_origin(field.annotation), ".")
            yield from settings_rows(below, here + container)


def settings() -> str:
    return page(
        "Settings",
        "The file that `--config` names, else the one in `AETHER_CONFIG`, else `./aether.yaml` if it is there. Over it "
        "`PROM_URL`, `ALERTMANAGER_URL`, `GRAFANA_URL` and `LOG_LEVEL`; over all of these the variables "
        f"`{PREFIX}*`: the path in capitals, `__` for each dot, lists and mappings as JSON "
        f"(`{PREFIX}HEALTH__INTERVAL=30s`, `{PREFIX}VIP_TENANTS='[\"vip-*\"]'`). Unknown keys are refused. Durations "
        "are numbers of seconds, or written like `3s`, `10m`, `1h30m`. `aether check` builds everything and exits.",
        table(("Setting", "Default", "What it says"), settings_rows(Settings)),
        "In `actions` these names are always known, whether they have a target or not: "
        + ", ".join(code(name) for name in ALWAYS_KNOWN)
        + ".",
    )


def playbooks() -> str:
    return page(
        "Playbooks",
        "One YAML file each, built in or in `playbooks_dir`; one of yours with the name of a built-in replaces it. "
        "Unknown keys are refused. [How to write one](../how-to/write-a-playbook.md).",
        table(("Key", "Default"), ((key, default) for key, default, _ in settings_rows(PlaybookForm))),
        '`match` takes exact values, or `=~`, `!~`, `!=` before one, or a list like `alertname="CrmApiDown"`, as '
        "Alertmanager has them. With neither `action` nor `steps` a playbook only observes; with one of them it needs "
        "`target`, `bind`, `verify`, and `when` or `evidence: alert`. Steps take `when`, `verify`, `dependents`, "
        "`target` and `undo` from the playbook where "
        "they have none of their own. The labels in `bind` "
        "are taken from the alert and put as matchers into every query, by a PromQL parser. `when` has to hold on "
        "fresh data at the moment of acting; `verify.query` has to hold for `verify.for` within `verify.within`, on "
        "samples newer than the action: its windows and `verify.for` together have to be shorter than `verify.within`. "
        "With a `verify.for` of 0 it has to hold as long as two samples are apart, or until a newer sample shows it "
        "where nobody knows that; half of `verify.within` at most. "
        "Limits of numbers: `scale.by` 10, `cooldown` 1 s to 30 days, `verify.within` a day, `limits.per_hour` 60, "
        "`escalate.after` 10; 8 steps, 20 matchers, files of 64 KiB.",
        "Built in, in the order in which they are asked:",
        table(
            ("Playbook", "Alerts", "What it does"),
            (
                (
                    code(playbook.name),
                    ", ".join(code(each) for each in sorted(playbook.match[0].only_values or ())),
                    ", ".join(step.words for step in playbook.steps) or "only observes",
                )
                for playbook in load_playbooks(None)
            ),
        ),
    )


# --- routes


def needs(dependant: Dependant) -> Needs | None:
    if isinstance(dependant.call, Needs):
        return dependant.call
    return next((found for below in dependant.dependencies if (found := needs(below))), None)


UNTOLD: Mapping[str, str] = {  # routes that OpenAPI does not describe
    "/": "A page: the worst incident and what it asks of people, and everything else at a glance",
    "/incidents": "A page: what is open, or what was resolved",
    "/incidents/": "The same",
    "/incidents/{incident_id}": "A page: one incident, what was done, what proves it, its timeline",
    "/assets/{name}": "Style sheets, scripts and the icon of these pages",
    "/assets/{digest}/{name}": "The same, kept for ever by browsers",
    "/alerts": "A page: the alerts, grouped and narrowed by matchers as Alertmanager has them",
    "/alerts/rows": "The same as compact JSON, in parts of a bounded size, for the list that scrolls on that page",
    "/actions": "A page: actions with their decisions; budgets, brakes, pauses, targets",
    "/playbooks": "A page: the playbooks, their modes, what they did or would have done",
    "/playbooks/{name}": "A page: one playbook, and why it has its mode",
    "/login/oidc": "Leads to the identity provider, where one is set up",
    "/login/oidc/callback": "A page: where the identity provider leads back to, which signs in or refuses",
    "/ledger": "A page: what became of every alert received, added up",
    "/audit": "A page: what people did, and how far the anchors reach",
    "/settings": "A page: how every part stands; the settings, for administrators, without secrets",
    "/brakes/release": "The form of a page: lets go of a brake",
    "/pauses": "The form of a page: pauses",
    "/pauses/resume": "The form of a page: resumes",
    "/playbooks/promote": "The form of a page: promotes a playbook",
    "/playbooks/demote": "The form of a page: sets a playbook back",
    "/channels/test": "The form of a page: tests a channel",
    "/deliveries/resend": "The form of a page: has a dead letter told again",
    "/login": "A page: sign in with a token or the code of a login link; POST does it",
    "/logout": "Ends the session of a browser",
    "/docs": "Swagger's page about all this",
    "/docs/assets/{name}": "What that page needs",
    "/openapi.json": "The description of all this",
    "/alertmanager": "405: the webhook takes POST only",
    "/mcp": "Assistants, by the Model Context Protocol; 404 unless `mcp.enabled`",
}


def may_call(route: APIRoute) -> str:
    found = needs(route.dependant)
    if found is None:
        return "all"
    more = ", or this machine" if found.also_local else ", by token" if found.by_token else ""
    return f"{found.scope or 'any'}{more}"


def all_routes() -> list[APIRoute]:
    nothing: Any = None  # routes are only looked at, never called
    services = ApiServices(*[nothing] * len(ApiServices.__slots__))
    assistants = door.routers(McpOptions(enabled=True), McpMetrics(CollectorRegistry()))
    makers = (*ROUTERS, *pages.ROUTERS, *assistants)
    return [route for make in makers for route in make(services).routes if isinstance(route, APIRoute)]


def routes() -> str:
    found = all_routes()
    rows = [
        (code(f"{' '.join(sorted(route.methods))} {route.path}"), may_call(route), route.summary or UNTOLD[route.path])
        for route in found
    ]
    webhooks = webhook_docs.paths(security=[])
    rows += [(code(f"POST {path}"), "webhook", item["post"]["summary"]) for path, item in webhooks.items()]
    return page(
        "Routes",
        "On 127.0.0.1:8088, in the container on :8080. `GET /docs` shows them with their shapes, and lets you try. "
        "Errors are `application/problem+json`, those of pages are pages. Lists take `?limit=` and `?cursor=` and "
        "answer with `items` and `next_cursor`. Routes that write take the header `Idempotency-Key`.",
        table(
            ("Route", "Scope that may call it", "What it does"),
            sorted(rows, key=lambda row: row[0].strip("`").rpartition(" ")[::-2]),
        ),
        "A caller on this machine (mode `local`) or in `auth.trusted_networks` has the scopes read and webhook without "
        "a token, and may ask for actions. See [SECURITY.md](../../SECURITY.md).",
    )


# --- authorization

_YES = "yes"


def who_may(found: Needs | None) -> tuple[str, ...]:
    """One cell a role, then one for no token on this machine, a token of one tenant, a page of another site."""
    if found is None:
        return (_YES,) * (len(Role) + 2)
    if found.scope is None:
        return (_YES,) * (len(Role) + 2)
    roles = [Principal(role, scopes).may(found.scope) for role, scopes in ROLES.items()]
    here = not found.by_token and (found.also_local or found.scope in LOCAL_SCOPES)
    tenant = found.tenants and found.scope is Scope.READ
    return tuple(_YES if may else "" for may in (*roles, here, tenant))


def authorization() -> str:
    rows = [
        (code(f"{' '.join(sorted(route.methods))} {route.path}"), *who_may(needs(route.dependant)))
        for route in all_routes()
    ]
    webhook = ("", "", "", "by token", _YES, "")
    rows += [(code(f"POST {path}"), *webhook) for path in webhook_docs.paths(security=[])]
    roles = [(code(role), ", ".join(code(scope) for scope in sorted(scopes))) for role, scopes in ROLES.items()]
    return page(
        "Who may call what",
        "Written from the routes. A role is a set of scopes; `admin` holds every scope. A token may also have scopes "
        "that are no role, such as `webhook`.",
        table(("Role", "Scopes"), roles),
        "*This machine* is a caller without a token or a session in mode `local`, or in `auth.trusted_networks`. *One "
        "tenant* is a token that is bound to one: what cannot keep to a tenant refuses it. A browser that is signed in "
        "has what its role has, by all methods from the agent's own pages, by GET and HEAD only from others; alerts it "
        "cannot post. `POST /login` and `POST /logout` take the agent's own pages only, `POST /mcp` a token only: no "
        "session opens it.",
        table(
            ("Route", *(role.value for role in Role), "this machine", "one tenant"),
            sorted(rows, key=lambda row: row[0].strip("`").rpartition(" ")[::-2]),
        ),
    )


# --- metrics


def metric_rows(registry: CollectorRegistry) -> list[tuple[str, str, str, str]]:
    """Every metric of a registry. Label names are taken from the metric, since one without samples shows none."""
    collectors: Any = list(vars(registry)["_collector_to_names"])  # the library has no public way
    known = {each._name: each._labelnames for each in collectors if isinstance(each, MetricWrapperBase)}  # noqa: SLF001 - see above
    rows = []
    for family in registry.collect():
        labels = known.get(family.name) or sorted({name for sample in family.samples for name in sample.labels})
        name = family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")
        rows.append(
            (code(name), family.type, ", ".join(code(label) for label in labels if label != "le"), family.documentation)
        )
    return sorted(rows)


def metrics() -> str:
    own, standard = [], []
    with TemporaryDirectory() as folder:
        rows = metric_rows(Agent(Settings(data_dir=Path(folder))).registry)
    for row in rows:
        (own if row[0].startswith("`aether_") else standard).append(row)
    return page(
        "Metrics",
        "`GET /metrics`, open to all who reach the port. Labels that come from alerts are capped: beyond the cap their "
        "values count as `other`.",
        table(("Metric", "Type", "Labels", "What it says"), own),
        "Of the process and of Python: " + ", ".join(row[0] for row in standard) + ".",
    )


# --- commands


SHARED = {"--config", "--url", "--token", "--json"}


def command_rows(command: Any, name: str) -> Iterator[tuple[str, str, str, str]]:
    subcommands: Mapping[str, Any] = getattr(command, "commands", {})
    if not subcommands:
        parameters = [parameter for parameter in command.params if not SHARED & set(parameter.opts)]
        has_json = any("--json" in parameter.opts for parameter in command.params)
        help_, takes = (command.help or "").partition("\n\n")[0], "<br>".join(map(parameter_words, parameters))
        codes = (command.epilog or "").removeprefix("Exit codes: ").rstrip(".").replace("; ", "<br>")
        yield code(name), help_ + ("" if has_json else " No `--json`."), takes, codes
    for each in sorted(subcommands):
        yield from command_rows(subcommands[each], f"{name} {each}")


def parameter_words(parameter: Any) -> str:
    names = (
        ", ".join(code(option) for option in parameter.opts)
        if parameter.param_type_name == "option"
        else code(parameter.name.upper().rstrip("_"))
    )
    said = getattr(parameter, "help", "") or ""
    return f"{names}: {said}" if said else names


def commands() -> str:
    whole = typer.main.get_command(aether)
    return page(
        "Commands",
        "Exit codes: 0 well; 1 no: a check failed, or the agent refused (no token that it accepts, no scope, or it is "
        "not so any more); 2 usage, settings, or no such thing; 3 something is out of reach; "
        f"{', '.join(f'{number} {words}' for number, words in exit_codes.BY_SIGNAL.items())}. "
        "What goes wrong is said on standard error.",
        "Commands that ask a running agent take `--url` (or `AETHER_URL`; else the settings' address) and `--token` "
        "(or `AETHER_TOKEN`; else the operator's of the data folder); those that read settings take `--config`; "
        "`--json` answers for programs: one document, or one a line where things go on, and nothing else on standard "
        "output. On a terminal rows are cut to its width and times are how long ago; elsewhere nothing is cut.",
        table(("Command", "What it does", "It takes", "Exit codes"), command_rows(whole, "aether")),
        "The drills that `aether drill` knows:",
        table(
            ("Drill", "What happens", "The alert it looks for", "Where"),
            (
                (code(drill.name), drill.summary, code(drill.alertname), "lab" if drill.needs_lab else "lab, compose")
                for drill in DRILLS.values()
            ),
        ),
    )


# --- the rest


def timeline() -> str:
    return page(
        "Timeline",
        "Every incident has a timeline, append-only: `aether show ID`, `GET /api/v1/incidents/{id}/timeline`. Each "
        "entry has its kind, its time, a text for people and facts for machines.",
        table(("Kind", "What it says"), ((code(kind.value), TIMELINE[kind]) for kind in EventKind)),
    )


def lifecycle() -> str:
    states: list[State | None] = [None, *State]
    rows = (
        (
            transition.event.value,
            ", ".join(transition.by),
            *(code(transition.moves.get(state, "")) for state in states),
            transition.meaning,
        )
        for transition in TRANSITIONS
    )
    return page(
        "Lifecycle of an incident",
        "What leads from which state to which, and who may cause it. An empty place: that cannot be, and is refused "
        "(409). `open` and `acknowledged` have the status open, and so has `closing`, which waits for an action to "
        "end; `closed` (by hand) and `resolved` have the status resolved.",
        table(
            ("What happens", "By", *("from " + (state or "nothing") for state in states), "What it means"),
            rows,
        ),
    )


def policy() -> str:
    rows = ((code(rule.__name__), inspect.getdoc(rule) or "") for rule in RULES)
    return page(
        "Policy",
        "Every rule is asked, in this order, and all that they have against a plan is kept. The first denial decides; "
        "else the first that lets the agent only observe; else the first that wants a person's approval. Its name and "
        "its reason reach the timeline, the answer of `/act` and the label of a metric. When no rule has anything "
        "against it, the rule is `all_rules` and the decision `allow`.",
        table(("Rule", "What it holds to"), rows),
    )


def plain(template: str) -> str:
    """A summary's template as words: what varies in angle brackets, both ways where it has two."""
    both = re.sub(r"{{ ?if [^}]*}}(.*?){{ ?else ?}}(.*?){{ ?end ?}}", r"\1 / \2", template)
    return re.sub(r"{{ ?\$(?:labels\.)?(\w+)[^}]*}}", r"&lt;\1&gt;", both)


def alerts() -> str:
    files = sorted((ROOT / "monitoring/rules").glob("*.yml"))
    rules = [rule for file in files for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]
    fires = [rule for rule in rules if "alert" in rule]
    records = [rule["record"] for rule in rules if "record" in rule]
    return page(
        "Alerts and recording rules",
        "From `monitoring/rules/`; each with unit tests in `monitoring/rules/tests/`.",
        table(
            ("Alert", "Severity", "What it says"),
            dict.fromkeys(
                (code(rule["alert"]), rule["labels"]["severity"], plain(rule["annotations"]["summary"]))
                for rule in fires
            ),
        ),
        "Recorded: " + ", ".join(code(name) for name in sorted(set(records))) + ".",
    )


def crm_registry() -> CollectorRegistry:
    return CrmMetrics(tenants=(), version="1.0.0")._registry  # noqa: SLF001 - the CRM shows its metrics as text only


def crm() -> str:
    crm_rows = [
        (code(f"{model.model_config['env_prefix']}{name}".upper()), default_of(field))
        for model in (CrmSettings, TrafficSettings)
        for name, field in model.model_fields.items()
    ]
    return page(
        "PeakPro CRM",
        "The patient. `python -m peakpro_crm serve`, `migrate` or `traffic`; its routes are at `/docs`.",
        table(("Variable", "Default"), crm_rows),
        table(("Metric", "Type", "Labels", "What it counts"), metric_rows(crm_registry())),
    )


PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings,
    "playbooks.md": playbooks,
    "routes.md": routes,
    "authorization.md": authorization,
    "metrics.md": metrics,
    "commands.md": commands,
    "timeline.md": timeline,
    "lifecycle.md": lifecycle,
    "policy.md": policy,
    "alerts.md": alerts,
    "crm.md": crm,
}


def main() -> int:
    for name, write in PAGES.items():
        (REFERENCE / name).write_text(write(), encoding="utf-8")
        print(REFERENCE / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
