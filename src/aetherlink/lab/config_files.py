"""Reads monitoring/ of the project and writes the lab's own settings files: Prometheus, rules, Alertmanager, agent.

Called once at the start of a lab. The rewriting itself is in `configs`; here are the files and the agent's settings.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from aetherlink.lab import configs, files
from aetherlink.lab.addresses import HOST
from aetherlink.lab.configs import Config, LabAddresses
from aetherlink.lab.errors import LabSettingsError
from aetherlink.lab.layout import Layout
from aetherlink.lab.options import CRM_REPLICAS_MAX, LabOptions
from aetherlink.playbooks.loader import BUILTIN

_HEADER = "# Written by the lab at its start; changes are lost. The source is monitoring/ of the project.\n"
_ACTING = ("restart-crm-api",)  # the other built-in playbooks observe, here as elsewhere
_EAGER: Config = {"cooldown": "5s", "limits": {"per_hour": 60}}
_STALE_INTERVALS = 5
_STALE_SECONDS = 5.0  # however short the interval: processes do not start in less
_LARGEST_FILE = 1024 * 1024


def write_all(options: LabOptions, layout: Layout, ports: Mapping[str, int], control_socket: Path) -> None:
    """Write every settings file. Raises LabSettingsError naming the file that is missing or wrong."""
    monitoring = options.project_dir / "monitoring"
    lab = _addresses(options, layout, ports)
    files.read_or_create_token(layout.webhook_token)
    scrape = _read(monitoring / "prometheus-config.yml")
    _write_rules(scrape, monitoring, layout, options.interval)
    _write(layout.config / "prometheus.yml", configs.prometheus(scrape, lab))
    told = configs.alertmanager(_read(monitoring / "alertmanager.yml"), lab)
    _write(layout.config / "alertmanager.yml", _with_templates(told, monitoring))
    settings = configs.merge(agent_settings(options, layout, ports, control_socket), options.agent_settings)
    _write_playbooks(layout)
    _write(layout.config / "aether.yaml", settings)


def agent_settings(options: LabOptions, layout: Layout, ports: Mapping[str, int], control_socket: Path) -> Config:
    """What the agent is told: this lab is its one source, the CRM its target, and here it may act by itself.

    All of the CRM's tenants share one API, so that a VIP is concerned by whatever is done to it.
    """
    on_crm = {"target": "crm-api"}
    return {
        "mode": "auto",
        "vip_mode": "auto",
        "listen": f"{HOST}:{ports['agent']}",
        "data_dir": str(layout.data("agent")),
        "sources": [
            {
                "name": "lab",
                "prometheus": f"http://{HOST}:{ports['prometheus']}",
                "alertmanagers": [f"http://{HOST}:{ports['alertmanager']}"],
                "receiver": "agent",
            }
        ],
        "targets": _targets(options),
        "budgets": {"per_ten_minutes": 60, "per_hour": 200, "tenant_per_hour": 200, "playbook_per_hour": 200},
        "playbooks_dir": str(layout.playbooks),
        "actions": _actions(on_crm["target"]),
        "requests_per_hour": 60,
        "vip_tenants": ["vip-*"],
        "health": {
            "interval": configs.seconds(options.interval),
            "source_interval": configs.seconds(options.interval),
            "check_at_start": True,
        },
        "probes": {"max_age": configs.seconds(max(_STALE_INTERVALS * options.interval, _STALE_SECONDS))},
        "pipeline": {
            "verify_interval": configs.seconds(options.interval / 2),
            "redecide_interval": configs.seconds(options.interval),
        },
        "auth": {"webhook_token_file": str(layout.webhook_token)},
        "lab": {"control_socket": str(control_socket)},
    }


def _targets(options: LabOptions) -> Config:
    """The CRM's API, and what it stands on where that is the lab's own: an outage of the database is no API's fault."""
    api: Config = {"executor": "lab", "service": "crm", "min": 1, "max": CRM_REPLICAS_MAX}
    if options.database_url is not None:
        return {"crm-api": api}
    database = {"executor": "lab", "service": "postgres", "mode": "observe"}
    return {"crm-api": {**api, "depends_on": ["crm-db"]}, "crm-db": database}


def _actions(target: str) -> Config:
    verbs = {"restart_api": "restart", "restart": "restart", "scale": "scale", "rollback": "rollback"}
    return {action: {verb: target} for action, verb in verbs.items()}


def _addresses(options: LabOptions, layout: Layout, ports: Mapping[str, int]) -> LabAddresses:
    prometheus, alertmanager, agent = (f"{HOST}:{ports[name]}" for name in ("prometheus", "alertmanager", "agent"))
    hosts = {
        **dict.fromkeys(("prometheus", "localhost:9090", "127.0.0.1:9090"), prometheus),
        **dict.fromkeys(("alertmanager", "aether-alertmanager", "localhost:9093", "127.0.0.1:9093"), alertmanager),
        **dict.fromkeys(("aether-agent", "localhost:8080", "localhost:8088", "127.0.0.1:8088"), agent),
    }
    instances = {prometheus: "prometheus", alertmanager: "alertmanager", agent: "agent"}
    return LabAddresses(hosts, instances, layout.crm_targets, layout.rules, layout.webhook_token, options.interval)


def _write_rules(scrape: Config, monitoring: Path, layout: Layout, interval: float) -> None:
    """Write each rule file again, and drop those that an earlier lab wrote."""
    for path in layout.rules.glob("*.yml"):
        path.unlink()
    found = [path for pattern in scrape.get("rule_files") or [] for path in sorted(monitoring.glob(str(pattern)))]
    if not found:
        raise LabSettingsError(
            f"{monitoring / 'prometheus-config.yml'} names no rule file that exists: nothing would fire"
        )
    for path in found:
        try:
            _write(layout.rules / f"{path.stem}.yml", configs.rules(_read(path), interval))
        except LabSettingsError as error:
            raise LabSettingsError(f"{path}: {error}") from error


def _write_playbooks(layout: Layout) -> None:
    """Those that drills need as the lab wants them: they act, and drills may follow each other at once."""
    files.make_private_dir(layout.playbooks)
    for name in _ACTING:
        path = BUILTIN / f"{name}.yaml"
        _write(layout.playbooks / path.name, {**_read(path), "mode": "auto", **_EAGER})


def _with_templates(told: Config, monitoring: Path) -> Config:
    templates = [str(monitoring / str(name)) for name in told.get("templates") or []]
    return {**told, **({"templates": templates} if templates else {})}


def _read(path: Path) -> Config:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise LabSettingsError(f"{path} is larger than a settings file can be")
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise LabSettingsError(f"{path} is missing: name the checkout that holds monitoring/") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LabSettingsError(f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise LabSettingsError(f"{path} holds no mapping")
    return content


def _write(path: Path, content: Config) -> None:
    files.write_atomic(path, _HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120))
