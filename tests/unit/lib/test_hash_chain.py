"""The chain: every field counts, nothing can be moved between fields, and the key stays hidden."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherlink.lib.hash_chain import FIRST, Chain, Key, Tally, entry_hash, pruned_proof

KEY = Key(bytes(range(32)))
OTHER_KEY = Key(bytes(32))
ENTRY: dict[str, Any] = {
    "number": 7,
    "incident_id": "inc-1",
    "sequence": 2,
    "kind": "alerts",
    "at": 1_763_000_000_000_000,
    "text": "an alert fires",
    "facts": '{"alerts": ["a"]}',
}
LEFT: dict[str, Any] = {name: ENTRY[name] for name in ("number", "incident_id", "sequence", "kind", "at")}
LEFT["entry"] = "ab"


def test_the_hash_is_the_same_for_ever() -> None:
    """A database of today must verify tomorrow: this value may never change."""
    assert entry_hash(KEY, FIRST, **ENTRY) == "b461be6edd2d7501abce44a0e481b039f034c1fd8e7edd83206c2d8fd8e25261"
    assert pruned_proof(KEY, FIRST, **LEFT) == "e527c27c03cb83c603100f8d176c99767b9d4ef296e8facaf58c10f078722339"


@pytest.mark.parametrize("name", ENTRY)
def test_every_field_counts(name: str) -> None:
    other = ENTRY[name] + 1 if isinstance(ENTRY[name], int) else f"{ENTRY[name]} "
    assert entry_hash(KEY, FIRST, **ENTRY | {name: other}) != entry_hash(KEY, FIRST, **ENTRY)


@pytest.mark.parametrize("name", LEFT)
def test_every_field_of_a_pruned_entry_counts(name: str) -> None:
    other = LEFT[name] + 1 if isinstance(LEFT[name], int) else f"{LEFT[name]} "
    assert pruned_proof(KEY, FIRST, **LEFT | {name: other}) != pruned_proof(KEY, FIRST, **LEFT)


def test_the_key_and_the_hash_before_count() -> None:
    usual = entry_hash(KEY, "aa", **ENTRY)
    assert len({usual, entry_hash(OTHER_KEY, "aa", **ENTRY), entry_hash(KEY, "ab", **ENTRY)}) == 3


@given(st.text(max_size=12), st.integers(0, 12))
def test_nothing_can_be_moved_from_one_field_to_the_next(letters: str, cut: int) -> None:
    words = letters[:cut], letters[cut:]
    moved = letters[: cut + 1], letters[cut + 1 :]
    if words != moved:
        one, two = ({**ENTRY, "text": text, "facts": facts} for text, facts in (words, moved))
        assert entry_hash(KEY, FIRST, **one) != entry_hash(KEY, FIRST, **two)


def test_a_chain_counts_and_can_be_taken_back() -> None:
    chain = Chain(KEY)
    number, first = chain.append(FIRST, incident_id="a", sequence=1, kind="opened", at=1, text="", facts="{}")
    before = chain.tally
    chain.append(first, incident_id="a", sequence=2, kind="alerts", at=2, text="", facts="{}")
    chain.tally = before
    again, second = chain.append(FIRST, incident_id="b", sequence=1, kind="opened", at=2, text="", facts="{}")
    assert (number, again) == (1, 2)
    assert chain.tally == Tally().plus(KEY, first).plus(KEY, second)
    assert chain.tally.digest == Tally().plus(KEY, second).plus(KEY, first).digest


def test_a_tally_is_read_as_it_was_written() -> None:
    tally = Tally().plus(KEY, "aa")
    assert Tally.read(str(tally)) == tally
    for text in ("", "7", "x " + "0" * 64, "1 " + "0" * 63, "1 " + "g" * 64, "-1 " + "0" * 64):
        with pytest.raises(ValueError, match=r"."):
            Tally.read(text)


def test_the_key_never_shows() -> None:
    assert repr(KEY) == "Key(hidden)"
    with pytest.raises(TypeError, match="not written"):
        pickle.dumps(KEY)
    with pytest.raises(ValueError, match="32 bytes, not 3"):
        Key(b"abc")
