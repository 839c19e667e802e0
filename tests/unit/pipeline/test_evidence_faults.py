"""T06: the real probe and client in front of a source that lies, hangs or is not there: no act, and nothing "fixed"."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.clients.options import ClientOptions
from aetherlink.clients.prometheus import PrometheusClient
from aetherlink.model.actions import Verdict
from aetherlink.model.ids import SourceName
from aetherlink.model.timeline import EventKind
from aetherlink.pipeline.options import PipelineOptions
from aetherlink.probes.metrics import ProbeMetrics
from aetherlink.probes.options import ProbeOptions
from aetherlink.probes.prometheus import PrometheusProbe
from rigs.lying_prometheus import LyingPrometheus, lying_prometheus
from rigs.pipeline import Rig
from rigs.repairs import braked, said, wishes
from rigs.source_faults import ANSWERS, SLOW

TURNS = [0, *(pytest.param(turn, marks=pytest.mark.long) for turn in range(1, 20))]
FAULTS = [*ANSWERS, *SLOW, "refused"]


@pytest.fixture
async def liar(rig: Rig) -> AsyncIterator[LyingPrometheus]:
    """The rig's source, through the real probe and the real client; the pipeline looks every half minute."""
    options = ClientOptions(deadline=timedelta(seconds=0.3), max_bytes=100_000)
    async with lying_prometheus(lambda: rig.clock.now().timestamp()) as liar:
        client = PrometheusClient(liar.url, options)
        metrics = ProbeMetrics(CollectorRegistry())
        source = SourceName("lab")
        probe = PrometheusProbe({source: client}, ProbeOptions(), clock=rig.clock, metrics=metrics)
        half = timedelta(seconds=30)
        rig.change(probe=probe, options=PipelineOptions(verify_interval=half, redecide_interval=half))
        yield liar
        await client.aclose()


def unplugged(rig: Rig) -> None:
    """The source is not there any more."""
    probe = rig.world.probe
    assert isinstance(probe, PrometheusProbe)
    probe._clients = {SourceName("lab"): PrometheusClient("http://127.0.0.1:1", ClientOptions())}


@pytest.mark.parametrize("fault", FAULTS)
async def test_t06_a_condition_that_is_not_shown_permits_no_act(rig: Rig, liar: LyingPrometheus, fault: str) -> None:
    liar.when = fault
    if fault == "refused":
        unplugged(rig)
    await rig.hear()
    await rig.run_for(60)

    assert wishes(rig) == []
    assert {action.decision.rule for action in await rig.actions()} == {"evidence_holds"}
    assert liar.asked == 0 if fault == "refused" else liar.asked > 1


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("fault", [*FAULTS, "from before the action"])
async def test_t06_a_repair_that_is_not_shown_to_help_is_never_called_fixed(
    rig: Rig, liar: LyingPrometheus, fault: str, turn: int
) -> None:
    liar.verify = fault
    if fault == "refused":
        rig.executor.before = lambda: unplugged(rig)
    await rig.hear()
    await rig.run_for(100)

    assert len(wishes(rig)) == 1
    assert await said(rig, EventKind.VERIFIED) == []
    assert [action.verdict for action in await rig.actions()] == [Verdict.CANNOT_TELL]
    assert await braked(rig) == ["target:crm-api"]


async def test_t06_a_source_that_tells_the_truth_is_believed(rig: Rig, liar: LyingPrometheus) -> None:
    """The control: what stops the others is the fault, and nothing else."""
    await rig.hear()
    rig.executor.before = lambda: None
    await rig.run()
    rig.clock.move(5)
    await rig.run_for(90)

    assert len(wishes(rig)) == 1
    assert len(await said(rig, EventKind.VERIFIED)) == 1
    assert liar.asked > 2


def test_t06_no_query_may_take_longer_than_ten_seconds() -> None:
    assert ClientOptions().deadline <= timedelta(seconds=10)
