"""How far apart samples are, as Prometheus counts it: series that come and go among others say nothing of it."""

import json
import subprocess
from pathlib import Path

import pytest

from aetherlink.lab.tools import ToolSet
from aetherlink.probes.expression import read_expression

STEADY = "1x40"  # a sample each 15 s, from the beginning up to the look
YOUNG = "_x39 1x1"  # two samples
ENDED = "1x35 stale"  # a minute before the look
SILENT = "1x35"  # as long ago, but Prometheus still shows its last sample
SLOW = "1 " + "_x3 1 " * 10  # each minute
ONCE_AWAY = "1x10 stale _x10 1x18"


@pytest.mark.parametrize(
    ("series", "spacing"),
    [
        ([STEADY], 15),
        ([STEADY, YOUNG], 15),
        ([STEADY, ENDED], 15),
        ([STEADY, SILENT], 15),
        ([STEADY, SLOW], 60),
        ([ONCE_AWAY], 15),
        ([YOUNG], None),
    ],
)
def test_series_that_come_and_go_do_not_count(
    tools: ToolSet, tmp_path: Path, series: list[str], spacing: int | None
) -> None:
    oldest = 525 if SILENT in series else 600
    parts = {"now": 607, "current-0": oldest} | ({} if spacing is None else {"spacing-0": spacing})
    shown = [{"labels": f'{{aether_part="{part}"}}', "value": number} for part, number in parts.items()]
    case = {
        "interval": "15s",
        "input_series": [{"series": f'up{{job="{n}"}}', "values": values} for n, values in enumerate(series)],
        "promql_expr_test": [{"expr": read_expression("up == 0").spaced, "eval_time": "607s", "exp_samples": shown}],
    }
    file = tmp_path / "spacing.yml"
    file.write_text(json.dumps({"evaluation_interval": "15s", "tests": [case]}))

    done = subprocess.run([tools.promtool, "test", "rules", file], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
