"""Changed playbook files are taken when they are right; when they are wrong, the last good set stays and it is said."""

import logging
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.errors import StoreError
from aetherlink.incidents.condition import Conditions
from aetherlink.incidents.refused_playbooks import RefusedPlaybooks
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import PlaybookName, SourceName
from aetherlink.model.incidents import Incident
from aetherlink.model.playbooks import Playbook
from aetherlink.playbooks.book import Book
from aetherlink.playbooks.loader import load_playbooks
from aetherlink.playbooks.reload import Reload, ReloadMetrics
from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, ManualClock

GOOD = """
name: restart-thing
match: {alertname: ThingDown}
target: thing
bind: [job]
when: up == 0
action: {restart: {}}
verify: {query: up == 1}
"""


class Told:
    """A sink that remembers, and may fail."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.fault: Exception | None = None

    async def refused(self, why: str, *, at: datetime) -> None:  # noqa: ARG002 - the port prescribes the name
        self._say(why)

    async def accepted(self, *, at: datetime) -> None:  # noqa: ARG002 - as above
        self._say("accepted")

    def _say(self, what: str) -> None:
        if self.fault is not None:
            raise self.fault
        self.said.append(what)


class Rig:
    """A folder, the room that watches it, and what it did."""

    def __init__(self, folder: Path, clock: ManualClock, sink: object | None = None) -> None:
        self.folder = folder
        (folder / "thing.yaml").write_text(GOOD)
        self.registry = CollectorRegistry()
        self.told = Told()
        self.used: list[tuple[Playbook, ...]] = []
        self.settled: list[tuple[Playbook, ...]] = []
        self.settle_fault: Exception | None = None
        modes = {PlaybookName("capped"): Mode.APPROVE}
        self.book = Book(load_playbooks(folder), ceiling=Mode.AUTO, modes=modes)
        self.reload = Reload(
            folder,
            partial(load_playbooks, folder),
            self.used.append,
            settle=self.settle,
            book=self.book,
            every=timedelta(seconds=5),
            sink=sink or self.told,  # type: ignore[arg-type] - the fake has the port's methods
            clock=clock,
            metrics=ReloadMetrics(self.registry),
        )

    async def settle(self) -> None:
        """Remembers what was in force, or fails."""
        if self.settle_fault is not None:
            raise self.settle_fault
        self.settled.append(self.book.playbooks)

    def write(self, text: str, name: str = "thing.yaml") -> None:
        (self.folder / name).write_text(text)

    async def look(self) -> None:
        """As often as it takes until nothing is being written any more."""
        while await self.reload.check() is not None:
            pass

    def own(self) -> list[Playbook]:
        return [playbook for playbook in self.book.playbooks if not playbook.is_builtin]

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def rig(tmp_path: Path, clock: ManualClock) -> Rig:
    return Rig(tmp_path, clock)


async def test_files_that_did_not_change_are_not_handed_on(rig: Rig) -> None:
    await rig.look()
    await rig.look()

    assert rig.used == []
    assert rig.told.said == ["accepted"]
    assert rig.metric("aether_agent_playbooks", mode="observe") == len(rig.book.playbooks)


async def test_a_changed_file_is_taken_once_it_stands_still(rig: Rig) -> None:
    await rig.look()
    rig.write(GOOD.replace("up == 0", "up == 0 and on (job) x"))

    assert await rig.reload.check() is not None
    assert rig.used == []
    await rig.look()

    assert rig.used == [rig.book.playbooks]
    assert [one.steps[0].when for one in rig.own()] == ["up == 0 and on (job) x"]


async def test_wrong_files_leave_the_last_good_set_in_force_and_that_is_said_once(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.look()
    before = rig.book.playbooks
    rig.write(GOOD.replace("when:", "whne:"))
    await rig.look()
    await rig.look()

    assert rig.book.playbooks == before
    assert rig.used == []
    assert rig.metric("aether_agent_playbooks_refused") == 1
    assert rig.metric("aether_agent_playbook_reloads_total", outcome="refused") == 1
    [_, said] = rig.told.said
    assert said == f"{rig.folder}/thing.yaml:6: whne: unknown key: did you mean `when`?"
    assert len([one for one in caplog.records if "refused" in one.message and said in one.message]) == 1


async def test_files_that_are_right_again_end_the_alarm(rig: Rig) -> None:
    await rig.look()
    rig.write("name: [")
    await rig.look()
    rig.write(GOOD)
    await rig.look()

    assert rig.metric("aether_agent_playbooks_refused") == 0
    assert len(rig.told.said) == 3
    assert rig.told.said[-1] == "accepted"


@pytest.mark.parametrize("what", ["gone", "no folder"])
async def test_a_folder_that_is_lost_is_refused_like_a_wrong_file(rig: Rig, what: str) -> None:
    await rig.look()
    (rig.folder / "thing.yaml").unlink()
    rig.folder.rmdir()
    if what == "no folder":
        rig.folder.write_text("a file")
    await rig.look()

    assert [one.name for one in rig.own()] == ["restart-thing"]
    assert "not a folder" in rig.told.said[-1]


async def test_what_could_not_be_recorded_is_tried_again(rig: Rig) -> None:
    rig.told.fault = StoreError("away")
    await rig.look()
    rig.told.fault = None
    await rig.look()

    assert rig.told.said == ["accepted"]


@pytest.mark.parametrize(
    ("name", "mode", "in_force"), [("restart-thing", "auto", "auto"), ("capped", "auto", "approve")]
)
async def test_a_mode_that_a_reload_raises_is_a_warning_in_the_log(
    rig: Rig, caplog: pytest.LogCaptureFixture, name: str, mode: str, in_force: str
) -> None:
    await rig.look()
    rig.write(GOOD.replace("restart-thing", name) + f"mode: {mode}\n")
    await rig.look()

    raised = [one.message for one in caplog.records if one.levelno == logging.WARNING]
    assert raised == [f"Playbook {name}: mode raised from observe to {mode}, in force: {in_force}"]
    assert rig.metric("aether_agent_playbooks", mode=in_force) == 1


async def test_a_new_playbook_observes_and_one_that_is_gone_is_out_of_force(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await rig.look()
    rig.write(GOOD.replace("restart-thing", "again"), "again.yaml")
    (rig.folder / "thing.yaml").unlink()
    await rig.look()

    assert [(one.name, one.mode) for one in rig.own()] == [("again", Mode.OBSERVE)]
    said = [one.message for one in caplog.records if one.name == "aetherlink.playbooks"]
    assert said == ["Playbook again added, mode observe", "Playbook restart-thing taken away"]


async def test_what_was_for_another_content_ends_at_the_start_and_with_each_change(rig: Rig) -> None:
    before = rig.book.playbooks
    await rig.look()
    await rig.look()
    assert rig.settled == [before]
    rig.write(GOOD.replace("up == 0", "up == 0 and on (job) x"))
    await rig.look()

    assert rig.settled == [before, rig.book.playbooks]
    assert rig.book.playbooks != before


async def test_no_other_set_is_taken_while_the_last_change_is_not_on_record(rig: Rig) -> None:
    await rig.look()
    rig.settle_fault = StoreError("away")
    rig.write(GOOD.replace("up == 0", "up == 0 and on (job) x"))
    await rig.look()
    changed = rig.book.playbooks
    rig.write(GOOD)
    await rig.look()
    assert (rig.used, rig.book.playbooks) == ([changed], changed)
    rig.settle_fault = None
    await rig.look()

    assert [one.steps[0].when for one in rig.own()] == ["up == 0"]
    assert rig.settled[1:] == [changed, rig.book.playbooks]


async def test_wrong_files_are_an_incident_until_they_are_right(
    tmp_path: Path, clock: ManualClock, store: SqlStore, ids: CountingIds
) -> None:
    rig = Rig(tmp_path, clock, RefusedPlaybooks(Conditions(store, ids=ids), SourceName("lab")))

    async def incidents() -> list[Incident]:
        found, _ = await store.read(lambda tx: tx.incidents.page(limit=10, before=None))
        return found

    await rig.look()
    assert await incidents() == []
    rig.write("name: Not A Name")
    await rig.look()
    [opened] = await incidents()
    rig.write(GOOD)
    await rig.look()
    [closed] = await incidents()

    assert (opened.title, opened.status) == ("the playbooks on disk are refused", "open")
    assert (closed.id, closed.status) == (opened.id, "resolved")
