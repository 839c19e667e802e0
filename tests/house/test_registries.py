"""Nothing lies about unregistered: a file of a plugin folder is in its registry, or the test names it."""

import ast
from pathlib import Path

import pytest
import yaml

from aetherlink.notifiers.registry import BUILTIN
from aetherlink.playbooks.loader import load_playbooks
from aetherlink.playbooks.schema import PlaybookForm
from aetherlink.policy import rules
from rigs.notifiers import RIGS

# Folder, the file with the list, and the files of the folder that are no plugins, with what they are.
REGISTRIES = {
    "api routers": ("api/routers", "api/registry.py", set()),
    "console routers": ("console/routers", "console/registry.py", set()),
    "executors": (
        "executors",
        "executors/registry.py",
        {
            *("registry", "options", "target_options", "bounds", "docker_options", "docker_replicas"),
            # what finds a container by the labels of an alert
            *("finding", "docker_clues", "docker_finder", "docker_finding", "docker_found", "docker_label_options"),
            *("docker_matching", "docker_own_life"),
            # what hears how containers end
            *("docker_ends", "docker_following", "metrics"),
        },
    ),
    "notifiers": (
        "notifiers",
        "notifiers/registry.py",
        {
            *("registry", "options", "opened", "sayings", "statuses", "inert", "messages", "grafana_markings"),
            *("slack_answers", "slack_blocks", "slack_message", "slack_search", "slack_talk", "slack_text"),
        },
    ),
    "doctor checks": ("doctor/checks", "doctor/registry.py", set()),
    "stages": (
        "pipeline",
        "pipeline/stages.py",
        {
            *("stages", "runner", "step", "strangers", "patience", "options", "metrics", "aftermath", "snapshots"),
            *("record", "rehearsal", "turns", "hindsight", "choice", "dependents", "next_step", "start_anew", "trial"),
        },
    ),
    "commands": (
        "cli",
        "cli/entry.py",
        {
            *(
                "assistants",
                "completing",
                "entry",
                "exit_codes",
                "connection",
                "doctor_report",
                "event_stream",
                "instants",
                "listing",
                "lookups",
                "parameters",
                "printing",
            ),
            *("smoke_checks", "styles", "told_action", "told_incident", "watch_board", "watching"),
        },
    ),
}


def plugins(root: Path, folder: str, others: set[str]) -> set[str]:
    return {path.stem for path in (root / "src/aetherlink" / folder).glob("*.py")} - others - {"__init__"}


def imported(path: Path) -> set[str]:
    """Last parts of everything that a module imports."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom | ast.Import)]
    names = {alias.name.rpartition(".")[2] for node in nodes for alias in node.names}
    return names | {(node.module or "").rpartition(".")[2] for node in nodes if isinstance(node, ast.ImportFrom)}


def test_every_way_to_tell_somebody_is_held_to_the_contract() -> None:
    assert set(RIGS) == set(BUILTIN)


@pytest.mark.parametrize("kind", REGISTRIES)
def test_every_file_is_in_its_registry(root: Path, kind: str) -> None:
    folder, registry, others = REGISTRIES[kind]
    found = plugins(root, folder, others)

    assert found
    assert found - imported(root / "src/aetherlink" / registry) == set()


def test_every_policy_rule_is_in_the_list(root: Path) -> None:
    trees = [ast.parse(path.read_text()) for path in (root / "src/aetherlink/policy").glob("*_rules.py")]
    functions = [node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)]
    written = {node.name for node in functions if not node.name.startswith("_")}

    assert len(trees) > 1
    assert written == {rule.__name__ for rule in rules.RULES}
    assert [node.name for node in functions if node.decorator_list] == []


def test_every_built_in_playbook_is_valid_and_carries_the_name_of_its_file(root: Path) -> None:
    files = sorted((root / "src/aetherlink/playbooks/builtin").iterdir())

    assert files
    for file in files:
        assert file.suffix == ".yaml"
        assert PlaybookForm.model_validate(yaml.safe_load(file.read_text())).name == file.stem


def test_every_alert_rule_has_a_built_in_playbook_that_matches_it(root: Path) -> None:
    groups = [
        group
        for file in (root / "monitoring/rules").glob("*.yml")
        for group in yaml.safe_load(file.read_text())["groups"]
    ]
    rules = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    playbooks = load_playbooks(None)

    unmatched = [
        rule["alert"]
        for rule in rules
        if not any(one.matches({**rule["labels"], "alertname": rule["alert"]}) for one in playbooks)
    ]
    assert len(rules) > 10
    assert unmatched == []


def test_every_built_in_playbook_that_does_nothing_says_why(root: Path) -> None:
    observing = [playbook.name for playbook in load_playbooks(None) if not playbook.steps]
    texts = {name: (root / f"src/aetherlink/playbooks/builtin/{name}.yaml").read_text() for name in observing}

    assert texts
    assert [name for name, text in texts.items() if not text.startswith("# It only observes.")] == []


def test_every_built_in_playbook_observes_until_a_person_raises_it(root: Path) -> None:
    files = (root / "src/aetherlink/playbooks/builtin").glob("*.yaml")

    modes = {file.stem: PlaybookForm.model_validate(yaml.safe_load(file.read_text())).mode for file in files}
    assert set(modes.values()) == {"observe"}, modes


def test_every_alert_rule_has_a_unit_test(root: Path) -> None:
    folder = root / "monitoring/rules"
    rules = [
        rule
        for file in folder.glob("*.yml")
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    ]
    tested = "\n".join(file.read_text() for file in (folder / "tests").glob("*.yml"))

    names = {rule.get("alert") or rule["record"] for rule in rules}
    assert len(names) > 15
    assert {rule["alert"] for rule in rules if "alert" in rule and f"alertname: {rule['alert']}" not in tested} == set()
