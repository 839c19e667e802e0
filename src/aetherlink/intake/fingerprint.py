"""The fingerprint that Alertmanager gives an alert: FNV-1a, 64 bits, over the sorted labels (prometheus/common)."""

from collections.abc import Mapping

from aetherlink.model.ids import Fingerprint

_OFFSET = 14695981039346656037
_PRIME = 1099511628211
_MASK = (1 << 64) - 1
_SEPARATOR = b"\xff"


def fingerprint(labels: Mapping[str, str]) -> Fingerprint:
    """16 hex digits; the same labels give the same, in whatever order."""
    value = _OFFSET
    for name in sorted(labels):
        for byte in name.encode() + _SEPARATOR + labels[name].encode() + _SEPARATOR:
            value = ((value ^ byte) * _PRIME) & _MASK
    return Fingerprint(f"{value:016x}")
