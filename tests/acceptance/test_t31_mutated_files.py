"""T31: a wrong settings or playbook file is refused by name and key, or it means the same: never something else."""

import asyncio
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from aetherlink import outside, settings
from aetherlink.errors import SettingsError
from aetherlink.model.decisions import Mode
from aetherlink.model.playbooks import Playbook
from aetherlink.playbooks.book import Book
from aetherlink.playbooks.loader import load_playbooks
from aetherlink.playbooks.reload import Reload, ReloadMetrics
from aetherlink.testing import ManualClock
from rigs import mutations
from rigs.mutations import Data, Mutation, Mutator, dumped, put

SECRET = "s3cr3t-7f1c"
SETTINGS = """
mode: auto
playbook_modes: {restart-thing: auto}
sources:
  - name: prod
    prometheus: http://127.0.0.1:9090
    alertmanagers: ["http://127.0.0.1:9093"]
    receiver: agent
    labels: {env: prod}
targets:
  thing: {executor: lab, service: crm, min: 1, max: 4}
  other: {executor: lab, service: other, min: 0, max: 2}
actions: {restart_api: {restart: thing}}
requests_per_hour: 6
vip_tenants: [vip-*]
playbooks_dir: playbooks
playbooks_reload: 5
listen: 127.0.0.1:8088
health: {interval: 5, threshold: 70, query: 'aether:health_score:15m'}
pipeline: {workers: 4, redecide_interval: 5, resolve_within: 600}
probes: {max_age: 60}
auth: {mode: token, trusted_networks: [10.0.0.0/8]}
intake: {max_body_bytes: 1000000}
"""
ONE_STEP = """
name: restart-thing
match: {alertname: ThingDown, severity: '=~critical|page'}
target: thing
bind: [job, instance]
when: up == 0
unless: [other]
action: {scale: {by: 1, min: 1, max: 3}}
verify: {query: up == 1, for: 3, within: 60}
undo: never
mode: approve
cooldown: 1200
limits: {per_hour: 2, per_target: 1}
escalate: {after: 3}
silence: true
"""
STEPS = """
name: many-steps
match: {alertname: ThingSlow}
target: thing
bind: [job]
when: up == 0
verify: {query: up == 1, for: 3, within: 60}
mode: auto
cooldown: 900
limits: {per_hour: 4}
steps:
  - {name: first, action: {restart: {}}}
  - {name: second, action: {restart: {}}, after: [first]}
  - {name: third, action: {rollback: {}}, after: [second], undo: never}
  - {name: last, action: {scale: {by: 1}}, instead_of: third}
"""


def two_sources_of_a_name(data: Data, _random: Random) -> Mutation:
    return Mutation("two sources of a name", dumped(put(data, ("sources",), data["sources"] * 2)), "sources")


def secret_in_clear(data: Data, random: Random) -> Mutation:
    places: list[tuple[tuple[int | str, ...], object, str]] = [
        (("auth", "webhook_token"), SECRET, "webhook_token"),
        (("sources", 0, "bearer_token"), SECRET, "bearer_token"),
        (("sources", 0, "basic_auth"), {"username": "u", "password": SECRET}, "password"),
        (("sources", 0, "prometheus"), f"http://u:{SECRET}@127.0.0.1:9090", "prometheus"),
        (("sources", 0, "proxy"), f"http://u:{SECRET}@127.0.0.1:3128", "proxy"),
        (("database_password",), SECRET, "database_password"),
        (("grafana_url",), f"http://u:{SECRET}@127.0.0.1:3000", "grafana_url"),
        (("token",), SECRET, "token"),
    ]
    place, value, key = random.choice(places)
    return Mutation(f"a secret at {place}", dumped(put(data, place, value)), key, hidden=SECRET)


def wrong_folder(data: Data, random: Random) -> Mutation:
    folder = random.choice(
        ["../../../../etc/nowhere", "playbooks/../../nowhere", "/nowhere/at/all", "settings.yaml", "a\0b", "x" * 4096]
    )
    return Mutation(f"playbooks_dir {folder[:40]!r}", dumped(put(data, ("playbooks_dir",), folder)), "playbooks_dir")


def unknown_name(data: Data, random: Random) -> Mutation:
    place, value, key = random.choice(
        [
            (("actions", "restart_api"), {"restart": "thign"}, "restart_api"),
            (("playbook_modes",), {"restart-thign": "auto"}, "playbook_modes"),
            (("targets", "thing", "executor"), "ssh", "executor"),
            (("mode",), "full-auto", "mode"),
            (("auth", "mode"), "none", "mode"),
        ]
    )
    return Mutation(f"{value!r} at {place}", dumped(put(data, place, value)), key)


