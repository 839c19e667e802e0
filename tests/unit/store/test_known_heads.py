"""The heads of open incidents in memory: copies, staged by transaction, and never more than there is room for."""

import pytest

from aetherlink.model.ids import IncidentId, SourceName
from aetherlink.model.incidents import IncidentHead, IncidentStatus, Origin, Severity, Stage
from aetherlink.store.known_heads import KnownHeads, StagedHeads
from aetherlink.testing import START


def head(name: str, *, key: str | None = None, status: IncidentStatus = IncidentStatus.OPEN) -> IncidentHead:
    return IncidentHead(
        id=IncidentId(name),
        key=key or f"key of {name}",
        origin=Origin.ALERT,
        source=SourceName("lab"),
        tenant="",
        service="crm",
        title="it is down",
        severity=Severity.WARNING,
        vip=False,
        status=status,
        stage=Stage.PLAN,
        firing=1,
        is_symptom=False,
        reopened=0,
        fires=(),
        flapping_until=None,
        planned_through=0,
        opened_at=START,
        updated_at=START,
        resolved_at=None,
        wake_at=None,
        version=0,
    )


def commit(known: KnownHeads, *heads: IncidentHead) -> None:
    staged = StagedHeads(known)
    staged.put(heads)
    known.apply(staged)


ONE = IncidentId("one")


def test_what_a_transaction_changes_is_seen_by_itself_and_by_others_once_it_is_committed() -> None:
    known = KnownHeads()
    staged = StagedHeads(known)
    staged.put([head("one")])

    assert staged.by_id(ONE) == staged.by_key("key of one") == head("one")
    assert StagedHeads(known).by_id(ONE) is None
    known.apply(staged)
    assert StagedHeads(known).by_key("key of one") == head("one")


def test_who_changes_a_head_changes_his_own() -> None:
    known = KnownHeads()
    given = head("one")
    commit(known, given)
    given.firing = 7
    staged = StagedHeads(known)
    found = staged.by_id(ONE)
    assert found is not None
    found.firing = 8

    assert staged.by_id(ONE) == staged.by_key("key of one") == head("one")


def test_what_was_changed_by_other_means_or_is_over_has_to_be_asked_for() -> None:
    known = KnownHeads()
    commit(known, head("one"), head("two"))
    staged = StagedHeads(known)
    staged.forget(ONE)
    staged.put([head("two", status=IncidentStatus.RESOLVED)])

    for seen in (staged, known):
        assert [seen.by_id(ONE), seen.by_key("key of one"), seen.by_key("key of two")] == [None, None, None]
        known.apply(staged)


def test_an_identity_that_was_given_up_leads_nowhere_until_somebody_else_has_it() -> None:
    known = KnownHeads()
    commit(known, head("one", key="symptom"))
    taken_over = StagedHeads(known)
    taken_over.put([head("one", key="cause")])
    assert taken_over.by_key("symptom") is None
    known.apply(taken_over)
    assert known.by_key("symptom") is None

    commit(known, head("two", key="symptom"))
    commit(known, head("one", key="cause"))
    assert [known.by_key(key) and known.by_key(key).id for key in ("symptom", "cause")] == ["two", "one"]


def test_who_gave_an_identity_up_takes_it_from_nobody() -> None:
    staged = StagedHeads(KnownHeads())
    staged.put([head("one", key="k"), head("two", key="k"), head("one", key="other")])
    staged.forget(ONE)
    staged.put([head("two", key="k")])

    found = staged.by_key("k")
    assert found is not None
    assert found.id == "two"


def test_a_layer_that_is_absorbed_adds_to_the_one_below() -> None:
    known = KnownHeads()
    commit(known, head("one"), head("two"))
    below = StagedHeads(known)
    upper = StagedHeads(below)
    upper.forget(ONE)
    upper.put([head("three")])
    assert below.by_id(ONE) is not None

    below.absorb(upper)

    assert [below.by_id(IncidentId(name)) is None for name in ("one", "two", "three")] == [True, False, False]


@pytest.mark.parametrize("in_one_commit", [True, False])
def test_there_are_never_more_than_there_is_room_for(in_one_commit: bool) -> None:
    known = KnownHeads(most=3)
    heads = [head(str(number)) for number in range(4)]
    for some in [heads] if in_one_commit else [[each] for each in heads]:
        commit(known, *some)

    kept = [each.id for each in heads if known.by_id(each.id)]
    assert len(kept) <= 3
    assert all(known.by_key(each.key) is known.by_id(each.id) for each in heads)
