"""Mistakes that people make in settings and playbook files, made on purpose: T31. The same seed makes the same ones."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import yaml

Data = dict[str, Any]
Place = tuple[int | str, ...]
FREE = frozenset({"targets", "playbook_modes", "actions", "labels", "match"})  # any key may stand there


@dataclass(frozen=True)
class Mutation:
    """One changed file. `key` is what the refusal has to name, `hidden` what it must not."""

    what: str
    text: str
    key: str = ""
    hidden: str = ""


Mutator = Callable[[Data, Random], Mutation | None]


def mutations(data: Data, mutators: Sequence[Mutator], *, seed: int) -> Iterator[Mutation]:
    """Without an end: one mutator after the other."""
    random = Random(seed)
    while True:
        for mutator in mutators:
            made = mutator(copy.deepcopy(data), random)
            if made is not None:
                yield made


def dumped(data: Data, **style: Any) -> str:
    return str(yaml.safe_dump(data, sort_keys=style.pop("sort_keys", False), width=1000, **style))


def places(node: object, kind: type | tuple[type, ...], place: Place = ()) -> Iterator[Place]:
    """Where something of this kind stands; yes and no are no numbers."""
    if isinstance(node, kind) and (kind is bool or not isinstance(node, bool)):
        yield place
    pairs: Iterator[tuple[int | str, object]] = iter(())
    if isinstance(node, dict):
        pairs = iter(node.items())
    elif isinstance(node, list):
        pairs = iter(enumerate(node))
    for key, below in pairs:
        yield from places(below, kind, (*place, key))


def at(data: Any, place: Place) -> Any:
    for key in place:
        data = data[key]
    return data


def put(data: Data, place: Place, value: object) -> Data:
    at(data, place[:-1])[place[-1]] = value
    return data


def last_word(place: Place) -> str:
    """The last key that is a word: elements of lists have numbers."""
    return next((str(part) for part in reversed(place) if isinstance(part, str)), "")


def misspelt(word: str, random: Random) -> str:
    number = random.randrange(len(word))
    before, letter, after = word[:number], word[number], word[number + 1 :]
    other = random.choice([before + letter + letter + after, before + after, word + "s"])
    return other if other != word and other else word + "x"


def strict_mappings(data: Data) -> list[Place]:
    """The mappings in which no invented key may stand, and that have one at all."""
    return [place for place in places(data, dict) if not (place and place[-1] in FREE) and at(data, place)]


def unknown_key(data: Data, random: Random) -> Mutation:
    place = random.choice(strict_mappings(data))
    key = misspelt(random.choice(sorted(at(data, place))), random)
    if key in at(data, place):
        key = f"{key}-x"
    at(data, place)[key] = 1
    return Mutation(f"unknown key {key} at {place}", dumped(data), key)


def misspelt_key(data: Data, random: Random) -> Mutation:
    place = random.choice(strict_mappings(data))
    holder = at(data, place)
    old = random.choice(sorted(holder))
    new = misspelt(old, random)
    put_back = {new if key == old else key: value for key, value in holder.items()}
    holder.clear()
    holder.update(put_back)
    return Mutation(f"{old} misspelt as {new} at {place}", dumped(data), new)


def another_case(data: Data, random: Random) -> Mutation:
    place = random.choice(strict_mappings(data))
    holder = at(data, place)
    old = random.choice(sorted(holder))
    holder[old.upper()] = holder.pop(old)
    return Mutation(f"{old} in capitals at {place}", dumped(data), old.upper())


def numbers(data: Data) -> list[Place]:
    return [place for place in places(data, (int, float)) if place[-1] != "by"]


def negative(data: Data, random: Random) -> Mutation | None:
    place = random.choice(numbers(data))
    return Mutation(f"negative {place}", dumped(put(data, place, -at(data, place) - 1)), last_word(place))


def huge(data: Data, random: Random) -> Mutation:
    place = random.choice(list(places(data, (int, float, str))))
    is_text = isinstance(at(data, place), str)
    value: object = "x" * 20_000 if is_text else random.choice([10**30, 1e300, float("inf"), float("nan")])
    return Mutation(f"huge {place}", dumped(put(data, place, value)), last_word(place))


def yes_for_a_number(data: Data, random: Random) -> Mutation:
    place = random.choice(numbers(data))
    return Mutation(f"yes at {place}", dumped(put(data, place, value=random.random() < 0.5)), last_word(place))


def wrong_type(data: Data, random: Random) -> Mutation:
    place = random.choice([place for place in places(data, (str, int, float, list, dict)) if place])
    wrong: list[object] = [[[]], [{"a": "b"}]]
    wrong += [7, "x y"] if isinstance(at(data, place), dict | list) else [["x y", "z"], {"x y": 1}]
    value = random.choice(wrong)
    return Mutation(f"{value!r} at {place}", dumped(put(data, place, value)), last_word(place))


def nothing_given(data: Data, random: Random) -> Mutation:
    place = random.choice([place for place in places(data, (str, int, float, list, dict)) if place])
    text = dumped(put(data, place, "NOTHING-GIVEN")).replace("NOTHING-GIVEN", "")
    return Mutation(f"nothing at {place}", text, last_word(place))


def given_twice(data: Data, random: Random) -> Mutation:
    key = random.choice(sorted(data))
    return Mutation(f"{key} twice", dumped(data) + dumped({key: data[key]}), key)


def other_words(data: Data, random: Random) -> Mutation:
    """The same, written otherwise: this has to be taken, and to mean the same."""
    style = random.choice([{"sort_keys": True}, {"default_flow_style": True}, {"default_style": None, "indent": 8}])
    return Mutation(f"the same in {style}", "# by hand\n---\n" + dumped(data, **style) + "\n\n")


def emptied(_data: Data, random: Random) -> Mutation:
    return Mutation("emptied", random.choice(["", "\n\n", "# nothing\n", "---\n", "null\n", "[]\n", "{}\n", "0\n"]))


def torn(data: Data, random: Random) -> Mutation:
    """Cut off in the middle of a quoted text: a file that was not written to its end."""
    text = dumped(data, default_flow_style=True)
    return Mutation("torn", text[: random.randrange(10, len(text) - 3)])
