"""The chain: every field counts, nothing can be moved between fields, and the key stays hidden."""

import hmac
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherlink.lib.hash_chain import FIRST, Chain, Key, Link, Tally, entry_hash, pruned_proof

KEY = Key(bytes(range(32)))
OTHER_KEY = Key(bytes(32))
NUMBER = 7
LINK = Link(FIRST, "inc-1", 2, "alerts", 1_763_000_000_000_000, "an alert fires", '{"alerts": ["a"]}')
ENTRY = "ab"
LEFT = [name for name in Link._fields if name not in {"text", "facts"}]


def other(name: str) -> Link:
    """The link, but for this field."""
    value = getattr(LINK, name)
    changes: dict[str, Any] = {name: value + 1 if isinstance(value, int) else f"{value} "}
    return LINK._replace(**changes)


def test_the_hash_is_the_same_for_ever() -> None:
    """A database of today must verify tomorrow: this value may never change."""
    assert entry_hash(KEY, NUMBER, LINK) == "b461be6edd2d7501abce44a0e481b039f034c1fd8e7edd83206c2d8fd8e25261"
    assert pruned_proof(KEY, NUMBER, LINK, ENTRY) == "e527c27c03cb83c603100f8d176c99767b9d4ef296e8facaf58c10f078722339"


@given(st.binary(min_size=32, max_size=32), st.text())
def test_the_mac_is_the_one_that_everybody_knows(secret: bytes, text: str) -> None:
    assert Key(secret).mac(text) == hmac.digest(secret, text.encode(), "sha256")


@pytest.mark.parametrize("name", Link._fields)
def test_every_field_counts(name: str) -> None:
    assert entry_hash(KEY, NUMBER, other(name)) != entry_hash(KEY, NUMBER, LINK)


@pytest.mark.parametrize("name", LEFT)
def test_every_field_of_a_pruned_entry_counts(name: str) -> None:
    assert pruned_proof(KEY, NUMBER, other(name), ENTRY) != pruned_proof(KEY, NUMBER, LINK, ENTRY)


def test_the_key_the_number_and_a_pruned_hash_count() -> None:
    hashes = {entry_hash(key, number, LINK) for key in (KEY, OTHER_KEY) for number in (NUMBER, NUMBER + 1)}
    proofs = {pruned_proof(KEY, number, LINK, entry) for number in (NUMBER, NUMBER + 1) for entry in ("ab", "cd")}
    assert (len(hashes), len(proofs)) == (4, 4)


@given(st.text(max_size=12), st.integers(0, 12))
def test_nothing_can_be_moved_from_one_field_to_the_next(letters: str, cut: int) -> None:
    words = letters[:cut], letters[cut:]
    moved = letters[: cut + 1], letters[cut + 1 :]
    if words != moved:
        one, two = (LINK._replace(text=text, facts=facts) for text, facts in (words, moved))
        assert entry_hash(KEY, NUMBER, one) != entry_hash(KEY, NUMBER, two)


def test_a_chain_counts_and_can_be_taken_back() -> None:
    chain = Chain(KEY)
    number, first = chain.append(Link(FIRST, "a", 1, "opened", 1, "", "{}"))
    before = chain.tally
    chain.append(Link(first, "a", 2, "alerts", 2, "", "{}"))
    chain.tally = before
    again, second = chain.append(Link(FIRST, "b", 1, "opened", 2, "", "{}"))
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