def climbing_name(data: Data, random: Random) -> Mutation:
    """A name that leads somewhere else as a path or in an address."""
    name = random.choice(["../../images/prune", "x?signal=KILL", "/etc/passwd", "a b", "", "-x", "..", "A" * 64])
    keys = [key for key in ("name", "target") if key in data] or ["targets"]
    key = random.choice(keys)
    if key == "targets":
        return Mutation(f"service {name!r}", dumped(put(data, ("targets", "thing", "service"), name)), "service")
    return Mutation(f"{key} {name!r}", dumped(put(data, (key,), name)), key)


def steps_without_order(data: Data, random: Random) -> Mutation | None:
    if "steps" not in data:
        return None
    first, second, third, _ = data["steps"]
    match random.randrange(5):
        case 0:
            first["after"] = ["third"]
        case 1:
            first["after"] = ["first"]
        case 2:
            second["after"] = ["frist"]
        case 3:
            third["name"] = "first"
        case _:
            first["instead_of"] = "last"
    return Mutation("steps without an order", dumped(data), "steps")


def wrong_word(data: Data, random: Random) -> Mutation:
    key, value = random.choice(
        [
            ("mode", "Auto"),
            ("mode", "automatic"),
            ("undo", "no"),
            ("silence", "yes please"),
            ("cooldown", "5 minutes"),
            ("cooldown", "-10m"),
            ("when", "up =="),
            ("when", "up offset 5m"),
            ("when", "1 == 1"),
            ("match", {"alertname": "=~("}),
            ("match", {"alertname": "=~(a+)+"}),
            ("match", {"alertname": "!=x"}),
            ("match", {}),
            ("bind", []),
            ("bind", ["{job}"]),
            ("limits", {"per_hour": 0}),
            ("limits", {"per_hour": 1.5}),
            ("limits", {"per_target": 2}),
            ("escalate", {"after": 0}),
            ("verify", {"query": "up == 1", "for": 60, "within": 3}),
            ("verify", {"query": "rate(x[1h]) > 0"}),
            ("unless", "other"),
        ]
    )
    return Mutation(f"{key}: {value!r}", dumped(put(data, (key,), value)), key)


OF_ALL: tuple[Mutator, ...] = (
    mutations.unknown_key,
    mutations.misspelt_key,
    mutations.another_case,
    mutations.negative,
    mutations.huge,
    mutations.yes_for_a_number,
    mutations.wrong_type,
    mutations.nothing_given,
    mutations.given_twice,
    mutations.other_words,
    mutations.emptied,
    mutations.torn,
    climbing_name,
)
OF_SETTINGS = (*OF_ALL, two_sources_of_a_name, secret_in_clear, wrong_folder, unknown_name)
OF_PLAYBOOKS = (*OF_ALL, steps_without_order, wrong_word)
MUST_BE_TAKEN = "the same in"


@dataclass
class Alarm:
    """A sink that remembers what it was told last."""

    says: str | None = None
    times: int = 0

    async def refused(self, why: str, *, at: datetime) -> None:  # noqa: ARG002 - the port prescribes the name
        self.says = why
        self.times += 1

    async def accepted(self, *, at: datetime) -> None:  # noqa: ARG002 - as above
        self.says = None


