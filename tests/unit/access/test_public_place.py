"""What `external_url` makes of cookies, paths and origins."""

import pytest

from aetherlink.access.public_place import PublicPlace, place_of


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
