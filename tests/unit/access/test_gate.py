"""The gate's finer points that cannot be had over loopback HTTP; the tokens are real, the store is never asked."""

import tracemalloc

import pytest

from aetherlink.access.digests import digest_of
from aetherlink.access.gate import Gate, check_listen
from aetherlink.access.options import AuthMode, AuthOptions
from aetherlink.access.tokens import TokenBook
from aetherlink.errors import ForbiddenError, SettingsError, UnauthenticatedError
from aetherlink.model.principals import Principal, Scope
from aetherlink.testing import CountingIds, ManualClock

EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - never bound: the gate has to refuse it
SECRET = "aek_a-token-that-is-good-for-reading"


class NoStore:
    """A gate that asked the store would fail here."""


def gate(**options: object) -> Gate:
    fixed = {digest_of(SECRET): Principal("reader", frozenset({Scope.READ}))}
    tokens = TokenBook(NoStore(), clock=ManualClock(), ids=CountingIds(), fixed=fixed)
    return Gate(tokens, options=AuthOptions.model_validate(options))


def headers(*pairs: tuple[str, str], host: str = "127.0.0.1:8088") -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in (("Host", host), *pairs)]


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_every_loopback_address_is_local(peer: str) -> None:
    assert gate().admit(headers(), (peer, 5), Scope.READ).name == "local"


@pytest.mark.parametrize("peer", [None, ("10.0.0.1", 5), ("::ffff:10.0.0.1", 5), ("", 0), ("testclient", 5), ()])
def test_no_other_peer_is_local(peer: object) -> None:
    with pytest.raises(UnauthenticatedError):
        gate().admit(headers(), peer, Scope.READ)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.1.2.3:80", "[::1]:8088", "[::1]"])
def test_loopback_hosts_are_taken(host: str) -> None:
    assert gate().admit(headers(host=host), ("127.0.0.1", 5), Scope.READ).name == "local"


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example",
        EVERY_ADDRESS,
        "[::]:8088",
        "2130706433",
        " ",
    ],
)
def test_other_hosts_are_not(host: str) -> None:
    """A name that resolves to this machine is how a page elsewhere would reach it (DNS rebinding)."""
    with pytest.raises(UnauthenticatedError):
        gate().admit(headers(host=host), ("127.0.0.1", 5), Scope.READ)


def test_nothing_is_kept_of_hosts_as_long_as_a_head_may_be() -> None:
    asked = gate()
    tracemalloc.start()
    for number in range(100):
        with pytest.raises(UnauthenticatedError):
            asked.admit(headers(host=f"{number}".ljust(60_000, "x")), ("127.0.0.1", 5), Scope.READ)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept < 1_000_000


def test_two_hosts_or_none_are_not_local() -> None:
    for found in (headers(("Host", "127.0.0.1")), []):
        with pytest.raises(UnauthenticatedError):
            gate().admit(found, ("127.0.0.1", 5), Scope.READ)


@pytest.mark.parametrize(
    "origin", ["null", "http://localhost:3000", "https://127.0.0.1:8088", "http://127.0.0.1:80888"]
)
def test_a_page_of_another_origin_is_not_local(origin: str) -> None:
    with pytest.raises(UnauthenticatedError):
        gate().admit(headers(("Origin", origin)), ("127.0.0.1", 5), Scope.READ)


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Proto", "x-forwarded-anything", "Forwarded", "Via"])
def test_an_empty_forwarding_header_is_one_too(name: str) -> None:
    with pytest.raises(UnauthenticatedError):
        gate().admit(headers((name, "")), ("127.0.0.1", 5), Scope.READ)


def test_the_place_gives_reading_and_the_webhook_and_what_a_route_opens() -> None:
    for scope in Scope:
        if scope in (Scope.READ, Scope.WEBHOOK):
            assert not gate().admit(headers(), ("::1", 5), scope).may(Scope.OPERATE)
        else:
            with pytest.raises(UnauthenticatedError):
                gate().admit(headers(), ("::1", 5), scope)
    assert gate().admit(headers(), ("::1", 5), Scope.OPERATE, also_local=True).name == "local"


