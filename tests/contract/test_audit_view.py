"""The audit reads both stores alike: what is whole is fine, and of each kind of change the first bad entry is named."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from aetherlink.audit.verify import Report, verify
from aetherlink.errors import StoreError
from aetherlink.incident_commands import IncidentCommands
from aetherlink.incidents.condition import Condition
from aetherlink.model.audit import ChainState
from aetherlink.model.ids import SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.store.audit import auditing
from aetherlink.store.database import SqlStore
from aetherlink.testing import START, CountingIds, ManualClock, fixed_key
from rigs.databases import Database
from rigs.pipeline import NoWaker

pytestmark = pytest.mark.sql

ODD = 'Zoë\'s "café" \\ %s :name 🚨\n\u2028'
CHANGES = {
    "UPDATE timeline SET text = 'other' WHERE number = 5": 5,
    "UPDATE timeline SET at = at - 1 WHERE number = 4": 4,
    "UPDATE timeline SET facts = '{}' WHERE number = 6": 6,
    "DELETE FROM timeline WHERE number = 3": 3,
    "DELETE FROM timeline WHERE number = 6": 6,
    "DELETE FROM incidents WHERE id = 'inc-0002'": 2,
    "UPDATE incidents SET head = '' WHERE id = 'inc-0001'": 5,
    "UPDATE incidents SET entries = 1 WHERE id = 'inc-0001'": 1,
    "UPDATE agent_state SET value = 'x' WHERE name = 'audit'": 7,
    "DELETE FROM agent_state WHERE name = 'audit'": 7,
}


async def opened(store: SqlStore) -> Sequence[Incident]:
    """Two incidents, whose entries have the numbers 1, 3, 5 and 2, 4, 6."""
    ids = CountingIds()
    made = []
    for service in ("crm", "billing"):
        condition = Condition(service, Origin.ALERT, SourceName("lab"), ODD, service=service)
        said = Entry(EventKind.OPENED, START, ODD, {ODD: [1, 2.5, None]})
        incident = await store.write(lambda tx, condition=condition, said=said: condition.begins(tx, ids, said))
        assert incident is not None
        made.append(incident)
    commands = IncidentCommands(store, clock=ManualClock(), waker=NoWaker())
    for text in ("one", ODD.strip()):
        for incident in made:
            await commands.add_note(incident.id, text, by="ann", idempotency_key=text[:1])
    return made


def verified(database: Database) -> Report:
    with auditing(database.place()) as view:
        return verify(view, fixed_key(True), [])


async def test_what_is_stored_is_fine_beside_an_agent_and_without_one(store: SqlStore, database: Database) -> None:
    await opened(store)
    beside = verified(database)
    store.close()
    after = verified(database)

    assert (beside.first_bad, after.first_bad) == (None, None)
    assert beside.tally == after.tally == store.tally
    assert after.tally.number == 6


@pytest.mark.parametrize("change", CHANGES)
async def test_the_first_bad_entry_is_named(store: SqlStore, database: Database, change: str) -> None:
    await opened(store)
    store.close()
    place = database.place()
    with place.writing.begin() as connection:
        assert connection.execute(sa.text(change)).rowcount == 1
    place.release()

    bad = verified(database).first_bad
    assert bad is not None
    assert bad.number == CHANGES[change]


CHAINS = {  # a change, and the first bad entry of the first and of the second incident
    "UPDATE timeline SET text = 'other' WHERE number = 5": (3, None),
    "UPDATE timeline SET at = at - 1 WHERE number = 4": (None, 2),
    "UPDATE timeline SET facts = '{}' WHERE number = 1": (1, None),
    "UPDATE timeline SET hash = 'x' WHERE number = 3": (2, None),
    "UPDATE timeline SET pruned = 'x', text = '', facts = '{}' WHERE number = 6": (None, 3),
    "UPDATE timeline SET sequence = 9 WHERE number = 6": (None, 3),
    "DELETE FROM timeline WHERE number = 1": (1, None),
    "DELETE FROM timeline WHERE number = 3": (2, None),
    "DELETE FROM timeline WHERE number = 6": (None, 3),
    "UPDATE incidents SET head = '' WHERE id = 'inc-0001'": (4, None),
    "UPDATE incidents SET entries = 1 WHERE id = 'inc-0002'": (None, 4),
}


@pytest.mark.parametrize("change", CHAINS)
async def test_the_chain_of_one_incident_names_its_first_bad_entry(
    store: SqlStore, database: Database, change: str
) -> None:
    made = await opened(store)
    before = [await store.read(lambda tx, one=one: tx.incidents.chain_state(one.id, most=100)) for one in made]
    place = database.place()
    with place.writing.begin() as connection:
        assert connection.execute(sa.text(change)).rowcount == 1
    place.release()

    after = [await store.read(lambda tx, one=one: tx.incidents.chain_state(one.id, most=100)) for one in made]

    assert before == [ChainState(3, None, is_whole=True)] * 2
    assert tuple(each.first_bad for each in after) == CHAINS[change]
    assert all(each.checked < (each.first_bad or 4) for each in after)


async def test_the_chain_of_one_incident_is_checked_as_far_as_asked(store: SqlStore) -> None:
    crm, _ = await opened(store)

    part = await store.read(lambda tx: tx.incidents.chain_state(crm.id, most=2))
    whole = await store.read(lambda tx: tx.incidents.chain_state(crm.id, most=3))

    assert part == ChainState(2, None, is_whole=False)
    assert whole == ChainState(3, None, is_whole=True)


async def test_a_timeline_that_retention_has_emptied_is_as_it_was_stored(store: SqlStore) -> None:
    crm, _ = await opened(store)
    over = replace(crm, status=IncidentStatus.RESOLVED, resolved_at=START)

    def work(tx) -> None:
        stored = tx.incidents.get(crm.id)
        tx.incidents.update(replace(over, version=stored.version), [])
        assert tx.incidents.prune(START + timedelta(days=1), limit=10) == 1

    await store.write(work)

    assert await store.read(lambda tx: tx.incidents.chain_state(crm.id, most=9)) == ChainState(3, None, is_whole=True)


async def test_the_newest_entries_come_first_and_the_newest_incident_of_a_key(store: SqlStore) -> None:
    crm, _ = await opened(store)
    latest = await store.read(lambda tx: tx.incidents.latest_entries(crm.id, limit=2))
    found = await store.read(lambda tx: tx.incidents.latest_by_key("crm"))
    none = await store.read(lambda tx: tx.incidents.latest_by_key("none"))

    assert [one.sequence for one in latest] == [3, 2]
    assert (found is not None and found.id, none) == (crm.id, None)


def emptied(database: Database) -> None:
    place, tables = database.place(), sa.MetaData()
    with place.writing.begin() as connection:
        tables.reflect(connection)
        tables.drop_all(connection)
    place.release()


def test_a_database_without_a_chain_is_said(database: Database) -> None:
    emptied(database)

    with pytest.raises(StoreError, match="without a chain"), auditing(database.place()):
        pass
