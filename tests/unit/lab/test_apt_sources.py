"""The machine's package sources are read in both formats and rewritten for another suite."""

from aetherlink.lab import apt_sources

DEB822 = """\
Types: deb
# a comment inside a stanza
URIs: http://archive.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb deb-src
URIs: http://archive.example/debian-security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Types: deb
URIs: http://vendor.example/tools
Suites: nodistro
Components: main

Types: deb
Enabled: no
URIs: http://other.example/debian
Suites: bookworm
Components: main
"""

ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/archive.gpg] http://archive.example/debian/ bookworm main non-free # note
deb http://archive.example/debian bookworm-backports main
deb-src http://archive.example/debian bookworm main
deb cdrom:[Debian]/ bookworm main
deb http://vendor.example/apt cloud-sdk-bookworm main
deb http://half.example
"""


def test_only_the_distributions_own_archive_is_kept() -> None:
    found = apt_sources.main_archive(apt_sources.parse_deb822(DEB822), "bookworm")

    assert [(source.uris, source.suites) for source in found] == [
        (("http://archive.example/debian",), ("bookworm", "bookworm-updates")),
        (("http://archive.example/debian-security",), ("bookworm-security",)),
    ]


def test_another_suite_takes_the_place_of_the_own_one_and_the_signature_stays() -> None:
    (source,) = apt_sources.for_suite(apt_sources.parse_deb822(DEB822), "bookworm", "forky")

    assert source.render() == (
        "Types: deb\nURIs: http://archive.example/debian\nSuites: forky\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/archive.gpg\n"
    )


def test_one_line_sources_become_the_same_stanza_with_their_options() -> None:
    (source,) = apt_sources.for_suite(apt_sources.parse_one_line(ONE_LINE), "bookworm", "forky")

    assert source.uris == ("http://archive.example/debian/",)
    assert source.suites == ("forky",)
    assert source.extra == {"Architectures": "amd64", "Signed-By": "/usr/share/keyrings/archive.gpg"}


def test_a_machine_that_follows_a_moving_suite_is_understood() -> None:
    text = "deb http://archive.example/debian stable main\n"

    (source,) = apt_sources.for_suite(apt_sources.parse_one_line(text), "bookworm", "forky")

    assert source.suites == ("forky",)


def test_an_embedded_key_survives_with_its_lines() -> None:
    security = apt_sources.main_archive(apt_sources.parse_deb822(DEB822), "bookworm")[1]

    rendered = security.render()

    assert apt_sources.parse_deb822(rendered)[0].extra == security.extra
    assert "\n .\n abc\n" in rendered


def test_a_machine_without_a_main_archive_yields_nothing() -> None:
    assert apt_sources.for_suite(apt_sources.parse_one_line("deb http://vendor.example/apt x main"), "b", "forky") == []
