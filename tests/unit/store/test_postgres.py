"""PostgreSQL's place as far as it goes without a server; tests/integration/store has one."""

import sys
from pathlib import Path

import pytest

from aetherlink.errors import SettingsError, StoreError
from aetherlink.store import postgres
from aetherlink.store.postgres import PostgresPlace
from aetherlink.testing import ManualClock

NOBODY = "postgresql://aether:s3cret@127.0.0.1:1/aether?sslpassword=0ther"


def place(url: str = NOBODY, *, clock: ManualClock | None = None, password_file: Path | None = None) -> PostgresPlace:
    return PostgresPlace(url, owner="agent-1", clock=clock or ManualClock(), password_file=password_file)


@pytest.mark.parametrize("module", ["psycopg", "psycopg.pq"])
def test_without_the_driver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "psycopg"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)  # its import fails, as where it is absent or has no libpq

    with pytest.raises(SettingsError, match=r"pip install 'aetherlink\[postgres\]'"):
        place()


def test_it_is_named_without_its_secrets() -> None:
    assert place().name == "the database postgresql://aether@127.0.0.1:1/aether"
    on_socket = place("postgresql://aether:s3cret@/aether?host=/run/postgresql&sslpassword=0ther")
    assert on_socket.name == "the database postgresql://aether@/run/postgresql/aether"


def test_a_server_that_is_not_there_is_an_error_without_the_secrets() -> None:
    with pytest.raises(StoreError, match=r"postgresql://aether@127\.0\.0\.1:1/aether cannot be used") as caught:
        place().try_out()

    assert "s3cret" not in str(caught.value)
    assert "0ther" not in str(caught.value)


def test_after_a_failure_the_next_tries_wait_ever_longer_but_never_more_than_a_second() -> None:
    clock = ManualClock()
    there = place(clock=clock)

    def is_tried() -> bool:
        with pytest.raises(StoreError) as caught:
            there.try_out()
        return "cannot be reached" not in str(caught.value)

    pauses = []
    assert is_tried()
    for _ in range(7):
        steps = 0
        while not is_tried():
            clock.move(1 / 16)
            steps += 1
        pauses.append(steps)

    assert pauses == [1, 2, 4, 8, 16, 16, 16]


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_password_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(StoreError, match=r"database_password_file .*/password (cannot be read|is empty)"):
        place("postgresql://aether@127.0.0.1:1/aether", password_file=file).try_out()


@pytest.mark.parametrize(
    ("about", "complaint"),
    [
        ((130099, "13.9", "UTF8"), r"is on PostgreSQL 13\.9: 14 or newer is needed"),
        ((140000, "14.0", "SQL_ASCII"), "has the encoding SQL_ASCII"),
    ],
)
def test_a_server_that_will_not_do_is_refused(about: tuple[object, ...], complaint: str) -> None:
    with pytest.raises(StoreError, match=complaint):
        postgres._check_server("the database d", about)