def test_a_token_counts_before_the_place() -> None:
    found = headers(("Authorization", f"bearer {SECRET}"))

    assert gate().admit(found, ("127.0.0.1", 5), Scope.READ).name == "reader"
    with pytest.raises(ForbiddenError, match="'reader' does not have the scope operate"):
        gate().admit(found, ("127.0.0.1", 5), Scope.OPERATE, also_local=True)


def test_two_authorization_headers_are_refused() -> None:
    twice = ("Authorization", f"Bearer {SECRET}")
    with pytest.raises(UnauthenticatedError):
        gate().admit(headers(twice, twice), ("127.0.0.1", 5), Scope.READ)


def test_a_trusted_network_is_named_by_its_address() -> None:
    trusting = gate(trusted_networks=["172.18.0.1/32", "fd00::/8"])

    assert trusting.admit(headers(), ("172.18.0.1", 5), Scope.READ).name == "network:172.18.0.1"
    assert trusting.admit(headers(host="localhost"), ("fd00::7", 5), Scope.WEBHOOK).name == "network:fd00::7"
    for peer in ("172.18.0.2", "fe80::7"):
        with pytest.raises(UnauthenticatedError):
            trusting.admit(headers(), (peer, 5), Scope.READ)
    with pytest.raises(UnauthenticatedError):
        trusting.admit(headers(("X-Forwarded-For", "1.2.3.4")), ("172.18.0.1", 5), Scope.READ)


@pytest.mark.parametrize(
    "host", ["localhost:8088", "127.0.0.1:8088", "10.1.2.3", "[fd00::1]:8080", "Agent.Example:8088", "aether-agent"]
)
def test_a_trusted_network_may_use_addresses_and_the_names_that_the_settings_give(host: str) -> None:
    trusting = gate(trusted_networks=["172.18.0.1/32"], trusted_hosts=["agent.example", "AETHER-agent"])

    found = headers(("Origin", f"http://{host}"), host=host)

    assert trusting.admit(found, ("172.18.0.1", 5), Scope.OPERATE, also_local=True).name == "network:172.18.0.1"


@pytest.mark.parametrize("host", ["evil.example:8088", "agent.example.evil.example", "1.2.3.4.evil.example", "", " "])
@pytest.mark.parametrize("peer", ["172.31.88.1", "127.0.0.1"])
def test_a_page_that_pointed_its_own_name_at_the_agent_gets_nothing(host: str, peer: str) -> None:
    """DNS rebinding: to the browser the page and the agent are one origin, and it calls from the trusted place."""
    trusting = gate(trusted_networks=["172.31.88.1/32", "127.0.0.0/8"], trusted_hosts=["agent.example"])

    for found in (headers(("Origin", f"http://{host}"), host=host), headers(host=host)):
        with pytest.raises(UnauthenticatedError):
            trusting.admit(found, (peer, 5), Scope.OPERATE, also_local=True)


@pytest.mark.parametrize("name", ["", "agent:8080", "http://agent", "*", ".example", "agent/x"])
def test_a_trusted_host_is_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="trusted_hosts"):
        AuthOptions(trusted_hosts=[name])


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0"])
def test_the_whole_internet_cannot_be_trusted(network: str) -> None:
    with pytest.raises(ValueError, match="whole internet"):
        AuthOptions(trusted_networks=[network])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_mode_local_listens_on_this_machine(host: str) -> None:
    check_listen(host, AuthOptions())


@pytest.mark.parametrize("host", [EVERY_ADDRESS, "::", "", "10.0.0.5", "agent.example"])
def test_mode_local_refuses_to_listen_to_others_and_says_what_to_set(host: str) -> None:
    with pytest.raises(SettingsError, match=r"auth\.mode.*auth\.trusted_networks"):
        check_listen(host, AuthOptions())
    check_listen(host, AuthOptions(mode=AuthMode.TOKEN))
    check_listen(host, AuthOptions(trusted_networks=["10.0.0.0/8"]))
