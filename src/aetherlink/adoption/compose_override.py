"""A second compose file that adds the agent, and its proxy to Docker, to somebody's stack. Pure: words in, text out.

The stack's own compose file is not changed: `docker compose -f theirs -f this up -d`.
"""

from collections.abc import Iterable

import yaml

FILE = "docker-compose.aether.yml"
TOKEN_FILE = "/run/aether/webhook.token"  # noqa: S105 - where it lies, not what it is
OWN_SERVICES = frozenset({"aether-agent", "aether-socket-proxy", "aether-webhook-token"})
SOCKET = "unix:///run/aether-docker/docker.sock"

_FORM = """\
# Proposed by `aether init`: the agent beside the stack, whose own compose file stays as it is.
#
#   docker compose -f {compose} -f {own} up -d
#
# Docker's socket is held by the proxy alone, which lets little through. DOCKER_GID is the group of the socket: 0 with
# Docker Desktop; on Linux `stat -c %g /var/run/docker.sock`.

services:
  # Makes the token by which Alertmanager proves to the agent who it is, and gives the proxy its folder. Owner 10001 is
  # the agent, group 65534 is Alertmanager ("nobody" of its image). It changes nothing when the token is there.
  aether-webhook-token:
    image: ${{AETHER_IMAGE:-aetherlink-agent:local}}
    # Root, with no more of its rights than to give the files away.
    user: "0:0"
    read_only: true
    cap_drop: [ALL]
    cap_add: [CHOWN, DAC_OVERRIDE, FOWNER]
    security_opt: ["no-new-privileges:true"]
    network_mode: none
    restart: "no"
    healthcheck: {{disable: true}}
    command:
      - python
      - -c
      - |
        import os, pathlib, secrets
        token = pathlib.Path("/run/aether/webhook.token")
        if not token.exists():
            aside = token.with_suffix(".new")
            aside.unlink(missing_ok=True)
            aside.touch(mode=0o600)
            aside.write_text(secrets.token_urlsafe(32) + "\\n")
            os.chown(aside, 10001, 65534)
            aside.chmod(0o440)
            aside.rename(token)
        os.chown("/run/aether-docker", 10001, 10001)
    tmpfs: [/data]
    volumes:
      - aether-token:/run/aether
      - aether-docker:/run/aether-docker

  aether-socket-proxy:
    image: ${{AETHER_IMAGE:-aetherlink-agent:local}}
    command: ["aether", "socket-proxy"]
    group_add: ["${{DOCKER_GID:-0}}"]
    restart: unless-stopped
    read_only: true
    tmpfs: [/tmp]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    network_mode: none
    # Asks Docker through the proxy: unhealthy means that the daemon is away, or that DOCKER_GID is not its group.
    healthcheck:
      test:
        - CMD
        - python
        - -c
        - |
          import socket
          proxy = socket.socket(socket.AF_UNIX)
          proxy.settimeout(4)
          proxy.connect("/run/aether-docker/docker.sock")
          proxy.sendall(b"GET /_ping HTTP/1.1\\r\\nHost: docker\\r\\n\\r\\n")
          assert proxy.recv(64).startswith(b"HTTP/1.1 200 ")
      interval: 10s
      timeout: 5s
      retries: 3
    environment:
      AETHER_CONFIG: /etc/aether/aether.yaml
      AETHER_SOCKET_PROXY__LISTEN: {socket}
    volumes:
      - {settings}
      - ${{DOCKER_SOCKET:-/var/run/docker.sock}}:/var/run/docker.sock
      - aether-docker:/run/aether-docker
      - aether-proxy-data:/data
    # Which makes its folder.
    depends_on:
      aether-webhook-token:
        condition: service_completed_successfully

  aether-agent:
    image: ${{AETHER_IMAGE:-aetherlink-agent:local}}
    container_name: aether-agent
    restart: unless-stopped
    read_only: true
    tmpfs: [/tmp]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    environment:
      AETHER_CONFIG: /etc/aether/aether.yaml
    ports: ["127.0.0.1:8088:8080"]
    networks: {networks}
    volumes:
      - {settings}
      - {playbooks}
      - aether-token:/run/aether:ro
      - aether-docker:/run/aether-docker:ro
      - aether-data:/data
    # Not on the proxy: the agent starts without it and says that it is away.
    depends_on:
      aether-webhook-token:
        condition: service_completed_successfully
    stop_grace_period: 15s

  # Only what they need to know the agent: everything else of them stays in your file.
{alertmanagers}
volumes:
  aether-token: {{}}
  aether-docker: {{}}
  aether-proxy-data: {{}}
  aether-data: {{}}
"""


def override_text(
    *, compose: str, folder: str, alertmanagers: Iterable[str], networks: Iterable[str], version: str
) -> str:
    """The file. `folder` is where aether.yaml lies, as the compose file's folder sees it; `version` may be empty."""
    there = "".join(f"  {name}:\n    volumes:\n      - aether-token:/run/aether:ro\n" for name in alertmanagers)
    text = _FORM.format(
        compose=compose,
        own=FILE,
        settings=_mounted(f"{folder}/aether.yaml", "/etc/aether/aether.yaml"),
        playbooks=_mounted(f"{folder}/playbooks", "/etc/aether/playbooks"),
        socket=SOCKET,
        networks=yaml.safe_dump(list(networks), default_flow_style=True).strip(),
        alertmanagers=there,
    )
    head = f'version: "{version}"\n' if version else ""
    return head + text


def _mounted(source: str, target: str) -> str:
    """A folder or file of this machine, read only, whatever letters its path has."""
    mount = {"type": "bind", "source": source.replace("$", "$$"), "target": target, "read_only": True}
    return yaml.safe_dump(mount, default_flow_style=True, width=10_000, allow_unicode=True).strip()
