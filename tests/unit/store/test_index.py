"""The index of alerts remembers what fires and what was over lately, however long the agent runs."""

from datetime import datetime, timedelta

import pytest

from aetherlink.model.alerts import AlertStatus, Suppression
from aetherlink.model.ids import Fingerprint, SourceName
from aetherlink.store import index
from aetherlink.store.index import AlertIndex, Known, Staged
from aetherlink.testing import START

LAB = SourceName("lab")
FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED


def commit(known: AlertIndex, *alerts: tuple[str, AlertStatus, datetime]) -> None:
    staged = Staged(known)
    for name, status, since in alerts:
        staged.last_id += 1
        one: Known = (staged.last_id, since, status is RESOLVED, Suppression.NONE.value, None)
        staged.put([((LAB, Fingerprint(name)), one)])
    known.apply(staged)


def test_what_is_over_for_more_than_a_day_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_FEW", 3)
    known = AlertIndex()
    commit(known, ("fires on", FIRING, START), ("over", RESOLVED, START), ("over too", RESOLVED, START))
    later = START + timedelta(days=2)
    commit(known, ("just over", RESOLVED, later), ("fires", FIRING, later))

    found = {
        name for name in ("fires on", "over", "over too", "just over", "fires") if known.of(LAB, Fingerprint(name))
    }
    assert found == {"fires on", "just over", "fires"}
    assert known.last_id == 5


def test_it_is_looked_for_only_when_as_much_has_ended_as_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_FEW", 2)
    known = AlertIndex()
    commit(known, *((f"fires {number}", FIRING, START) for number in range(4)))
    commit(known, *((f"over {number}", RESOLVED, START) for number in range(2)))  # looked through: six are left
    later = START + timedelta(days=2)
    commit(known, *((f"later {number}", RESOLVED, later) for number in range(5)))
    assert known.of(LAB, Fingerprint("over 0")) is not None

    commit(known, ("the last", RESOLVED, later))
    assert known.of(LAB, Fingerprint("over 0")) is None
