"""The book of sessions on the real store: where one comes from, what it may do, and all the ways in which it ends."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from aetherlink.access import sessions as room
from aetherlink.access.digests import digest_of, new_session_secret
from aetherlink.access.options import SessionOptions
from aetherlink.access.sessions import SessionBook
from aetherlink.access.tokens import COARSE, Bounds, TokenBook
from aetherlink.errors import BadRequestError, ConflictError, ForbiddenError, UnauthenticatedError
from aetherlink.lib.ids import SortableIds
from aetherlink.model.principals import ROLES, Principal, Role, Scope
from aetherlink.store.database import SqlStore
from aetherlink.testing import ManualClock, fixed_key
from rigs.databases import empty_file

OPERATOR = "aek_" + "o" * 43
IDLE, LIFETIME, LINK = timedelta(hours=12), timedelta(days=7), timedelta(minutes=5)
MOMENT, MINUTE = timedelta(microseconds=1), timedelta(minutes=1)
ADMIN = frozenset({Scope.ADMIN})


class World:
    """One agent's books."""

    def __init__(self, store: SqlStore) -> None:
        self.clock = ManualClock()
        self.store = store
        self.restart()

    def restart(self, *, operator: str = OPERATOR) -> None:
        fixed = {digest_of(operator): Principal("operator", ADMIN)}
        self.tokens = TokenBook(self.store, clock=self.clock, ids=SortableIds(), fixed=fixed)
        self.book = SessionBook(self.store, self.tokens, clock=self.clock, ids=SortableIds(), options=SessionOptions())

    async def reload(self) -> None:
        await self.tokens.reload()
        await self.book.reload()

    async def link(self, role: Role = Role.ADMIN, *, by: str = OPERATOR, name: str | None = None) -> str:
        caller = self.tokens.holder(by)
        assert caller is not None
        _, secret = await self.book.link(caller, name=name, scopes=ROLES[role])
        return secret


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = SqlStore(empty_file(tmp_path / "aether.db"), key=fixed_key)
    store.open()
    yield World(store)
    store.close()


async def test_a_link_signs_in_once_with_its_role_and_its_name(world: World) -> None:
    link = await world.link(Role.APPROVER, name="zoe")

    _, cookie = await world.book.begin(link)

    assert world.book.holder(cookie) == Principal("zoe", ROLES[Role.APPROVER])
    with pytest.raises(UnauthenticatedError, match="a link is good once"):
        await world.book.begin(link)


async def test_of_many_who_bring_a_link_at_once_one_gets_in(world: World) -> None:
    link = await world.link()

    results = await asyncio.gather(*(world.book.begin(link) for _ in range(20)), return_exceptions=True)

    assert sum(isinstance(one, tuple) for one in results) == 1
    assert sum(isinstance(one, UnauthenticatedError) for one in results) == 19


async def test_a_link_expires(world: World) -> None:
    early, late = await world.link(), await world.link()
    world.clock.move((LINK - MOMENT).total_seconds())
    await world.book.begin(early)
    world.clock.move(MOMENT.total_seconds())

    with pytest.raises(UnauthenticatedError):
        await world.book.begin(late)


async def test_a_link_gives_away_no_more_than_its_maker_holds(world: World) -> None:
    caller = Principal("zoe", ROLES[Role.APPROVER])

    with pytest.raises(ForbiddenError, match="cannot give away"):
        await world.book.link(caller, name=None, scopes=ADMIN)


@pytest.mark.parametrize("name", ["operator", "local", "Zoe", "a b", ""])
async def test_a_link_is_for_no_name_that_is_the_agents_own(world: World, name: str) -> None:
    caller = Principal("operator", ADMIN)

    with pytest.raises(BadRequestError):
        await world.book.link(caller, name=name, scopes=ADMIN)


async def test_there_is_a_bound_on_links_that_wait_and_expired_ones_make_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MOST_LINKS", 3)
    for _ in range(3):
        await world.link()
    with pytest.raises(ConflictError, match="3 login links wait"):
        await world.link()

    world.clock.move(LINK.total_seconds())

    await world.link()
    assert len(await world.store.read(lambda transaction: transaction.login_links.all())) == 1


