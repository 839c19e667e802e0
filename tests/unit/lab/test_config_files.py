"""The settings files that a lab writes from the project's own monitoring/, and what it says of files that are wrong."""

import json
from pathlib import Path

import pytest
import yaml

from aetherlink.lab import config_files, layout, plans
from aetherlink.lab.errors import LabSettingsError
from aetherlink.lab.options import LabOptions
from aetherlink.model.decisions import Mode
from aetherlink.playbooks.loader import load_playbooks
from aetherlink.settings import load

PROJECT = Path(__file__).parents[3]
PORTS = {"crm": 1, "prometheus": 2, "alertmanager": 3, "agent": 4}


@pytest.fixture
def places(tmp_path: Path) -> layout.Layout:
    return layout.prepare(tmp_path / "lab")


def _write(places: layout.Layout, project: Path = PROJECT, **options: object) -> None:
    checked = LabOptions.model_validate({"dir": places.root, "project_dir": project, **options})
    config_files.write_all(checked, places, PORTS, places.control)


def test_the_projects_own_files_can_be_rewritten(places: layout.Layout) -> None:
    _write(places)

    scrape = yaml.safe_load((places.config / "prometheus.yml").read_text())
    jobs = {job["job_name"] for job in scrape["scrape_configs"]}
    assert {"aether_agent", "peakpro_crm", "prometheus", "alertmanager"} <= jobs
    assert [path.name for path in places.rules.glob("*.yml")]


def test_the_agent_may_act_by_itself_on_the_crm_of_this_lab_only(places: layout.Layout) -> None:
    _write(places)

    settings = yaml.safe_load((places.config / "aether.yaml").read_text())
    assert settings["mode"] == "auto"
    assert settings["targets"] == {
        "crm-api": {"executor": "lab", "service": "crm", "min": 1, "max": 4, "depends_on": ["crm-db"]},
        "crm-db": {"executor": "lab", "service": "postgres", "mode": "observe"},
    }
    assert settings["vip_mode"] == "auto"
    assert settings["actions"]["restart_api"] == {"restart": "crm-api"}
    assert settings["lab"] == {"control_socket": str(places.control)}
    assert settings["listen"] == "127.0.0.1:4"


def test_a_database_that_is_not_the_labs_own_is_no_target_of_it(places: layout.Layout) -> None:
    _write(places, database_url="postgresql://db.example/crm")

    settings = yaml.safe_load((places.config / "aether.yaml").read_text())
    assert settings["targets"] == {"crm-api": {"executor": "lab", "service": "crm", "min": 1, "max": 4}}


def test_agent_settings_given_by_the_caller_win_key_by_key(places: layout.Layout) -> None:
    _write(places, agent_settings={"mode": "observe", "health": {"threshold": 70}})

    settings = yaml.safe_load((places.config / "aether.yaml").read_text())
    assert settings["mode"] == "observe"
    assert settings["health"]["interval"] == "1s"
    assert settings["health"]["threshold"] == 70


def test_the_agent_accepts_its_settings_and_the_playbook_of_its_drills_may_act(places: layout.Layout) -> None:
    _write(places)

    settings = load(places.config / "aether.yaml")
    playbooks = {playbook.name: playbook for playbook in load_playbooks(settings.playbooks_dir)}
    assert settings.mode is Mode.AUTO
    assert {name for name, playbook in playbooks.items() if playbook.mode is Mode.AUTO} == {"restart-crm-api"}
    assert set(playbooks) == {playbook.name for playbook in load_playbooks(None)}


def test_agent_and_alertmanager_are_given_the_same_private_token_file(places: layout.Layout) -> None:
    _write(places)
    token = places.webhook_token.read_text()
    _write(places)

    assert places.webhook_token.stat().st_mode & 0o777 == 0o600
    assert places.webhook_token.read_text() == token
    told = (places.config / "alertmanager.yml").read_text()
    asked = yaml.safe_load((places.config / "aether.yaml").read_text())
    assert str(places.webhook_token) in told
    assert asked["auth"]["webhook_token_file"] == str(places.webhook_token)


def test_a_rule_file_that_was_removed_is_forgotten(places: layout.Layout) -> None:
    (places.rules / "old.yml").write_text("groups: []")

    _write(places)

    assert not (places.rules / "old.yml").exists()


def test_the_wanted_replicas_are_listed_for_prometheus(places: layout.Layout) -> None:
    plans.write_crm_targets(places, (8001, 8002))

    assert json.loads(places.crm_targets.read_text()) == [
        {"targets": ["127.0.0.1:8001"], "labels": {"instance": "crm-1"}},
        {"targets": ["127.0.0.1:8002"], "labels": {"instance": "crm-2"}},
    ]


def test_a_target_keeps_its_name_when_its_port_moves(places: layout.Layout) -> None:
    _write(places)

    scrape = yaml.safe_load((places.config / "prometheus.yml").read_text())
    static = {job["job_name"]: job["static_configs"] for job in scrape["scrape_configs"] if "static_configs" in job}
    assert static == {
        "aether_agent": [{"targets": ["127.0.0.1:4"], "labels": {"instance": "agent"}}],
        "prometheus": [{"targets": ["127.0.0.1:2"], "labels": {"instance": "prometheus"}}],
        "alertmanager": [{"targets": ["127.0.0.1:3"], "labels": {"instance": "alertmanager"}}],
    }


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(None, "is missing", id="no file"),
        pytest.param("a: [", "is not YAML", id="no YAML"),
        pytest.param("- a", "holds no mapping", id="a list"),
        pytest.param("scrape_configs: 3", "not a list of mappings", id="a number of jobs"),
        pytest.param("scrape_configs: []", "names no rule file", id="no rules"),
    ],
)
def test_a_wrong_settings_file_is_named_with_what_is_wrong(
    places: layout.Layout, tmp_path: Path, content: str | None, complaint: str
) -> None:
    monitoring = tmp_path / "monitoring"
    (monitoring / "rules").mkdir(parents=True)
    (monitoring / "rules" / "a.yml").write_text("groups: []")
    if content is not None:
        rules = "" if "[]" in content or content[0] != "s" else "\nrule_files: [rules/*.yml]"
        (monitoring / "prometheus-config.yml").write_text(content + rules)

    with pytest.raises(LabSettingsError, match=complaint):
        _write(places, project=tmp_path)
