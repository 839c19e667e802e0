"""The SDK is an extra: an agent without it runs, and says what to install where it is told to serve assistants."""

import subprocess
import sys

SCRIPT = """
import importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("mcp", "mcp_types"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])

sys.meta_path.insert(0, Absent())
from prometheus_client import CollectorRegistry
from aetherlink.mcp import door
from aetherlink.mcp.metrics import McpMetrics
from aetherlink.mcp.options import McpOptions

print(len(door.routers(McpOptions(), McpMetrics(CollectorRegistry()))), list(door.account(McpOptions())))
list(door.account(McpOptions(enabled=True)))
"""


def test_without_the_sdk_the_door_stays_closed_or_says_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)

    assert done.stdout == "0 []\n"
    assert "SettingsError: mcp.enabled needs mcp_types, which is not installed" in done.stderr
    assert "pip install 'aetherlink[mcp]'" in done.stderr
