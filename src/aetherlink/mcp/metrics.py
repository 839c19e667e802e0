"""What assistants ask over HTTP. No label holds anything that a caller chose."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from aetherlink.mcp.tools import TOOLS
from aetherlink.mcp.translating import Outcome

OTHER = "other"  # a tool that there is not
REFUSALS = (400, 401, 403, 408, 413, 415, 429, 504)


class McpMetrics:
    """Counters of /mcp, all present from the start."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "aether_agent_mcp_calls",
            "Calls of tools at /mcp, by tool (resources count as the tool that reads them) and by what became of them.",
            ["tool", "outcome"],
            registry=registry,
        )
        self._refused = Counter(
            "aether_agent_mcp_refused",
            "Requests that /mcp refused before any tool was asked, by the HTTP status.",
            ["status"],
            registry=registry,
        )
        self._at_once = Gauge("aether_agent_mcp_in_flight", "Requests that /mcp serves now.", registry=registry)
        self._names = {tool.name for tool in TOOLS}
        for name in (*self._names, OTHER):
            for outcome in Outcome:
                self._calls.labels(name, outcome)
        for status in REFUSALS:
            self._refused.labels(str(status))

    def called(self, tool: str, outcome: Outcome) -> None:
        """One more call."""
        self._calls.labels(tool if tool in self._names else OTHER, outcome).inc()

    def refused(self, status: int) -> None:
        """One more refusal."""
        self._refused.labels(str(status)).inc()

    def at_once(self, count: int) -> None:
        """So many are served now."""
        self._at_once.set(count)
