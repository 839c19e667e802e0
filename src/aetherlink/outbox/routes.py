"""Which channels are told of an incident: by the first route that fits, and by later ones where it goes on. Pure."""

import fnmatch
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from aetherlink.model.ids import ChannelName, PlaybookName, SourceName
from aetherlink.model.incidents import Incident, Severity
from aetherlink.model.windows import WeeklyWindow


@dataclass(frozen=True, slots=True)
class Route:
    """To these channels, where everything that is set fits; an empty set fits everything.

    `tenants` are patterns (* and ?). `during` are hours of the week in which it counts.
    """

    channels: tuple[ChannelName, ...]
    severities: frozenset[Severity] = frozenset()
    tenants: tuple[str, ...] = ()
    vip: bool | None = None
    playbooks: frozenset[PlaybookName] = frozenset()
    sources: frozenset[SourceName] = frozenset()
    during: tuple[WeeklyWindow, ...] = ()
    goes_on: bool = False

    def fits(self, incident: Incident, now: datetime) -> bool:
        """Whether it is for this incident, as it stands now."""
        return (
            (not self.severities or incident.severity in self.severities)
            and (not self.tenants or any(_matches(pattern, incident.tenant) for pattern in self.tenants))
            and self.vip in (None, incident.vip)
            and (not self.playbooks or (incident.plan is not None and incident.plan.playbook in self.playbooks))
            and (not self.sources or incident.source in self.sources)
            and (not self.during or any(window.holds(now) for window in self.during))
        )


@dataclass(frozen=True, slots=True)
class Routing:
    """All routes in their order. Without any, every channel is told of everything."""

    routes: Sequence[Route] = ()

    def reaches(self, channel: ChannelName, incident: Incident, now: datetime) -> bool:
        """Whether this channel is told of the incident."""
        return not self.routes or any(channel in route.channels for route in self._taken(incident, now))

    def _taken(self, incident: Incident, now: datetime) -> Iterator[Route]:
        for route in self.routes:
            if route.fits(incident, now):
                yield route
                if not route.goes_on:
                    return


def _matches(pattern: str, name: str) -> bool:
    return re.match(fnmatch.translate(pattern), name) is not None