@pytest.mark.parametrize("by_link", [False, True], ids=["by its secret", "by a link"])
@pytest.mark.parametrize("end", ["revoked", "expired", "gone from its file"])
async def test_a_session_dies_with_the_token_that_it_came_from(world: World, by_link: bool, end: str) -> None:
    if end == "gone from its file":
        token = OPERATOR
    else:
        bounds = Bounds(expires_in=timedelta(hours=1) if end == "expired" else None)
        record, token = await world.tokens.issue("zoe", ADMIN, by="operator", bounds=bounds)
    _, cookie = await world.book.begin(await world.link(by=token) if by_link else token)
    _, other = await world.book.begin((await world.tokens.issue("max", ADMIN, by="operator"))[1])
    assert world.book.holder(cookie) is not None
    waiting = await world.link(by=token)

    if end == "revoked":
        await world.tokens.revoke(record.id)
    elif end == "expired":
        world.clock.move((timedelta(hours=1)).total_seconds())
    else:
        world.restart(operator="aek_" + "n" * 43)
        await world.reload()

    assert world.book.holder(cookie) is None
    assert world.book.holder(other) is not None
    with pytest.raises(UnauthenticatedError):
        await world.book.begin(waiting)


async def test_a_session_of_a_token_has_its_scopes_its_tenant_and_no_webhooks(world: World) -> None:
    _, both = await world.tokens.issue("am", [Scope.READ, Scope.WEBHOOK], by="operator")
    _, bound = await world.tokens.issue("acme", [Scope.READ], by="operator", bounds=Bounds(tenant="acme-corp"))
    _, only = await world.tokens.issue("hook", [Scope.WEBHOOK], by="operator")

    assert world.book.holder((await world.book.begin(both))[1]) == Principal("am", frozenset({Scope.READ}))
    assert world.book.holder((await world.book.begin(bound))[1]).tenant == "acme-corp"
    with pytest.raises(ForbiddenError, match="signs nobody in"):
        await world.book.begin(only)


async def test_a_session_ends_when_it_is_not_used(world: World) -> None:
    _, cookie = await world.book.begin(OPERATOR)
    for _ in range(3):
        world.clock.move((IDLE - MOMENT).total_seconds())
        assert world.book.holder(cookie) is not None
    world.clock.move(IDLE.total_seconds())

    assert world.book.holder(cookie) is None


async def test_a_session_ends_however_much_it_is_used(world: World) -> None:
    _, cookie = await world.book.begin(OPERATOR)
    for _ in range(27):
        world.clock.move((LIFETIME / 28).total_seconds())
        assert world.book.holder(cookie) is not None
    world.clock.move((LIFETIME / 28).total_seconds())

    assert world.book.holder(cookie) is None


async def test_who_signs_out_is_out_also_after_a_restart(world: World) -> None:
    _, cookie = await world.book.begin(OPERATOR)
    _, stays = await world.book.begin(OPERATOR)
    await world.book.end(cookie)
    await world.book.end(cookie)
    assert world.book.holder(cookie) is None

    world.restart()
    assert world.book.holder(stays) is None, "nothing is known before it is read"
    await world.reload()

    assert world.book.holder(cookie) is None
    assert world.book.holder(stays) == Principal("operator", ADMIN)


async def test_the_last_use_outlives_a_restart_and_its_writing_undoes_no_end(world: World) -> None:
    (_, cookie), (_, ended) = await world.book.begin(OPERATOR), await world.book.begin(OPERATOR)
    world.clock.move((IDLE - MOMENT).total_seconds())
    for secret in (cookie, ended):
        world.book.holder(secret)
    await world.book.end(ended)
    await world.book.write_uses()

    world.restart()
    await world.reload()
    world.clock.move((IDLE - MOMENT).total_seconds())

    assert world.book.holder(cookie) is not None
    assert world.book.holder(ended) is None


async def test_a_use_soon_after_the_last_is_not_written(world: World) -> None:
    session, cookie = await world.book.begin(OPERATOR)
    world.clock.move(COARSE.total_seconds())
    world.book.holder(cookie)
    await world.book.write_uses()

    stored = await world.store.read(lambda transaction: transaction.sessions.all())

    assert stored == [session]


async def test_what_is_over_is_forgotten_and_the_idlest_makes_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MOST_SESSIONS", 3)
    cookies = []
    for _ in range(3):
        cookies.append((await world.book.begin(OPERATOR))[1])
        world.clock.move((timedelta(minutes=1)).total_seconds())
    world.book.holder(cookies[0])

    cookies.append((await world.book.begin(OPERATOR))[1])

    assert [world.book.holder(one) is not None for one in cookies] == [True, False, True, True]
    assert len(await world.store.read(lambda transaction: transaction.sessions.all())) == 3
    world.clock.move(LIFETIME.total_seconds())
    await world.book.begin(OPERATOR)
    assert len(await world.store.read(lambda transaction: transaction.sessions.all())) == 1


async def test_who_signs_in_again_and_again_ends_only_its_own_sessions(world: World, monkeypatch) -> None:
    monkeypatch.setattr(room, "MOST_EACH", 2)
    monkeypatch.setattr(room, "MOST_SESSIONS", 3)
    _, viewer = await world.tokens.issue("wall", [Scope.READ], by="operator")
    _, operator = await world.book.begin(OPERATOR)
    cookies = []
    for _ in range(4):
        world.clock.move(1.0)
        cookies.append((await world.book.begin(viewer))[1])

    assert world.book.holder(operator) is not None
    assert [world.book.holder(one) is not None for one in cookies] == [False, False, True, True]


