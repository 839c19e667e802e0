"""Whose turn it is, without a runner."""

from aetherlink.model.ids import IncidentId
from aetherlink.model.incidents import Due
from aetherlink.pipeline.turns import COURTESY, Turns

VIP, LOW = 0, 7


def due(name: str, priority: int = LOW) -> Due:
    return Due(IncidentId(name), priority)


def taken(turns: Turns, now: float = 0.0) -> str:
    """Everybody who is put to work now, in order."""
    found = ""
    while (one := turns.take(now)) is not None:
        found += one
    return found


def test_the_most_urgent_are_taken_and_no_more_than_there_is_room_for() -> None:
    turns = Turns(2)
    turns.offer([due("a"), due("b"), due("c")], [], 0)

    assert taken(turns) == "ab"
    turns.done(IncidentId("a"))
    assert taken(turns) == "c"
    assert taken(turns) == ""


def test_who_is_at_work_or_rests_is_not_taken() -> None:
    turns = Turns(4)
    turns.offer([due("a"), due("b")], [], 0)
    assert taken(turns) == "ab"
    turns.done(IncidentId("b"))
    turns.rest(IncidentId("b"), until=5)

    turns.offer([due("a"), due("b")], [], 4.9)
    assert (taken(turns, 4.9), turns.unknown) == ("", 2)
    turns.offer([due("a"), due("b")], [], 5)
    assert (taken(turns, 5), turns.unknown) == ("b", 2)


def test_who_has_waited_too_long_has_the_last_place_that_there_is_room_for() -> None:
    turns = Turns(3)
    turns.offer([due(name, 4) for name in "abcd"], [due("z"), due("y")], 0)

    assert taken(turns) == "abz"


def test_where_there_is_room_for_one_it_is_the_most_urgent() -> None:
    turns = Turns(1)
    turns.offer([due("a", 4), due("z")], [due("z")], 0)

    assert taken(turns) == "a"


def test_nobody_else_begins_beside_a_vips_incident_that_has_just_begun() -> None:
    turns = Turns(3)
    turns.offer([due("v", VIP), due("w", VIP), due("a"), due("b")], [], 0)

    assert taken(turns) == "vw"
    assert turns.is_held_back
    turns.done(IncidentId("v"))
    assert taken(turns) == ""
    turns.done(IncidentId("w"))
    assert taken(turns) == "ab"
    assert not turns.is_held_back


def test_a_vips_repair_that_takes_its_time_holds_nobody_back() -> None:
    turns = Turns(2)
    turns.offer([due("v", VIP), due("a")], [], 0)

    assert taken(turns) == "v"
    assert taken(turns, COURTESY - 0.01) == ""
    assert taken(turns, COURTESY) == "a"


def test_another_look_shows_all_who_wait() -> None:
    turns = Turns(1)
    turns.offer([due("a"), due("b")], [], 0)
    turns.offer([due("c")], [], 0)

    assert taken(turns) == "c"
    turns.done(IncidentId("c"))
    assert taken(turns) == ""
