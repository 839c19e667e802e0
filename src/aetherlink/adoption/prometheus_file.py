"""The scrape job for the agent, put into somebody's prometheus.yml as lines. Pure: text in, text out."""

import copy
from collections.abc import Mapping
from typing import Any

import yaml

from aetherlink.adoption.yaml_lines import (
    CannotEditError,
    Insertion,
    block_list,
    data_of,
    entry,
    line_after,
    root_of,
    with_lines,
)

NAME = "prometheus.yml"
JOB = "aether_agent"


def scraping(text: str, address: str) -> str:
    """The file with a job for the agent at `address`, host:port; unchanged where it has one. Raises CannotEditError."""
    root, before = root_of(text, NAME), data_of(text, NAME)
    if not isinstance(before, dict):
        raise CannotEditError(f"{NAME} is not a mapping")
    if _is_scraped(before, address):
        return text
    found, wanted = entry(root, "scrape_configs"), copy.deepcopy(before)
    job = yaml.safe_load("\n".join(job_lines(address)))
    if found is None:
        insertion = Insertion(
            len(text.splitlines()), ("", "scrape_configs:", *(f"  {line}" for line in job_lines(address)))
        )
        wanted["scrape_configs"] = job
    else:
        jobs = block_list(text, found, "scrape_configs")
        new = tuple(" " * jobs.start_mark.column + line for line in job_lines(address))
        insertion = Insertion(line_after(jobs, text.splitlines()), ("", *new))
        wanted["scrape_configs"] = [*wanted["scrape_configs"], *job]
    after = with_lines(text, [insertion])
    if data_of(after, NAME) != wanted:
        raise CannotEditError(f"{NAME} is written in a way in which added lines would not mean what they should")
    return after


def job_lines(address: str) -> list[str]:
    """The job as an element of the list, from column 0."""
    return [
        "# AetherLink itself: whether it is up, what it heard and did.",
        f"- job_name: {JOB}",
        "  scrape_interval: 10s",
        "  static_configs:",
        f'    - targets: ["{address}"]',
    ]


def by_hand(address: str) -> str:
    """The lines to add where the file cannot be edited."""
    return "\n".join(["scrape_configs:", *(f"  {line}" for line in job_lines(address))])


def _is_scraped(data: Mapping[str, Any], address: str) -> bool:
    """Whether a job scrapes the address. Raises CannotEditError where the job's name is taken by something else."""
    for job in data.get("scrape_configs") or ():
        if not isinstance(job, dict):
            continue
        groups = [one for one in job.get("static_configs") or () if isinstance(one, dict)]
        if any(address in (one.get("targets") or ()) for one in groups):
            return True
        if job.get("job_name") == JOB:
            raise CannotEditError(f"a job `{JOB}` is there, and scrapes something else than {address}")
    return False