@dataclass
class Place:
    """A folder with one settings file and two playbooks, and the room that watches these."""

    folder: Path
    alarm: Alarm = field(default_factory=Alarm)
    used: list[tuple[Playbook, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.playbooks = self.folder / "playbooks"
        self.playbooks.mkdir()
        self.settings = self.folder / "settings.yaml"
        self.settings.write_text(SETTINGS)
        (self.playbooks / "one.yaml").write_text(ONE_STEP)
        (self.playbooks / "many.yaml").write_text(STEPS)

    def understood(self) -> tuple[settings.Settings, tuple[Playbook, ...]]:
        """What the agent would run with. Raises SettingsError."""
        found = settings.load(self.settings)
        return found, outside.playbooks(found)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    for name in ("AETHER_CONFIG", "PROM_URL", "ALERTMANAGER_URL", "GRAFANA_URL", "LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    assert not [name for name in os.environ if name.startswith("AETHER_M")]
    return Place(tmp_path)


def complaints(mutation: Mutation, said: str, names: tuple[str, ...]) -> list[str]:
    """What is wrong with a refusal."""
    wrong = []
    if mutation.key and mutation.key not in said:
        wrong.append(f"it does not name {mutation.key}")
    if not any(name in said for name in names):
        wrong.append(f"it names none of {names}")
    if mutation.hidden and mutation.hidden in said:
        wrong.append("it shows the secret")
    if "Traceback" in said or "timedelta" in said:
        wrong.append("it speaks of Python")
    return [f"{mutation.what}: {each}: {said[:300]}" for each in wrong]


def settings_faults(place: Place, count: int) -> tuple[list[str], int]:
    """What went wrong with so many mutated settings, and how many of them were refused."""
    meant, faults, refused = place.understood(), [], 0
    data: Any = yaml.safe_load(SETTINGS)
    for mutation in islice(mutations.mutations(data, OF_SETTINGS, seed=31), count):
        place.settings.write_text(mutation.text)
        try:
            found = place.understood()
        except SettingsError as problem:
            refused += 1
            faults += complaints(mutation, str(problem), (str(place.settings), "playbooks_dir", "playbook_modes"))
            faults += [f"{mutation.what}: refused: {problem}"] if mutation.what.startswith(MUST_BE_TAKEN) else []
        else:
            faults += [] if found == meant else [f"{mutation.what}: taken, and means something else"]
    return faults, refused


async def nothing() -> None:
    """No playbook here was ever promoted."""


async def playbook_faults(place: Place, count: int) -> tuple[list[str], int]:
    """The same of playbooks, with the running agent's reload as the judge."""
    meant = load_playbooks(place.playbooks)
    book = Book(meant, ceiling=Mode.AUTO, modes={})
    reload = Reload(
        place.playbooks,
        partial(load_playbooks, place.playbooks),
        place.used.append,
        settle=nothing,
        book=book,
        every=timedelta(seconds=5),
        sink=place.alarm,
        clock=ManualClock(),
        metrics=ReloadMetrics(CollectorRegistry()),
    )
    faults, refused = [], 0
    streams = {
        place.playbooks / name: mutations.mutations(yaml.safe_load(text), OF_PLAYBOOKS, seed=seed)
        for seed, (name, text) in enumerate((("one.yaml", ONE_STEP), ("many.yaml", STEPS)))
    }
    for number in range(count):
        file, good = [*zip(streams, (ONE_STEP, STEPS), strict=True)][number % 2]
        mutation = next(streams[file])
        file.write_text(mutation.text)
        await look(reload)
        said, in_force = place.alarm.says, book.playbooks
        file.write_text(good)
        await look(reload)
        refused += said is not None
        faults += [] if in_force == meant else [f"{mutation.what}: in force is something else"]
        faults += complaints(mutation, said, (str(file),)) if said is not None else []
        faults += [f"{mutation.what}: refused: {said}"] if said and mutation.what.startswith(MUST_BE_TAKEN) else []
        faults += [] if place.alarm.says is None and book.playbooks == meant else [f"{mutation.what}: no way back"]
    faults += [] if place.alarm.times == refused else ["an alarm is missing"]
    return faults, refused


async def look(reload: Reload) -> None:
    while await reload.check() is not None:
        pass


@pytest.mark.parametrize("count", [34, pytest.param(250, marks=pytest.mark.long)])
def test_a_wrong_settings_file_is_refused_by_name_or_means_the_same(place: Place, count: int) -> None:
    faults, refused = settings_faults(place, count)

    assert faults == []
    assert refused >= count * 3 // 4


@pytest.mark.parametrize("count", [30, pytest.param(250, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
def test_a_wrong_playbook_leaves_the_last_good_set_in_force_and_alarms(place: Place, count: int) -> None:
    faults, refused = asyncio.run(playbook_faults(place, count))

    assert faults == []
    assert refused >= count * 3 // 4
    assert place.used == []


def test_two_playbooks_of_one_name_are_refused_by_file(place: Place) -> None:
    (place.playbooks / "again.yaml").write_text(ONE_STEP)

    with pytest.raises(SettingsError, match=r"one\.yaml: name: another file of this folder"):
        place.understood()


def test_what_nobody_set_acts_on_nothing(place: Place) -> None:
    place.settings.write_text("log_level: info\n")

    found, playbooks = place.understood()

    book = Book(playbooks, ceiling=found.mode, modes=found.modes)
    assert found.declared_targets == {}
    assert {mode for _, mode in book.in_force} == {Mode.OBSERVE}
