"""What the agent lives on itself, told by any spelling of its name: it must not saw off its own branch.

Two kinds of names. Built-in words (the agent, Prometheus, Alertmanager, the Docker daemon, its proxy) are told also
behind any prefix, for a compose project or a Helm release may be called anything: `shop-prometheus` is caught,
`prometheus-exporter-of-shop` is not, for what comes last says what it is. Names out of the settings (hosts of the
agent's database and monitoring, `protected`) may be as plain as `db`, so they are told behind a prefix only where a
replica's number shows that a prefix was put there: `aether-db-1` is caught by `db`, `crm-db` is not.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import parse_qs, unquote, urlsplit

from aetherlink.model.actions import Observation, Target

BUILTIN_NAMES = frozenset(
    {
        *("aether", "aetherlink", "aetherlink-command", "aether-agent", "aetherlink-agent"),
        *("aetherlink-command-agent", "aetherlink-command-ai-agent"),
        *("aether-db", "aether-database", "aether-postgres", "aether-postgresql"),
        *("aetherlink-db", "aetherlink-database", "aetherlink-postgres", "aetherlink-postgresql"),
        *("prometheus", "prometheus-server", "prometheus-k8s", "prometheus-operated", "aether-prometheus"),
        *("alertmanager", "alertmanager-main", "alertmanager-operated", "aether-alertmanager"),
        *("docker", "dockerd", "docker-daemon", "docker-engine", "docker-ce", "docker.io", "moby"),
        *("containerd", "containerd-shim", "runc"),
        *("docker-proxy", "docker-socket", "docker.sock", "docker-socket-proxy", "docker-sock-proxy", "socket-proxy"),
    }
)
_AGENT_IN_THE_LAB = "agent"  # the lab's own name for it, too plain a word to be told anywhere else

_LONGEST = 1000
# Cyrillic and Greek letters that look like Latin ones: NFKC leaves them alone. Great ones look like others than small.
_LOOKALIKES = str.maketrans(
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0405\u0406\u0408"
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455\u0456\u0458"
    "\u0391\u0392\u0395\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03f9"
    "\u03b1\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u03f2"
    "\u0501\u051b\u051d\u04bb\u0131\u0261",
    "ABEKMHOPCTYXSIJ" + "abekmhopctyxsij" + "ABEHIKMNOPTYXC" + "aeikvoptuxc" + "dqwhig",
)
_SYSTEMD = re.compile(r"\.(service|socket|scope|slice|container|target)$")
_CLUSTER = re.compile(r"\.svc(\..*)?$")
_POD = re.compile(r"(-[bcdf-hj-np-tv-z0-9]{8,10}-[bcdf-hj-np-tv-z0-9]{5})$")
_TASK = re.compile(r"\.\d+\.[a-z0-9]{25}$")
_PLAIN = re.compile(r"[a-z0-9]+")
_NUMBER = re.compile(r"v?\d+")
_IPV4 = 1 << 32
_NAMES_OF_HERE = frozenset(
    {"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback", "host.docker.internal"}
)
_NUMBERED = re.compile(r"(?<=[a-z])\d+$")


def protected_name(target: Target, names: frozenset[str], places: frozenset[str] = frozenset()) -> str | None:
    """Which protected name the target's name or service is, or a host that it is asked at; None when it is none.

    `names` are those of `own_names`, `places` those of `own_places`.
    """
    for spelling in (target.service, target.name):
        if (found := _found(spelling, names)) is not None:
            return found
    if target.executor == "lab" and "-".join(_words(target.service)) == _AGENT_IN_THE_LAB:
        return _AGENT_IN_THE_LAB
    asked = (_asked_at(request.url, names, places) for request in target.requests)
    return next(filter(None, asked), None)


def life_in(seen: Observation, names: frozenset[str]) -> str | None:
    """Which protected name one of the names is that its executor knows it by; None when it is none."""
    if seen.is_agent:
        return "the container that the agent runs in"
    return next(filter(None, (_found(alias, names) for alias in seen.aliases)), None)


def _asked_at(url: str, names: frozenset[str], places: frozenset[str]) -> str | None:
    """Which protected name the host of a URL is, or which protected place it leads to."""
    spellings = [name for host in _hosts(url) for name in (*_names_of_host(host), *_first_part(host))]
    found = (_found(spelling, names) for spelling in spellings)
    return next(filter(None, found), None) or (_place(url) if _place(url) in places else None)


def own_places(urls: Iterable[str]) -> frozenset[str]:
    """Host and port of each: a request that goes there goes to the agent itself, or to its monitoring."""
    return frozenset(map(_place, urls))


def own_names(
    *,
    prometheus: Iterable[str],
    alertmanagers: Iterable[str],
    database_url: str | None,
    protected: Iterable[str],
    docker_host: str | None = None,
) -> frozenset[str]:
    """What the agent lives on: the built-in names, the hosts of these URLs but for loopback, and `protected`."""
    hosts = [host for url in (*prometheus, *alertmanagers) for host in _hosts(url)]
    hosts += [host for url in (database_url, docker_host) if url for host in _hosts(url)]
    written = [name for host in hosts for name in _names_of_host(host)]
    return frozenset(filter(None, ("-".join(_words(name)) for name in (*BUILTIN_NAMES, *written, *protected))))


def is_name(text: str) -> bool:
    """Whether something is left of it to compare with."""
    return bool(_words(text))


@lru_cache(maxsize=4096)
def _words(spelling: str) -> tuple[str, ...]:
    """What is left of any spelling: small Latin letters and digits, in words, without what surrounds a name."""
    text = _folded(spelling).strip().rstrip("/")
    text = text.partition("@")[0].rpartition("/")[2].partition(":")[0]
    text = _TASK.sub("", text)
    text = _CLUSTER.sub("", text).partition(".")[0] if _CLUSTER.search(text) else _SYSTEMD.sub("", text)
    return tuple(_PLAIN.findall(_POD.sub("", text)))


def _folded(spelling: str) -> str:
    """Small letters of one alphabet: no wide or bold ones, no marks above them, nothing invisible between them."""
    alike = spelling[:_LONGEST].translate(_LOOKALIKES)
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", alike).casefold())
    kept = (letter for letter in apart if unicodedata.category(letter) not in ("Mn", "Me", "Mc", "Cf", "Cc"))
    return unicodedata.normalize("NFKC", "".join(kept)).casefold().translate(_LOOKALIKES)


@lru_cache(maxsize=4096)
def _without_number(words: tuple[str, ...]) -> tuple[str, ...]:
    """Without the replica's number at the end, be it a word of its own or grown on; never without anything."""
    while len(words) > 1 and _NUMBER.fullmatch(words[-1]):
        words = words[:-1]
    return (*words[:-1], _NUMBERED.sub("", words[-1])) if words else words


