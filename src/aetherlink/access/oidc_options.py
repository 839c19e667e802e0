"""The settings of sign-in by an identity provider. Part of the settings of access."""

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from aetherlink.lib.option_types import Duration, check_url
from aetherlink.lib.safe_way import is_safe_way
from aetherlink.model.principals import Role

CALLBACK = "/login/oidc/callback"
"""Where the provider leads browsers back to, behind `external_url`."""


def _check_issuer(issuer: str) -> str:
    check_url(issuer)  # which takes a slash at the end away: here it is a part of the name
    if not is_safe_way(issuer) or "?" in issuer or "#" in issuer:
        raise ValueError(f"{issuer!r} has to be the issuer as the provider writes it itself: https://HOST/PATH")
    return issuer


def _check_scopes(scopes: tuple[str, ...]) -> tuple[str, ...]:
    if "openid" not in scopes:
        raise ValueError("without `openid` the provider says nothing of who signs in: add it")
    return scopes


Word = Annotated[str, StringConstraints(pattern=r"^[!#-\[\]-~]{1,200}$")]
Claim = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,200}$")]
Group = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class OidcOptions(BaseModel):
    """An identity provider that speaks OpenID Connect, and what its people may do here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: Annotated[str, AfterValidator(_check_issuer)] = Field(
        description="The provider's own name for itself, letter by letter, such as "
        "`https://id.example.org/realms/ops`; what stands behind it at /.well-known/openid-configuration is read."
    )
    client_id: Annotated[str, StringConstraints(pattern=r"^[ -~]{1,200}$")] = Field(
        description="What the provider calls this application."
    )
    client_secret_file: Path = Field(
        description="A file that holds the secret which the provider gave this application; read at the start."
    )
    roles: Annotated[dict[Group, Role], Field(min_length=1, max_length=500)] = Field(
        description="Which group has which role here: viewer, responder, approver or admin. Of several the highest "
        "counts; who is in none is refused."
    )
    groups_claim: Claim = Field(
        default="groups",
        description="The claim of the ID token that names the groups: a list, or one text. A dot leads into it, as in "
        "`realm_access.roles`. Of `email` it counts only once the provider has verified it.",
    )
    name_claim: Claim = Field(
        default="preferred_username",
        description="The claim that names a person in pages and timelines, `oidc:` before it; where it is missing, or "
        "is an `email` that was not verified, `sub` does. No claim but `sub` is unique: behind any other stand eight "
        "digits of issuer and `sub` (`oidc:ann~1a2b3c4d`), by which a second person is told from the first.",
    )
    scopes: Annotated[tuple[Word, ...], Field(max_length=20), AfterValidator(_check_scopes)] = Field(
        default=("openid", "profile"),
        description="What the provider is asked to tell. Some want `groups` among them; some refuse it.",
    )
    lifetime: Annotated[Duration, Field(ge=timedelta(minutes=10), le=timedelta(days=7))] = Field(
        default=timedelta(hours=8),
        description="A session that the provider vouched for is over after this long: by then at the latest a change "
        "of groups counts, and who left is out. auth.sessions holds as well.",
    )
    button: Annotated[str, StringConstraints(min_length=1, max_length=60)] = Field(
        default="Sign in with your account", description="What stands on the button of the page for signing in."
    )
    ca_file: Path | None = Field(
        default=None,
        description="Certificates of those who may vouch for the provider's, PEM; in place of the machine's own.",
    )

    def root(self, secret: str) -> str:
        """What its sessions rest on, given what is in `client_secret_file`: anything but the button changes it.

        It is stored in clear beside each session. Providers make secrets that nobody guesses; of one that a person
        chose every guess costs whoever reads the store 16 MiB and some 50 ms (scrypt), which a plain SHA-256 would not.
        """
        said = json.dumps(self.model_dump(mode="json", exclude={"button"}), sort_keys=True)
        salt = hashlib.sha256(said.encode()).digest()
        return "oidc-" + hashlib.scrypt(secret.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32).hex()


def check_way_back(external_url: str | None) -> None:
    """Whether the provider can lead browsers back to this address. Raises ValueError."""
    if external_url is None:
        raise ValueError(
            "auth.oidc: the identity provider leads browsers back to `external_url`: set it, such as "
            "`https://ops.example.org/aether`"
        )
    if not is_safe_way(external_url):
        raise ValueError(
            f"auth.oidc: whoever listens on the way to {external_url} could sign in as others: set `external_url` to "
            "an address that begins with https://"
        )
