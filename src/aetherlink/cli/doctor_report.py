"""How `aether doctor` prints what it found."""

from collections.abc import Iterator
from itertools import groupby

from aetherlink.cli.printing import Column, Words, print_line, print_table
from aetherlink.doctor.examine import Report
from aetherlink.doctor.findings import Finding, Status

_SHOWN = {Status.WARNING: "WARNING", Status.FAULT: "FAULT"}
_WIDTH = max(map(len, Status))
_COLUMNS = ("", Column("", styles={"WARNING": "yellow", f"{'FAULT':<{_WIDTH}}": "bold red"}), Words(""))


def print_report(report: Report) -> None:
    """Check by check: a line for each finding, and one below it with what to do."""
    for (check, subject), lines in groupby(report.lines, lambda line: (line.check, line.subject)):
        print_line(f"{check}: {subject}")
        print_table(_COLUMNS, [row for line in lines for row in _rows(line.finding)], none="")
    counts = ", ".join(f"{report.count(status)} {status.value}" for status in Status)
    print_line(counts if report.is_agent_reached else f"{counts}; the agent was not reached")


def _rows(finding: Finding) -> Iterator[tuple[str, str, str]]:
    yield "", f"{_SHOWN.get(finding.status, finding.status.value):<{_WIDTH}}", finding.text
    if finding.fix:
        yield "", " " * _WIDTH, f"-> {finding.fix}"


def report_as_json(report: Report) -> dict[str, object]:
    """The same for programs."""
    return {
        "agent_reached": report.is_agent_reached,
        "counts": {status.value: report.count(status) for status in Status},
        "findings": [
            {
                "check": line.check,
                "subject": line.subject,
                "status": line.finding.status.value,
                "text": line.finding.text,
                "fix": line.finding.fix,
            }
            for line in report.lines
        ],
    }
