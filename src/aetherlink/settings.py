"""All settings as one frozen tree, and the one place that reads the environment.

A file (--config, else AETHER_CONFIG, else ./aether.yaml if it is there), over it the seed's four variables, over both
AETHER_* variables. Unknown keys are refused, in the file and in the environment. Secrets stay in files.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_origin

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as EnvironmentSettingsError

from aetherlink.access.oidc_options import check_way_back
from aetherlink.access.options import AuthMode, AuthOptions
from aetherlink.approval_commands import ApprovalOptions
from aetherlink.audit.options import AuditOptions
from aetherlink.clients.grafana_options import GrafanaDashboardOptions
from aetherlink.clients.options import ClientOptions
from aetherlink.clients.source_options import SourceOptions
from aetherlink.commands import ActionOptions
from aetherlink.errors import SettingsError
from aetherlink.executors.docker_found import target_of, with_found
from aetherlink.executors.docker_options import DockerExecutorOptions, DockerPlace
from aetherlink.executors.options import LabExecutorOptions
from aetherlink.executors.target_options import TargetOptions, check_dependencies
from aetherlink.health.heartbeat_options import HeartbeatOptions
from aetherlink.health.options import HealthOptions
from aetherlink.incidents.options import GroupingOptions, LabelOptions, ReceptionOptions
from aetherlink.intake.options import IntakeOptions
from aetherlink.intake.reconcile_options import ReconcileOptions
from aetherlink.lib.logs import LogFormat
from aetherlink.lib.option_types import Count, Duration, Name, Url
from aetherlink.mcp.options import McpOptions
from aetherlink.model.actions import Target
from aetherlink.model.dashboards import Dashboard
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import PlaybookName, SourceName, TargetName
from aetherlink.model.pauses import scope_problem
from aetherlink.model.windows import Window
from aetherlink.notify_options import NotifyOptions, dashboard_of, with_external_url, with_grafana_url
from aetherlink.pausing.freeze_options import FreezeOptions
from aetherlink.pipeline.options import PipelineOptions
from aetherlink.playbooks import form_problems, strict_yaml
from aetherlink.policy.options import BudgetOptions, ProtectedName
from aetherlink.policy.protection import own_names, own_places, protected_name
from aetherlink.probes.options import ProbeOptions
from aetherlink.promotion_commands import PromotionOptions
from aetherlink.queries.options import QueryOptions
from aetherlink.socketproxy.options import SocketProxyOptions
from aetherlink.store.options import DatabaseUrl, has_password
from aetherlink.store.retention_options import RetentionOptions
from aetherlink.watch.options import WatchOptions

PREFIX = "AETHER_"
DEFAULT_FILE = Path("aether.yaml")
_OF_THE_CLI = frozenset({"AETHER_CONFIG", "AETHER_URL", "AETHER_TOKEN", "AETHER_DRILL_CRM_URL"})
_SEED_PLACES: Mapping[str, tuple[int | str, ...]] = {
    "LOG_LEVEL": ("log_level",),
    "GRAFANA_URL": ("grafana_url",),
    "PROM_URL": ("sources", 0, "prometheus"),
    "ALERTMANAGER_URL": ("sources", 0, "alertmanagers"),
}
_FOREIGN_PREFIXES = ("AETHER_TEST_", "AETHER_AGENT_")
# What an agent of a lab is told by the lab; another's address, folder, database or token would break it.
_OF_EACH_AGENT = _OF_THE_CLI | {
    *("AETHER_LISTEN", "AETHER_DATA_DIR", "AETHER_DATABASE_URL", "AETHER_DATABASE_PASSWORD_FILE")
}
_SHOWN = frozenset(
    {
        *("mode", "playbook_modes", "vip_mode", "dry_run", "budgets", "approvals"),
        *("log_level", "log_format", "health", "pipeline", "probes"),
    }
)


def _check_listen(listen: str) -> str:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError(f"{listen!r} is not host:port, like 127.0.0.1:8088 or [::1]:8088")
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        if host != "localhost":
            raise ValueError(f"{host!r} is not an IP address of this machine: write for instance 127.0.0.1") from None
    return listen


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, env_ignore_empty=True
    )

    mode: Mode = Field(
        default=Mode.OBSERVE,
        description="The global ceiling: observe, approve or auto. A playbook can only be at or below it.",
    )
    playbook_modes: dict[str, Mode] = Field(
        default_factory=dict, description="The mode of single playbooks by name, in place of what their files say."
    )
    dry_run: bool = Field(
        default=False,
        description="Every executor looks at its targets and only says what it would do: nothing is ever changed.",
    )
    vip_mode: Mode = Field(
        default=Mode.APPROVE,
        description="The most that is done for VIP tenants, on request too: observe, approve or auto.",
    )
    sources: tuple[SourceOptions, ...] = Field(
        default=(
            SourceOptions(name="default", prometheus="http://127.0.0.1:9090", alertmanagers=("http://127.0.0.1:9093",)),
        ),
        min_length=1,
        description="The worlds that are watched. The first one holds the health score.",
    )
    targets: dict[Name, TargetOptions] = Field(
        default_factory=dict,
        description="What the agent may change, by name. Nothing else is ever touched, but for "
        "containers that carry the label `aether.managed=true`, or that `docker.projects` names.",
    )
    protected: tuple[ProtectedName, ...] = Field(
        default=(),
        max_length=1000,
        description="More names of what the agent must never act on, beside itself, its database and its monitoring.",
    )
    actions: dict[Name, ActionOptions] = Field(
        default_factory=dict, description="Names for POST /act: each a verb and the target it is for."
    )
    requests_per_hour: Count = Field(
        default=6,
        ge=1,
        le=1000,
        description="How many actions an hour a target may have before a person's request is denied.",
    )
    budgets: BudgetOptions = Field(default=BudgetOptions(), description="How much may be done in all.")
    paused: bool = Field(
        default=False,
        description="Whether everything is paused as long as the agent runs with this setting. It only ever adds a "
        "pause.",
    )
    pause_file: Path | None = Field(
        default=None,
        description="A file that pauses everything as long as it is there; what stands in it is the reason. A file "
        "that cannot be read, or a folder that is not there, pauses as well.",
    )
    freezes: tuple[FreezeOptions, ...] = Field(
        default=(), max_length=200, description="Windows in which nothing is changed, by the week or once."
    )
    vip_tenants: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(
        default=("vip-*",), max_length=1000, description="Tenants that come first, by name or pattern (* and ?)."
    )
    playbooks_dir: Path | None = Field(
        default=None, description="A folder of your own playbooks; one that has a built-in's name replaces it."
    )
    playbooks_reload: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(hours=1))] = Field(
        default=timedelta(seconds=5), description="How often the files of playbooks_dir are looked at for changes."
    )
    listen: Annotated[str, AfterValidator(_check_listen)] = Field(
        default="127.0.0.1:8088", description="Where the agent listens, host:port."
    )
    external_url: Url | None = Field(
        default=None,
        description="The address under which browsers reach the agent, such as `https://ops.example.org/aether`: it "
        "says what the session's cookie is for, which pages are the agent's own, and what stands before its paths. It "
        "needs auth.mode `token`. Where notify.url is not set, links in messages begin with it.",
    )
    data_dir: Path = Field(
        default=Path("aetherlink-data"), description="Where the agent keeps its database and tokens."
    )
    database_url: DatabaseUrl | None = Field(
        default=None,
        description="A PostgreSQL database in place of the SQLite file in data_dir, such as "
        "`postgresql://aether@db.example.org/aether`. Never shown.",
    )
    database_password_file: Path | None = Field(
        default=None, description="A file that holds the database's password; read at every connection."
    )
    grafana_url: Url | None = Field(
        default=None,
        description="The address of Grafana, for channels and links; `aether doctor` asks whether it answers.",
    )
    grafana_dashboard: GrafanaDashboardOptions | None = Field(
        default=None,
        description="The dashboard that pages and messages link to, at the time of an incident. Not set: that of the "
        "first channel to Grafana that has one.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least urgent log line that is written."
    )
    log_format: LogFormat = Field(default=LogFormat.TEXT, description="text, or json with one object a line.")
    auth: AuthOptions = Field(default=AuthOptions(), description="Who may call.")
    audit: AuditOptions = Field(default=AuditOptions(), description="How a changed timeline is made to show.")
    health: HealthOptions = Field(default=HealthOptions(), description="The health score loop.")
    intake: IntakeOptions = Field(default=IntakeOptions(), description="What the webhook accepts.")
    reception: ReceptionOptions = Field(
        default=ReceptionOptions(), description="How much may wait for the store before senders come again."
    )
    grouping: GroupingOptions = Field(default=GroupingOptions(), description="Which alerts are one incident.")
    reconcile: ReconcileOptions = Field(
        default=ReconcileOptions(), description="Asking the Alertmanagers for what no webhook said."
    )
    heartbeat: HeartbeatOptions = Field(default=HeartbeatOptions(), description="The alert that always fires.")
    labels: LabelOptions = Field(default=LabelOptions(), description="Which labels of an alert mean what.")
    approvals: ApprovalOptions = Field(default=ApprovalOptions(), description="Who may approve what, for how long.")
    notify: NotifyOptions = Field(default=NotifyOptions(), description="Who is told of incidents, and how.")
    watch: WatchOptions = Field(default=WatchOptions(), description="Who watches the agent itself.")
    pipeline: PipelineOptions = Field(default=PipelineOptions(), description="How patient the pipeline is.")
    promotions: PromotionOptions = Field(
        default=PromotionOptions(), description="When a promoted playbook is set back by itself."
    )
    retention: RetentionOptions = Field(default=RetentionOptions(), description="How long things are kept.")
    probes: ProbeOptions = Field(default=ProbeOptions(), description="What counts as fresh evidence.")
    clients: ClientOptions = Field(default=ClientOptions(), description="Bounds on what is asked of the outside.")
    queries: QueryOptions = Field(
        default=QueryOptions(), description="How much may be asked of Prometheus through the agent."
    )
    mcp: McpOptions = Field(default=McpOptions(), description="Assistants over HTTP, at `/mcp`.")
    docker: DockerExecutorOptions = Field(default=DockerExecutorOptions(), description="The executor for containers.")
    lab: LabExecutorOptions = Field(default=LabExecutorOptions(), description="The lab's executor.")
    socket_proxy: SocketProxyOptions = Field(
        default=SocketProxyOptions(), description="What `aether socket-proxy` lets through; the agent does not read it."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings prescribes the signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - see above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - see above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        return env_settings, init_settings

    @model_validator(mode="before")
    @classmethod
    def _channels_know_grafana(cls, data: Any) -> Any:
        return with_external_url(with_grafana_url(data))

    @model_validator(mode="after")
    def _who_comes_by_a_proxy_needs_a_token(self) -> Self:
        if self.external_url is not None and self.auth.mode is not AuthMode.TOKEN:
            raise ValueError(
                "external_url: others reach the agent under it, and behind a proxy every caller looks like this "
                "machine: set auth.mode to `token`"
            )
        return self

    @model_validator(mode="after")
    def _the_identity_provider_finds_back(self) -> Self:
        if self.auth.oidc is not None:
            check_way_back(self.external_url)
        return self

    @model_validator(mode="after")
    def _actions_have_targets(self) -> Self:
        for name, action in self.actions.items():
            if action.target not in self.targets:
                near = form_problems.nearest(action.target, self.targets)
                raise ValueError(
                    f"actions.{name}.{action.verb}: there is no target {action.target!r}"
                    f"{near or ': declare it under `targets`'}"
                )
            requests = self.targets[action.target].requests
            if action.http is not None and action.request not in requests:
                near = form_problems.nearest(action.request, requests)
                raise ValueError(
                    f"actions.{name}.http.request: target {action.target} has no request {action.request!r}"
                    f"{near or ': declare it under its `http.requests`'}"
                )
        return self

    @model_validator(mode="after")
    def _grafana_has_an_address(self) -> Self:
        for name, channel in self.notify.channels.items():
            if channel.grafana is not None and channel.grafana.url is None:
                raise ValueError(f"notify.channels.{name}.grafana: it has no address: set its `url`, or `grafana_url`")
        if self.grafana_dashboard is not None and self.dashboard is None:
            raise ValueError("grafana_dashboard: nobody says where Grafana is: set `grafana_url`")
        return self

    @model_validator(mode="after")
    def _dependencies_end(self) -> Self:
        check_dependencies(self.targets)
        return self

    @model_validator(mode="after")
    def _freezes_have_scopes(self) -> Self:
        found = with_found(self.declared_targets, target_of, self.docker_places)
        known = {"target": found, "source": [source.name for source in self.sources]}
        for number, freeze in enumerate(self.freezes):
            if problem := scope_problem(freeze.scope, known):
                raise ValueError(f"freezes.{number}.scope: {problem}")
        return self

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if self.database_password_file is not None and (self.database_url is None or has_password(self.database_url)):
            raise ValueError("database_password_file goes with a database_url that holds no password itself")
        return self

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [source.name for source in self.sources]
        if len(set(names)) < len(names):
            raise ValueError(f"sources: two have the same name ({', '.join(sorted(names))})")
        return self

    @property
    def host(self) -> str:
        """Where to listen: the address."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Where to listen: the port."""
        return int(self.listen.rpartition(":")[2])

    @property
    def main_source(self) -> SourceName:
        """The source that holds the health score, and that of a webhook which names no other."""
        return SourceName(self.sources[0].name)

    @property
    def source_labels(self) -> dict[SourceName, Mapping[str, str]]:
        """The labels of each source as a whole."""
        return {SourceName(source.name): source.labels for source in self.sources}

    @property
    def declared_targets(self) -> dict[TargetName, Target]:
        """The targets in the words of the model."""
        return {TargetName(name): each.declared_as(name) for name, each in self.targets.items()}

    @property
    def docker_places(self) -> dict[TargetName, DockerPlace]:
        """Where the targets of the executor `docker` are."""
        places = {TargetName(name): each.docker_place for name, each in self.targets.items()}
        return {name: place for name, place in places.items() if place is not None}

    @property
    def dashboard(self) -> Dashboard | None:
        """Where links to an incident's graphs lead; None: nowhere."""
        return dashboard_of(self.grafana_url, self.grafana_dashboard, self.notify.channels.values())

    @property
    def own_names(self) -> frozenset[str]:
        """What the agent itself lives on, by name, as policy.protection compares it."""
        return own_names(
            prometheus=[source.prometheus for source in self.sources],
            alertmanagers=[url for source in self.sources for url in source.alertmanagers],
            database_url=None if self.database_url is None else self.database_url.get_secret_value(),
            protected=self.protected,
            docker_host=self.docker.host,
        )

    @property
    def own_places(self) -> frozenset[str]:
        """Where the agent itself and its monitoring listen, as policy.protection compares it."""
        alertmanagers = (url for source in self.sources for url in source.alertmanagers)
        return own_places((f"http://{self.listen}", *(source.prometheus for source in self.sources), *alertmanagers))

    @property
    def protected_targets(self) -> dict[TargetName, str]:
        """The targets that the agent itself lives on, with the name that tells."""
        names, places = self.own_names, self.own_places
        told = {name: protected_name(target, names, places) for name, target in self.declared_targets.items()}
        return {name: f"what the agent lives on ({word})" for name, word in told.items() if word is not None}

    @property
    def windows(self) -> tuple[Window, ...]:
        """`freezes` in the words of the model."""
        return tuple(freeze.window for freeze in self.freezes)

    @property
    def modes(self) -> dict[PlaybookName, Mode]:
        """`playbook_modes` in the words of the model."""
        return {PlaybookName(name): mode for name, mode in self.playbook_modes.items()}


