"""A compose project on a real Docker daemon, with `aether socket-proxy` before that."""

from dataclasses import dataclass, replace

from rigs.containers import Container, docker
from rigs.docker_stack import SERVES, Stack
from rigs.socket_proxy import Proxy


@dataclass(frozen=True)
class Proxied:
    """A stack whose containers `aether socket-proxy` may change, and that proxy."""

    stack: Stack
    proxy: Proxy

    @property
    def host(self) -> str:
        return f"unix://{self.proxy.socket}"

    def replica(self, number: int, *options: str, image: str = "", program: str = SERVES) -> Container:
        """Named as compose names it."""
        named = ("--name", f"{self.stack.project}-crm-{number}", "--memory", "64m", "--cpus", "0.5", *options)
        return replace(self.stack, image=image or self.stack.image).replica(number, *named, program=program)

    @property
    def ids(self) -> list[str]:
        """Of all containers of the stack, in whatever state, the full ids."""
        project = f"label=com.docker.compose.project={self.stack.project}"
        return docker("ps", "--all", "--quiet", "--no-trunc", "--filter", project).split()
