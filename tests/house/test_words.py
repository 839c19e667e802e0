"""What the source must not say, and what has to stand beside what it may say only with a reason."""

import ast
import re

import pytest

VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "core", "types", "base", "shared"}
BROAD = {"Exception", "BaseException"}
COMMENT = re.compile(r"#\s*\S{3,}")
LEFT_FOR_LATER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError")
EXEMPTION = re.compile(r"#\s*(?:noqa(?::\s*[A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*)?|type:\s*ignore(?:\[[\w,\s-]+\])?)(.*)$")
REGISTRY = re.compile(r"https?://[\w.-]*(?:pypi|hosted|npmjs|registry|mirror|debian)[\w.-]*\.[a-z]{2,}")
THIS_FILE = "tests/house/test_words.py"


def places(sources, is_wrong) -> list[str]:
    return [
        f"{source.name}:{number}: {line.strip()}"
        for source in sources
        for number, line in enumerate(source.lines, start=1)
        if source.name != THIS_FILE and is_wrong(line)
    ]


def test_no_module_has_a_name_that_says_nothing(sources) -> None:
    assert [source.name for source in sources if {source.path.stem, source.path.parent.name} & VAGUE] == []


def test_nothing_is_left_for_later(sources, tests) -> None:
    assert places([*sources, *tests], LEFT_FOR_LATER.search) == []


def test_every_exemption_from_a_check_gives_its_reason(sources, tests) -> None:
    def is_bare(line: str) -> bool:
        found = EXEMPTION.search(line)
        return found is not None and len(found[1].strip(" #-:")) < 8

    assert places([*sources, *tests], is_bare) == []


def caught(handler: ast.ExceptHandler) -> set[str]:
    if handler.type is None:
        return {"BaseException"}
    return {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}


def is_passed_on(handler: ast.ExceptHandler) -> bool:
    """Whether it cleans up and raises the same again: that hides nothing."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def broad_handlers(sources) -> list[tuple[str, bool]]:
    """Each broad handler as a place, and whether a comment on its line or beside it says why."""
    return [
        (
            f"{source.name}:{node.lineno}",
            any(COMMENT.search(line) for line in source.lines[node.lineno - 2 : node.lineno + 1]),
        )
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler) and caught(node) & BROAD and not is_passed_on(node)
    ]


def test_a_broad_except_says_why_it_is_one(sources) -> None:
    assert [place for place, has_reason in broad_handlers(sources) if not has_reason] == []


def test_broad_excepts_are_rarer_than_two_in_a_thousand_lines(sources) -> None:
    lines = sum(len(source.lines) for source in sources)

    assert len(broad_handlers(sources)) <= 1 + 2 * lines / 1000


def test_no_test_is_skipped_or_expected_to_fail(tests) -> None:
    banned = re.compile(r"(pytest\.|mark\.)(skip|skipif|xfail|importorskip)\b")

    allowed = {"tests/house/test_absent_parts.py"}
    assert places([test for test in tests if test.name not in allowed], banned.search) == []


def test_no_test_sleeps_for_a_fixed_time(tests) -> None:
    """Waiting belongs into a loop that asks for a condition; a short pause between two looks is fine."""
    assert places(tests, re.compile(r"sleep\((?:[1-9]\d*|0?\.[5-9])").search) == []


def test_no_test_imports_another_test(tests) -> None:
    assert places(tests, re.compile(r"^\s*(from|import) (tests|conftest)\b").search) == []


def test_every_module_says_what_it_is_for(sources) -> None:
    silent = [source.name for source in sources if source.text.strip() and not ast.get_docstring(source.tree)]

    assert silent == []


def test_every_public_class_says_what_it_is_for(sources) -> None:
    silent = [
        f"{source.name}:{node.lineno} {node.name}"
        for source in sources
        for node in source.tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]

    assert silent == []


def test_no_file_names_a_package_registry(root, tracked) -> None:
    """Addresses of registries belong to the machine's own settings."""
    kinds = {".py", ".toml", ".txt", ".yml", ".yaml", ".sh", ".md", ".json", ""}
    found = [
        f"{path}: {match[0]}"
        for path in tracked
        if path.suffix in kinds and str(path) != THIS_FILE
        for match in [REGISTRY.search((root / path).read_text(errors="replace"))]
        if match
    ]

    assert found == []


BROKEN = {
    "left for later": (LEFT_FOR_LATER, "x = 1  # TODO: finish"),
    "a bare noqa": (EXEMPTION, "import os  # noqa"),
    "a bare ignore": (EXEMPTION, "x = y  # type: ignore[attr-defined]"),
    "a registry": (REGISTRY, "--index-url https://registry.example/simple"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_the_patterns_find(what: str) -> None:
    pattern, line = BROKEN[what]

    assert pattern.search(line)
