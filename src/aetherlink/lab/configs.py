"""Rewrites monitoring/ for one machine: the same rules, routes and jobs, with the lab's addresses and short intervals.

Pure: mappings in, mappings out. What the compose file calls by a service's name is found on a loopback port here; what
the lab does not know is left out, so that a laboratory never scrapes or tells anybody outside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aetherlink.lab.errors import LabSettingsError
from aetherlink.lib import durations

Config = dict[str, Any]
CRM_JOB = "peakpro_crm"
_OWN_ADDRESS = "localhost"
_INTERVALS_FOR_ALERTS = 2
_TIMEOUT_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class LabAddresses:
    """Where things are in this lab.

    `hosts` maps what the compose file calls them to host:port on loopback, `instances` that to the name by which
    Prometheus knows them: it stays when a port moves, else what was stored would look like a target that is gone.
    """

    hosts: Mapping[str, str]
    instances: Mapping[str, str]
    crm_targets: Path
    rules: Path
    webhook_token: Path
    interval: float


def prometheus(source: Config, lab: LabAddresses) -> Config:
    """The lab's prometheus.yml. Raises LabSettingsError when the CRM's job is missing."""
    jobs = [_scrape_job(job, lab) for job in _mappings(source, "scrape_configs")]
    if not any(job.get("job_name") == CRM_JOB for job in jobs):
        raise LabSettingsError(f"prometheus-config.yml has no scrape job {CRM_JOB!r}: the lab would see nothing")
    alerting = dict(source.get("alerting") or {})
    managers = [_with_targets(entry, lab) for entry in _mappings(alerting, "alertmanagers")]
    global_part = {
        **(source.get("global") or {}),
        "scrape_interval": seconds(lab.interval),
        "scrape_timeout": seconds(lab.interval * _TIMEOUT_SHARE),
        "evaluation_interval": seconds(lab.interval),
    }
    return {
        **{key: value for key, value in source.items() if key not in {"remote_write", "remote_read"}},
        "global": global_part,
        "rule_files": [str(lab.rules / "*.yml")],
        "alerting": {**alerting, "alertmanagers": managers},
        "scrape_configs": jobs,
    }


def rules(source: Config, interval: float) -> Config:
    """A rule file whose groups are evaluated at the lab's interval and whose alerts wait two of them at most."""
    longest = interval * _INTERVALS_FOR_ALERTS
    return {"groups": [_rule_group(group, interval, longest) for group in _mappings(source, "groups")]}


def alertmanager(source: Config, lab: LabAddresses) -> Config:
    """The lab's alertmanager.yml: it tells at once, and tells the lab's agent only."""
    return {
        **source,
        "route": _route(source.get("route") or {}, lab.interval),
        "receivers": [_receiver(receiver, lab) for receiver in _mappings(source, "receivers")],
    }


def crm_targets(addresses: Sequence[str]) -> list[Config]:
    """The CRM's replicas for Prometheus' file discovery, named by their order."""
    return [_named(address, f"crm-{number}") for number, address in enumerate(addresses, start=1)]


def merge(base: Config, over: Mapping[str, Any]) -> Config:
    """`base` with `over` laid upon it, mapping by mapping; anything else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, Mapping) else value
    return merged


def seconds(value: float) -> str:
    """A duration as Prometheus writes it: whole milliseconds where it is not whole seconds."""
    return f"{value:.0f}s" if value == int(value) else f"{max(1, round(value * 1000))}ms"


def _mappings(source: Mapping[str, Any], key: str) -> list[Config]:
    value = source.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise LabSettingsError(f"{key!r} is not a list of mappings")
    return value


def _scrape_job(job: Config, lab: LabAddresses) -> Config:
    kept = {key: value for key, value in job.items() if key not in {"scrape_interval", "scrape_timeout"}}
    if job.get("job_name") != CRM_JOB:
        found = _with_targets(kept, lab)
        named = [
            {**item, **_named(address, lab.instances[address], item.get("labels"))}
            for item in found["static_configs"]
            for address in item["targets"]
        ]
        return {**found, "static_configs": named}
    discovered = {
        key: value for key, value in kept.items() if not key.endswith("_sd_configs") and key != "static_configs"
    }
    return {**discovered, "file_sd_configs": [{"files": [str(lab.crm_targets)], "refresh_interval": "5s"}]}


def _named(address: str, instance: str, labels: Mapping[str, str] | None = None) -> Config:
    return {"targets": [address], "labels": {**(labels or {}), "instance": instance}}


def _with_targets(entry: Config, lab: LabAddresses) -> Config:
    """With the static targets that the lab has; discovery of others finds nothing on one machine and is left out."""
    static = [_static(item, lab.hosts) for item in _mappings(entry, "static_configs")]
    kept = {key: value for key, value in entry.items() if not key.endswith("_sd_configs")}
    return {**kept, "static_configs": [item for item in static if item["targets"]]}


def _static(item: Config, hosts: Mapping[str, str]) -> Config:
    return {**item, "targets": [address for target in item.get("targets", []) if (address := _find(target, hosts))]}


def _find(target: str, hosts: Mapping[str, str]) -> str | None:
    """The lab's address of host:port; a program that names itself `localhost` is told apart by its port."""
    host = target.rpartition(":")[0] or target
    return hosts.get(target) if host in {_OWN_ADDRESS, "127.0.0.1"} else hosts.get(host)


def _rule_group(group: Config, interval: float, longest: float) -> Config:
    return {
        **group,
        "interval": seconds(interval),
        "rules": [_rule(rule, longest) for rule in _mappings(group, "rules")],
    }


def _rule(rule: Config, longest: float) -> Config:
    capped: Config = {key: _at_most(rule[key], longest) for key in ("for", "keep_firing_for") if key in rule}
    return {**rule, **capped}


def _at_most(duration: object, longest: float) -> str:
    try:
        asked = durations.parse_duration(str(duration))
    except ValueError as error:
        raise LabSettingsError(f"in a rule's `for`: {error}") from error
    return seconds(longest) if asked.total_seconds() > longest else str(duration)


def _route(route: Config, interval: float) -> Config:
    quick: Config = {"group_wait": "0s", "group_interval": seconds(interval)}
    below = [_route(child, interval) for child in _mappings(route, "routes")]
    return {**route, **quick, **({"routes": below} if below else {})}


def _receiver(receiver: Config, lab: LabAddresses) -> Config:
    """The receiver with the webhooks that end in this lab; a page about an exercise would be a false alarm."""
    hooks = [hook for item in _mappings(receiver, "webhook_configs") if (hook := _webhook(item, lab)) is not None]
    return {"name": receiver.get("name"), "webhook_configs": hooks}


def _webhook(hook: Config, lab: LabAddresses) -> Config | None:
    parts = urlsplit(str(hook.get("url", "")))
    address = lab.hosts.get(parts.hostname or "")
    if address is None:
        return None
    http = dict(hook.get("http_config") or {})
    http["authorization"] = {"type": "Bearer", "credentials_file": str(lab.webhook_token)}
    return {**hook, "url": f"http://{address}{parts.path}", "http_config": http}
