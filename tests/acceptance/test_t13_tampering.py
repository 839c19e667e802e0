"""T13: whatever is changed in the database behind the agent's back is found, and the first bad entry is named."""

import asyncio
import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from aetherlink.audit.verify import Report, verify
from aetherlink.incident_commands import IncidentCommands
from aetherlink.lib.hash_chain import Key
from aetherlink.model.alerts import Alert, AlertStatus
from aetherlink.model.audit import Anchor
from aetherlink.model.ids import Fingerprint, SourceName
from aetherlink.store.audit import auditing
from aetherlink.store.database import SqlStore
from aetherlink.store.sqlite import SqlitePlace
from aetherlink.testing import CountingIds, ManualClock
from rigs.reception import build_reception

KEY = Key(bytes(range(32)))
SERVICES = 12
ROUNDS = 3
TEXTS = ("incident_id", "kind", "text", "facts", "hash")
SET_TEXT = {name: f"UPDATE timeline SET {name} = CAST(? AS TEXT) WHERE number = ?" for name in TEXTS}  # noqa: S608 - names of this file
SET_BYTES = {name: f"UPDATE timeline SET {name} = ? WHERE number = ?" for name in TEXTS}  # noqa: S608 - see above
GET = {name: f"SELECT {name} FROM timeline WHERE number = ?" for name in TEXTS}  # noqa: S608 - see above
FORGED = (
    "INSERT INTO timeline SELECT ?, incident_id, sequence + 1000, kind, at, text, facts, hash, pruned "
    "FROM timeline WHERE number = ?"
)


class Desk:
    """A store with the parts of the agent that write timelines, without what runs by itself."""

    def __init__(self, path: Path, clock: ManualClock, ids: CountingIds) -> None:
        self._clock = clock
        self.store = SqlStore(path, key=lambda _: KEY)
        self.wakes = 0
        self._commands = IncidentCommands(self.store, clock=clock, waker=self)
        self._reception = build_reception(self.store, clock=clock, ids=ids, waker=self)

    def wake(self) -> None:
        self.wakes += 1

    async def round(self, number: int) -> Anchor:
        """Every service's alert fires anew or ends, then somebody writes to some incidents."""
        for service in range(SERVICES):
            self._clock.move(1)
            await self._reception.receive([self._alert(service, is_over=number % 2 == 1)])
        found, _ = await self.store.read(lambda rows: rows.incidents.page(limit=SERVICES, before=None))
        for incident in found[::3]:
            await self._commands.add_note(incident.id, f"seen in round {number}: äöü", by="ann")
        await self._commands.acknowledge(found[number].id, by="ann")
        await self._commands.close(found[-1 - number].id, reason="over", by="bob")
        return Anchor(self.store.tally, self._clock.now())

    def _alert(self, service: int, *, is_over: bool) -> Alert:
        now = self._clock.now()
        return Alert(
            source=SourceName("lab"),
            fingerprint=Fingerprint(f"{service:016x}"),
            status=AlertStatus.RESOLVED if is_over else AlertStatus.FIRING,
            starts_at=now - timedelta(seconds=SERVICES) if is_over else now,
            ends_at=now if is_over else None,
            labels={"alertname": "T13", "service": f"service-{service}"},
            annotations={},
        )


@dataclass(frozen=True)
class Original:
    """The database that is tampered with, a backup of it, and the backup after an agent went on with it.

    `whole` and `backed_up` are how many entries the first and the second have.
    """

    folder: Path
    anchors: tuple[Anchor, ...]
    backed_up: int

    @property
    def whole(self) -> int:
        return self.anchors[-1].tally.number

    def verified(self, database: Path) -> Report:
        with auditing(SqlitePlace(database)) as view:
            return verify(view, KEY, self.anchors)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    return asyncio.run(built(tmp_path_factory.mktemp("t13")))


async def built(folder: Path) -> Original:
    clock, ids = ManualClock(), CountingIds()
    desk = Desk(folder / "agent.db", clock, ids)
    desk.store.open()
    anchors = [await desk.round(number) for number in range(ROUNDS)]
    copy(folder / "agent.db", folder / "backup.db")
    anchors += [await desk.round(number) for number in range(ROUNDS, 2 * ROUNDS)]
    copy(folder / "agent.db", folder / "now.db")
    desk.store.close()
    copy(folder / "backup.db", folder / "gone-on.db")
    other = Desk(folder / "gone-on.db", clock, ids)
    other.store.open()
    for number in range(2 * ROUNDS):
        await other.round(number)
    other.store.close()
    return Original(folder, tuple(anchors), anchors[ROUNDS - 1].tally.number)


