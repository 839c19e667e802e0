"""The scrape job in files as people write them."""

import pytest
import yaml

from aetherlink.adoption.prometheus_file import by_hand, scraping
from aetherlink.adoption.yaml_lines import CannotEditError

ADDRESS = "aether-agent:8080"
PLAIN = """\
global: {scrape_interval: 15s}
scrape_configs:
- job_name: node   # the host
  static_configs:
  - targets: ['node:9100']

  # The end of the jobs.
alerting:
  alertmanagers: []
"""


def test_the_job_is_added_after_the_others_and_the_rest_stays() -> None:
    after = scraping(PLAIN, ADDRESS)

    lines = iter(after.splitlines())
    assert all(line in lines for line in PLAIN.splitlines())
    jobs = yaml.safe_load(after)["scrape_configs"]
    assert [one["job_name"] for one in jobs] == ["node", "aether_agent"]
    assert jobs[1]["static_configs"] == [{"targets": [ADDRESS]}]
    assert scraping(after, ADDRESS) == after


def test_without_any_job_the_list_is_begun() -> None:
    after = scraping("global:\n  scrape_interval: 15s", ADDRESS)

    assert after.startswith("global:\n  scrape_interval: 15s\n")
    assert len(yaml.safe_load(after)["scrape_configs"]) == 1


def test_where_the_agent_is_scraped_by_any_job_nothing_is_added() -> None:
    before = PLAIN.replace("node:9100'", f"node:9100', '{ADDRESS}'")

    assert scraping(before, ADDRESS) == before


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        (PLAIN.replace("job_name: node", "job_name: aether_agent"), "scrapes something else"),
        ("scrape_configs: [{job_name: x}]\n", "not written as lines"),
        ("scrape_configs: []\n", "not written as lines"),
        ("scrape_configs: &jobs\n- job_name: x\n", "shared by an anchor"),
        ("{}\n", "not written as lines"),
        ("", "is empty"),
        ("a: b: c\n", "is no YAML"),
    ],
)
def test_what_cannot_be_edited_is_refused(before: str, reason: str) -> None:
    with pytest.raises(CannotEditError, match=reason):
        scraping(before, ADDRESS)


def test_the_lines_to_add_by_hand_are_yaml() -> None:
    assert yaml.safe_load(by_hand(ADDRESS))["scrape_configs"][0]["job_name"] == "aether_agent"
