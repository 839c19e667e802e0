"""The rules of reconciliation, on what Alertmanagers may list and what may be known."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from aetherlink.clients.listing import AlertmanagerState, ListedAlert, read_alerts
from aetherlink.intake.comparison import Comparison, Findings, Kind, Poll, Told
from aetherlink.intake.reconcile_options import ReconcileOptions
from aetherlink.model.alerts import TEST_ALERT, AlertStatus, Standing, Suppression
from aetherlink.model.ids import Fingerprint
from aetherlink.testing import START, ManualClock

OLD = AlertmanagerState(timedelta(hours=1), is_settled=True)
YOUNG = AlertmanagerState(timedelta(minutes=1), is_settled=True)
ALONE = AlertmanagerState(timedelta(hours=1), is_settled=False)
LONG_AGO = START - timedelta(hours=1)


def listed(
    name: str,
    *,
    starts: datetime = LONG_AGO,
    ends: datetime | None = None,
    silenced: bool = False,
    inhibited: bool = False,
) -> ListedAlert:
    wire: dict[str, Any] = {
        "fingerprint": name,
        "labels": {"alertname": name},
        "annotations": {},
        "startsAt": starts.isoformat(),
        "endsAt": (ends or START + timedelta(hours=1)).isoformat(),
        "receivers": [],
        "status": {"state": "active", "silencedBy": ["s"] * silenced, "inhibitedBy": ["i"] * inhibited},
    }
    return read_alerts(json.dumps([wire]).encode(), receiver=None, most=1)[Fingerprint(name)]


class Rig:
    """One source: what stands, what is over, and what its Alertmanagers say."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.comparison = Comparison(ReconcileOptions(), frozenset({"Watchdog"}))
        self.known: dict[Fingerprint, Standing] = {}

    def stands(self, *names: str, since: datetime = LONG_AGO, suppressed: Suppression = Suppression.NONE) -> None:
        for name in names:
            self._know(name, since, AlertStatus.FIRING, suppressed)

    def is_over(self, name: str, since: datetime) -> None:
        self._know(name, since, AlertStatus.RESOLVED, Suppression.NONE)

    def _know(self, name: str, since: datetime, status: AlertStatus, suppressed: Suppression) -> None:
        self.known[Fingerprint(name)] = Standing(len(self.known) + 1, since, status, suppressed, None)

    def look(self, *lists: list[ListedAlert], state: AlertmanagerState = OLD, whole: bool = True) -> Findings:
        told = [Told({alert.fingerprint: alert for alert in each}, state) for each in lists]
        firing = {key: each for key, each in self.known.items() if each.status is AlertStatus.FIRING}
        findings = self.comparison.look(Poll(self.clock.now(), told, whole), firing, self.known.get)
        self.clock.move(30)
        return findings

    def ghosts(self, findings: Findings) -> set[str]:
        names: Mapping[int, str] = {each.id: name for name, each in self.known.items()}
        return {names[ghost.id] for ghost in findings.ghosts}


def names(findings: Findings, kind: Kind) -> list[str]:
    return sorted(alert.name for alert in findings.listed[kind])


@pytest.fixture
def rig(clock: ManualClock) -> Rig:
    return Rig(clock)


def test_nothing_is_found_where_both_agree(rig: Rig) -> None:
    rig.stands("a", "b")

    findings = [rig.look([listed("a"), listed("b")]) for _ in range(3)]

    assert all(not found.ghosts and not any(found.listed.values()) and not found.doubt for found in findings)


def test_an_old_alert_that_is_unknown_is_missed_at_once(rig: Rig) -> None:
    assert names(rig.look([listed("a")]), Kind.MISSED) == ["a"]


def test_a_young_alert_may_be_on_its_way_and_is_missed_when_seen_twice(rig: Rig) -> None:
    alert = listed("a", starts=START - timedelta(seconds=14))

    assert names(rig.look([alert]), Kind.MISSED) == []
    assert names(rig.look([alert]), Kind.MISSED) == ["a"]


def test_an_alert_that_ended_fires_again_with_the_same_start_when_seen_twice(rig: Rig) -> None:
    """One of the twins may not have heard of the end yet."""
    rig.is_over("a", since=START - timedelta(minutes=1))

    assert names(rig.look([listed("a")]), Kind.MISSED) == []
    assert names(rig.look([listed("a")]), Kind.MISSED) == ["a"]


def test_an_end_that_is_newer_than_the_question_counts_more_than_the_answer(rig: Rig) -> None:
    rig.is_over("a", since=START + timedelta(minutes=5))

    assert names(rig.look([listed("a")]), Kind.MISSED) == []
    assert names(rig.look([listed("a")]), Kind.MISSED) == []


