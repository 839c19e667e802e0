"""Which target the labels of an alert name among what runs, or why none."""

from dataclasses import dataclass

from aetherlink.model.actions import Target


@dataclass(frozen=True, slots=True)
class Finding:
    """`target` None: there is none to act on. `words` say how it was found, or why there is none.

    `by` are the names of the labels that chose it among what runs, so that evidence can be asked of the very same.

    Not `is_named`: no label speaks of anything that runs there, so that the declared targets may be asked.
    """

    target: Target | None
    words: str
    is_named: bool = True
    by: tuple[str, ...] = ()
