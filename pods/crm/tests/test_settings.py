"""Settings from the environment: defaults, and what is said about wrong ones."""

import pytest

from peakpro_crm.errors import SettingsError
from peakpro_crm.settings import CrmSettings, Release, TrafficSettings, load

URL = "postgresql+psycopg://crm:geheim@db/crm"


@pytest.fixture(autouse=True)
def _database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_DATABASE_URL", URL)


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = load(CrmSettings)

    assert settings.address == ("127.0.0.1", 8000)
    assert settings.tenants == ("acme-corp", "globex", "initech", "vip-umbrella")
    assert settings.release is Release.GOOD
    assert settings.faults_enabled is False
    assert settings.listen_fd is None


def test_an_ipv6_address_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_LISTEN", "[::1]:9000")

    assert load(CrmSettings).address == ("::1", 9000)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        pytest.param("CRM_DATABASE_URL", "mysql://root:geheim@db/crm", "CRM_DATABASE_URL: .*give postgresql", id="url"),
        pytest.param("CRM_DATABASE_URL", "geheim", "CRM_DATABASE_URL: .*give postgresql", id="no url"),
        pytest.param("CRM_LISTEN", "8000", "CRM_LISTEN: .*give host:port", id="no host"),
        pytest.param("CRM_LISTEN", "localhost:99999", "CRM_LISTEN: .*give host:port", id="no such port"),
        pytest.param("CRM_RELEASE", "9.9.9", "CRM_RELEASE: .*'1.0.0' or '1.1.0'", id="unknown release"),
        pytest.param("CRM_POOL_SIZE", "0", "CRM_POOL_SIZE: .*greater than or equal to 1", id="no pool"),
        pytest.param("CRM_TENANTS", "acme", "tenants.*write lists and tables as JSON", id="not JSON"),
        pytest.param("CRM_TENANTS", '["other"]', "CRM_TENANTS.*choose another name", id="reserved tenant"),
        pytest.param("CRM_TENANTS", '["a b"]', "CRM_TENANTS.*match pattern", id="tenant that is no name"),
        pytest.param("CRM_TENANTS", "[]", "CRM_TENANTS: .*at least 1", id="no tenants"),
        pytest.param("CRM_LOG_LEVEL", "loud", "CRM_LOG_LEVEL: ", id="unknown level"),
    ],
)
def test_a_wrong_setting_is_named_without_its_secrets(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=message) as caught:
        load(CrmSettings)

    assert "geheim" not in str(caught.value)


def test_a_missing_database_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRM_DATABASE_URL")

    with pytest.raises(SettingsError, match="CRM_DATABASE_URL: Field required"):
        load(CrmSettings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CRM_TRAFFIC_URL", "crm:8000"),
        ("CRM_TRAFFIC_RATE", "-1"),
        ("CRM_TRAFFIC_RATE", "nan"),
        ("CRM_TRAFFIC_MIX", '{"dance": 1}'),
        ("CRM_TRAFFIC_MIX", '{"create": 0}'),
        ("CRM_TRAFFIC_TENANTS", "{}"),
    ],
)
def test_wrong_traffic_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=name):
        load(TrafficSettings)