def test_a_later_start_of_a_standing_alert_is_a_missed_episode(rig: Rig) -> None:
    rig.stands("a")
    again = listed("a", starts=LONG_AGO + timedelta(minutes=30))

    assert names(rig.look([again]), Kind.MISSED) == []
    assert names(rig.look([again]), Kind.MISSED) == ["a"]


def test_what_any_of_the_twins_lists_fires(rig: Rig) -> None:
    rig.stands("a", "b")

    assert [rig.ghosts(rig.look([listed("a")], [listed("b")])) for _ in range(3)] == [set(), set(), set()]


class TestGhosts:
    def test_an_alert_that_is_gone_twice_is_over(self, rig: Rig) -> None:
        rig.stands("a", "b")

        assert rig.ghosts(rig.look([listed("a")])) == set()
        assert rig.ghosts(rig.look([listed("a")])) == {"b"}

    def test_one_that_came_back_between_has_to_be_gone_twice_again(self, rig: Rig) -> None:
        rig.stands("a", "b")

        for seen in ([listed("a")], [listed("a"), listed("b")], [listed("a")]):
            assert rig.ghosts(rig.look(seen)) == set()

    def test_what_its_alertmanager_foresaw_as_its_end_is_over_at_once(self, rig: Rig) -> None:
        rig.stands("a", "b")
        rig.look([listed("a"), listed("b", ends=START + timedelta(seconds=10))])

        assert rig.ghosts(rig.look([listed("a")])) == {"b"}

    def test_an_end_that_was_foreseen_for_an_earlier_episode_says_nothing_of_this_one(self, rig: Rig) -> None:
        rig.stands("a", "b")
        rig.look([listed("a"), listed("b", ends=START + timedelta(seconds=10))])
        rig.stands("b", since=START + timedelta(seconds=20))

        assert rig.ghosts(rig.look([listed("a")])) == set()

    @pytest.mark.parametrize("whole", [True, False])
    def test_a_part_of_the_twins_closes_nothing(self, rig: Rig, *, whole: bool) -> None:
        rig.stands("a", "b")

        found = [rig.ghosts(rig.look([listed("a")], whole=whole)) for _ in range(3)]

        assert found[1] == ({"b"} if whole else set())

    def test_a_part_of_the_twins_closes_nothing_even_where_its_end_is_past(self, rig: Rig) -> None:
        rig.stands("a", "b")
        rig.look([listed("a"), listed("b", ends=START + timedelta(seconds=10))])

        assert rig.ghosts(rig.look([listed("a")], whole=False)) == set()

    def test_one_that_started_between_two_answers_does_not_agree(self, rig: Rig) -> None:
        rig.stands("a", "b")

        assert [rig.ghosts(rig.look([listed("a")], state=state)) for state in (OLD, YOUNG)] == [set(), set()]

    def test_a_partial_answer_between_two_is_no_agreement(self, rig: Rig) -> None:
        rig.stands("a", "b")

        for whole in (True, False, True):
            assert rig.ghosts(rig.look([listed("a")], whole=whole)) == set()

    @pytest.mark.parametrize("state", [YOUNG, ALONE], ids=["just started", "cluster not settled"])
    def test_one_that_started_a_moment_ago_closes_nothing(self, rig: Rig, state: AlertmanagerState) -> None:
        rig.stands("a", "b")

        assert [rig.ghosts(rig.look([listed("a")], state=state)) for _ in range(3)] == [set()] * 3
        assert [rig.ghosts(rig.look([listed("a")])) for _ in range(2)] == [set(), {"b"}]

    def test_an_empty_list_of_one_that_is_up_for_long_counts(self, rig: Rig) -> None:
        rig.stands("a")

        assert [rig.ghosts(rig.look([])) for _ in range(2)] == [set(), {"a"}]

    def test_an_empty_list_after_a_start_says_nothing_even_where_ends_are_past(self, rig: Rig) -> None:
        rig.stands("a")
        rig.look([listed("a", ends=START + timedelta(seconds=10))])

        found = rig.look([], state=YOUNG)

        assert rig.ghosts(found) == set()
        assert "has not been up for long" in found.doubt

    def test_an_empty_list_without_the_heartbeat_closes_nothing_ever(self, rig: Rig) -> None:
        rig.stands("a")
        rig.stands("Watchdog", suppressed=Suppression.HEARTBEAT)

        findings = [rig.look([]) for _ in range(5)]

        assert [found.ghosts for found in findings] == [[]] * 5
        assert findings[-1].doubt == "the heartbeat is not in the list either"
        assert findings[-1].has_heartbeat is False

    def test_a_list_with_nothing_but_the_heartbeat_closes_all_else(self, rig: Rig) -> None:
        rig.stands("a")
        rig.stands("Watchdog", suppressed=Suppression.HEARTBEAT)

        assert [rig.ghosts(rig.look([listed("Watchdog")])) for _ in range(2)] == [set(), {"a"}]

    def test_a_list_that_shrank_sharply_is_doubted_without_the_heartbeat(self, rig: Rig) -> None:
        many = [f"alert-{number}" for number in range(11)]
        rig.stands(*many)
        rig.stands("Watchdog", suppressed=Suppression.HEARTBEAT)
        few = [listed(name) for name in many[:5]]

        assert [rig.ghosts(rig.look(few)) for _ in range(3)] == [set()] * 3
        assert [rig.ghosts(rig.look([*few, listed("Watchdog")])) for _ in range(2)] == [set(), set(many[5:])]

    def test_an_alert_that_is_suppressed_can_be_over_too(self, rig: Rig) -> None:
        rig.stands("a")
        rig.stands("b", suppressed=Suppression.SILENCED)

        assert [rig.ghosts(rig.look([listed("a")])) for _ in range(2)] == [set(), {"b"}]


