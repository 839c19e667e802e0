"""The order of a playbook's steps: each comes after what it waits for, and what stands in for it directly after it."""

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

from aetherlink.playbooks.form_problems import nearest


class Orderly(Protocol):
    """A step, as far as its place goes."""

    @property
    def name(self) -> str: ...
    @property
    def after(self) -> tuple[str, ...]: ...
    @property
    def instead_of(self) -> str | None: ...


Step = TypeVar("Step", bound=Orderly)


def checked(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps, if they can be put in an order. Raises ValueError that names the step."""
    names = [step.name for step in steps]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two steps have the name {name!r}")
    for step in steps:
        _check_names(step, names)
    _check_stand_ins(steps)
    in_order(steps)
    return steps


def in_order(steps: Sequence[Step]) -> list[Step]:
    """The steps as they are done; those that do not wait for each other as they are written. Raises ValueError."""
    ordered: list[Step] = []
    waiting = [step for step in steps if not step.instead_of]
    while waiting:
        done = {step.name for step in ordered}
        ready = next((step for step in waiting if done.issuperset(step.after)), None)
        if ready is None:
            raise ValueError(f"the steps {_named(waiting)} wait for each other: none can be the first")
        waiting.remove(ready)
        ordered += _with_stand_ins(ready, steps)
    if len(ordered) < len(steps):
        lost = [step for step in steps if step not in ordered]
        raise ValueError(f"the steps {_named(lost)} stand in for each other: none can be the first")
    return ordered


def _with_stand_ins(step: Step, steps: Sequence[Step]) -> Iterator[Step]:
    yield step
    for other in steps:
        if step.name and other.instead_of == step.name:
            yield from _with_stand_ins(other, steps)


def _check_names(step: Orderly, names: Sequence[str]) -> None:
    others = [name for name in names if name != step.name]
    wanted = [("after", name) for name in step.after]
    wanted += [("instead_of", step.instead_of)] if step.instead_of else []
    for key, name in wanted:
        if name == step.name:
            raise ValueError(f"step {step.name!r}: {key} names the step itself")
        if name not in names:
            raise ValueError(f"step {step.name!r}: {key}: there is no step {name!r}{nearest(name, others)}")
    if len(set(step.after)) < len(step.after):
        raise ValueError(f"step {step.name!r}: after names a step twice")


def _check_stand_ins(steps: Sequence[Orderly]) -> None:
    stand_ins = {step.name: step.instead_of for step in steps if step.instead_of}
    replaced = list(stand_ins.values())
    for step in steps:
        if step.instead_of and step.after:
            raise ValueError(f"step {step.name!r}: give after or instead_of: it runs where {step.instead_of!r} would")
        if step.instead_of and replaced.count(step.instead_of) > 1:
            raise ValueError(f"step {step.name!r}: another one is there instead of {step.instead_of!r} already")
        for name in step.after:
            if name in stand_ins:
                raise ValueError(
                    f"step {step.name!r}: after: {name!r} stands in for {stand_ins[name]!r}: wait for that one"
                )


def _named(steps: Sequence[Orderly]) -> str:
    return ", ".join(repr(step.name) for step in steps)
