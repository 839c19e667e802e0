"""docs/reference is what the code says: made by docs/generate.py, compared with what is committed."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from aetherlink.model.timeline import EventKind
from aetherlink.policy.rules import RULES
from aetherlink.settings import Settings

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference"


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()


@pytest.mark.parametrize("name", GENERATOR.PAGES)
def test_a_page_is_up_to_date(name: str) -> None:
    """`make docs` writes it anew."""
    assert (REFERENCE / name).read_text() == GENERATOR.PAGES[name]()


def test_no_page_is_left_over() -> None:
    assert {path.name for path in REFERENCE.iterdir()} == set(GENERATOR.PAGES)


def test_every_setting_has_a_description() -> None:
    silent = [path for path, _, said in GENERATOR.settings_rows(Settings) if not said]

    assert silent == []


def test_every_top_level_setting_is_on_the_page() -> None:
    text = (REFERENCE / "settings.md").read_text()

    assert [name for name in Settings.model_fields if not re.search(rf"`{name}[.`\[]", text)] == []


def test_every_kind_of_event_and_every_rule_is_explained() -> None:
    events = (REFERENCE / "timeline.md").read_text()
    rules = (REFERENCE / "policy.md").read_text()

    assert [kind for kind in EventKind if f"`{kind.value}`" not in events] == []
    assert [rule.__name__ for rule in RULES if f"`{rule.__name__}`" not in rules] == []


def rows(name: str, column: int) -> list[str]:
    """One column of the first table on a page, without the head."""
    lines = [line for line in (REFERENCE / name).read_text().splitlines() if line.startswith("| `")]
    return [line.split(" | ")[column].strip("| ") for line in lines]


@pytest.mark.parametrize(
    ("page", "column", "at_least"),
    [("routes.md", 2, 15), ("commands.md", 1, 15), ("metrics.md", 3, 8), ("alerts.md", 2, 11)],
)
def test_every_row_says_something(page: str, column: int, at_least: int) -> None:
    said = rows(page, column)

    assert len(said) >= at_least
    assert all(said)
