"""Who a verified ID token says that somebody is: the name here, the groups, the role. Pure; what it says is foreign."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aetherlink.access.oidc_options import OidcOptions
from aetherlink.errors import AnswerError
from aetherlink.model.principals import Role

PREFIX = "oidc:"
MOST_SHOWN = 20
LONGEST_SHOWN = 100
_LONGEST_NAME = 60
_LONGEST_SUBJECT = 255  # by the specification
_ODD = re.compile(r"[^A-Za-z0-9._@+-]")
_RISING = tuple(Role)


@dataclass(frozen=True, slots=True)
class Person:
    """`groups` is all that the claim names; `role` None: none of them has one. `why`: the first that gave it."""

    name: str
    subject: str
    groups: Sequence[str]
    role: Role | None
    why: Sequence[str] = ()

    @property
    def shown_groups(self) -> list[str]:
        """Printable, and not too many of them."""
        return [printable(group) for group in self.groups[:MOST_SHOWN]]


def person_of(claims: Mapping[str, object], options: OidcOptions) -> Person:
    """The person. Raises AnswerError where the token does not say who it is, or names groups elsewhere only."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
        raise AnswerError("the ID token does not say who it is for: its `sub` is missing")
    groups = _groups(claims, options.groups_claim)
    roles = {group: options.roles[group] for group in groups if group in options.roles}
    role = max(roles.values(), key=_RISING.index, default=None)
    return Person(
        name=PREFIX + _shown(_name(claims, options.name_claim) or subject, subject, options),
        subject=printable(subject),
        groups=groups,
        role=role,
        why=[printable(group) for group, given in roles.items() if given == role][:MOST_SHOWN],
    )


def printable(text: str) -> str:
    """As one line that is not too long."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:LONGEST_SHOWN]).strip()


def _name(claims: Mapping[str, object], claim: str) -> str:
    said = _at(claims, claim)
    return said if isinstance(said, str) and (claim != "email" or claims.get("email_verified") is True) else ""


def _shown(name: str, subject: str, options: OidcOptions) -> str:
    """The name; unless it is `sub` itself, with what tells people of one name apart, and is the same after a change.

    No claim but `sub` is unique and stays (OpenID Connect Core 5.7), and it is so within one issuer.
    """
    if options.name_claim == "sub":
        return _plain(subject, subject)
    whose = f"{options.issuer}{chr(0)}{subject}".encode("utf-8", "surrogatepass")
    return f"{_ODD.sub('_', name[:_LONGEST_NAME])}~{hashlib.sha256(whose).hexdigest()[:8]}"


def _plain(name: str, subject: str) -> str:
    """In letters that nobody can mistake; what had to be changed is told apart by whom it belongs to."""
    plain = _ODD.sub("_", name[:_LONGEST_NAME])
    if plain == name:
        return plain
    return f"{plain}-{hashlib.sha256(f'{name}{chr(0)}{subject}'.encode('utf-8', 'replace')).hexdigest()[:8]}"


def _groups(claims: Mapping[str, object], claim: str) -> list[str]:
    said = _at(claims, claim)
    elsewhere = claims.get("_claim_names")
    if said is None and isinstance(elsewhere, Mapping) and claim in elsewhere:
        raise AnswerError(
            f"the provider does not say the claim {claim!r} itself, for it is too long: have it name only the groups "
            "that are assigned to this application"
        )
    if claim == "email" and claims.get("email_verified") is not True:
        return []
    several = said if isinstance(said, list) else [said]
    return list(dict.fromkeys(group for group in several if isinstance(group, str)))


def _at(claims: Mapping[str, object], path: str) -> object:
    """What is at the name as a whole, else by its parts."""
    if path in claims:
        return claims[path]
    found: object = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
