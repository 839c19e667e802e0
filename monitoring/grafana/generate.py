#!/usr/bin/env python3
"""Writes the committed JSON of the dashboards: `python monitoring/grafana/generate.py [FOLDER]`.

FOLDER is `dashboards` beside this file unless another is named. A test compares the two.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from aether_dashboards.agent import agent
from aether_dashboards.crm import crm
from aether_dashboards.decisions import decisions
from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

DASHBOARDS = {"agent.json": agent, "crm.json": crm, "decisions.json": decisions}


def main(arguments: Sequence[str]) -> None:
    """Write one file a dashboard into the folder."""
    folder = Path(arguments[0]) if arguments else Path(__file__).parent / "dashboards"
    for name, build in DASHBOARDS.items():
        (folder / name).write_text(_rendered(build()), encoding="utf-8")


def _rendered(builder: dashboard.Dashboard) -> str:
    built = builder.build()
    # Ids of our own: without them Grafana gives new ones at each start, and links to a panel break.
    for number, panel in enumerate(built.panels or [], start=1):
        panel.id_val = number
    return JSONEncoder(sort_keys=True, indent=2).encode(built) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
