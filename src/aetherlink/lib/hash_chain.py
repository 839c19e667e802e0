"""The chain that makes a changed record show: what is hashed, how, and the running sum that anchors write down.

Every entry is hashed together with the one before it in its incident, under a key that is kept outside of the database.
A chain alone does not notice that whole incidents, or its newest entries, are gone: for that there are the numbers
(1, 2, 3, ... over all incidents) and the running sum over all hashes, noted from time to time in another place.
Everything here runs once for each entry that is stored, so it is one hash of one text.
"""

import hashlib
from typing import NamedTuple

KEY_BYTES = 32
_BLOCK_BYTES = 64  # of SHA-256
FIRST = ""  # what stands in the place of the hash before, for the first entry of an incident
PRUNED_TEXT = ""  # what retention leaves of an entry's text and facts
PRUNED_FACTS = "{}"
_SPACE = 1 << 256


class Key:
    """The secret of the chain. It never shows itself."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"the key of the chain has {KEY_BYTES} bytes, not {len(secret)}")
        self._inner, self._outer = (_padded(secret, filler) for filler in (0x36, 0x5C))

    def __repr__(self) -> str:
        return "Key(hidden)"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("the key of the chain is not written anywhere")

    def mac(self, text: str) -> bytes:
        """HMAC-SHA256 of the text (RFC 2104), from the two halves of the key hashed once: half of what hmac takes."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text.encode())
        outer.update(inner.digest())
        return outer.digest()


def _padded(secret: bytes, filler: int) -> "hashlib._Hash":
    return hashlib.sha256(bytes(byte ^ filler for byte in secret.ljust(_BLOCK_BYTES, b"\0")))


class Link(NamedTuple):
    """An entry as it is stored, but for its number: `previous` is the hash before it in its incident."""

    previous: str
    incident_id: str
    sequence: int
    kind: str
    at: int
    text: str
    facts: str


def entry_hash(key: Key, number: int, link: Link) -> str:
    """The hash of an entry, as hex."""
    previous, incident_id, sequence, kind, at, text, facts = link
    return key.mac(
        f"entry {number} {sequence} {at} {len(previous)} {len(incident_id)} {len(kind)} {len(text)} "
        f"{previous}{incident_id}{kind}{text}{facts}"
    ).hex()


def pruned_proof(key: Key, number: int, link: Link, entry: str) -> str:
    """What is stored with an entry whose text and facts were taken away by retention; `entry` is its hash.

    Its hash cannot be computed any more. This can, from all that is left of it, and only by who holds the key.
    """
    previous, incident_id, sequence, kind, at, _, _ = link
    return key.mac(
        f"pruned {number} {sequence} {at} {len(previous)} {len(incident_id)} {len(kind)} {len(entry)} "
        f"{previous}{incident_id}{kind}{entry}"
    ).hex()


class Tally(NamedTuple):
    """All entries so far: the number of the last one, and the sum over the hashes of all, whatever their order."""

    number: int = 0
    digest: int = 0

    def plus(self, key: Key, entry: str) -> "Tally":
        """With the next entry, whose hash this is."""
        addend = int.from_bytes(key.mac(f"anchor {entry}"), "big")
        return Tally(self.number + 1, (self.digest + addend) % _SPACE)

    @property
    def hex(self) -> str:
        """The digest as it is written."""
        return f"{self.digest:064x}"

    def __str__(self) -> str:
        return f"{self.number} {self.hex}"

    @classmethod
    def read(cls, text: str) -> "Tally":
        """What `str` wrote. Raises ValueError."""
        number, _, digest = text.partition(" ")
        if not number.isdecimal() or not number.isascii() or len(digest) != 64:
            raise ValueError(f"{text[:100]!r} is no number and digest of a chain")
        return cls(int(number), int(digest, 16))


class Chain:
    """Numbers and hashes entries in the order in which they are stored.

    `tally` is all that it remembers: whoever rolls a transaction back sets it to what it was before.
    """

    __slots__ = ("_key", "tally")

    def __init__(self, key: Key, tally: Tally | None = None) -> None:
        self._key = key
        self.tally = tally or Tally()

    def append(self, link: Link) -> tuple[int, str]:
        """The number and the hash of the next entry."""
        number = self.tally.number + 1
        found = entry_hash(self._key, number, link)
        self.tally = self.tally.plus(self._key, found)
        return number, found

    def fits(self, number: int, link: Link, entry: str) -> bool:
        """Whether `entry` is the hash of all this: whether it is as it was stored."""
        return entry == entry_hash(self._key, number, link)

    def prove_pruned(self, number: int, link: Link, entry: str) -> str:
        """See pruned_proof."""
        return pruned_proof(self._key, number, link, entry)