@pytest.mark.parametrize("code", ["", "x", "aek_" + "x" * 43, "ael_" + "x" * 43, "a b" * 20, "é" * 40, "x" * 10_000])
async def test_what_is_no_code_signs_nobody_in(world: World, code: str) -> None:
    with pytest.raises(UnauthenticatedError):
        await world.book.begin(code)


async def test_a_cookie_is_no_code_and_a_token_is_no_cookie(world: World) -> None:
    _, cookie = await world.book.begin(OPERATOR)

    with pytest.raises(UnauthenticatedError):
        await world.book.begin(cookie)
    assert world.book.holder(OPERATOR) is None
    assert world.tokens.holder(cookie) is None
    assert world.book.holder(new_session_secret()) is None


async def test_no_secret_is_stored(world: World, tmp_path: Path) -> None:
    unused = await world.link()
    session, cookie = await world.book.begin(await world.link())

    stored = await asyncio.to_thread(lambda: b"".join(file.read_bytes() for file in tmp_path.iterdir()))
    assert digest_of(cookie).encode() in stored
    assert not [secret for secret in (unused, cookie, OPERATOR) if secret.encode() in stored]
    assert digest_of(cookie) not in repr(session)


# --- vouched for by an identity provider

VOUCHED = room.Vouched("oidc-one", timedelta(hours=8))
ANN = Principal("oidc:ann", ROLES[Role.ADMIN])


def vouching(world: World, vouched: room.Vouched | None = VOUCHED) -> SessionBook:
    world.book = SessionBook(
        world.store, world.tokens, clock=world.clock, ids=SortableIds(), options=SessionOptions(), vouched=vouched
    )
    return world.book


async def test_whom_a_provider_vouches_for_is_out_when_its_lifetime_is_over(world: World) -> None:
    book = vouching(world)
    _, cookie = await book.begin_vouched(ANN, entered=lambda *_: None)
    assert book.holder(cookie) == ANN

    for hours in range(1, 8):  # in use all the time
        world.clock.move(3600)
        assert book.holder(cookie) == ANN, hours
    world.clock.move(3600)
    assert book.holder(cookie) is None


async def test_links_renew_nobody_however_long_the_chain(world: World) -> None:
    book = vouching(world)
    first, cookie = await book.begin_vouched(ANN, entered=lambda *_: None)

    for _ in range(3):
        world.clock.move(7200)
        caller = book.holder(cookie)
        assert caller is not None
        _, link = await book.link(caller, name="zoe", scopes=ADMIN)
        session, cookie = await book.begin(link)
        assert session.expires_at == first.expires_at
    world.clock.move(7200 - MINUTE.total_seconds())
    caller = book.holder(cookie)
    assert caller is not None
    made, link = await book.link(caller, name=None, scopes=ADMIN)
    assert made.expires_at == first.expires_at
    world.clock.move(MINUTE.total_seconds())
    assert book.holder(cookie) is None
    with pytest.raises(UnauthenticatedError):
        await book.begin(link)


async def test_a_link_that_a_session_of_a_token_made_renews_nobody_either(world: World) -> None:
    first, cookie = await world.book.begin(OPERATOR)
    world.clock.move(IDLE.total_seconds() / 2)
    caller = world.book.holder(cookie)
    assert caller is not None
    _, link = await world.book.link(caller, name="zoe", scopes=ADMIN)

    session, _ = await world.book.begin(link)

    assert session.expires_at == first.expires_at
    assert session.created_at > first.created_at


async def test_what_is_vouched_for_once_is_over_under_another_root_and_without_one(world: World) -> None:
    _, cookie = await vouching(world).begin_vouched(ANN, entered=lambda *_: None)

    for vouched, is_in in ((VOUCHED, True), (room.Vouched("oidc-two", VOUCHED.lifetime), False), (None, False)):
        book = vouching(world, vouched)
        await world.reload()
        assert (book.holder(cookie) is not None) is is_in


async def test_a_session_without_its_entry_does_not_begin(world: World) -> None:
    book = vouching(world)

    def fails(*_: object) -> None:
        raise ConflictError("no entry")

    with pytest.raises(ConflictError):
        await book.begin_vouched(ANN, entered=fails)
    assert await world.store.read(lambda rows: rows.sessions.all()) == []
    assert book._sessions == {}


async def test_nobody_is_vouched_for_where_nobody_may(world: World) -> None:
    with pytest.raises(UnauthenticatedError):
        await world.book.begin_vouched(ANN, entered=lambda *_: None)
