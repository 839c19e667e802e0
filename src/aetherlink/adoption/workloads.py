"""What runs in containers, as the agent would name it, and whether it may act on it. Pure."""

import re
from dataclasses import replace

from aetherlink.adoption.stack import Workload
from aetherlink.model.actions import Target
from aetherlink.model.ids import TargetName
from aetherlink.policy.protection import own_names, protected_name

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_SERVICE = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_STORES = frozenset(
    {
        *("postgres", "postgresql", "postgis", "timescaledb", "mysql", "mariadb", "percona-server", "mongo", "mongodb"),
        *(
            "redis",
            "valkey",
            "keydb",
            "etcd",
            "elasticsearch",
            "opensearch",
            "cassandra",
            "scylla",
            "clickhouse-server",
        ),
        *("influxdb", "rabbitmq", "kafka", "cp-kafka", "zookeeper", "nats", "minio", "vault", "consul", "couchdb"),
        *("cockroach", "mssql", "server", "neo4j", "registry"),
    }
)


def workload(
    *,
    project: str,
    service: str,
    container: str,
    image: str,
    other_names: frozenset[str] = frozenset(),
    depends_on: tuple[str, ...] = (),
    managed: str | None = None,
    is_store: bool = False,
) -> Workload:
    """The workload, with the name that its target gets and why it may not be one, if it may not."""
    name = (container if service == "" or container else service).lower().lstrip("._-")
    numbered = {f"{project}-{service}-1", f"{project}_{service}_1"} if service else set()
    names = {service, container, *other_names, *numbered} - {""}
    found = Workload(
        name=name,
        project=project,
        service=service,
        container=container,
        image=image,
        names=frozenset(names),
        depends_on=depends_on,
        is_store=is_store,
    )
    return replace(found, why_not=_why_not(found, managed))


def image_name(image: str) -> str:
    """What an image is, without registry, namespace, tag and digest."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0].lower()


def is_store(image: str) -> bool:
    """Whether the image is known to keep data that a restart could hurt."""
    return image_name(image) in _STORES


def _why_not(found: Workload, managed: str | None) -> str:
    names = own_names(prometheus=[], alertmanagers=[], database_url=None, protected=())
    for spelling in (found.name, found.service or found.container):
        target = Target(TargetName(found.name), "docker", spelling)
        if protected_name(target, names) is not None:
            return "is what the agent lives on, and never touched"
    if managed not in (None, "true"):
        return f"has the label aether.managed={managed}"
    if not found.service and managed is None:
        return "is no part of a compose project and lacks the label aether.managed=true"
    if _NAME.fullmatch(found.name) is None or (found.service and _SERVICE.fullmatch(found.service) is None):
        return "has a name that no target can have (small letters, digits, `.`, `_` and `-`)"
    return ""
