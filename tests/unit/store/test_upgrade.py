"""What was under way in a database of revision 0001 goes on after the upgrade."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aetherlink.briefing import Restraints
from aetherlink.errors import StoreError
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import PlaybookName
from aetherlink.model.incidents import Stage
from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, ManualClock, fixed_key
from rigs.old_database import AT, build
from rigs.pipeline import build_rig

EPISODE = f"f-0@{datetime.fromtimestamp(AT / 1e6 - 60, UTC).isoformat()}"
LABELS = {"alertname": "CrmApiDown", "service": "crm", "job": "peakpro_crm", "instance": "crm:8000"}
PLAN = {
    "verb": "restart",
    "target": "crm-api",
    "playbook": "restart-crm-api",
    "when": "up == 0",
    "verify": "up == 1",
    "verify_for_seconds": 3.0,
    "verify_within_seconds": 60.0,
    "episode": EPISODE,
}


@pytest.mark.parametrize("left", [(Stage.PLAN, [], None), (Stage.DECIDE, [EPISODE], PLAN)])
async def test_a_repair_that_was_under_way_is_carried_out_once(
    tmp_path: Path, clock: ManualClock, ids: CountingIds, left: tuple[Stage, list[str], object]
) -> None:
    path = tmp_path / "aetherlink.db"
    leave(path, *left)
    store = SqlStore(path, key=fixed_key)
    store.open()
    rig = build_rig(store, clock, ids, database=path)
    rig.change(restraints=Restraints(vip_mode=Mode.AUTO))  # the old incident is a VIP's
    await rig.run_for(5)

    assert len(rig.executor.calls) == 1
    assert (await rig.incident()).stage is Stage.WATCH
    store.close()


@pytest.mark.parametrize("since", ["DELETE FROM agent_state", "UPDATE agent_state SET value = '9'"])
def test_only_the_entries_that_the_upgrade_left_are_chained_and_only_once(tmp_path: Path, since: str) -> None:
    path = tmp_path / "aetherlink.db"
    build(path, alerts=1)
    store = SqlStore(path, key=fixed_key)
    store.open()
    assert store.tally.number > 0
    store.close()
    with closing(sqlite3.connect(path)) as raw, raw:
        assert [name for (name,) in raw.execute("SELECT name FROM agent_state")] == ["audit"]
        raw.execute("UPDATE timeline SET hash = '', text = 'forged'")
        raw.execute("UPDATE agent_state SET name = 'unchained'")
        raw.execute(since)

    forged = SqlStore(path, key=fixed_key)
    with pytest.raises(StoreError, match="how many timeline entries"):
        forged.open()
    forged.dispose()


def leave(path: Path, stage: Stage, considered: list[str], plan: object) -> None:
    """A database of revision 0001 whose one incident is so far."""
    build(path, alerts=1)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DELETE FROM actions")
        raw.execute("UPDATE alerts SET labels = ?", (json.dumps(LABELS),))
        raw.execute(
            "UPDATE incidents SET action_id = NULL, stage = ?, considered = ?, plan = ?, wake_at = ?",
            (stage, json.dumps(considered), plan and json.dumps(plan), AT),
        )


async def test_the_upgrade_says_of_earlier_actions_which_playbook_they_were_of(tmp_path: Path) -> None:
    path = tmp_path / "aetherlink.db"
    build(path, alerts=20)
    store = SqlStore(path, key=fixed_key)
    store.open()
    since = datetime.fromtimestamp(AT / 1e6, UTC)
    counted = await store.read(lambda tx: tx.actions.precision(PlaybookName("restart-crm-api"), since=since, most=100))
    store.close()

    assert counted.executed == 2
