"""Playbooks are read strictly: what is wrong is said with file and key."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from aetherlink.errors import SettingsError
from aetherlink.model.actions import CPU, NO_LIMITS, DeclaredRequest, Limits, Target, Verb
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import TargetName
from aetherlink.model.playbooks import NewLimits
from aetherlink.playbooks.loader import BUILTIN, MOST_FILES, load_playbook, load_playbooks

GOOD = """
name: restart-thing
match: {alertname: ThingDown, severity: "=~critical|page"}
target: thing
bind: [job]
when: up == 0
action: {restart: {}}
verify: {query: up == 1, for: 3s, within: 1m30s}
"""


def written(folder: Path, text: str, name: str = "thing.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_playbook_observes_until_it_says_otherwise(tmp_path: Path) -> None:
    playbook = load_playbook(written(tmp_path, GOOD))

    assert playbook.mode is Mode.OBSERVE
    assert playbook.steps[0].verify_within.total_seconds() == 90


@pytest.mark.parametrize(
    ("labels", "fits"),
    [
        ({"alertname": "ThingDown", "severity": "critical"}, True),
        ({"alertname": "ThingDown", "severity": "page"}, True),
        ({"alertname": "ThingDown", "severity": "critical2"}, False),
        ({"alertname": "ThingDown"}, False),
        ({"alertname": "Thing", "severity": "page"}, False),
    ],
)
def test_matchers_are_exact_or_anchored_patterns(tmp_path: Path, labels: dict[str, str], *, fits: bool) -> None:
    assert load_playbook(written(tmp_path, GOOD)).matches(labels) is fits


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("target: thing", "target: thing\ncooldwon: 5m", "cooldwon: unknown key: did you mean `cooldown`?"),
        ("when: up == 0", "whenn: up == 0", "whenn: unknown key: did you mean `when`?"),
        ("for: 3s", "fro: 3s", "verify.fro: unknown key: did you mean `for`?"),
        ("when: up == 0", "when: up ==", "when: the query is not PromQL"),
        ("action: {restart: {}}", "action: {restart: {}, rollback: {}}", "exactly one verb"),
        ("action: {restart: {}}", "action: {explode: {}}", "explode"),
        ("for: 3s", "for: soon", "thing.yaml:8: verify.for"),
        (
            "target: thing",
            "target: thing\ncooldown: 99d",
            "thing.yaml:5: cooldown: Input should be less than or equal to",
        ),
        ("target: thing", "target: thing\ncooldown: 0.5", "greater than or equal to 1s"),
        (
            "target: thing",
            "target: thing\nlimits: {per_huor: 1}",
            "per_huor: unknown key: did you mean `per_hour`?",
        ),
        (
            "action: {restart: {}}",
            "action: {explode: {}}",
            ":7: action.explode: unknown key: known here are `restart`",
        ),
        (
            "action: {restart: {}}",
            "action: {restart: {}, scale: }",
            ":7: action.scale: nothing is given",
        ),
        ("name: restart-thing", "mode: auto", "thing.yaml:2: name: Field required"),
        ("action: {restart: {}}", "mode: auto", "thing.yaml:4: target: this playbook only observes"),
        ("for: 3s", "for: 2h", "shorter than `within`"),
        ("query: up == 1", "query: 'rate(x[30m]) > 0'", "verify: `query` looks back 1800 s"),
        ("query: up == 1", "query: 'max_over_time(up[60s:5s]) + min_over_time(up[87s]) > 0'", "looks back 87 s"),
        ("query: up == 1", "query: 'max_over_time(rate(x[1m])[1m:5s]) > 0'", "looks back 120 s"),
        ("query: up == 1", "query: 'rate(x[30m]) > 0'", "a shorter window, or a longer `within`"),
        ('"=~critical|page"', '"=~(["', "does not compile"),
        ("bind: [job]", "bind: []", "bind"),
        ("bind: [job]", "bind: job", "bind: this has to be a list"),
        ("verify: {", "verify: x #{", "verify: this has to be a mapping"),
        ("name: restart-thing", "name: Restart Thing", "name"),
        ("when: up == 0", "when: " + "(" * 90 + "up" + ")" * 90, "at most 80"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = written(tmp_path, GOOD.replace(old, new))

    with pytest.raises(SettingsError) as caught:
        load_playbook(path)

    assert str(path) in str(caught.value)
    assert complaint in str(caught.value)


SHOP = Target(TargetName("thing"), "docker", "shop", most=Limits(2**30, 2 * CPU))


@pytest.mark.parametrize(
    ("limits", "new"),
    [
        ("{memory: 512M}", NewLimits(Limits(memory=512 * 2**20))),
        ("{memory: 1.5g, cpus: 1.5}", NewLimits(Limits(1536 * 2**20, 1_500_000_000))),
        ("{memory: +25%}", NewLimits(memory_by=0.25)),
        ("{memory: '+400%', cpus: +5%}", NewLimits(memory_by=4.0, cpus_by=0.05)),
        ("{memory: 268435456}", NewLimits(Limits(memory=2**28))),
    ],
)
def test_limits_are_given_as_such_or_as_a_growth(tmp_path: Path, limits: str, new: NewLimits) -> None:
    text = GOOD.replace("{restart: {}}", f"{{limits: {limits}}}")
    [step] = load_playbook(written(tmp_path, text), {SHOP.name: SHOP}).steps

    assert (step.verb, step.limits) == (Verb.LIMITS, new)


@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        ("{}", "give `memory`, `cpus`, or both"),
        ("{memory: lots}", "'lots' is no size like 512M or 1.5G"),
        ("{memory: -25%}", "'-25%' is no size like 512M or 1.5G"),
        ("{memory: +401%}", "'+401%' is no size"),
        ("{memory: 1M}", "greater than or equal to 6291456"),
        ("{memory: yes}", "this has to be a number"),
        ("{cpus: 0}", "greater than or equal to 0.01"),
        ("{swap: 1G}", "unknown key"),
    ],
)
def test_limits_that_make_no_sense_are_refused(tmp_path: Path, limits: str, complaint: str) -> None:
    path = written(tmp_path, GOOD.replace("{restart: {}}", f"{{limits: {limits}}}"))

    with pytest.raises(SettingsError) as caught:
        load_playbook(path)

    assert complaint in str(caught.value)


def test_limits_need_bounds_of_their_target(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.replace("{restart: {}}", "{limits: {memory: +25%}}"))

    with pytest.raises(SettingsError, match="thing has neither max_memory nor max_cpus"):
        load_playbook(path, {SHOP.name: replace(SHOP, most=NO_LIMITS)})


CACHE = Target(
    TargetName("thing"), "http", "cache", requests=(DeclaredRequest("purge", "POST", "http://cache/purge", digest=""),)
)
HTTP = GOOD.replace("{restart: {}}", "{http: {request: purge}}")
TWO_STEPS = GOOD.replace(
    "action: {restart: {}}",
    "steps:\n- {name: a, action: {http: {request: purge}}}\n- {name: b, action: {http: {request: a}}}",
)


def test_a_request_is_one_of_the_target_that_it_is_for(tmp_path: Path) -> None:
    playbook = load_playbook(written(tmp_path, HTTP), {CACHE.name: CACHE})

    [step] = playbook.steps
    assert (step.verb, step.request, step.words) == (Verb.HTTP, "purge", "http purge thing")


@pytest.mark.parametrize(
    ("text", "executor", "complaint"),
    [
        (HTTP.replace("purge", "purg"), "http", "7: action.http.request: target thing has no request 'purg': did you"),
        (HTTP.replace("purge", "purg"), "http", "did you mean `purge`?"),
        (HTTP.replace("purge", "zzz"), "http", "no request 'zzz': declare it under targets.thing.http.requests"),
        (GOOD, "http", "7: action.restart: target thing is of the executor `http`, which sends requests and cannot"),
        (TWO_STEPS, "http", "9: steps.1.action.http.request: target thing has no request 'a'"),
        (HTTP.replace("{http: {request: purge}}", "{http: {}}"), "http", "7: action.http.request: Field required"),
        (HTTP.replace("request:", "url:"), "http", "action.http.url: unknown key"),
        (HTTP.replace("purge", "'{{ job }}'"), "http", "action.http.request: "),
    ],
)
def test_what_cannot_be_done_to_a_target_is_said_with_its_line(
    tmp_path: Path, text: str, executor: str, complaint: str
) -> None:
    target = replace(CACHE, executor=executor)

    with pytest.raises(SettingsError) as problem:
        load_playbooks(written(tmp_path, text).parent, {target.name: target})

    assert complaint in str(problem.value)
    assert "thing.yaml" in str(problem.value)


@pytest.mark.parametrize(("text", "executor"), [(GOOD, "dry_run"), (HTTP, "dry_run"), (GOOD, "lab"), (HTTP, "http")])
def test_what_can_be_done_to_a_target_is_taken(tmp_path: Path, text: str, executor: str) -> None:
    target = replace(CACHE, executor=executor)

    assert load_playbook(written(tmp_path, text), {target.name: target}).steps
    assert load_playbook(written(tmp_path, text)).steps


@pytest.mark.parametrize("query", ["rate(x[1m]) > 0", "max_over_time(up[86s:5s]) > 0", "up == 1 and rate(x[30s]) > 0"])
def test_a_window_that_leaves_time_to_hold_is_taken(tmp_path: Path, query: str) -> None:
    path = written(tmp_path, GOOD.replace("query: up == 1", f"query: '{query}'"))

    assert load_playbook(path).steps[0].verify == query


def test_everything_that_is_wrong_in_a_folder_is_said_at_once(tmp_path: Path) -> None:
    written(tmp_path, GOOD.replace("when:", "whne:"), "one.yaml")
    written(tmp_path, GOOD.replace("bind: [job]", "bind: job"), "two.yaml")

    with pytest.raises(SettingsError) as caught:
        load_playbooks(tmp_path)

    assert "one.yaml:6: whne: unknown key" in str(caught.value)
    assert "two.yaml:5: bind: this has to be a list" in str(caught.value)


def test_an_editors_leftovers_are_no_playbooks(tmp_path: Path) -> None:
    for name in (".#thing.yaml", ".thing.yaml.swp", "thing.yaml~", "notes.txt"):
        written(tmp_path, "no: [", name)

    assert load_playbooks(tmp_path) == load_playbooks(None)


def test_a_pipe_is_no_playbook_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "thing.yaml")

    with pytest.raises(SettingsError, match="no plain file"):
        load_playbooks(tmp_path)


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    data = tmp_path / "..data"
    data.mkdir()
    (tmp_path / "thing.yaml").symlink_to(written(data, GOOD))

    assert [one.name for one in load_playbooks(tmp_path) if not one.is_builtin] == ["restart-thing"]


@pytest.mark.parametrize("folder", ["a\0b", "x" * 5000])
def test_a_folder_that_cannot_be_is_refused(tmp_path: Path, folder: str) -> None:
    with pytest.raises(SettingsError, match="playbooks_dir"):
        load_playbooks(tmp_path / folder)


def test_more_files_than_anybody_writes_are_refused(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 1):
        (tmp_path / f"{number}.yaml").touch()

    with pytest.raises(SettingsError, match=f"at most {MOST_FILES}"):
        load_playbooks(tmp_path)


def test_the_users_are_asked_before_the_built_in_ones_and_what_only_observes_last(tmp_path: Path) -> None:
    written(tmp_path, GOOD.replace("restart-thing", "zz-acts"), "acts.yaml")
    written(tmp_path, "name: aa-observes\nmatch: {alertname: X}\n", "observes.yaml")

    found = load_playbooks(tmp_path)

    assert found[0].name == "zz-acts"
    acting = [one for one in found if one.steps]
    assert found[: len(acting)] == tuple(acting)
    assert found[len(acting)].name == "aa-observes"


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "{", "a: !!python/object/apply:os.getcwd []"])
def test_a_file_that_is_no_playbook_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"thing\.yaml"):
        load_playbook(written(tmp_path, text))


def test_a_key_that_stands_there_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.lstrip() + "mode: observe\nwhen: up == 2\n")

    with pytest.raises(SettingsError) as caught:
        load_playbook(path)

    assert str(caught.value).startswith(f"{path}:9: when: the key is given twice, on line 5 as well")


def test_a_merged_mapping_may_be_overridden(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.replace("match: {", "match: {<<: {alertname: x, tenant: a}, "))

    assert load_playbook(path).matches({"alertname": "ThingDown", "severity": "page", "tenant": "a"})


def test_a_users_playbook_replaces_the_builtin_one_of_its_name(tmp_path: Path) -> None:
    written(tmp_path, GOOD.replace("restart-thing", "restart-crm-api"))

    found = {playbook.name: playbook for playbook in load_playbooks(tmp_path)}

    assert [step.target.name for step in found["restart-crm-api"].steps] == ["thing"]


def test_two_files_with_one_name_are_refused(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    written(tmp_path, GOOD, "again.yml")

    with pytest.raises(SettingsError, match="already"):
        load_playbooks(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not a folder"):
        load_playbooks(tmp_path / "nowhere")


def test_every_builtin_playbook_loads_and_acts_on_nothing_by_itself() -> None:
    builtin = load_playbooks(None)

    assert len(builtin) == len(list(BUILTIN.glob("*.yaml"))) > 0
    assert {playbook.mode for playbook in builtin} == {Mode.OBSERVE}


def test_the_example_of_the_page_about_writing_playbooks_is_one(tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs/how-to/write-a-playbook.md"
    example = page.read_text().split("```yaml\n")[1].split("```")[0]

    playbook = load_playbook(written(tmp_path, example))

    assert (playbook.name, playbook.mode, playbook.unless) == ("restart-shop", Mode.OBSERVE, ("shop-db",))
