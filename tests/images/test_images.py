"""Both images, built from our Dockerfiles: alone, as strictly as the compose file runs them, and in its whole stack.

In one module on purpose: the images are built once per process that runs tests.
"""

import json

import httpx
import pytest

from aetherlink.lab.tools import find_tools
from rigs.agent_process import wait_until
from rigs.compose_stack import PROMOTED, ROOT, ComposeStack, running_stack
from rigs.containers import Container, Containers, docker
from rigs.docker_stack import started_at, witnessed

# The first test waits for all builds, and for the stack.
pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

HARDENED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
# The images' own checks, asked more often than every few seconds.
WATCHED = ("--health-interval", "1s", "--health-start-period", "0s")
USER = "10001"
NOBODY = "127.0.0.1:9"
ALERT = {
    "version": "4",
    "status": "firing",
    "receiver": "agent",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "DiskFull", "severity": "critical", "service": "crm"},
            "annotations": {"summary": "A disk is full."},
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
        }
    ],
}


def agent(containers: Containers, image: str, *options: str) -> Container:
    """The agent, hardened, published on loopback, trusting its network: what is published comes from there."""
    network = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Subnet}}")
    trusted = f'AETHER_AUTH__TRUSTED_NETWORKS=["{network}"]'
    published = ("--publish", "127.0.0.1::8080", "--env", trusted)
    return containers.start(image, options=(*HARDENED, *WATCHED, *published, *options))


def crm(containers: Containers, image: str, command: str, **environment: str) -> Container:
    settings = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
    return containers.start(image, command, options=(*HARDENED, *WATCHED, "--publish", "127.0.0.1::8000", *settings))


