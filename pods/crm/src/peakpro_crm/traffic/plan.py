"""When which tenant does what: the schedule, from rate, mix, weights and a seed.

Pure: the runner walks it with a clock. The same seed gives the same schedule.
"""

import random
from collections.abc import Iterator, Mapping
from itertools import count

from peakpro_crm.traffic.words import Action, Arrival


def arrivals(rate: float, mix: Mapping[Action, float], *, tenants: Mapping[str, float], seed: int) -> Iterator[Arrival]:
    """Yield arrivals without end, `rate` a second.

    Each second's share is cut into equal slots with one arrival somewhere in each: irregular as visitors are, but the
    rate over any stretch is exact, so a fall in the CRM's own counters is the CRM's doing.
    """
    dice = random.Random(seed)  # noqa: S311 - a schedule that can be repeated, not a secret
    names, weights = list(tenants), list(tenants.values())
    actions, shares = list(mix), list(mix.values())
    for number in count():
        yield Arrival(
            number=number,
            at=(number + dice.random()) / rate,
            tenant=dice.choices(names, weights)[0],
            action=dice.choices(actions, shares)[0],
        )
