"""What the labels of an alert mean: tenant, service, severity, and the identity of the incident it belongs to."""

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aetherlink.incidents.identity import Kind, incident_key
from aetherlink.incidents.options import GroupingOptions, LabelOptions
from aetherlink.lib.plain_text import plain
from aetherlink.model.alerts import TEST_ALERT, Alert, AlertSeverity
from aetherlink.model.ids import SourceName
from aetherlink.model.incidents import Severity

NONE = AlertSeverity.NONE.value
_MOST_REMEMBERED = 10_000
_LONGEST_WORD = 200  # characters of a name, a tenant, a service
_LONGEST_REMEMBERED = 200  # characters of one label: what is longer is read anew each time
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


@dataclass(frozen=True, slots=True, eq=False)
class Meaning:
    """An alert in the words of an incident; empty strings where no label says it. Many alerts share one.

    `counted_severity` is the severity as metrics count it: `none` where the alert says so. `log_head` is how a line of
    the log begins that tells of it, `source_labels` what holds for all of its source.
    """

    name: str
    tenant: str
    service: str
    severity: Severity
    counted_severity: str
    vip: bool
    key: str
    is_symptom: bool
    is_heartbeat: bool
    is_test: bool
    log_head: str
    source_labels: Mapping[str, str]


class LabelMapping:
    """Reads the labels of alerts as the settings say. `source_labels` count where an alert of the source has none.

    `is_vip` tells of a tenant's name whether it comes first.
    """

    def __init__(
        self,
        options: LabelOptions,
        vip_tenants: Iterable[str],
        *,
        grouping: GroupingOptions | None = None,
        source_labels: Mapping[SourceName, Mapping[str, str]] | None = None,
    ) -> None:
        grouping = grouping or GroupingOptions()
        self._options = options
        self._heartbeats = frozenset(options.heartbeat)
        self.is_vip = _any_of(vip_tenants)
        self._is_symptom = _any_of(grouping.symptoms)
        self._rules = [(rule.match, rule.by) for rule in grouping.rules]
        self._by = grouping.by
        self._source_labels = source_labels or {}
        self._read = _labels_read(options, grouping)
        self._remembered: dict[tuple[str | None, ...], Meaning] = {}

    def meaning(self, alert: Alert) -> Meaning:
        """What the alert says, for whom. An alert without a service is an incident of its own name.

        Remembered by the labels that have a say in it: alerts come by the thousand, and differ in others.
        """
        seen = (alert.source, *map(alert.labels.get, self._read))
        known = self._remembered.get(seen)
        if known is None:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            known = self._understood(alert)
            if all(len(word) <= _LONGEST_REMEMBERED for word in seen if word):
                self._remembered[seen] = known
        return known

    def is_heartbeat(self, alert: Alert) -> bool:
        """Whether the alert always fires, to show that alerting itself lives."""
        return alert.name in self._heartbeats and alert.name != TEST_ALERT

    def tenant_of(self, labels: Mapping[str, str]) -> str:
        """The tenant that these labels name, or an empty string."""
        return _first(labels, self._options.tenant)

    def _understood(self, alert: Alert) -> Meaning:
        source_labels = self._source_labels.get(alert.source, {})
        labels = {**source_labels, **alert.labels}
        tenant, service, word = (
            _first(alert.labels, names) or _first(source_labels, names)
            for names in (self._options.tenant, self._options.service, self._options.severity)
        )
        severity = _severity(word)
        name = plain(alert.name, _LONGEST_WORD)
        return Meaning(
            name=name,
            tenant=plain(tenant, _LONGEST_WORD),
            service=plain(service, _LONGEST_WORD),
            severity=severity,
            counted_severity=NONE if word.lower() == NONE else severity.value,
            vip=self.is_vip(tenant),
            key=self._key(alert, labels, {"tenant": tenant, "service": service}),
            is_symptom=self._is_symptom(alert.name),
            is_heartbeat=self.is_heartbeat(alert),
            is_test=alert.name == TEST_ALERT,
            source_labels=source_labels,
            log_head=f"ALERT: {name} | severity={severity.value} | tenant={plain(tenant, _LONGEST_WORD)}",
        )

    def _key(self, alert: Alert, labels: Mapping[str, str], words: Mapping[str, str]) -> str:
        by = next((by for matchers, by in self._rules if all(each.matches(labels) for each in matchers)), self._by)
        parts = [words.get(name, labels.get(name, "")) for name in by]
        if any(part for name, part in zip(by, parts, strict=True) if name != "tenant"):
            kind = Kind.SERVICE if by == ("tenant", "service") else Kind.LABELS
            named = parts if kind is Kind.SERVICE else [word for pair in zip(by, parts, strict=True) for word in pair]
            return incident_key(kind, alert.source, *named)
        return incident_key(Kind.ALERT, alert.source, words["tenant"], alert.name)


def _any_of(patterns: Iterable[str]) -> "_Patterns":
    return _Patterns([re.compile(fnmatch.translate(pattern)) for pattern in patterns])


class _Patterns:
    def __init__(self, patterns: list[re.Pattern[str]]) -> None:
        self._patterns = patterns

    def __call__(self, name: str) -> bool:
        return any(pattern.match(name) for pattern in self._patterns)


def _labels_read(options: LabelOptions, grouping: GroupingOptions) -> tuple[str, ...]:
    """The labels that have a say in what an alert means."""
    matched = [name for rule in grouping.rules for name in (*(one.label for one in rule.match), *rule.by)]
    named = (*options.tenant, *options.service, *options.severity, *grouping.by, *matched)
    return tuple(dict.fromkeys(("alertname", *named)))


def _first(labels: Mapping[str, str], names: Iterable[str]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")


def _severity(word: str) -> Severity:
    """An unknown word is a warning: it is neither hidden nor does it wake people."""
    return _SYNONYMS.get(word.lower(), Severity.WARNING)
