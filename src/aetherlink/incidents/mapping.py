"""What the labels of an alert mean: tenant, service, severity, and the identity of the incident it belongs to."""

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aetherlink.incidents.identity import Kind, incident_key
from aetherlink.incidents.options import LabelOptions
from aetherlink.model.alerts import Alert
from aetherlink.model.incidents import Severity

NONE = "none"
_SYNONYMS = {
    "critical": Severity.CRITICAL,
    "crit": Severity.CRITICAL,
    "fatal": Severity.CRITICAL,
    "page": Severity.CRITICAL,
    "emergency": Severity.CRITICAL,
    "high": Severity.CRITICAL,
    "error": Severity.CRITICAL,
    "warning": Severity.WARNING,
    "warn": Severity.WARNING,
    "medium": Severity.WARNING,
    "info": Severity.INFO,
    "information": Severity.INFO,
    "low": Severity.INFO,
    NONE: Severity.INFO,
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """An alert in the words of an incident; empty strings where no label says it."""

    tenant: str
    service: str
    severity: Severity
    vip: bool
    key: str


class LabelMapping:
    """Reads the labels of alerts as the settings say."""

    def __init__(self, options: LabelOptions, vip_tenants: Iterable[str]) -> None:
        self._options = options
        self._vip_patterns = tuple(vip_tenants)

    def meaning(self, alert: Alert) -> Meaning:
        """What the alert says, for whom. An alert without a service is an incident of its own name."""
        tenant = self.tenant_of(alert.labels)
        service = _first(alert.labels, self._options.service)
        return Meaning(
            tenant=tenant,
            service=service,
            severity=_severity(_first(alert.labels, self._options.severity)),
            vip=self.is_vip(tenant),
            key=incident_key(Kind.SERVICE if service else Kind.ALERT, alert.source, tenant, service or alert.name),
        )

    def counted_severity(self, alert: Alert) -> str:
        """The severity as metrics count it: `none` where the alert says so, else as the agent understands it."""
        word = _first(alert.labels, self._options.severity)
        return NONE if word.lower() == NONE else _severity(word).value

    def is_heartbeat(self, alert: Alert) -> bool:
        """Whether the alert always fires, to show that alerting itself lives."""
        return alert.name in self._options.heartbeat

    def tenant_of(self, labels: Mapping[str, str]) -> str:
        """The tenant that these labels name, or an empty string."""
        return _first(labels, self._options.tenant)

    def is_vip(self, tenant: str) -> bool:
        """Whether the tenant comes first."""
        return any(fnmatch.fnmatchcase(tenant, pattern) for pattern in self._vip_patterns)


def _first(labels: Mapping[str, str], names: Iterable[str]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")


def _severity(word: str) -> Severity:
    """An unknown word is a warning: it is neither hidden nor does it wake people."""
    return _SYNONYMS.get(word.lower(), Severity.WARNING)