def identity(container: Container) -> dict[str, str]:
    """Whose the container's first process is, and what it may, in the kernel's words."""
    lines = container.python("print(open('/proc/1/status').read())").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def assert_has_no_privileges(container: Container) -> None:
    told = identity(container)

    assert told["Uid"].split() == [USER] * 4
    assert told["Gid"].split() == [USER] * 4
    assert {told[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert told["NoNewPrivs"] == "1"


def test_the_agent_serves_on_a_read_only_root_without_any_privilege(images, containers) -> None:
    served = agent(containers, images.agent, "--volume", f"{containers.volume()}:/data")

    wait_until(lambda: served.is_healthy, "the agent's container is healthy")

    assert httpx.get(served.url(8080) + "/health", trust_env=False).json()["ok"] is True
    assert httpx.get(served.url(8080) + "/readyz", trust_env=False).json() == {"status": "ok"}
    assert_has_no_privileges(served)
    assert "Read-only" in served.python("try: open('/opt/x', 'w')\nexcept OSError as error: print(error)")


def test_the_agent_keeps_its_incidents_on_its_volume_when_its_container_is_replaced(images, containers) -> None:
    data = ("--volume", f"{containers.volume()}:/data")
    first = agent(containers, images.agent, *data)
    wait_until(lambda: first.answers(8080, "/readyz"), "the first agent is ready")
    httpx.post(first.url(8080) + "/alertmanager", json=ALERT, trust_env=False).raise_for_status()

    def incidents(container: Container) -> list[str]:
        return [
            item["id"] for item in httpx.get(container.url(8080) + "/api/v1/incidents", trust_env=False).json()["items"]
        ]

    wait_until(lambda: incidents(first) != [], "the incident is open")
    opened = incidents(first)
    code = first.stop()
    second = agent(containers, images.agent, *data)
    wait_until(lambda: second.answers(8080, "/readyz"), "the second agent is ready")

    assert code == 0
    assert incidents(second) == opened


def test_the_agent_listens_to_strangers_only_when_told_who_may_call(images, containers) -> None:
    refused = containers.start(images.agent, options=HARDENED)
    wait_until(lambda: not refused.state["Running"], "the agent has refused to start")

    assert refused.state["ExitCode"] == 2
    assert "0.0.0.0 can be reached from other machines" in refused.log
    assert "auth.trusted_networks" in refused.log


def test_the_agent_is_not_healthy_when_it_does_not_answer(images, containers) -> None:
    deaf = agent(containers, images.agent, "--env", "AETHER_LISTEN=127.0.0.1:8081", "--health-retries", "1")

    wait_until(lambda: deaf.state["Health"]["Status"] == "unhealthy", "the check fails")


def test_the_crm_lives_without_a_database_and_without_any_privilege(images, containers) -> None:
    served = crm(containers, images.crm, "serve", CRM_DATABASE_URL=f"postgresql+psycopg://crm:crm@{NOBODY}/crm")

    wait_until(lambda: served.is_healthy, "the CRM's container is healthy")

    assert served.answers(8000, "/livez")
    assert not served.answers(8000, "/readyz")
    assert_has_no_privileges(served)
    assert served.stop() == 0


def test_the_crm_says_which_setting_it_misses(images, containers) -> None:
    refused = crm(containers, images.crm, "serve")
    wait_until(lambda: not refused.state["Running"], "the CRM has refused to start")

    assert refused.state["ExitCode"] == 2
    assert "CRM_DATABASE_URL" in refused.log


def test_the_traffic_sums_up_when_it_is_told_to_end(images, containers) -> None:
    traffic = crm(containers, images.crm, "traffic", CRM_TRAFFIC_URL=f"http://{NOBODY}")
    wait_until(lambda: "sending 20 requests a second" in traffic.log, "the traffic has started")

    code = traffic.stop()

    assert code == 0
    assert [line.split()[0] for line in traffic.log.splitlines()[-5:]] == [
        "acme-corp",
        "globex",
        "initech",
        "vip-umbrella",
        "all",
    ]


def test_the_images_say_by_number_that_they_are_not_root_and_how_they_are_checked(images) -> None:
    for image in (images.agent, images.crm):
        config = json.loads(docker("image", "inspect", "--format", "{{json .Config}}", image))

        assert config["User"] == f"{USER}:{USER}"
        assert config["Healthcheck"]["Test"][0] == "CMD"


# What the agent asks of the proxy, and what somebody would who has taken over the agent.
ASK_THE_PROXY = """
import socket
def answer(call):
    proxy = socket.socket(socket.AF_UNIX)
    proxy.connect("/run/socket-proxy/docker.sock")
    proxy.sendall(f"{call} HTTP/1.1\\r\\nHost: docker\\r\\nContent-Length: 0\\r\\n\\r\\n".encode())
    return proxy.recv(4096).decode().split()[1]
"""


def assert_heals_once_promoted(stack: ComposeStack) -> None:
    """The drill of the lab, twice: the witness is the daemon's own record."""
    crm, proxy = stack.container("crm"), stack.container("socket-proxy")
    said_before = len(proxy.log)

    with witnessed(crm.id, stack.folder / "observed.log") as by_a_person:
        observed = stack.drill()
    wait_until(lambda: stack.is_well, "the CRM is back", seconds=180)
    stack.up(**PROMOTED)
    wait_until(lambda: stack.is_well, "the agent is back", seconds=180)
    before = started_at(crm)
    with witnessed(crm.id, stack.folder / "healed.log") as by_the_agent:
        healed = stack.drill()

    # The drill itself has started what the agent only looked at.
    assert observed.was_lifted
    assert observed.is_resolved
    assert by_a_person == ["kill", "die", "start"]
    assert healed.is_repaired, (healed, stack.container("aether-agent").log)
    assert healed.is_resolved
    assert by_the_agent == ["kill", "die", "start"]
    assert started_at(crm) > before
    said = proxy.log[said_before:]
    assert "refused" not in said
    assert said.count("/start of /") == 1
    last, *earlier = stack.ask("/api/v1/actions")["items"]
    assert (last["state"], last["decision"], last["outcome"]["status"]) == ("finished", "allow", "done")
    assert {(one["state"], one["decision"]) for one in earlier} == {("refused", "observe")}


def test_the_stack_observes_until_it_is_told_to_heal_and_then_heals_through_the_proxy(stack) -> None:
    assert_heals_once_promoted(stack)


@pytest.mark.long
def test_the_same_by_compose_v2(images, tmp_path) -> None:
    compose = find_tools("next", project_dir=ROOT).docker_compose
    assert compose is not None

    with running_stack(compose, tmp_path, images, seconds=2) as stack:
        wait_until(lambda: stack.is_well, "the stack is up and the agent sees it", seconds=180)
        assert_heals_once_promoted(stack)


def test_in_the_stack_only_the_proxy_reaches_docker_and_nobody_has_privileges(stack) -> None:
    agent, crm, proxy = (stack.container(name) for name in ("aether-agent", "crm", "socket-proxy"))

    for one in (agent, crm, proxy, stack.container("traffic")):
        assert_has_no_privileges(one)
        assert "Read-only" in one.python("try: open('/etc/x', 'w')\nexcept OSError as error: print(error)")
    assert proxy.python("import os; print(os.listdir('/sys/class/net'))") == "['lo']"
    assert agent.python("import os; print(os.path.exists('/var/run/docker.sock'))") == "False"
    calls = [f"POST /containers/{stack.container(name).id}/restart" for name in ("prometheus", "socket-proxy")]
    answers = agent.python(f"{ASK_THE_PROXY}\nfor call in {['GET /_ping', *calls]!r}: print(answer(call))")
    assert answers.split() == ["200", "403", "403"]
