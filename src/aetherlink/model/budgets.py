"""How much may be done in all: bounds over the whole fleet that no approval lifts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budgets:
    """Actions that may run at a time, may start in ten minutes and in an hour; per tenant and per playbook an hour.

    `vip_reserve` of those in ten minutes are kept for VIP tenants. A playbook that did not help on `circuit_targets`
    different targets within an hour helps none. With `suspect_share` of all targets unwell, and at least
    `suspect_targets` of them, it is the sensor that is suspected.
    """

    running: int = 2
    per_ten_minutes: int = 10
    per_hour: int = 30
    tenant_per_hour: int = 10
    playbook_per_hour: int = 10
    vip_reserve: int = 2
    circuit_targets: int = 3
    suspect_share: float = 0.5
    suspect_targets: int = 3
