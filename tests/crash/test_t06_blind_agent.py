"""T06 on the whole agent: nothing that its Prometheus says wrongly, or does not say, makes it act or costs it anything.

Twenty incidents want a restart while the source has each fault. The witness is the lab behind the agent's hands.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from rigs.agent_process import environment, serving, wait_until_ready
from rigs.bad_socket import BadSocket, bad_socket
from rigs.honest_sender import webhook
from rigs.lying_prometheus import LyingPrometheus, lying_prometheus
from rigs.patience import eventually
from rigs.source_faults import ANSWERS, SLOW

TIMES = 20
MEBIBYTES = 50
SPAN = 6.0  # seconds for each fault; one that hangs is asked for the first time then
PLAYBOOK = """
name: restart-crm
match: {alertname: CrmDown}
target: crm-api
bind: [job]
when: 'up == 0'
action: {restart: {}}
verify: {query: 'up == 1', within: 1h}
mode: auto
"""
Record = Callable[[str, object], None]


@dataclass
class Agent:
    """A real agent whose eyes are the liar's and whose hands end at the socket."""

    url: str
    pid: int
    liar: LyingPrometheus
    hands: BadSocket
    client: httpx.AsyncClient
    late: list[float] = field(default_factory=list)

    async def tell(self, body: bytes) -> None:
        """Post it, and note how long the answer took."""
        begun = time.perf_counter()
        answer = await self.client.post(f"{self.url}/alertmanager", content=body, timeout=30)
        self.late.append(time.perf_counter() - begun)
        assert answer.status_code == httpx.codes.OK

    async def metric(self, pattern: str) -> float:
        """The sum of the series of this form."""
        text = (await self.client.get(f"{self.url}/metrics", timeout=30)).text
        return sum(float(each) for each in re.findall(rf"^{pattern} ([0-9.e+]+)$", text, re.MULTILINE))

    @property
    def resident(self) -> float:
        """Mebibytes."""
        [kilobytes] = re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        return int(kilobytes) / 1024


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Agent]:
    (folder / "playbooks").mkdir()
    (folder / "playbooks/restart-crm.yaml").write_text(PLAYBOOK)
    async with lying_prometheus(lambda: datetime.now(UTC).timestamp()) as liar, bad_socket() as hands:
        settings = environment(folder) | {
            "AETHER_MODE": "auto",
            "AETHER_PLAYBOOKS_DIR": str(folder / "playbooks"),
            "AETHER_TARGETS": '{"crm-api": {"executor": "lab", "service": "crm", "max": 4}}',
            "AETHER_LAB__CONTROL_SOCKET": str(hands.socket),
            "AETHER_PIPELINE__REDECIDE_INTERVAL": "2s",
            "AETHER_CLIENTS__MAX_BYTES": "100000",  # less than what is huge
            "PROM_URL": liar.url,
        }
        with serving(settings, folder) as process:
            await asyncio.to_thread(wait_until_ready, settings)
            async with httpx.AsyncClient() as client:
                yield Agent(f"http://{settings['AETHER_LISTEN']}", process.pid, liar, hands, client)


def down(number: int) -> bytes:
    """The CRM is down for one tenant."""
    labels = {"alertname": "CrmDown", "job": "crm", "service": "crm", "tenant": f"t{number}", "severity": "critical"}
    return webhook(f"{number:016x}", labels=labels, startsAt=datetime.now(UTC).isoformat())


async def honest_traffic(agent: Agent, seconds: float) -> list[float]:
    """Small webhooks for so long; how long each took."""
    agent.late.clear()
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        number += 1
        await agent.tell(webhook(f"f{time.monotonic_ns():015x}", service=f"s{number % 7}"))
        await asyncio.sleep(0.02)
    return sorted(agent.late)


def p99(ranked: list[float]) -> float:
    return ranked[int(len(ranked) * 0.99)] * 1000


async def blinded(agent: Agent, faults: list[str], *, times: int, span: float) -> list[float]:
    """Every fault in turn, while so many incidents want a restart; how long honest webhooks took."""
    late: list[float] = []
    agent.liar.when = agent.liar.verify = faults[0]
    for number in range(times):
        await agent.tell(down(number))
    for fault in faults:
        agent.liar.when = agent.liar.verify = fault
        asked = agent.liar.asked
        late += await honest_traffic(agent, span)
        await eventually(lambda asked=asked: agent.liar.asked > asked, seconds=60)
    return sorted(late)


async def nothing_was_done(agent: Agent) -> None:
    assert agent.hands.labs["crm"].changes == []
    assert await agent.metric(r'aether_agent_verdicts_total\{verdict="recovered"\}') == 0
    assert await agent.metric(r'aether_agent_decisions_total\{effect="allow",rule="[^"]*"\}') == 0
    assert await agent.metric(r'aether_agent_decisions_total\{effect="deny",rule="evidence_holds"\}') > 0


async def test_t06_a_blind_agent_does_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        await blinded(agent, ["empty result", "hang"], times=3, span=3)
        await nothing_was_done(agent)

        agent.liar.when = agent.liar.verify = "well"  # the control: it is the fault that held it back
        await eventually(lambda: agent.hands.labs["crm"].changes != [], seconds=30)


@pytest.mark.long
async def test_t06_a_blind_agent_does_nothing_and_loses_nothing(tmp_path: Path, record_property: Record) -> None:
    async with running(tmp_path) as agent:
        calm = await honest_traffic(agent, 20)
        before = agent.resident
        late = await blinded(agent, [*ANSWERS, *SLOW], times=TIMES, span=SPAN)
        await nothing_was_done(agent)
        grown = agent.resident - before

    record_property(
        "figure",
        f"intake p99 {p99(calm):.1f} ms before, {p99(late):.1f} ms while it is blind; memory grown by {grown:.1f} MiB",
    )
    assert grown < MEBIBYTES
