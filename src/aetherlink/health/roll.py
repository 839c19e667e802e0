"""Which tenants have a score of their own: a bounded number of them, VIPs first, and for a day those that vanished.

A tenant that was there and is gone is watched on as `no_data`: silence is not health.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from aetherlink.health.course import Course

REMEMBERED = timedelta(days=1)
LONGEST_NAME = 128


class Roll:
    """The courses of the tenants that are watched. `left_out` counts those who had a score and found no room."""

    def __init__(self, most: int, threshold: float, is_vip: Callable[[str], bool]) -> None:
        self._most = most
        self._threshold = threshold
        self._is_vip = is_vip
        self._courses: dict[str, Course] = {}
        self._seen: dict[str, datetime] = {}
        self.left_out = 0

    @property
    def courses(self) -> tuple[Course, ...]:
        """Of every tenant that is watched: VIPs first, then by name."""
        return tuple(sorted(self._courses.values(), key=lambda course: (not course.vip, course.tenant)))

    def call(self, names: Iterable[str], at: datetime) -> list[str]:
        """Take in whoever is present, as far as there is room. Returns who is watched no more."""
        everybody = set(names)
        present = {tenant for tenant in everybody if len(tenant) <= LONGEST_NAME}
        known = {tenant for tenant, seen in self._seen.items() if at - seen <= REMEMBERED}
        wanted = sorted(
            known | present, key=lambda one: (not self._is_vip(one), one not in present, one not in known, one)
        )
        chosen = wanted[: self._most]
        gone = sorted(self._courses.keys() - set(chosen))
        self.left_out = len(everybody - set(chosen))
        self._courses = {tenant: self._courses.get(tenant) or self._new(tenant) for tenant in chosen}
        self._seen = {tenant: at if tenant in present else self._seen[tenant] for tenant in chosen}
        return gone

    def _new(self, tenant: str) -> Course:
        return Course(tenant, self._threshold, vip=self._is_vip(tenant))
