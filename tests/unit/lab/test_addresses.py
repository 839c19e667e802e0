"""Ports: the wanted one where it is free, else a neighbour, and the reason in words."""

import os

import pytest

from aetherlink.lab import addresses


@pytest.fixture
def busy_port() -> "pytest.Generator[int]":
    with addresses.listen(0) as listener:
        yield listener.getsockname()[1]


def test_a_free_port_is_taken_as_wanted() -> None:
    with addresses.listen(0) as listener:
        port = listener.getsockname()[1]

    assert addresses.choose_port(port, purpose="crm") == addresses.PortChoice(port)


def test_a_port_that_is_taken_moves_and_says_why(busy_port: int) -> None:
    choice = addresses.choose_port(busy_port, purpose="prometheus")

    assert choice.port != busy_port
    assert choice.moved == f"prometheus listens on {choice.port}: {busy_port} is taken by another program"


def test_a_port_promised_to_another_part_is_not_given_twice() -> None:
    with addresses.listen(0) as listener:
        port = listener.getsockname()[1]

    choice = addresses.choose_port(port, [port, port + 1], purpose="agent")

    assert choice.port not in {port, port + 1}
    assert "used by another part of this lab" in str(choice.moved)


def test_zero_asks_for_any_free_port_and_is_no_move() -> None:
    choice = addresses.choose_port(0, purpose="crm")

    assert choice.port > 0
    assert choice.moved is None


def test_it_is_known_who_listens_on_a_port() -> None:
    with addresses.listen(0) as listener:
        port = listener.getsockname()[1]

        assert addresses.is_listening(os.getpid(), port)
        assert not addresses.is_listening(os.getppid(), port)
        assert not addresses.is_listening(2**22 + 1, port)
        assert not addresses.is_free(port)

    assert addresses.is_free(port)
    assert not addresses.is_listening(os.getpid(), port)
