"""The link from an incident to its graphs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from aetherlink.model.dashboards import Dashboard, milliseconds
from aetherlink.model.ids import IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from rigs.hostile_values import ATTACKS

OPENED = datetime(2026, 3, 1, 12, tzinfo=UTC)
OPEN = Incident(
    IncidentId("inc-1"),
    "key",
    Origin.ALERT,
    SourceName("prod"),
    "CrmApiDown",
    "acme & co",
    "crm",
    Severity.CRITICAL,
    vip=False,
    status=IncidentStatus.OPEN,
    stage=Stage.WATCH,
    opened_at=OPENED,
    updated_at=OPENED,
)
HERE = Dashboard("https://graphs.example.org/grafana", "aether-crm", 2, "tenant")


def test_of_what_is_open_it_shows_up_to_now() -> None:
    parts = urlsplit(HERE.link(OPEN))

    assert (parts.netloc, parts.path) == ("graphs.example.org", "/grafana/d/aether-crm")
    assert parse_qs(parts.query) == {
        "orgId": ["2"],
        "from": [str(milliseconds(OPENED - timedelta(minutes=15)))],
        "to": ["now"],
        "var-tenant": ["acme & co"],
    }


@pytest.mark.parametrize(("lasted", "pad"), [(timedelta(minutes=2), 15 * 60), (timedelta(hours=8), 2 * 3600)])
def test_of_what_is_over_it_shows_what_was_before_and_after(lasted: timedelta, pad: int) -> None:
    over = replace(OPEN, resolved_at=OPENED + lasted)

    query = parse_qs(urlsplit(HERE.link(over)).query)

    assert query["from"] == [str(milliseconds(OPENED) - pad * 1000)]
    assert query["to"] == [str(milliseconds(OPENED + lasted) + pad * 1000)]


def test_a_dashboard_without_such_a_variable_is_told_of_no_tenant() -> None:
    assert HERE.link(OPEN).startswith("https://graphs.example.org/grafana/d/aether-crm?orgId=2&from=")
    assert "var-" not in Dashboard("http://g", "u").link(OPEN)
    assert "orgId" not in Dashboard("http://g", "u").link(OPEN)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_tenant_leads_nowhere_else(attack: str) -> None:
    link = HERE.link(replace(OPEN, tenant=attack))
    parts = urlsplit(link)

    assert (parts.scheme, parts.netloc, parts.path, parts.fragment) == (
        *("https", "graphs.example.org", "/grafana/d/aether-crm"),
        "",
    )
    assert parse_qs(parts.query).get("var-tenant", [""])[0] in (attack, "")
    assert set(parse_qs(parts.query)) <= {"orgId", "from", "to", "var-tenant"}
    assert link.isascii()
    assert link.isprintable()
    assert len(link) < 2000
