"""Every setting of the CRM and of its traffic generator, and the only place that reads the environment.

`__main__` loads one of the two classes and hands it on. Wrong values raise SettingsError naming the variable.
"""

import re
from enum import StrEnum
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    PositiveFloat,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSettingError

from peakpro_crm.errors import SettingsError
from peakpro_crm.traffic.words import Action

OTHER_TENANT = "other"  # what metrics call every tenant that is not configured


class Release(StrEnum):
    """The releases this package can run as. 1.1.0 is bad on purpose, for drills of deploy and rollback."""

    GOOD = "1.0.0"
    BAD = "1.1.0"


def _not_reserved(tenant: str) -> str:
    if tenant == OTHER_TENANT:
        raise ValueError(f"{OTHER_TENANT!r} is what metrics call unknown tenants: choose another name")
    return tenant


def _host_and_port(listen: str) -> str:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError("give host:port, such as 127.0.0.1:8000 or [::1]:8000")
    return listen


Tenant = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$"), AfterValidator(_not_reserved)]
Listen = Annotated[str, AfterValidator(_host_and_port)]


class CrmSettings(BaseSettings):
    """What `serve` and `migrate` need, from CRM_* variables. Durations are in seconds."""

    model_config = SettingsConfigDict(env_prefix="CRM_", frozen=True)

    database_url: SecretStr
    listen: Listen = "127.0.0.1:8000"
    listen_fd: int | None = Field(default=None, ge=3)
    faults_enabled: bool = False
    migrate_on_start: bool = False
    pool_size: int = Field(default=5, ge=1, le=100)
    pool_timeout_seconds: float = Field(default=2.0, gt=0, le=30)
    statement_timeout_seconds: float = Field(default=5.0, gt=0, le=60)
    database_check_seconds: float = Field(default=2.0, gt=0, le=60)
    database_wait_seconds: float = Field(default=15.0, ge=0, le=600)
    stop_seconds: float = Field(default=3.0, gt=0, le=60)
    max_in_flight: int = Field(default=100, ge=1, le=10_000)
    tenants: Annotated[tuple[Tenant, ...], Field(min_length=1, max_length=50)] = (
        "acme-corp",
        "globex",
        "initech",
        "vip-umbrella",
    )
    release: Release = Release.GOOD
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr) -> SecretStr:
        if not re.match(r"postgresql\+psycopg://.*/[^/?]+", value.get_secret_value()):
            # The value itself may carry a password, so the message shows the form only.
            raise ValueError("give postgresql+psycopg://user:password@host:port/database")
        return value

    @property
    def address(self) -> tuple[str, int]:
        """The host and port of `listen`; port 0 lets the system choose."""
        host, _, port = self.listen.rpartition(":")
        return host.removeprefix("[").removesuffix("]"), int(port)


class TrafficSettings(BaseSettings):
    """What `traffic` needs, from CRM_TRAFFIC_* variables. Durations are in seconds, the rate in requests a second."""

    model_config = SettingsConfigDict(env_prefix="CRM_TRAFFIC_", frozen=True)

    url: str = Field(default="http://127.0.0.1:8000", pattern=r"^https?://[^/?#]+/?$")
    rate: float = Field(default=20.0, gt=0, le=5000)
    mix: dict[Action, PositiveFloat] = Field(
        default={
            Action.CREATE: 20,
            Action.LIST: 20,
            Action.READ: 20,
            Action.ADVANCE: 20,
            Action.STAGES: 10,
            Action.CONVERT: 5,
            Action.SEARCH: 5,
        },
        min_length=1,
    )
    tenants: dict[Tenant, PositiveFloat] = Field(
        default={"acme-corp": 4, "globex": 3, "initech": 2, "vip-umbrella": 1}, min_length=1, max_length=50
    )
    vip_tenants: frozenset[str] = frozenset({"vip-umbrella"})
    duration_seconds: float | None = Field(default=None, gt=0)
    timeout_seconds: float = Field(default=5.0, gt=0, le=300)
    report_seconds: float = Field(default=10.0, gt=0, le=3600)
    max_in_flight: int = Field(default=200, ge=1, le=10_000)
    seed: int = 2


AnySettings = TypeVar("AnySettings", bound=BaseSettings)


def load(kind: type[AnySettings]) -> AnySettings:
    """Read settings of a kind from the environment; raise SettingsError that names each wrong variable."""
    try:
        return kind()
    except ValidationError as error:
        prefix = str(kind.model_config.get("env_prefix", ""))
        raise SettingsError(
            "; ".join(_complaint(prefix, item["loc"], item["msg"]) for item in error.errors())
        ) from None
    except UnreadableSettingError as error:  # a list or table that is not JSON
        raise SettingsError(f"{error}: write lists and tables as JSON") from None


def _complaint(prefix: str, where: tuple[int | str, ...], message: str) -> str:
    name, *inner = (str(part) for part in where)
    path = "".join(f"[{part}]" for part in inner)
    return f"{prefix}{name.upper()}{path}: {message}"
