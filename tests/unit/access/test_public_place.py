"""What `external_url` makes of cookies, paths and origins."""

import pytest

from aetherlink.access.public_place import ATTEMPT_PATH, PublicPlace, place_of


@pytest.mark.parametrize(
    ("url", "place", "cookie"),
    [
        (None, PublicPlace(), ("aether_session", "/", False)),
        ("http://ops.example", PublicPlace("http://ops.example"), ("aether_session", "/", False)),
        ("https://ops.example", PublicPlace("https://ops.example"), ("__Host-aether_session", "/", True)),
        ("https://Ops.Example:443/", PublicPlace("https://ops.example"), ("__Host-aether_session", "/", True)),
        ("http://ops.example:80", PublicPlace("http://ops.example"), ("aether_session", "/", False)),
        (
            "https://ops.example:8443/aether/",
            PublicPlace("https://ops.example:8443", "/aether"),
            ("__Secure-aether_session", "/aether", True),
        ),
        (
            "https://[2001:db8::1]/a",
            PublicPlace("https://[2001:db8::1]", "/a"),
            ("__Secure-aether_session", "/a", True),
        ),
    ],
)
def test_the_place_of_an_address(url: str | None, place: PublicPlace, cookie: tuple[str, str, bool]) -> None:
    assert place_of(url) == place
    assert (place.cookie_name, place.cookie_path, place.is_secure) == cookie


def test_nobody_else_can_set_the_cookie_of_an_attempt_and_each_agent_of_a_host_has_its_own() -> None:
    paths = ("", "/aether", "/staging")
    names = [place_of(f"https://ops.example{path}").attempt_cookie_name for path in paths]

    assert names[0] == "__Host-aether_oidc"
    assert all(name.startswith("__Host-aether_oidc_") for name in names[1:])
    assert (len(set(names)), ATTEMPT_PATH) == (3, "/")  # browsers refuse a __Host- cookie of any other path
    assert place_of("http://127.0.0.1:8088").attempt_cookie_name == "aether_oidc"


@pytest.mark.parametrize(
    ("origin", "host", "is_ours"),
    [
        ("https://ops.example", "127.0.0.1:8088", True),
        ("HTTPS://OPS.EXAMPLE", "", True),
        ("http://127.0.0.1:8088", "127.0.0.1:8088", True),
        ("http://ops.example", "127.0.0.1:8088", False),
        ("https://ops.example:8443", "127.0.0.1:8088", False),
        ("https://127.0.0.1:8088", "127.0.0.1:8088", False),
        ("https://ops.example.evil.example", "127.0.0.1:8088", False),
        ("null", "127.0.0.1:8088", False),
        ("", "", False),
        ("http://", "", False),
    ],
)
def test_which_origins_are_ours(origin: str, host: str, is_ours: bool) -> None:
    assert place_of("https://ops.example/aether").owns(origin, host) == is_ours
