"""Settings of what policy keeps to: budgets over all that is done, and what it never touches."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from aetherlink.lib.option_types import Count, Number
from aetherlink.model.budgets import Budgets
from aetherlink.policy.protection import is_name


def _check_name(text: str) -> str:
    if not is_name(text):
        raise ValueError(f"{text!r} is no name: it has no letter and no digit")
    return text


ProtectedName = Annotated[str, Field(max_length=253), AfterValidator(_check_name)]
_Count = Annotated[int, Field(ge=1, le=1000)]


class BudgetOptions(BaseModel):
    """How much may be done in all, approved or not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    running: _Count = Field(default=2, description="Actions that may run at a time.")
    per_ten_minutes: _Count = Field(default=10, description="Actions that may start in ten minutes, over all targets.")
    per_hour: _Count = Field(default=30, description="Actions that may start in an hour, over all targets.")
    tenant_per_hour: _Count = Field(default=10, description="Actions for one tenant in an hour.")
    playbook_per_hour: _Count = Field(default=10, description="Actions of one playbook in an hour.")
    vip_reserve: Count = Field(
        default=2, ge=0, le=1000, description="How many of those in ten minutes are kept for VIP tenants."
    )
    circuit_targets: _Count = Field(
        default=3, description="A playbook that did not help on so many targets within an hour helps none."
    )
    suspect_share: Number = Field(
        default=0.5, gt=0, le=1, description="With this share of all targets unwell the sensor is suspected, not they."
    )
    suspect_targets: _Count = Field(
        default=3, description="The least number of unwell targets for which the sensor is suspected."
    )

    @model_validator(mode="after")
    def _leaves_something(self) -> Self:
        if self.vip_reserve >= self.per_ten_minutes:
            raise ValueError(
                f"vip_reserve ({self.vip_reserve}) leaves nothing to others of per_ten_minutes ({self.per_ten_minutes})"
            )
        return self

    @property
    def bounds(self) -> Budgets:
        """The budgets in the words of the model."""
        return Budgets(**self.model_dump())
