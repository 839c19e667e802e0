"""What is left to do after `aether init`, in the user's own terms. Pure."""

from collections.abc import Iterator, Sequence

from aetherlink.adoption import compose_override
from aetherlink.adoption.changes import Owner
from aetherlink.adoption.own_files import Done, Outcome
from aetherlink.adoption.proposal import Wishes


def next_steps(wishes: Wishes, outcomes: Sequence[Outcome], servers: Sequence[str]) -> Iterator[str]:
    """The lines, in order. `servers` are the services of the stack that read a changed file."""
    shown = [one.change for one in outcomes if one.done is Done.SHOWN]
    if any(one.owner is Owner.STACK for one in shown):
        yield "next: the same command with --apply writes the lines above into the stack's files, and keeps a backup"
    if any(one.owner is Owner.AGENT for one in shown):
        yield "next: files of the agent that are there were left as they are; --overwrite writes them as shown"
    if wishes.is_in_stack and wishes.where.compose is not None:
        files = f"-f {wishes.where.compose} -f {wishes.into / compose_override.FILE}"
        yield f"next: docker compose {files} up -d      # DOCKER_GID=$(stat -c %g /var/run/docker.sock)"
        yield f"next: docker compose {files} kill -s HUP {' '.join(servers)}      # load the changed files"
        yield f"next: docker compose {files} exec aether-agent aether doctor"
        return
    yield f"next: aether serve --config {wishes.into / 'aether.yaml'}"
    yield "next: let Prometheus and Alertmanager load their files (POST /-/reload, or SIGHUP)"
    yield (
        "next: the first start makes the token file of `auth.webhook_token_file`, for its owner only; Alertmanager "
        "reads the same words from the `credentials_file` in its lines: give it the file, or a copy for it alone"
    )
