"""Nested values as paths and single values, the way people read them."""

from collections.abc import Iterator, Mapping


def flat(found: Mapping[str, object], path: str = "") -> Iterator[tuple[str, object]]:
    """Every single value in it with its path, such as `plan.target`; what holds nothing is left out."""
    for name, value in found.items():
        here = f"{path}{name}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{here}.")
        elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
            yield from flat({str(place): each for place, each in enumerate(value, start=1)}, f"{here}.")
        elif isinstance(value, list):
            yield here, ", ".join(map(str, value))
        else:
            yield here, value
