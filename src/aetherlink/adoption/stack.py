"""What a stack has, in words that the rest of this room shares."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StackRule:
    """One alerting rule of Prometheus. `labels` are those that the rule itself gives its alerts."""

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)
    group: str = ""


@dataclass(frozen=True, slots=True)
class Scraped:
    """One target of Prometheus: the labels of its series, and the host that it is asked at.

    `probed` is the host that a blackbox exporter asks for it, empty for ordinary targets.
    """

    job: str
    instance: str
    host: str
    probed: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """Something that runs in a container: a service of a compose project, or a container by itself.

    `names` are all by which it is known: the service, the container, its aliases. `why_not` says why the agent may not
    act on it, and is empty where it may.
    """

    name: str
    project: str = ""
    service: str = ""
    container: str = ""
    image: str = ""
    names: frozenset[str] = frozenset()
    depends_on: tuple[str, ...] = ()
    is_store: bool = False
    why_not: str = ""

    @property
    def words(self) -> str:
        """For people."""
        return f"service {self.service} of project {self.project}" if self.service else f"container {self.container}"


@dataclass(frozen=True, slots=True)
class Stack:
    """All that was found. `notes` say what could not be, and why."""

    rules: tuple[StackRule, ...] = ()
    scraped: tuple[Scraped, ...] = ()
    workloads: tuple[Workload, ...] = ()
    receivers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def at(self, host: str) -> Workload | None:
        """The one workload that the host is; None where none or several have that name."""
        found = [one for one in self.workloads if host and host in one.names]
        return found[0] if len(found) == 1 else None
