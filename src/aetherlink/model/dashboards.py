"""A dashboard of Grafana, and the link to it at the time of an incident."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from aetherlink.model.incidents import Incident

_SHORTEST_PAD = timedelta(minutes=15)  # what was before and after has to be seen beside it
_LONGEST_TENANT = 100


@dataclass(frozen=True, slots=True)
class Dashboard:
    """All of it comes from settings. `tenant_variable` names the variable that holds the tenant; empty: it has none."""

    url: str
    uid: str
    org_id: int | None = None
    tenant_variable: str = ""

    def link(self, incident: Incident) -> str:
        """Its address, from a while before the incident to a while after it, to now while that is open."""
        ended = incident.resolved_at
        length = (ended or incident.updated_at) - incident.opened_at
        pad = max(_SHORTEST_PAD, length / 4)
        said = {
            **({} if self.org_id is None else {"orgId": str(self.org_id)}),
            "from": str(milliseconds(incident.opened_at - pad)),
            "to": "now" if ended is None else str(milliseconds(ended + pad)),
        }
        if self.tenant_variable and 0 < len(incident.tenant) <= _LONGEST_TENANT:
            said[f"var-{self.tenant_variable}"] = incident.tenant
        return f"{self.url}/d/{quote(self.uid, safe='')}?{urlencode(said, quote_via=quote, safe='')}"


def milliseconds(at: datetime) -> int:
    """Since 1970, as Grafana counts."""
    return int(at.timestamp() * 1000)
