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


def began(turns: Turns, now: float = 0.0) -> str:
    """Who is put to work, each only when the one before is done."""
    found = ""
    while (one := turns.take(now)) is not None:
        turns.done(one)
        found += one
    return found


def test_one_of_so_many_turns_as_there_are_workers_is_for_who_has_waited_longest() -> None:
    """However full it is when they are offered, and whatever is urgent."""
    turns = Turns(4)
    turns.offer([due(name, 4) for name in "abcdefgh"], [due("z"), due("y")], 0)

    assert began(turns) == "abczdefygh"


def test_who_has_waited_longest_is_not_put_off_by_another_look() -> None:
    turns, found = Turns(8), ""
    for _ in range(16):
        turns.offer([due("a", 4), due("b", 4), due("z")], [due("z")], 0)
        one = turns.take(0)
        assert one is not None
        turns.done(one)
        found += one

    assert found.count("z") == 2


def test_where_there_is_one_worker_the_most_urgent_goes_first() -> None:
    turns = Turns(1)
    turns.offer([due("a", 4), due("b", 4), due("z")], [due("z")], 0)

    assert began(turns) == "abz"


def test_nobody_else_begins_beside_a_vips_incident_that_has_just_begun() -> None:
    turns = Turns(3)
    turns.offer([due("v", VIP), due("w", VIP), due("a"), due("b")], [], 0)

    assert taken(turns) == "vw"
    assert turns.is_awaited
    turns.done(IncidentId("v"))
    assert taken(turns) == ""
    turns.done(IncidentId("w"))
    assert taken(turns) == "ab"
    assert not turns.is_awaited


def test_a_vips_repair_that_takes_its_time_holds_nobody_back() -> None:
    turns = Turns(2)
    turns.offer([due("v", VIP), due("a")], [], 0)

    assert taken(turns) == "v"
    assert taken(turns, COURTESY - 0.01) == ""
    assert taken(turns, COURTESY) == "a"


def test_a_vips_incident_that_is_only_looked_at_again_holds_nobody_back() -> None:
    turns = Turns(2)
    turns.offer([due("v", VIP)], [], 0)
    assert began(turns) == "v"

    turns.offer([due("v", VIP), due("a")], [], 5)
    assert taken(turns, 5) == "va"


def test_who_has_waited_longest_waits_for_no_courtesy() -> None:
    turns = Turns(4)
    turns.offer([due(name, VIP) for name in "vwx"], [due("z")], 0)

    assert taken(turns) == "vwxz"


def test_who_rests_no_more_is_forgotten() -> None:
    turns = Turns(2)
    for number in range(100):
        turns.rest(IncidentId(f"i{number}"), until=5)

    turns.offer([], [], 5)
    assert turns.unknown == 0


def test_another_look_shows_all_who_wait() -> None:
    turns = Turns(1)
    turns.offer([due("a"), due("b")], [], 0)
    turns.offer([due("c")], [], 0)

    assert taken(turns) == "c"
    turns.done(IncidentId("c"))
    assert taken(turns) == ""
