"""What the proxy keeps on disk: bounded, whole, and refused when it cannot be read."""

from pathlib import Path

import pytest

from aetherlink.errors import SettingsError, StoreError
from aetherlink.socketproxy.remembered import Remembered, Swap


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = Remembered.read(tmp_path / "state.json")
    written.saw({"shop/api": "one"})
    written.saw({"shop/api": "two"})
    written.keep(Swap(old="a", new="b", name="api", ran=True))

    read = Remembered.read(tmp_path / "state.json")
    assert read == written
    assert read.ran("shop/api", "one")
    assert not read.ran("shop/api", "three")
    assert not read.ran("shop/web", "one")


def test_it_does_not_grow_without_end(tmp_path: Path) -> None:
    known = Remembered.read(tmp_path / "state.json")
    for number in range(30):
        known.saw({"shop/api": f"image-{number}"})
    known.saw({f"other-{number}": "image" for number in range(2000)})

    assert len(known.images) == 1000
    known.saw({"shop/api": "again"})
    assert known.images["shop/api"] == ["again"]
    assert len(known.images) == 1000


def test_the_last_ten_images_of_a_workload_are_known(tmp_path: Path) -> None:
    known = Remembered.read(tmp_path / "state.json")
    for number in [*range(12), 5]:
        known.saw({"shop/api": f"image-{number}"})

    assert known.images["shop/api"] == [*(f"image-{number}" for number in (2, 3, 4, 6, 7, 8, 9, 10, 11)), "image-5"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"images": [], "swap": null}', '{"images": {}, "swap": {"old": 1}}'])
def test_a_file_that_cannot_be_read_is_no_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)

    with pytest.raises(SettingsError, match="cannot be read"):
        Remembered.read(tmp_path / "state.json")


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    known = Remembered.read(tmp_path / "away" / "state.json")

    with pytest.raises(StoreError, match="cannot be written"):
        known.saw({"shop/api": "one"})
