"""THE list of checks, in the order in which they are told: a new one is a file in doctor/checks and a line here."""

from collections.abc import Sequence

from aetherlink.doctor.checks import (
    agent,
    alertmanager,
    channels,
    clocks,
    data_dir,
    database,
    docker,
    grafana,
    health_score,
    identity_provider,
    labels,
    playbooks,
    prometheus,
    rules,
    scrape,
    secrets,
    settings,
    targets,
    test_alert,
    wiring,
)
from aetherlink.doctor.looking import Check

CHECKS: Sequence[Check] = (
    Check("settings", settings.looks),
    Check("agent", agent.looks),
    Check("data", data_dir.looks),
    Check("database", database.looks),
    Check("secrets", secrets.looks),
    Check("prometheus", prometheus.looks),
    Check("rules", rules.looks),
    Check("scrape", scrape.looks),
    Check("health score", health_score.looks),
    Check("alertmanager", alertmanager.looks),
    Check("wiring", wiring.looks),
    Check("test alert", test_alert.looks),
    Check("clocks", clocks.looks),
    Check("docker", docker.looks),
    Check("targets", targets.looks),
    Check("playbooks", playbooks.looks),
    Check("labels", labels.looks),
    Check("grafana", grafana.looks),
    Check("channels", channels.looks),
    Check("identity provider", identity_provider.looks),
)
