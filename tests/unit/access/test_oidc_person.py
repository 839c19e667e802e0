"""Who an ID token says that somebody is: names that cannot be mistaken, and the role of the highest group."""

import hashlib
from pathlib import Path

import pytest

from aetherlink.access.oidc_options import OidcOptions
from aetherlink.access.oidc_person import LONGEST_SHOWN, MOST_SHOWN, Person, person_of
from aetherlink.errors import AnswerError
from aetherlink.model.principals import Role, person_behind

ROLES = {"all": Role.VIEWER, "sre": Role.APPROVER, "oncall": Role.RESPONDER, "ann@example.org": Role.ADMIN}

WHOSE = hashlib.sha256(b"https://id.example.org\0u-1").hexdigest()[:8]


def person(claims: dict[str, object], **more: object) -> Person:
    given = {"issuer": "https://id.example.org", "client_id": "a", "client_secret_file": Path("s"), "roles": ROLES}
    return person_of({"sub": "u-1", **claims}, OidcOptions(**{**given, **more}))


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": "ann"}, "oidc:ann"),
        ({"preferred_username": "Ann.B@example.org"}, "oidc:Ann.B@example.org"),
        ({}, "oidc:u-1"),
        ({"preferred_username": 7}, "oidc:u-1"),
        ({"preferred_username": ""}, "oidc:u-1"),
    ],
)
def test_the_name_is_the_claims_or_the_subject_and_whose_it_is(claims: dict[str, object], name: str) -> None:
    assert person(claims).name == f"{name}~{WHOSE}"


def test_a_subject_needs_nothing_behind_it_and_cannot_look_as_if_it_had() -> None:
    assert person({}, name_claim="sub").name == "oidc:u-1"
    assert person({"sub": f"ann~{WHOSE}"}, name_claim="sub").name.startswith(f"oidc:ann_{WHOSE}-")


def test_two_people_of_one_name_are_two_and_one_of_two_names_is_one() -> None:
    ann, other = person({"preferred_username": "ann"}), person({"preferred_username": "ann", "sub": "u-2"})
    elsewhere = person({"preferred_username": "ann"}, issuer="https://other.example.org")
    later = [person({"preferred_username": name}) for name in ("bob", "ann b", None)]

    assert len({person_behind(one.name) for one in (ann, other, elsewhere)}) == 3
    assert {person_behind(one.name) for one in later} == {person_behind(ann.name)}
    assert len({one.name for one in (ann, *later)}) == 4
    names = ("oidc:u-1", "oidc:u-2", "ann", "local", "playbook:a")
    assert [person_behind(name) for name in names] == list(names), "names without it are as they are"


@pytest.mark.parametrize(
    "said",
    ["\u0430nn", "ann\n", "ann ", "a" * 61, "ann\0", "\ud800", "<b>", "oidc:ann", "\u202eann", "\u00fcnal"],
)
def test_a_name_that_could_be_taken_for_another_is_told_apart(said: str) -> None:
    found = person({"preferred_username": said}).name

    assert found.isascii()
    assert found.isprintable()
    assert len(found) <= 80
    assert found not in {"oidc:ann", "oidc:" + said}
    assert found != person({"preferred_username": said, "sub": "u-2"}).name
    assert found == person({"preferred_username": said}).name


def test_no_two_names_become_one() -> None:
    said = ["ann b", "ann_b", "ann\tb", "a" * 60, "a" * 61, "a" * 62]

    named = {person({"preferred_username": one, "sub": f"u-{number}"}).name for number, one in enumerate(said)}
    assert len(named) == len(said)
    assert len({person({"sub": one}, name_claim="sub").name for one in said}) == len(said)


@pytest.mark.parametrize("subject", [None, "", 7, ["u"], "x" * 256])
def test_without_a_subject_it_is_nobody(subject: object) -> None:
    with pytest.raises(AnswerError, match="does not say who it is for"):
        person({"sub": subject, "preferred_username": "ann"})


@pytest.mark.parametrize(
    ("groups", "role", "why"),
    [
        (["all"], Role.VIEWER, ["all"]),
        (["all", "sre", "oncall"], Role.APPROVER, ["sre"]),
        ("sre", Role.APPROVER, ["sre"]),
        (["SRE", " sre", "sre "], None, []),
        (None, None, []),
        ({"sre": 1}, None, []),
    ],
)
def test_the_highest_group_counts_and_is_told(groups: object, role: Role | None, why: list[str]) -> None:
    found = person({"groups": groups})

    assert (found.role, found.why) == (role, why)


def test_a_claim_may_lie_deeper_and_its_whole_name_comes_first() -> None:
    deep = {"realm_access": {"roles": ["sre"]}}

    assert person(deep, groups_claim="realm_access.roles").role is Role.APPROVER
    assert person({**deep, "realm_access.roles": ["all"]}, groups_claim="realm_access.roles").role is Role.VIEWER
    assert person({"https://a.example/groups": ["sre"]}, groups_claim="https://a.example/groups").role is Role.APPROVER
    assert person({"realm_access": "sre"}, groups_claim="realm_access.roles").role is None


@pytest.mark.parametrize(("verified", "role"), [(True, Role.ADMIN), (False, None), (None, None), ("true", None)])
def test_an_address_counts_once_it_is_verified(verified: object, role: Role | None) -> None:
    claims = {"email": "ann@example.org", "email_verified": verified}

    found = person(claims, groups_claim="email", name_claim="email")

    assert (found.role, found.name) == (role, f"oidc:{'ann@example.org' if role else 'u-1'}~{WHOSE}")


def test_groups_that_are_shown_are_few_short_and_printable() -> None:
    found = person({"groups": ["a\nb\0", "x" * 500, *map(str, range(100))]}).shown_groups

    assert len(found) == MOST_SHOWN
    assert found[0] == "a b"
    assert len(found[1]) == LONGEST_SHOWN
