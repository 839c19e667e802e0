"""The built-in playbook container-restart-loop on a real daemon: from the alert to the release before, and back."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from aetherlink.model.actions import OutcomeStatus, Verdict
from aetherlink.model.decisions import EvidenceStatus, Mode
from aetherlink.pipeline.options import PipelineOptions
from aetherlink.playbooks.loader import load_playbooks
from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, ManualClock, fixed_key
from rigs.containers import docker
from rigs.databases import empty_file
from rigs.docker_hands import CRM, hands_on, service, until
from rigs.docker_stack import CRASHES, SERVES, Witness
from rigs.patience import eventually
from rigs.pipeline import build_rig
from rigs.proxied_stack import Proxied
from rigs.repairs import FAILS, HOLDS, Signal
from rigs.socket_proxy import shown

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]
_CRASHES_IN_THE_NEWER = f"import os, signal\nif os.environ.get('RELEASE') == '2':\n    {CRASHES}\nsignal.pause()"


@pytest.fixture
def releases(image: str, newer: str) -> tuple[str, str]:
    return image, newer


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore(empty_file(tmp_path / "aetherlink.db"), key=fixed_key)
    opened.open()
    yield opened
    opened.close()


@pytest.mark.parametrize(("helps", "verdict"), [(HOLDS, Verdict.RECOVERED), (FAILS, Verdict.NOT_RECOVERED)])
async def test_a_restart_loop_is_ended_by_the_release_before(
    proxied: Proxied,
    releases: tuple[str, str],
    store: SqlStore,
    helps: EvidenceStatus,
    verdict: Verdict,
) -> None:
    """Where that does not help, the release is back that was there."""
    image, newer = releases
    program = _CRASHES_IN_THE_NEWER if helps is HOLDS else SERVES
    old = proxied.replica(1, "--restart=always", image=newer, program=program)
    if helps is HOLDS:
        await eventually(lambda: int(docker("inspect", "--format", "{{.RestartCount}}", old.id)) >= 2, seconds=60)
    clock, witness = ManualClock(), Witness()
    rig = build_rig(store, clock, CountingIds(), database=Path())
    [playbook] = [one for one in load_playbooks(None) if one.name == "container-restart-loop"]
    async with hands_on(service(proxied.stack), proxied.host) as executor:
        await until(executor, lambda seen: (seen.ready == 0) is (helps is HOLDS))
        rig.change(
            executors={"docker": executor},
            targets={CRM.name: replace(CRM, executor="docker")},
            playbooks=(playbook,),
            modes={playbook.name: Mode.AUTO},
            probe=Signal(clock, verify=helps, proof="== 0"),
            options=PipelineOptions(verify_interval=timedelta(seconds=5), redecide_interval=timedelta(seconds=30)),
        )
        await rig.hear("ContainerRestartLoop", name=f"{proxied.stack.project}-crm-1")
        await rig.run_for(1500)

    first, *undo = await rig.actions()
    assert (first.outcome and first.outcome.status, first.verdict) == (OutcomeStatus.DONE, verdict)
    assert first.facts["release"] == image
    assert witness.actions(old.id)[-1] == "destroy"
    [now] = proxied.ids
    assert shown(now)["Image"] == (image if helps is HOLDS else newer)
    assert [action.plan.release for action in undo] == ([] if helps is HOLDS else [newer])
