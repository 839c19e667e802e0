"""The token book on the real store: what survives a restart, and what never leaves."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from aetherlink.access.digests import digest_of
from aetherlink.access.tokens import COARSE, Bounds, TokenBook
from aetherlink.errors import BadRequestError, ConflictError, NotFoundError
from aetherlink.lib.ids import SortableIds
from aetherlink.model.ids import SourceName
from aetherlink.model.principals import Principal, Scope
from aetherlink.store.database import SqlStore
from aetherlink.testing import ManualClock, fixed_key
from rigs.databases import empty_file

SECRET = "aek_" + "f" * 43


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

    record, secret = await tokens.issue("alertmanager", [Scope.WEBHOOK], by="operator", bounds=Bounds(source="prod"))
    restarted = book(store)
    await restarted.reload()

    assert restarted.holder(secret) == Principal("alertmanager", frozenset({Scope.WEBHOOK}), prod)
    assert (await restarted.revoke(record.id)).source == prod


def test_no_secret_is_stored(store: SqlStore, tmp_path: Path) -> None:
    _, secret = asyncio.run(book(store).issue("grafana", [Scope.READ], by="operator"))

    for file in tmp_path.iterdir():
        assert secret.encode() not in file.read_bytes()


async def test_tokens_of_files_stay_when_the_store_is_read(store: SqlStore) -> None:
    tokens = book(store, **{digest_of(SECRET): Principal("operator", frozenset({Scope.ADMIN}))})

    await tokens.reload()
    await tokens.issue("grafana", [Scope.READ], by="operator")

    assert tokens.holder(SECRET).name == "operator"


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


# --- expiry, rotation, last use, tenants

DAY = timedelta(days=1)


def timed(store: SqlStore) -> tuple[TokenBook, ManualClock]:
    clock = ManualClock()
    return TokenBook(store, clock=clock, ids=SortableIds(), fixed={}), clock


async def test_a_token_opens_until_it_expires_and_not_a_moment_longer(store: SqlStore) -> None:
    tokens, clock = timed(store)
    record, secret = await tokens.issue("ci", [Scope.READ], by="operator", bounds=Bounds(expires_in=DAY))

    clock.move((DAY - timedelta(microseconds=1)).total_seconds())
    assert tokens.holder(secret) is not None
    assert tokens.is_valid(record.digest)
    clock.move((timedelta(microseconds=1)).total_seconds())

    assert tokens.holder(secret) is None
    assert not tokens.is_valid(record.digest)
    await tokens.reload()
    assert tokens.holder(secret) is None


async def test_expired_tokens_do_not_count_against_the_two_of_a_name(store: SqlStore) -> None:
    tokens, clock = timed(store)
    for _ in range(2):
        await tokens.issue("ci", [Scope.READ], by="operator", bounds=Bounds(expires_in=DAY))

    clock.move(DAY.total_seconds())

    _, secret = await tokens.issue("ci", [Scope.READ], by="operator")
    assert tokens.holder(secret) is not None


async def test_in_a_rotation_both_open_until_the_overlap_is_over(store: SqlStore) -> None:
    tokens, clock = timed(store)
    _, old = await tokens.issue("ci", [Scope.READ], by="operator", bounds=Bounds(tenant="acme", expires_in=90 * DAY))
    clock.move((80 * DAY).total_seconds())

    record, new = await tokens.rotate("ci", overlap=DAY)

    assert (record.tenant, record.expires_at) == ("acme", clock.now() + 90 * DAY)
    assert tokens.holder(old) == tokens.holder(new) == Principal("ci", frozenset({Scope.READ}), tenant="acme")
    clock.move(DAY.total_seconds())
    assert tokens.holder(old) is None
    assert tokens.holder(new) is not None


async def test_a_rotation_does_not_make_the_old_one_live_longer(store: SqlStore) -> None:
    tokens, clock = timed(store)
    _, old = await tokens.issue("ci", [Scope.READ], by="operator", bounds=Bounds(expires_in=DAY))

    await tokens.rotate("ci", overlap=7 * DAY)
    clock.move(DAY.total_seconds())

    assert tokens.holder(old) is None


async def test_what_cannot_be_rotated_is_said(store: SqlStore) -> None:
    tokens, _ = timed(store)
    with pytest.raises(NotFoundError, match="no token named 'ci' is valid"):
        await tokens.rotate("ci", overlap=DAY)
    await tokens.issue("ci", [Scope.READ], by="operator")
    await tokens.rotate("ci", overlap=DAY)

    with pytest.raises(ConflictError, match="2 tokens named 'ci' are valid"):
        await tokens.rotate("ci", overlap=DAY)


async def test_the_last_use_is_written_all_at_once_and_coarsely(store: SqlStore) -> None:
    tokens, clock = timed(store)
    record, secret = await tokens.issue("ci", [Scope.READ], by="operator")

    async def stored() -> object:
        return (await tokens.records())[0].used_at

    begun = clock.now()
    tokens.holder(secret)
    assert await stored() is None  # a request writes nothing
    await tokens.write_uses()
    assert await stored() == begun

    clock.move(COARSE.total_seconds())
    tokens.holder(secret)
    await tokens.write_uses()
    assert await stored() == begun
    assert tokens.last_use(record) == begun + COARSE

    clock.move((timedelta(seconds=1)).total_seconds())
    tokens.holder(secret)
    await tokens.revoke(record.id)
    await tokens.write_uses()
    assert await stored() == begun + COARSE + timedelta(seconds=1)
    assert tokens.holder(secret) is None, "writing the use must not undo the revocation"


@pytest.mark.parametrize("scopes", [[Scope.ADMIN], [Scope.READ, Scope.OPERATE], [Scope.WEBHOOK]])
async def test_a_token_of_one_tenant_can_only_read(store: SqlStore, scopes: list[Scope]) -> None:
    with pytest.raises(BadRequestError, match="the scope read only"):
        await book(store).issue("acme", scopes, by="operator", bounds=Bounds(tenant="acme"))