def load(config: Path | None = None) -> Settings:
    """The settings in force. Raises SettingsError that says where, which key, what is wrong and what was meant."""
    variables = os.environ
    path = file_of(config)
    where = "the environment" if path is None else str(path)
    document = strict_yaml.Document({}, {}) if path is None else _read(path)
    _check_variables(variables)
    try:
        return Settings(**_with_seed_variables(document.data, variables))
    except ValidationError as problem:
        told = form_problems.lines(problem, Settings)
        lines = (
            f"{_variable_of(error['loc'], variables) or _line(where, document, error['loc'])}: {line}"
            for error, line in told
        )
        raise SettingsError("\n".join(lines)) from problem
    except EnvironmentSettingsError as problem:
        raise SettingsError(_no_json(problem, variables)) from problem


@dataclass(frozen=True, slots=True)
class Inherited:
    """The AETHER_* variables of this process, seen from an agent that it starts."""

    passed: dict[str, str]
    withheld: tuple[str, ...]

    def told(self) -> list[str]:
        """A line for each that is passed on, without the values that may hold a secret."""
        return [
            f"{name}={value}" if _first_key(name) in _SHOWN else f"{name} (its value is not shown)"
            for name, value in self.passed.items()
        ]


def inherited() -> Inherited:
    """What an agent of a lab takes over from this environment. Raises SettingsError for what is no setting."""
    _check_variables(os.environ)
    own = {name: value for name, value in sorted(os.environ.items()) if name.startswith(PREFIX)}
    withheld = tuple(name for name in own if name in _OF_EACH_AGENT or name.startswith(_FOREIGN_PREFIXES))
    return Inherited({name: value for name, value in own.items() if name not in withheld}, withheld)


