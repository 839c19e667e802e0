"""Series with the samples of a past hour, and how they are told to a Prometheus: remote write, by hand.

What a real scrape leaves behind can be written: a series that ends, too, which no file of samples can say.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Labels = tuple[tuple[str, str], ...]

_ENDED = struct.pack("<Q", 0x7FF0000000000002)  # the one NaN by which Prometheus marks the end of a series
_MOST = 65_536  # bytes of one literal
_SERIES_AT_ONCE = 500


def key(name: str, labels: Mapping[str, str]) -> Labels:
    """The series' identity; Prometheus wants labels in order."""
    return tuple(sorted({"__name__": name, **labels}.items()))


@dataclass
class Tape:
    """Samples by series, each series in the order of time. None is the mark that the series has ended."""

    series: dict[Labels, list[tuple[float, float | None]]] = field(default_factory=dict)

    def add(self, labels: Labels, at: float, value: float | None) -> None:
        """One sample; `at` is in seconds since 1970."""
        self.series.setdefault(labels, []).append((at, value))

    @property
    def count(self) -> int:
        """How many samples it holds."""
        return sum(map(len, self.series.values()))

    def requests(self) -> Iterator[bytes]:
        """The bodies of the requests that tell all of it: protobuf, in snappy's frame."""
        told = [_field(1, _series(labels, samples)) for labels, samples in self.series.items()]
        for start in range(0, len(told), _SERIES_AT_ONCE):
            yield _snappy(b"".join(told[start : start + _SERIES_AT_ONCE]))


def _series(labels: Labels, samples: list[tuple[float, float | None]]) -> bytes:
    named = b"".join(_field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in labels)
    return named + b"".join(_field(2, _sample(at, value)) for at, value in samples)


def _sample(at: float, value: float | None) -> bytes:
    number = _ENDED if value is None else struct.pack("<d", value)
    return b"\x09" + number + b"\x10" + _varint(round(at * 1000))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _snappy(content: bytes) -> bytes:
    """As literals only: valid, and not one byte shorter."""
    parts = [content[start : start + _MOST] for start in range(0, len(content), _MOST)]
    literals = (b"\xf4" + struct.pack("<H", len(part) - 1) + part for part in parts)
    return _varint(len(content)) + b"".join(literals)
