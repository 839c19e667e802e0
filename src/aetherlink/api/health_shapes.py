"""How the health score looks as JSON: as it is now, and as it was."""

from datetime import timedelta

from pydantic import Field

from aetherlink.api.shapes import Instant, Shape
from aetherlink.model.health import Forecast, HealthReading, HealthStatus
from aetherlink.model.ids import SourceName
from aetherlink.web.paging import Page


class PartShape(Shape):
    """A part of the score."""

    name: str = Field(examples=["success"])
    value: float = Field(description="1 when it is all well, 0 when nothing of it is left.", examples=[0.415])


class ForecastShape(Shape):
    """When the score falls under its threshold if it goes on as it does, in seconds from the reading."""

    slope_per_hour: float = Field(description="Points an hour.", examples=[-12.5])
    earliest_seconds: float = Field(examples=[540.0])
    likely_seconds: float | None = Field(description="null: it may as well never come.", examples=[900.0])
    latest_seconds: float | None = Field(description="null: later than can be told.", examples=[1500.0])


class ReadingShape(Shape):
    """One check of one score."""

    tenant: str = Field(description="Empty: all tenants together.", examples=["acme-corp"])
    at: Instant
    status: HealthStatus
    score: float | None = Field(description="0 to 100; null when there is none.", examples=[41.5])
    detail: str = Field(description="Why there is none.", examples=["below 60"])
    consecutive_low: int = Field(description="How many checks in a row were low.", examples=[2])
    low_since: Instant | None
    parts: list[PartShape] = Field(description="Those that take the most away first.")
    forecast: ForecastShape | None = Field(description="null: nothing can be foretold, or it does not fall.")


class PresentReading(ReadingShape):
    """The last check of one score."""

    vip: bool


class HealthNow(Shape):
    """The health scores as last read."""

    source: str = Field(examples=["lab"])
    score: PresentReading | None = Field(description="Of all tenants together; null before the first check.")
    tenants: list[PresentReading] = Field(description="Of each tenant that is watched, VIPs first.")


class StoredReading(ReadingShape):
    """A reading of the past."""

    source: str = Field(examples=["lab"])


class HistoryPage(Page):
    """Readings, newest first."""

    items: list[StoredReading]


def present(reading: HealthReading) -> PresentReading:
    """A reading as it is now."""
    return PresentReading(**_reading(reading), vip=reading.vip)


def stored(source: SourceName, reading: HealthReading) -> StoredReading:
    """A reading as it was."""
    return StoredReading(**_reading(reading), source=source)


def _reading(reading: HealthReading) -> dict[str, object]:
    return {
        "tenant": reading.tenant,
        "at": reading.at,
        "status": reading.status,
        "score": reading.score,
        "detail": reading.detail,
        "consecutive_low": reading.consecutive_low,
        "low_since": reading.low_since,
        "parts": [PartShape.model_validate(part) for part in reading.parts],
        "forecast": None if reading.forecast is None else _forecast(reading.forecast),
    }


def _forecast(forecast: Forecast) -> ForecastShape:
    return ForecastShape(
        slope_per_hour=forecast.slope,
        earliest_seconds=forecast.earliest.total_seconds(),
        likely_seconds=_seconds(forecast.likely),
        latest_seconds=_seconds(forecast.latest),
    )


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()
