"""The compose file, read by the docker-compose of this machine: 1.29 on Debian 12."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

COMPOSE = Path(__file__).parents[2] / "monitoring" / "docker-compose.yml"
CONTRACT = {"prometheus", "grafana", "alertmanager", "aether-agent", "socket-proxy", "crm", "postgres", "traffic"}

pytestmark = pytest.mark.docker


def test_the_docker_compose_of_this_machine_takes_the_file(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AETHER_GATEWAY": "10.9.8.1"}
    done = subprocess.run(
        ["docker-compose", "-f", COMPOSE, "config"], capture_output=True, text=True, check=False, env=environment
    )

    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout)["services"]
    assert read.keys() >= CONTRACT
    assert read["aether-agent"]["environment"]["AETHER_AUTH__TRUSTED_NETWORKS"] == '["10.9.8.1/32"]'
    assert read["aether-agent"]["depends_on"]["webhook-token"]["condition"] == "service_completed_successfully"
