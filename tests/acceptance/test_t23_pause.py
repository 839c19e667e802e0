"""T23: a pause by whatever way, in a storm of incidents that all want to act, holds at once and outlives everything."""

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from rigs.storm import Storm, calm_prometheus, storm

WITHIN = timedelta(seconds=1)  # promised: after that long nothing begins any more
REASON = "we look at it"


def by_api(world: Storm) -> None:
    world.call("POST", "/api/v1/pause", json={"reason": REASON}).raise_for_status()


def by_command(world: Storm) -> None:
    world.aether("pause", "--reason", REASON)


def by_file(world: Storm) -> None:
    world.stop.write_text(REASON)


WAYS = {"API": by_api, "command": by_command, "file": by_file}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with calm_prometheus(tmp_path_factory.mktemp("prometheus")) as url:
        yield url


@pytest.fixture
def world(tmp_path: Path, prometheus: str) -> Iterator[Storm]:
    with storm(tmp_path, prometheus) as made:
        yield made


def paused_in(world: Storm, way: Callable[[Storm], None]) -> int:
    """Pause it in the storm, and see that nothing begins after that. How many had begun."""
    way(world)
    acknowledged_at = datetime.now(UTC)
    before = world.sent
    world.blow(6)
    world.wait_for_refusals(range(before, world.sent))
    starts = world.starts()
    assert [start for start in starts if start > acknowledged_at + WITHIN] == []
    return len(starts)


def see_nothing_begin(world: Storm, begun: int, *, count: int = 4) -> None:
    """More alerts of the storm are refused like all before."""
    before = world.sent
    world.blow(count)
    world.wait_for_refusals(range(before, world.sent))
    assert len(world.starts()) == begun


@pytest.mark.parametrize("way", WAYS)
def test_t23_nothing_begins_once_it_is_paused_nor_after_kill_9_and_with_old_settings(world: Storm, way: str) -> None:
    with world.serving():
        world.blow(6)
        world.wait_for_starts(2)
        begun = paused_in(world, WAYS[way])
        assert begun >= 2
    with world.serving(AETHER_PAUSED="false", AETHER_MODE="auto"):
        see_nothing_begin(world, begun)


def test_t23_the_variable_pauses_an_agent_that_was_not(world: Storm) -> None:
    with world.serving(AETHER_PAUSED="true"):
        see_nothing_begin(world, 0)
        assert world.call("GET", "/api/v1/pause").json()["outside"].startswith("paused by the setting `paused`")
    with world.serving():
        world.wait_for_starts(1)


def test_t23_a_pause_that_cannot_be_read_is_one(world: Storm) -> None:
    world.stop.mkdir()
    with world.serving():
        see_nothing_begin(world, 0)
        world.stop.rmdir()
        world.wait_for_starts(1)


def test_t23_resuming_takes_an_admin_is_written_down_and_lets_it_act(world: Storm) -> None:
    with world.serving():
        by_api(world)
        see_nothing_begin(world, 0)
        made = world.call("POST", "/api/v1/tokens", json={"name": "ops", "scopes": ["operate"]}).raise_for_status()
        ops = {"Authorization": f"Bearer {made.json()['token']}"}
        refused = [httpx.delete(f"{world.url}/api/v1/pause", headers=headers) for headers in ({}, ops)]
        assert [answer.status_code for answer in refused] == [401, 403]
        see_nothing_begin(world, 0)

        world.call("DELETE", "/api/v1/pause").raise_for_status()
        world.wait_for_starts(1)
        incidents = world.call("GET", "/api/v1/incidents?status=resolved&limit=200").json()["items"]
        [its_id] = [one["id"] for one in incidents if one["title"] == "Pauses of the agent"]
        entries = world.call("GET", f"/api/v1/incidents/{its_id}/timeline").json()["items"]
    assert [(entry["kind"], entry["facts"]["by"]) for entry in entries] == [
        ("paused", "operator"),
        ("resumed", "operator"),
    ]


@pytest.mark.long
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("way", WAYS)
def test_t23_nothing_begins_in_20_storms(tmp_path: Path, prometheus: str, way: str) -> None:
    for number in range(20):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        with storm(folder, prometheus) as world:
            with world.serving():
                world.blow(random.randint(3, 8))  # pytest-randomly seeds it, and prints the seed
                world.wait_for_starts(1)
                time.sleep(random.uniform(0, 0.4))
                begun = paused_in(world, WAYS[way])
            with world.serving():
                see_nothing_begin(world, begun)
