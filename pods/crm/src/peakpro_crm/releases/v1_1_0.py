"""Release 1.1.0 "reports": bad on purpose, for drills of deploy and rollback.

Two mistakes as they happen: a listing asks once per lead whether its email is doubled, and the stage count keeps its
connection "for the next report". Under ordinary traffic the pool is empty within seconds; a restart or rollback heals.
"""

from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from peakpro_crm.leads import LeadStore, count_on
from peakpro_crm.model import LeadFilter, Page, Position, Stage
from peakpro_crm.tables import leads


@dataclass(frozen=True, slots=True)
class ReportingLeadStore(LeadStore):
    """The lead store of 1.1.0."""

    reports: list[Connection] = field(default_factory=list)

    def page(self, tenant: str, wanted: LeadFilter, *, after: Position | None, limit: int) -> Page:
        """Return a page as 1.0.0 does, then look for doubles one lead at a time."""
        # By name: super() without arguments does not work in a slotted dataclass.
        page = LeadStore.page(self, tenant, wanted, after=after, limit=limit)
        for lead in page.leads:
            same = select(func.count()).where(leads.c.tenant == tenant, func.lower(leads.c.email) == lead.email.lower())
            with self.database.transaction() as connection:
                connection.execute(same)
        return page

    def count_by_stage(self, tenant: str) -> dict[Stage, int]:
        """Count as 1.0.0 does, on a connection that is kept for the next report and never given back."""
        connection = self.database.check_out()
        self.reports.append(connection)
        return count_on(connection, tenant)
