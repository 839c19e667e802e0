"""Anchors: written to a bounded file and to the log, read back whatever a crash left, compared at the start."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.audit.anchor_file import AnchorFile, from_log
from aetherlink.audit.anchoring import Anchoring
from aetherlink.audit.metrics import AuditMetrics
from aetherlink.errors import SettingsError
from aetherlink.lib.hash_chain import Key, Tally
from aetherlink.model.audit import Anchor
from aetherlink.testing import ManualClock

KEY = Key(bytes(32))
CLOCK = ManualClock()


def tally(number: int) -> Tally:
    found = Tally()
    for each in range(number):
        found = found.plus(KEY, str(each))
    return found


def anchors(*numbers: int) -> list[Anchor]:
    return [Anchor(tally(number), CLOCK.now()) for number in numbers]


class Books:
    """An anchoring whose tally the test sets."""

    def __init__(self, path: Path) -> None:
        self.now = Tally()
        self.registry = CollectorRegistry()
        self.path = path
        self.anchoring = self.opened()

    def opened(self) -> Anchoring:
        return Anchoring(
            AnchorFile(self.path),
            lambda: self.now,
            interval=timedelta(hours=1),
            clock=CLOCK,
            metrics=AuditMetrics(CollectorRegistry()),
        )


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(tmp_path / "audit.anchors")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "audit.anchors"
    file, wanted = AnchorFile(path), anchors(1, 5)
    for anchor in wanted:
        file.append(anchor)
    assert AnchorFile(path).read() == (wanted, 0)
    assert path.stat().st_mode & 0o777 == 0o600


def test_half_a_line_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "audit.anchors"
    first, second = anchors(1, 2)
    AnchorFile(path).append(first)
    path.write_bytes(path.read_bytes() + b'{"at": "2026-01')
    AnchorFile(path).append(second)
    assert AnchorFile(path).read() == ([first, second], 1)


@pytest.mark.parametrize(
    "line", ["[]", "7", '{"at": 1}', '{"at": "x", "number": 1, "digest": "%s"}' % ("0" * 64), "\xff"]
)
def test_a_line_that_is_no_anchor_is_counted(tmp_path: Path, line: str) -> None:
    path = tmp_path / "audit.anchors"
    path.write_text(line + "\n", encoding="latin-1")
    assert AnchorFile(path).read() == ([], 1)


def test_the_file_keeps_the_newest_only(tmp_path: Path) -> None:
    path = tmp_path / "audit.anchors"
    file = AnchorFile(path, kept=10)
    for number in range(1, 31):
        file.append(Anchor(Tally(number), CLOCK.now()))
        assert len(path.read_text().splitlines()) <= 11
    kept = [anchor.tally.number for anchor in AnchorFile(path).read()[0]]
    assert kept == list(range(31 - len(kept), 31))
    assert len(kept) >= 10
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["audit.anchors"]


def test_lines_of_the_log_are_anchors() -> None:
    anchor = Anchor(tally(3))
    assert from_log([f"2026-01-01 12:00:00 - aetherlink.audit - INFO - {anchor.words}"]) == [anchor]
    with pytest.raises(SettingsError, match="holds no anchor"):
        from_log(["AUDIT anchor number=3"])


async def test_an_anchor_is_written_when_something_was_added(books: Books, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "aetherlink.audit")
    await books.anchoring.start()
    await books.anchoring.write()
    books.now = tally(3)
    await books.anchoring.write()
    await books.anchoring.write()
    books.now = tally(4)
    await books.anchoring.stop()
    assert [each.tally for each in AnchorFile(books.path).read()[0]] == [tally(3), tally(4)]
    assert caplog.messages == [Anchor(tally(3)).words, Anchor(tally(4)).words]
    assert books.anchoring.last == Anchor(tally(4), CLOCK.now())
    assert books.anchoring.entries == 4


@pytest.mark.parametrize("now", [2, 3])
async def test_a_database_behind_its_anchors_is_said_at_the_start(
    books: Books, caplog: pytest.LogCaptureFixture, now: int
) -> None:
    books.now = tally(3)
    await books.anchoring.stop()
    books.now = Tally(now, 7)
    again = books.opened()
    await again.start()
    await again.stop()
    [error] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert f"the database holds {now} timeline entries, and other ones (3) were anchored" in error.getMessage()


async def test_a_start_after_a_clean_stop_says_nothing(books: Books, caplog: pytest.LogCaptureFixture) -> None:
    books.now = tally(3)
    await books.anchoring.stop()
    again = books.opened()
    await again.start()
    await again.stop()
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert len(AnchorFile(books.path).read()[0]) == 1


async def test_a_file_that_cannot_be_written_loses_no_anchor_of_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "aetherlink.audit")
    books = Books(tmp_path)  # a folder
    books.now = tally(1)
    await books.anchoring.start()
    await books.anchoring.stop()
    assert Anchor(tally(1)).words in caplog.messages
    assert any("could not be written" in message for message in caplog.messages)
