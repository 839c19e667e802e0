"""The settings of an identity provider: what is refused, and what its sessions rest on."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aetherlink import outside
from aetherlink.access.oidc_options import OidcOptions
from aetherlink.access.sessions import Vouched
from aetherlink.errors import SettingsError
from aetherlink.lib.clock import SystemClock
from aetherlink.settings import Settings

GIVEN: dict[str, Any] = {
    "issuer": "https://id.example.org/",
    "client_id": "aether",
    "client_secret_file": "secret",
    "roles": {"sre": "admin"},
}


def options(**changes: object) -> OidcOptions:
    return OidcOptions(**{**GIVEN, **changes})


def settings(external_url: str | None = "https://ops.example.org", **changes: object) -> Settings:
    return Settings(external_url=external_url, auth={"mode": "token", "oidc": {**GIVEN, **changes}})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"issuer": "http://id.example.org"}, "has to be the issuer"),
        ({"issuer": "https://id.example.org/?a=b"}, "has to be the issuer"),
        ({"issuer": "id.example.org"}, "not an address"),
        ({"issuer": "https://a:b@id.example.org"}, "must not hold a name"),
        ({"scopes": ["profile"]}, "without `openid`"),
        ({"scopes": ["openid", "a b"]}, "pattern"),
        ({"roles": {}}, "at least 1 item"),
        ({"roles": {"sre": "root"}}, "'viewer', 'responder', 'approver' or 'admin'"),
        ({"lifetime": "8d"}, "less than or equal"),
        ({"client_secret": "x"}, "Extra inputs"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        options(**changes)


def test_an_issuer_stays_as_it_is_written() -> None:
    assert options().issuer == "https://id.example.org/"
    assert options(issuer="http://127.0.0.1:8080/realms/ops").issuer == "http://127.0.0.1:8080/realms/ops"


@pytest.mark.parametrize(
    "url", [None, "http://ops.example.org", "http://192.0.2.7:8088", "http://127.0.0.1.example.org"]
)
def test_a_way_back_that_others_can_listen_on_is_refused(url: str | None) -> None:
    with pytest.raises(ValidationError, match=r"auth\.oidc.*set"):
        settings(url)


@pytest.mark.parametrize("url", ["https://ops.example.org/a", "http://localhost:8088", "http://[::1]:8088"])
def test_a_safe_one_is_taken(url: str) -> None:
    assert settings(url).auth.oidc is not None


SECRET = "q3G-" + "s" * 40
OTHERWISE: dict[str, Any] = {
    "issuer": "https://other.example.org",
    "client_id": "b",
    "client_secret_file": "elsewhere",
    "roles": {"sre": "viewer"},
    "groups_claim": "roles",
    "name_claim": "sub",
    "scopes": ["openid"],
    "lifetime": "1h",
    "ca_file": "ca.pem",
}


@pytest.mark.parametrize("name", sorted(OidcOptions.model_fields.keys() - {"button"}))
def test_whatever_changes_its_sessions_are_over(name: str) -> None:
    changed = options(**{name: OTHERWISE[name]})

    assert getattr(changed, name) != getattr(options(), name)
    assert changed.root(SECRET) != options().root(SECRET)


def test_another_secret_ends_them_and_the_button_or_the_order_of_roles_does_not() -> None:
    roles = {"sre": "admin", "all": "viewer"}
    root = options(roles=roles).root(SECRET)

    assert options(roles=roles).root(SECRET + "x") != root
    assert options(roles=dict(reversed(roles.items())), button="Go").root(SECRET) == root
    assert SECRET not in root


@pytest.mark.parametrize("content", [SECRET, SECRET + "x"])
def test_the_house_reads_the_secret_that_its_sessions_rest_on(tmp_path: Path, content: str) -> None:
    file = tmp_path / "secret"
    file.write_text(content + "\n")
    found = settings(client_secret_file=str(file))

    vouched = outside.vouched(found)

    assert found.auth.oidc is not None
    assert vouched == Vouched(found.auth.oidc.root(content), timedelta(hours=8))
    assert outside.vouched(Settings()) is None


def test_without_the_extra_the_start_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret")
    found = settings(client_secret_file=str(tmp_path / "secret"))
    assert outside.identity_provider(found, SystemClock()) is not None

    monkeypatch.delitem(sys.modules, "aetherlink.clients.identity_provider", raising=False)
    monkeypatch.delitem(sys.modules, "aetherlink.clients.id_tokens", raising=False)
    monkeypatch.delattr("aetherlink.clients.identity_provider", raising=False)
    monkeypatch.setitem(sys.modules, "joserfc", None)
    with pytest.raises(SettingsError, match=r"auth\.oidc needs joserfc.*pip install 'aetherlink\[oidc\]'"):
        outside.identity_provider(found, SystemClock())


def test_a_secret_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    found = settings(client_secret_file=str(tmp_path / "none"))
    for asked in (lambda: outside.identity_provider(found, SystemClock()), lambda: outside.vouched(found)):
        with pytest.raises(SettingsError, match=r"auth\.oidc\.client_secret_file .* cannot be read"):
            asked()