class TestSuppression:
    def test_a_silence_is_told_once(self, rig: Rig) -> None:
        rig.stands("a")
        silenced = listed("a", silenced=True)

        assert names(rig.look([silenced]), Kind.SUPPRESSED) == ["a"]
        rig.stands("a", suppressed=Suppression.SILENCED)
        assert names(rig.look([silenced]), Kind.SUPPRESSED) == []

    def test_the_end_of_a_silence_is_told_when_seen_twice(self, rig: Rig) -> None:
        rig.stands("a", suppressed=Suppression.SILENCED)

        assert [names(rig.look([listed("a")]), Kind.UNSUPPRESSED) for _ in range(2)] == [[], ["a"]]

    def test_the_twin_that_answers_ends_a_silence_when_seen_twice(self, rig: Rig) -> None:
        """Else an incident would be missing for as long as the other twin is away."""
        rig.stands("a", suppressed=Suppression.INHIBITED)

        assert [names(rig.look([listed("a")], whole=False), Kind.UNSUPPRESSED) for _ in range(2)] == [[], ["a"]]

    @pytest.mark.parametrize("state", [YOUNG, ALONE])
    def test_a_twin_that_may_not_know_of_a_silence_ends_none_alone(self, rig: Rig, state: AlertmanagerState) -> None:
        rig.stands("a", suppressed=Suppression.SILENCED)
        looks = [rig.look([listed("a")], state=state, whole=False) for _ in range(3)]

        assert [names(found, Kind.UNSUPPRESSED) for found in looks] == [[]] * 3

    @pytest.mark.parametrize("order", [1, -1])
    def test_a_silence_that_one_of_the_twins_knows_counts_for_both(self, rig: Rig, order: int) -> None:
        rig.stands("a")
        lists = [[listed("a", silenced=True)], [listed("a", inhibited=True)], [listed("a")]][::order]

        [found] = rig.look(*lists).listed[Kind.SUPPRESSED]

        assert found.suppressed is Suppression.SILENCED

    def test_an_unknown_alert_that_is_silenced_is_known_as_such(self, rig: Rig) -> None:
        [found] = rig.look([listed("a", silenced=True)]).listed[Kind.MISSED]

        assert found.suppressed is Suppression.SILENCED

    def test_a_silenced_alert_with_a_later_start_is_still_silenced(self, rig: Rig) -> None:
        rig.stands("a", suppressed=Suppression.SILENCED)
        later = listed("a", starts=LONG_AGO + timedelta(minutes=30), silenced=True)

        findings = [rig.look([later]) for _ in range(3)]

        assert not any(any(found.listed.values()) for found in findings)

    def test_a_silenced_heartbeat_is_a_heartbeat(self, rig: Rig) -> None:
        rig.stands("Watchdog", suppressed=Suppression.HEARTBEAT)

        found = rig.look([listed("Watchdog", silenced=True)])

        assert (found.has_heartbeat, names(found, Kind.SUPPRESSED)) == (True, [])


@pytest.mark.parametrize(("state", "whole", "said"), [(OLD, True, False), (YOUNG, True, None), (OLD, False, None)])
def test_only_those_who_would_list_a_heartbeat_can_miss_it(
    rig: Rig, state: AlertmanagerState, *, whole: bool, said: bool | None
) -> None:
    assert rig.look([listed("a")], state=state, whole=whole).has_heartbeat is said
    assert rig.look([listed("Watchdog")], state=state, whole=whole).has_heartbeat is True


def test_a_test_alert_is_left_to_its_webhook(rig: Rig) -> None:
    for _ in range(3):
        assert names(rig.look([listed(TEST_ALERT), listed("a")]), Kind.MISSED) == ["a"]
    rig.stands(TEST_ALERT, suppressed=Suppression.TEST)
    found = [rig.look([listed("a")]) for _ in range(2)][-1]
    assert rig.ghosts(found) == {TEST_ALERT}
