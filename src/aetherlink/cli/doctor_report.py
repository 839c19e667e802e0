"""How `aether doctor` prints what it found."""

from itertools import groupby

from aetherlink.cli.printing import print_line
from aetherlink.doctor.examine import Report
from aetherlink.doctor.findings import Status

_SHOWN = {Status.WARNING: "WARNING", Status.FAULT: "FAULT"}
_WIDTH = max(map(len, Status))


def print_report(report: Report) -> None:
    """Check by check: a line for each finding, and one below it with what to do."""
    for (check, subject), lines in groupby(report.lines, lambda line: (line.check, line.subject)):
        print_line(f"{check}: {subject}")
        for line in lines:
            status = line.finding.status
            print_line(f"  {_SHOWN.get(status, status.value):<{_WIDTH}}  {line.finding.text}")
            if line.finding.fix:
                print_line(f"  {'':<{_WIDTH}}  -> {line.finding.fix}")
    counts = ", ".join(f"{report.count(status)} {status.value}" for status in Status)
    print_line(counts if report.is_agent_reached else f"{counts}; the agent was not reached")


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
