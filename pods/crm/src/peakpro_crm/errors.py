"""What can go wrong in the CRM, as exceptions of our own.

Stores and services raise them, `problems` turns each into one HTTP answer, the command line into one exit code.
Nothing here knows HTTP, SQL or the web framework.
"""

from uuid import UUID

from peakpro_crm.model import Stage


class CrmError(Exception):
    """The root of everything the CRM raises on purpose."""


class SettingsError(CrmError):
    """A setting is missing or wrong; the text names the variable and what to do."""


class SchemaError(CrmError):
    """The database's schema is not the one this release needs."""


class DatabaseAwayError(CrmError):
    """The database cannot be reached, or did not answer in time."""


class PoolExhaustedError(CrmError):
    """No pooled connection became free within the bound."""


class OverloadedError(CrmError):
    """More requests are being served than the CRM admits at once."""


class UnknownTenantError(CrmError):
    """The tenant named by the caller is not one of the configured tenants."""


class UnknownFaultError(CrmError):
    """No fault has that name."""


class FaultRefusedError(CrmError):
    """The fault's settings cannot be put into effect here."""


class InjectedError(CrmError):
    """The error fault hit this request: a drill, not a defect."""


class CursorError(CrmError):
    """A paging cursor that this CRM did not hand out."""


class LeadNotFoundError(CrmError):
    """The tenant has no such lead (another tenant's lead counts as none)."""

    def __init__(self, lead_id: UUID) -> None:
        super().__init__(f"there is no lead {lead_id} for this tenant")


class CustomerNotFoundError(CrmError):
    """The tenant has no such customer."""

    def __init__(self, customer_id: UUID) -> None:
        super().__init__(f"there is no customer {customer_id} for this tenant")


class KeyReusedError(CrmError):
    """An idempotency key came back with another body."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Idempotency-Key {key!r} was used for another body: send a new key, or the first body again")


class ForbiddenMoveError(CrmError):
    """A lead may not move between these stages; `allowed` says where it may go."""

    def __init__(self, current: Stage, wanted: Stage, *, allowed: tuple[Stage, ...], hint: str = "") -> None:
        where = ", ".join(allowed) if allowed else "nowhere, the stage is final"
        super().__init__(f"a lead cannot go from {current} to {wanted}; from {current} it may go to: {where}{hint}")
        self.current = current
        self.wanted = wanted
        self.allowed = allowed