_BUILTIN = {"".join(_words(name)): name for name in sorted(BUILTIN_NAMES)}


def _found(spelling: str, names: frozenset[str]) -> str | None:
    words = _words(spelling)
    plain = _without_number(words)
    builtin = (_BUILTIN[joined] for joined in _endings(plain, "") if joined in _BUILTIN)
    given = [ending for ending in _endings(plain, "-") if ending in names] if plain != words else []
    whole = ["-".join(words)] if "-".join(words) in names else []
    return next(builtin, None) or next(iter([*whole, *given]), None)


def _endings(words: tuple[str, ...], between: str) -> Iterator[str]:
    return (between.join(words[start:]) for start in range(len(words)))


def _hosts(url: str) -> list[str]:
    """The hosts of a URL, of which a database's may have several, or name them in its query. None of loopback."""
    parts = urlsplit(url)
    places = parts.netloc.rpartition("@")[2].split(",")
    named = [host for value in parse_qs(parts.query).get("host", []) for host in value.split(",")]
    found = [_without_port(unquote(place)) for place in (*places, *named)]
    return [host for host in found if host and not host.startswith("/") and not _is_here(host)]


def _place(url: str) -> str:
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{'this machine' if _is_here(host) else host}:{port}"


def _first_part(host: str) -> list[str]:
    """`prometheus` of `prometheus.monitoring`; of an address nothing."""
    return [host.partition(".")[0]] if "." in host and not host.replace(".", "").isdigit() else []


def _without_port(place: str) -> str:
    return place[1:].partition("]")[0] if place.startswith("[") else place.partition(":")[0]


def _is_here(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        name = host.casefold().rstrip(".")
        return name in _NAMES_OF_HERE or name.endswith(".localhost")
    return any(one.is_loopback or one.is_unspecified for one in (address, *_within(address)))


def _within(address: IPv4Address | IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 address that an IPv6 one is another spelling of, like ::ffff:127.0.0.1 and ::127.0.0.1."""
    if isinstance(address, IPv4Address):
        return ()
    is_compatible = int(address) < _IPV4
    mapped = IPv4Address(int(address)) if is_compatible else address.ipv4_mapped
    return () if mapped is None else (mapped,)


def _names_of_host(host: str) -> list[str]:
    """The host, and the service that it is where Swarm or Kubernetes made a name of it."""
    plain = host.replace(":", "-")  # of an IPv6 address nothing may be taken for a port
    return [plain, plain.removeprefix("tasks.")]