def file_of(config: Path | None = None) -> Path | None:
    """The settings file that `load` reads; None when it reads none."""
    if config is not None:
        return config
    if named := os.environ.get("AETHER_CONFIG"):
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def variable_of(place: form_problems.Place) -> str | None:
    """The variable of this process's environment that set what stands at this place; None: no variable did."""
    return _variable_of(place, os.environ)


def _read(path: Path) -> strict_yaml.Document:
    document = strict_yaml.read(path)
    data = document.data
    if data is None:
        raise SettingsError(f"{path}: the file says nothing: take it away to have the settings of a fresh install")
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise SettingsError(f"{path}: the settings are a mapping, like `mode: observe`")
    return document


def _line(where: str, document: strict_yaml.Document, place: form_problems.Place) -> str:
    """The file, with the line on which the place stands in it."""
    return f"{where}:{document.line_of(place)}" if place and document.lines else where


def _with_seed_variables(data: Any, variables: Mapping[str, str]) -> dict[str, Any]:
    """The seed's four variables laid over the file's values."""
    merged = dict(data)
    if level := variables.get("LOG_LEVEL"):
        merged["log_level"] = level.lower()
    if grafana := variables.get("GRAFANA_URL"):
        merged["grafana_url"] = grafana
    addresses: dict[str, Any] = {}
    if prometheus := variables.get("PROM_URL"):
        addresses["prometheus"] = prometheus
    if alertmanager := variables.get("ALERTMANAGER_URL"):
        addresses["alertmanagers"] = [alertmanager]
    sources = merged.get("sources")
    if addresses and isinstance(sources, list) and sources and isinstance(sources[0], dict):
        merged["sources"] = [{**sources[0], **addresses}, *sources[1:]]
    elif addresses and sources is None:
        default = {"name": "default", "prometheus": "http://127.0.0.1:9090"}
        merged["sources"] = [{**default, **addresses}]
    return merged


