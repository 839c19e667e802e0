"""The token book on the real store: what survives a restart, and what never leaves."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from aetherlink.access.tokens import TokenBook
from aetherlink.errors import ConflictError, NotFoundError
from aetherlink.lib.ids import SortableIds
from aetherlink.model.ids import SourceName
from aetherlink.model.principals import Principal, Scope
from aetherlink.store.database import SqlStore
from aetherlink.testing import ManualClock, fixed_key
from rigs.databases import empty_file


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    store = SqlStore(empty_file(tmp_path / "aether.db"), key=fixed_key)
    store.open()
    yield store
    store.close()


def book(store: SqlStore, **fixed: Principal) -> TokenBook:
    return TokenBook(store, clock=ManualClock(), ids=SortableIds(), fixed=fixed)


async def test_an_issued_token_is_known_after_a_restart_and_a_revoked_one_is_not(store: SqlStore) -> None:
    tokens = book(store)
    _, kept = await tokens.issue("grafana", [Scope.READ], by="operator")
    record, lost = await tokens.issue("grafana", [Scope.READ], by="operator")
    await tokens.revoke(record.id)

    restarted = book(store)
    assert restarted.holder(kept) is None
    await restarted.reload()

    assert restarted.holder(kept) == Principal("grafana", frozenset({Scope.READ}))
    assert restarted.holder(lost) is None


async def test_a_token_is_bound_to_its_source_also_after_a_restart_and_when_revoked(store: SqlStore) -> None:
    prod = SourceName("prod")
    tokens = TokenBook(store, clock=ManualClock(), ids=SortableIds(), fixed={}, sources=[prod])

    record, secret = await tokens.issue("alertmanager", [Scope.WEBHOOK], by="operator", source="prod")
    restarted = book(store)
    await restarted.reload()

    assert restarted.holder(secret) == Principal("alertmanager", frozenset({Scope.WEBHOOK}), prod)
    assert (await restarted.revoke(record.id)).source == prod


def test_no_secret_is_stored(store: SqlStore, tmp_path: Path) -> None:
    _, secret = asyncio.run(book(store).issue("grafana", [Scope.READ], by="operator"))

    for file in tmp_path.iterdir():
        assert secret.encode() not in file.read_bytes()


async def test_tokens_of_files_stay_when_the_store_is_read(store: SqlStore) -> None:
    tokens = book(store, digest=Principal("operator", frozenset({Scope.ADMIN})))

    await tokens.reload()
    await tokens.issue("grafana", [Scope.READ], by="operator")

    assert tokens._holders["digest"].name == "operator"


async def test_the_same_key_of_another_caller_is_another_token(store: SqlStore) -> None:
    tokens = book(store)
    first, _ = await tokens.issue("a", [Scope.READ], by="one", idempotency_key="k")
    second, _ = await tokens.issue("a", [Scope.READ], by="two", idempotency_key="k")

    assert first.id != second.id
    with pytest.raises(ConflictError, match=first.id):
        await tokens.issue("b", [Scope.READ], by="one", idempotency_key="k")


async def test_a_revoked_token_keeps_the_moment_of_its_revocation(store: SqlStore) -> None:
    clock = ManualClock()
    tokens = TokenBook(store, clock=clock, ids=SortableIds(), fixed={})
    record, _ = await tokens.issue("a", [Scope.READ], by="operator")

    clock.move(1)
    first = await tokens.revoke(record.id)
    clock.move(1)
    second = await tokens.revoke(record.id)

    assert first.revoked_at == second.revoked_at
    with pytest.raises(NotFoundError, match="tok-none"):
        await tokens.revoke("tok-none")
