"""All looks at once: one that hangs, fails or breaks keeps no other from being told, in the order of the list."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest

from aetherlink.cli.doctor_report import print_report, report_as_json
from aetherlink.doctor.examine import examine
from aetherlink.doctor.findings import Finding, Status, fault, ok, warning
from aetherlink.doctor.looking import Check, Look, aside
from aetherlink.errors import AnswerError
from rigs.doctor import ScriptedAgent, down, ground

SOON = timedelta(milliseconds=100)


async def well() -> Sequence[Finding]:
    return [ok("well")]


async def ill() -> Sequence[Finding]:
    return [warning("rather ill", "rest"), fault("ill", "see a doctor")]


async def hanging() -> Sequence[Finding]:
    await asyncio.Event().wait()
    return []


async def hung_disk() -> Sequence[Finding]:
    await aside(threading.Event().wait)
    return []


async def lying() -> Sequence[Finding]:
    raise AnswerError("it answered nonsense")


async def broken() -> Sequence[Finding]:
    return [ok({}["nothing"])]


def check(name: str, *works: Callable[[], Awaitable[Sequence[Finding]]]) -> Check:
    return Check(name, lambda _: [Look("it", work, SOON) for work in works])


async def test_each_look_ends_in_a_finding_and_in_its_place() -> None:
    checks = [check("a", hanging, well), check("b", hung_disk), check("c", lying), check("d", broken), check("e", ill)]

    report = await examine(ground(), checks)

    assert [(line.check, line.finding.status.value) for line in report.lines] == [
        ("a", "fault"),
        ("a", "ok"),
        ("b", "fault"),
        ("c", "fault"),
        ("d", "fault"),
        ("e", "warning"),
        ("e", "fault"),
    ]
    texts = [line.finding.text for line in report.lines]
    assert "within 0.1 s" in texts[0]
    assert texts[3] == "it answered nonsense"
    assert "KeyError" in texts[4]


@pytest.mark.parametrize(
    ("agent", "works", "code"),
    [
        (ScriptedAgent(), [well], 0),
        (ScriptedAgent(), [ill], 1),
        (down(), [well], 3),
        (down(), [ill], 3),
        (ScriptedAgent(problem=AnswerError("not HTTP")), [well], 0),
    ],
)
async def test_the_exit_code_says_what_is_wrong(agent: ScriptedAgent, works: list[object], code: int) -> None:
    report = await examine(ground(agent), [check("a", *works)])  # type: ignore[arg-type]  # parametrized

    assert report.exit_code == code


async def test_a_warning_alone_is_no_failure() -> None:
    async def doubtful() -> Sequence[Finding]:
        return [warning("rather ill", "rest")]

    assert (await examine(ground(), [check("a", doubtful)])).exit_code == 0


async def test_each_page_of_the_agent_is_asked_for_once() -> None:
    agent = ScriptedAgent(pages={"/api/v1/pause": {"pauses": []}})
    on = ground(agent)

    async def asking() -> Sequence[Finding]:
        await asyncio.gather(on.agent.page("/api/v1/pause"), on.agent.metric("x"), on.agent.is_reached())
        return []

    await examine(on, [check("a", asking, asking)])
    assert sorted(agent.asked) == ["/api/v1/pause", "/health", "/metrics"]


async def test_nothing_from_outside_is_printed_raw(capsys: pytest.CaptureFixture[str]) -> None:
    async def hostile() -> Sequence[Finding]:
        return [fault("\x1b[2J\nfake: line", "do\rnothing")]

    report = await examine(ground(), [check("a", hostile)])
    print_report(report)

    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\r" not in printed
    assert [line.strip() for line in printed.splitlines()] == [
        "a: it",
        r"FAULT        \x1b[2J\nfake: line",
        r"-> do\rnothing",
        "0 ok, 0 warning, 1 fault, 0 not set up, 0 not checked",
    ]


async def test_programs_get_every_finding() -> None:
    report = await examine(ground(down()), [check("a", ill)])

    assert report_as_json(report) == {
        "agent_reached": False,
        "counts": {"ok": 0, "warning": 1, "fault": 1, "not set up": 0, "not checked": 0},
        "findings": [
            {"check": "a", "subject": "it", "status": "warning", "text": "rather ill", "fix": "rest"},
            {"check": "a", "subject": "it", "status": "fault", "text": "ill", "fix": "see a doctor"},
        ],
    }
    assert report.count(Status.FAULT) == 1