def _check_variables(variables: Mapping[str, str]) -> None:
    """Refuse AETHER_* variables that no setting has: a typo must not be a silent default."""
    for name in sorted(variables):
        if not name.startswith(PREFIX) or name in _OF_THE_CLI or name.startswith(_FOREIGN_PREFIXES):
            continue
        first = _first_key(name)
        if first not in Settings.model_fields:
            raise SettingsError(
                f"the variable {name} is no setting{form_problems.nearest(first, Settings.model_fields)}"
            )


def _first_key(variable: str) -> str:
    return variable.removeprefix(PREFIX).partition("__")[0].lower()


def _variable_of(place: form_problems.Place, variables: Mapping[str, str]) -> str | None:
    """The variable that set what stands at this place; None when it comes from the file."""
    keys = [str(part).upper() for part in place]
    for length in range(len(keys), 0, -1):
        if variables.get(name := PREFIX + "__".join(keys[:length])):
            return name
    return next(
        (name for name, seed in _SEED_PLACES.items() if place[: len(seed)] == seed and variables.get(name)), None
    )


def _no_json(problem: EnvironmentSettingsError, variables: Mapping[str, str]) -> str:
    """Which variable should be JSON and is not, and what to write."""
    text = problem.__cause__.doc if isinstance(problem.__cause__, json.JSONDecodeError) else None
    name = next((name for name in sorted(variables) if name.startswith(PREFIX) and variables[name] == text), None)
    if name is None or text is None:
        return f"the environment: {problem}"
    is_list = get_origin(Settings.model_fields[_first_key(name)].annotation) is tuple
    meant = json.dumps(text.split(",")) if is_list and text[:1] not in "[{" else '["a"] or {"key": "value"}'
    return f"{name} is not JSON: write '{meant}'"
