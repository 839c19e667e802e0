"""Settings of Grafana: where incidents are recorded there, and which dashboard links lead to."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aetherlink.clients.source_options import LabelName, TlsOptions
from aetherlink.lib.option_types import Count, Url
from aetherlink.model.dashboards import Dashboard

DashboardUid = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
_Number = Annotated[Count, Field(ge=1, le=2**53)]


class GrafanaDashboardOptions(BaseModel):
    """A dashboard that links lead to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    uid: DashboardUid = Field(description="Its uid: what follows `/d/` in its address, such as `aether-crm`.")
    url: Url | None = Field(
        default=None, description="The address at which people reach that Grafana; `grafana_url` where it is not set."
    )
    org_id: _Number | None = Field(default=None, description="The number of its organisation, where there are several.")
    tenant_variable: LabelName | None = Field(
        default=None,
        description="The variable of the dashboard that holds the tenant, such as `tenant`, if it has one.",
    )

    def dashboard(self, url: str | None) -> Dashboard | None:
        """In the words of the model, at this Grafana where it has no address of its own; None: nobody knows where."""
        where = self.url or url
        return None if where is None else Dashboard(where, self.uid, self.org_id, self.tenant_variable or "")


class GrafanaOptions(BaseModel):
    """Annotations in Grafana."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Url | None = Field(
        default=None, description="The address at which the agent reaches Grafana; `grafana_url` where it is not set."
    )
    token_file: Path | None = Field(
        default=None, description="A file that holds the token of a service account; read at the start."
    )
    username: str | None = Field(
        default=None,
        pattern=r"^[^:\x00-\x1f\x7f]{1,256}$",
        description="In place of a token: the name of a user; goes with password_file.",
    )
    password_file: Path | None = Field(default=None, description="A file that holds the user's password, one line.")
    dashboard_uid: DashboardUid | None = Field(
        default=None,
        description="The dashboard that the annotations belong to. Not set: they are the organisation's, and every "
        "dashboard may show them, by the tag `aetherlink`.",
    )
    panel_id: _Number | None = Field(
        default=None, description="The one panel of that dashboard that shows them. Not set: all of its panels."
    )
    org_id: _Number | None = Field(
        default=None,
        description="The number of the organisation, for a user who belongs to several; a token belongs to one.",
    )
    tls: TlsOptions | None = Field(default=None, description="TLS towards Grafana.")

    @model_validator(mode="after")
    def _one_account(self) -> Self:
        if (self.username is None) is not (self.password_file is None):
            raise ValueError("username and password_file belong together: set both, or a token_file")
        if (self.token_file is None) is (self.username is None):
            raise ValueError("set token_file, or username and password_file: one of them says who writes")
        return self

    @model_validator(mode="after")
    def _a_panel_has_a_dashboard(self) -> Self:
        if self.panel_id is not None and self.dashboard_uid is None:
            raise ValueError("panel_id is a panel of a dashboard: set dashboard_uid, too")
        return self
