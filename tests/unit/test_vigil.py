"""The alarm that goes past the loop and the store, to real addresses; and the address of the dead man's switch."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from aetherlink import app
from aetherlink.errors import SettingsError
from aetherlink.settings import Settings
from aetherlink.testing import CountingIds, ManualClock
from aetherlink.vigil import Alarm, address_of
from aetherlink.watch.options import DeadmanOptions
from rigs.hook import Hook, hook

NOBODY = "http://127.0.0.1:9/x"


@pytest.fixture
def heard() -> Iterator[Hook]:
    with hook() as made:
        yield made


def alarm(*urls: str) -> Alarm:
    channels = {f"c{number}": {"webhook": {"url": url}} for number, url in enumerate(urls)}
    return Alarm(Settings(notify={"channels": channels}), clock=ManualClock(), ids=CountingIds())


def test_t26_every_channel_is_told_of_it_and_of_its_end_whatever_the_others_do(
    heard: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    alarming = alarm(NOBODY, heard.url)

    assert alarming.tell("its event loop has done nothing for 10 s", False)
    assert alarming.tell("well again", True)
    first, second = heard.bodies
    assert (first["incident"]["status"], first["incident"]["severity"]) == ("open", "critical")
    assert first["entries"][0]["text"] == "its event loop has done nothing for 10 s"
    assert second["incident"]["status"] == "resolved"
    assert second["incident"]["id"] == first["incident"]["id"]
    assert "channel c0 could not be told" in caplog.text


def test_the_end_is_told_again_to_who_did_not_hear_it(heard: Hook) -> None:
    with hook() as other:
        alarming = alarm(heard.url, other.url)
        alarming.tell("x", False)
        other.status = 500
        first = alarming.tell("well again", True)
        other.status = 200
        second = alarming.tell("well again", True)

    assert (first, second) == (False, True)
    assert [body["incident"]["status"] for body in heard.bodies] == ["open", "resolved"]
    assert len({body["incident"]["id"] for body in [*heard.bodies, *other.bodies]}) == 1


def test_where_nobody_hears_it_is_said_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)

    assert not alarm(NOBODY).tell("x", False)
    assert not alarm().tell("x", False)


def test_the_next_time_is_another_incident(heard: Hook) -> None:
    alarming = alarm(heard.url)
    for is_over in (False, True, False):
        alarming.tell("x", is_over)

    ids = [body["incident"]["id"] for body in heard.bodies]
    assert ids[0] == ids[1] != ids[2]


def test_the_address_of_the_dead_mans_switch_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("https://hc.example.org/s3cr3t\n")
    assert address_of(DeadmanOptions(url_file=file)) == "https://hc.example.org/s3cr3t"
    assert address_of(DeadmanOptions(url="https://hc.example.org/x")) == "https://hc.example.org/x"
    file.write_text("s3cr3t")

    with pytest.raises(SettingsError, match="holds no address") as told:
        address_of(DeadmanOptions(url_file=file))
    assert "s3cr3t" not in str(told.value)
    with pytest.raises(ValueError, match="url or url_file"):
        DeadmanOptions()
    deadman = {"deadman": {"url_file": str(file)}}
    with pytest.raises(SettingsError, match="holds no address"):
        list(app.check(Settings(data_dir=tmp_path / "data", watch=deadman)))
