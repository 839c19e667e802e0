"""What the health loop says in the log: every score of all together, and of the tenants what is worth a word."""

import logging
from collections.abc import Sequence

from aetherlink.health.answers import Score
from aetherlink.health.course import LOW_IN_A_ROW
from aetherlink.model.health import HealthReading, HealthStatus

_log = logging.getLogger("aetherlink.health")


class Sayings:
    """Says what begins when it begins: it remembers what it said last."""

    def __init__(self, most_tenants: int) -> None:
        self._most_tenants = most_tenants
        self._statuses: dict[str, HealthStatus] = {}
        self._is_blind = False
        self._is_full = False

    def say(self, present: Sequence[HealthReading], *, blind: Score | None, left_out: int) -> None:
        """One check: `present` begins with the reading of all together; `blind` is why no tenant could be asked."""
        whole, *tenants = present
        if whole.score is not None:
            _log.info("Health score: %.2f", whole.score)
        self._say_low_or_unknown(whole)
        for reading in tenants:
            is_said_already = blind is not None or whole.score is None
            if reading.score is not None or not is_said_already:
                self._say_low_or_unknown(reading)
        if blind is not None and not self._is_blind and whole.score is not None:
            _log.warning("Health scores of the tenants unknown: %s", blind.detail)
        if left_out and not self._is_full:
            words = "%d tenants have a health score and are not watched: health.most_tenants is %d"
            _log.warning(words, left_out, self._most_tenants)
        self._is_blind, self._is_full = blind is not None, left_out > 0
        self._statuses = {reading.tenant: reading.status for reading in present}

    def _say_low_or_unknown(self, reading: HealthReading) -> None:
        if reading.score is None:
            if self._statuses.get(reading.tenant) is not reading.status:
                _log.warning("Health score%s unknown (%s): %s", reading.of, reading.status, reading.detail)
        elif reading.consecutive_low >= LOW_IN_A_ROW:
            _log.warning(
                "Health score%s is low %d times in a row: %.2f%s",
                reading.of,
                reading.consecutive_low,
                reading.score,
                reading.pulled_down,
            )
