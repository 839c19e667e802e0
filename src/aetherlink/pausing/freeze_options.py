"""The setting `freezes`: windows in which nothing is changed, each by the week or once."""

from datetime import UTC, time
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from aetherlink.lib.option_types import Name
from aetherlink.model.pauses import EVERYTHING
from aetherlink.model.windows import SingleWindow, WeeklyWindow, Window

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)
_LENGTH = len("22:00")


def _read_time(value: object) -> object:
    """YAML reads 22:00 without quotes as a number of minutes."""
    if not isinstance(value, str) or len(value) != _LENGTH:
        raise ValueError('write a time of day in quotes, like "22:00"')
    try:
        return time.fromisoformat(value)
    except ValueError:
        raise ValueError(f'{value!r} is no time of day: write it in quotes, like "22:00"') from None


def _read_zone(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("write a zone of the IANA database, like Europe/Berlin")  # noqa: TRY004 - as validators do
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is no zone of this machine's database: write one like Europe/Berlin") from None


TimeOfDay = Annotated[time, BeforeValidator(_read_time)]
Zone = Annotated[Any, BeforeValidator(_read_zone)]


class FreezeOptions(BaseModel):
    """One window: `days`, `from`, `to` and `timezone`, or `start` and `end`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(description="What people read when a change is refused by it.")
    days: tuple[Day, ...] = Field(default=DAYS, min_length=1, description="On which days it begins.")
    from_: TimeOfDay | None = Field(
        default=None, alias="from", description='When it begins on these days, in quotes: `"22:00"`.'
    )
    to: TimeOfDay | None = Field(
        default=None, description="When it ends; on the next day when that is not later than `from`."
    )
    timezone: Zone = Field(default="UTC", description="Whose clock that is, such as `Europe/Berlin`.")
    start: AwareDatetime | None = Field(
        default=None, description="When a window that comes once begins (RFC 3339, with its zone)."
    )
    end: AwareDatetime | None = Field(default=None, description="When that one ends.")
    scope: str = Field(
        default=EVERYTHING,
        description="What is frozen: `all`, or `playbook:`, `tenant:`, `target:` or `source:` with a name.",
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        is_weekly = self.from_ is not None and self.to is not None
        is_single = self.start is not None and self.end is not None
        is_mixed = bool({"start", "end"} & self.model_fields_set) and bool(
            {"days", "from_", "to", "timezone"} & self.model_fields_set
        )
        if is_mixed or is_weekly is is_single:
            raise ValueError("a window has `from` and `to` (and days and timezone), or else `start` and `end`")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError("end: it is not after start")
        return self

    @property
    def window(self) -> Window:
        """In the words of the model."""
        if self.start is not None and self.end is not None:
            return SingleWindow(self.name, self.start.astimezone(UTC), self.end.astimezone(UTC), self.scope)
        zone = self.timezone if isinstance(self.timezone, ZoneInfo) else ZoneInfo(self.timezone)
        days = frozenset(map(DAYS.index, self.days))
        return WeeklyWindow(self.name, days, self.from_ or time.min, self.to or time.min, zone, self.scope)
