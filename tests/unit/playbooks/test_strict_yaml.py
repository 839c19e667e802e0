"""YAML is read within bounds; what is ambiguous is refused, and every key has its line."""

from pathlib import Path

import pytest

from aetherlink.errors import SettingsError
from aetherlink.playbooks import strict_yaml


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some.yaml"


def test_every_key_and_element_has_its_line(file: Path) -> None:
    file.write_text("a: 1\nb:\n  c: [x,\n    y]\n  d: {e: 2}\n")

    document = strict_yaml.read(file)

    assert document.data == {"a": 1, "b": {"c": ["x", "y"], "d": {"e": 2}}}
    places = [("a",), ("b",), ("b", "c"), ("b", "c", 1), ("b", "d", "e")]
    assert [document.line_of(place) for place in places] == [1, 2, 3, 4, 5]


def test_what_is_missing_has_the_line_of_what_it_is_missing_in(file: Path) -> None:
    file.write_text("a:\n  b:\n    c: 1\n")

    document = strict_yaml.read(file)

    assert document.line_of(("a", "b", "missing")) == 2
    assert document.line_of(("missing",)) == 1


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_an_empty_file_says_nothing(file: Path, text: str) -> None:
    file.write_text(text)

    assert strict_yaml.read(file).data is None


def test_who_writes_null_means_it(file: Path) -> None:
    file.write_text("a: null\nb: ~\n")

    assert strict_yaml.read(file).data == {"a": None, "b": None}


BILLION = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: 1\nb:\n", ":2: b: nothing is given for it"),
        ("a: {b: , c: 1}", ":1: a.b: nothing is given"),
        ("a:\n - 1\n -\n", ":3: a.1: nothing is given"),
        ("a: 1\na: 2\n", ":2: a: the key is given twice, on line 1 as well"),
        ("[" * 200 + "]" * 200, "nested more than 50 deep"),
        ("{a: " * 200 + "1" + "}" * 200, "nested more than 50 deep"),
        (BILLION, "aliases written out"),
        ("a: &a [*a]", "aliases written out"),
        ("a: &a {b: *a}", "aliases written out"),
        ("a: [", ":1: cannot be read as YAML"),
        ("a: 1\nb: *nobody\n", ":2: cannot be read as YAML"),
        ("a: 1\n---\nb: 2\n", "cannot be read as YAML"),
        ("a: 2026-99-99", "cannot be read as YAML"),
        ("a: " + "9" * 5000, "cannot be read as YAML"),
        ("a: !!python/object/apply:os.getcwd []", "cannot be read as YAML"),
        ("a: \x00", "cannot be read as YAML"),
        ("a: 1\n" + "# much\n" * 200_000, "more than 1024 KiB"),
    ],
)
def test_what_is_no_settings_is_refused_with_its_line(file: Path, text: str, complaint: str) -> None:
    file.write_text(text)

    with pytest.raises(SettingsError) as caught:
        strict_yaml.read(file)

    assert str(caught.value).startswith(str(file))
    assert complaint in str(caught.value)


def test_what_is_not_utf_8_is_refused(file: Path) -> None:
    file.write_bytes(b"a: \xff\xfe")

    with pytest.raises(SettingsError, match="cannot be read as YAML"):
        strict_yaml.read(file)
