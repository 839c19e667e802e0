"""A service's state follows from its replicas'."""

from datetime import UTC, datetime

import pytest

from aetherlink.lab.states import ReplicaView, State, overall

READY, STARTING, EXITED, UNHEALTHY = State.READY, State.STARTING, State.EXITED, State.UNHEALTHY


@pytest.mark.parametrize(
    ("replicas", "wanted", "state"),
    [
        pytest.param([READY], 1, READY, id="all ready"),
        pytest.param([READY, READY], 2, READY, id="both ready"),
        pytest.param([READY], 2, STARTING, id="one still missing"),
        pytest.param([READY, STARTING], 2, STARTING, id="one still starting"),
        pytest.param([], 1, STARTING, id="between the old one and the new one"),
        pytest.param([EXITED], 1, EXITED, id="dead"),
        pytest.param([EXITED, EXITED], 2, EXITED, id="both dead"),
        pytest.param([READY, EXITED], 2, UNHEALTHY, id="half dead"),
        pytest.param([UNHEALTHY], 1, UNHEALTHY, id="does not answer"),
        pytest.param([STARTING, EXITED], 2, UNHEALTHY, id="one starts, one is dead"),
        pytest.param([], 0, State.STOPPED, id="none wanted"),
    ],
)
def test_a_service_is_ready_only_when_every_wanted_replica_is(replicas: list[State], wanted: int, state: State) -> None:
    assert overall(replicas, wanted) is state


def test_start_times_carry_microseconds_even_when_these_are_zero() -> None:
    view = ReplicaView(index=0, pid=1, port=2, state=READY, started_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))

    assert '"started_at":"2026-01-02T03:04:05.000000Z"' in view.model_dump_json()
    assert ReplicaView.model_validate_json(view.model_dump_json()) == view