def copy(database: Path, to: Path) -> None:
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


class Tampering:
    """One change to a copy of the database. Each method is one kind, and answers with the first bad number."""

    def __init__(self, original: Original, database: Path, dice: random.Random) -> None:
        self._original = original
        self._database = database
        self._dice = dice
        copy(original.folder / "now.db", database)
        self._rows = sqlite3.connect(database, isolation_level=None)

    def close(self) -> None:
        self._rows.close()

    def edit_a_byte_of_a_text(self) -> int:
        number, field = self._any(), self._dice.choice(TEXTS)
        value = bytearray(self._value(field, number).encode())
        value[self._dice.randrange(len(value))] ^= 1 << self._dice.randrange(8)
        self._rows.execute(SET_TEXT[field], (bytes(value), number))
        return number

    def edit_an_instant(self) -> int:
        number = self._any()
        by = self._dice.choice([-3_600_000_000, -1, 1, 86_400_000_000])
        self._rows.execute("UPDATE timeline SET at = at + ? WHERE number = ?", (by, number))
        return number

    def edit_a_sequence(self) -> int:
        number = self._any()
        self._rows.execute("UPDATE timeline SET sequence = sequence + 1000 WHERE number = ?", (number,))
        return number

    def put_another_kind_of_value(self) -> int:
        number, field = self._any(), self._dice.choice(TEXTS)
        value = self._dice.choice([b"\x00\xff", b""])
        self._rows.execute(SET_BYTES[field], (value, number))
        return number

    def delete(self) -> int:
        number = self._any()
        self._rows.execute("DELETE FROM timeline WHERE number = ?", (number,))
        return number

    def delete_and_close_the_gap(self) -> int:
        number = self._any(but_last=True)
        self._rows.execute("DELETE FROM timeline WHERE number = ?", (number,))
        self._shift(number, -1)
        return number

    def insert(self) -> int:
        number = self._any()
        self._shift(number - 1, 1)
        self._rows.execute(FORGED, (number, self._dice.randint(1, number) + (number == 1)))
        return number

    def append(self) -> int:
        self._rows.execute(FORGED, (self._original.whole + 1, self._any()))
        return self._original.whole + 1

    def swap_two(self) -> int:
        one, other = sorted((self._any(), self._any(but_last=True)))
        other += one == other
        self._rows.execute("UPDATE timeline SET number = 0 WHERE number = ?", (one,))
        self._rows.execute("UPDATE timeline SET number = ? WHERE number = ?", (one, other))
        self._rows.execute("UPDATE timeline SET number = ? WHERE number = 0", (other,))
        return one

    def swap_what_two_say(self) -> int:
        one, other = self._any(), self._any()
        texts = [self._value("hash", number) for number in (one, other)]
        if one == other:
            return self.delete()
        for number, text in ((one, texts[1]), (other, texts[0])):
            self._rows.execute("UPDATE timeline SET hash = ? WHERE number = ?", (text, number))
        return min(one, other)

    def cut_the_end(self) -> int:
        """As cleanly as one can without the key: to an anchor whose digest is known, all else made to fit."""
        kept = self._dice.choice(self._original.anchors[:-1]).tally
        self._rows.execute("DELETE FROM timeline WHERE number > ?", (kept.number,))
        self._rows.execute("UPDATE agent_state SET value = ? WHERE name = 'audit'", (str(kept),))
        self._rows.execute("DELETE FROM incidents WHERE id NOT IN (SELECT incident_id FROM timeline)")
        self._rows.execute(
            "UPDATE incidents SET (entries, head) = (SELECT sequence, hash FROM timeline "
            "WHERE incident_id = incidents.id ORDER BY sequence DESC LIMIT 1)"
        )
        return kept.number + 1

    def put_the_backup_back(self) -> int:
        self._replace("backup.db")
        return self._original.backed_up + 1

    def put_the_backup_back_and_go_on(self) -> int:
        self._replace("gone-on.db")
        return self._original.backed_up + 1

    def delete_an_incident(self) -> int:
        incident = self._incident()
        self._rows.execute("DELETE FROM incidents WHERE id = ?", (incident,))
        return self._first_of(incident)

    def delete_an_incident_with_its_timeline(self) -> int:
        incident = self._incident()
        first = self._first_of(incident)
        self._rows.execute("DELETE FROM incidents WHERE id = ?", (incident,))
        self._rows.execute("DELETE FROM timeline WHERE incident_id = ?", (incident,))
        return first

    def change_the_head_of_an_incident(self) -> int:
        incident = self._incident()
        self._rows.execute("UPDATE incidents SET head = upper(head) || 'x' WHERE id = ?", (incident,))
        return self._last_of(incident)

    def hide_the_last_entry_of_an_incident(self) -> int:
        incident = self._incident()
        self._rows.execute(
            "UPDATE incidents SET entries = entries - 1, head = (SELECT hash FROM timeline "
            "WHERE incident_id = id AND sequence = entries - 1) WHERE id = ?",
            (incident,),
        )
        query = "SELECT number FROM timeline WHERE incident_id = ? ORDER BY sequence DESC LIMIT 1 OFFSET 1"
        return int(self._rows.execute(query, (incident,)).fetchone()[0])

    def pretend_retention(self) -> int:
        number = self._any()
        proof = self._value("hash", self._any())
        self._rows.execute("UPDATE timeline SET text = '', facts = '{}', pruned = ? WHERE number = ?", (proof, number))
        return number

    def change_what_the_database_says_of_itself(self) -> int:
        tally = self._dice.choice(self._original.anchors[:-1]).tally
        self._rows.execute("UPDATE agent_state SET value = ? WHERE name = 'audit'", (str(tally),))
        return tally.number + 1

    def delete_what_the_database_says_of_itself(self) -> int:
        self._rows.execute("DELETE FROM agent_state WHERE name = 'audit'")
        return self._original.whole + 1

    def forget_the_chain(self) -> int:
        """So that it looks like a timeline from before there was a chain."""
        self._rows.execute("UPDATE timeline SET hash = '', text = 'forged'")
        self._rows.execute("UPDATE incidents SET entries = 0, head = ''")
        self._rows.execute("DELETE FROM agent_state")
        return 1

    def _any(self, *, but_last: bool = False) -> int:
        return self._dice.randint(1, self._original.whole - but_last)

    def _incident(self) -> str:
        query = "SELECT id FROM incidents ORDER BY id"
        return str(self._dice.choice(self._rows.execute(query).fetchall())[0])

    def _first_of(self, incident: str) -> int:
        query = "SELECT min(number) FROM timeline WHERE incident_id = ?"
        return int(self._rows.execute(query, (incident,)).fetchone()[0])

    def _last_of(self, incident: str) -> int:
        query = "SELECT max(number) FROM timeline WHERE incident_id = ?"
        return int(self._rows.execute(query, (incident,)).fetchone()[0])

    def _value(self, field: str, number: int) -> str:
        return str(self._rows.execute(GET[field], (number,)).fetchone()[0])

    def _shift(self, above: int, by: int) -> None:
        """Move the numbers of all later entries; through negative ones, for no two may ever be the same."""
        self._rows.execute("UPDATE timeline SET number = -(number + ?) WHERE number > ?", (by, above))
        self._rows.execute("UPDATE timeline SET number = -number WHERE number < 0")

    def _replace(self, name: str) -> None:
        self._rows.close()
        copy(self._original.folder / name, self._database)


KINDS: list[str] = [name for name in vars(Tampering) if not name.startswith("_") and name != "close"]


def tamper(original: Original, folder: Path, *, count: int) -> None:
    dice = random.Random(13)
    database = folder / "tampered.db"
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        tampering = Tampering(original, database, dice)
        expected = getattr(tampering, kind)()
        tampering.close()
        bad = original.verified(database).first_bad
        assert bad is not None, f"{number}: {kind} at {expected} was not found"
        assert bad.number == expected, f"{number}: {kind}: {bad}"


def test_t13_what_was_not_changed_is_fine(original: Original) -> None:
    report = original.verified(original.folder / "now.db")
    assert (report.first_bad, report.notices) == (None, [])
    assert report.tally == original.anchors[-1].tally
    assert report.anchors == len(original.anchors)


def test_t13_a_few_changes_of_every_kind_are_found(original: Original, tmp_path: Path) -> None:
    tamper(original, tmp_path, count=3 * len(KINDS))


@pytest.mark.long
def test_t13_a_thousand_changes_are_found(original: Original, tmp_path: Path) -> None:
    tamper(original, tmp_path, count=1000)
