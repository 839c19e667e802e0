"""Gets the tools while a lab starts.

When they must be fetched, that is a process of its own, so that the end of the lab ends it, too.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable

from aetherlink.lab import processes
from aetherlink.lab.errors import MissingToolError
from aetherlink.lab.options import LabOptions
from aetherlink.lab.tools import ToolSet, locate_tools


async def tools(options: LabOptions, tell: Callable[[str], None]) -> ToolSet:
    """The programs of the options' generation. Raises MissingToolError when they are not here and cannot be fetched."""
    found = _locate(options)
    if found is not None:
        return found
    tell(f"fetching Prometheus and Alertmanager into {options.project_dir / '.cache' / 'tools'} (nothing is installed)")
    complaint = await _fetch(options)
    found = _locate(options)
    if found is None:
        raise MissingToolError(complaint)
    return found


def _locate(options: LabOptions) -> ToolSet | None:
    return locate_tools(options.generation, project_dir=options.project_dir, tools_dir=options.tools_dir)


async def _fetch(options: LabOptions) -> str:
    """Run `aetherlink.lab.tools` in the caller's environment (proxies, certificates); what it complained about."""
    argv = [processes.require_setpriv(), "--pdeathsig", "KILL", "--", str(options.python), "-m", "aetherlink.lab.tools"]
    argv += ["--generation", options.generation, "--project-dir", str(options.project_dir)]
    argv += ["--tools-dir", str(options.tools_dir)] if options.tools_dir else []
    fetching = await asyncio.create_subprocess_exec(
        *argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        _, said = await fetching.communicate()
    finally:
        if fetching.returncode is None:
            # What was half fetched is swept by the next one to fetch.
            os.killpg(fetching.pid, signal.SIGKILL)
            await fetching.wait()
    return said.decode("utf-8", errors="replace").strip()
