"""Calls that the socket proxy must not let through: THE table. `{name}` is a container that may be changed."""

import json

REFUSALS = frozenset({400, 403})


def _plain(method: str, target: str, body: object = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {target} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


_CREATE = {"Image": "{image}", "Cmd": ["python3", "-c", "1"], "HostConfig": {"Privileged": True, "Binds": ["/:/host"]}}
_EXEC = {"Cmd": ["python3", "-c", "1"], "AttachStdout": True}

PLAIN: tuple[tuple[str, str, object], ...] = (
    # what takes over the machine
    ("POST", "/containers/create", _CREATE),
    ("POST", "/v1.41/containers/create?name={name}-made", _CREATE),
    ("POST", "/containers/{name}/exec", _EXEC),
    ("POST", "/v1.41/containers/{name}/exec", _EXEC),
    ("POST", "/exec/{id}/start", {"Detach": True}),
    ("POST", "/exec/{id}/resize?h=1&w=1", None),
    ("GET", "/exec/{id}/json", None),
    ("POST", "/build", None),
    ("POST", "/build?remote=http://127.0.0.1:9/x", None),
    ("POST", "/build/prune", None),
    ("POST", "/session", None),
    ("POST", "/grpc", None),
    # what is done to containers
    ("POST", "/containers/{name}/kill", None),
    ("POST", "/containers/{name}/kill?signal=KILL", None),
    ("POST", "/containers/{name}/pause", None),
    ("POST", "/containers/{name}/unpause", None),
    ("POST", "/containers/{name}/rename?name={name}-made", None),
    ("POST", "/containers/{name}/attach?stream=1&stdout=1", None),
    ("GET", "/containers/{name}/attach/ws", None),
    ("POST", "/containers/{name}/resize?h=1&w=1", None),
    ("POST", "/containers/{name}/wait", None),
    ("POST", "/containers/{name}/copy", {"Resource": "/etc/passwd"}),
    ("POST", "/containers/prune", None),
    ("DELETE", "/containers/{name}", None),
    ("DELETE", "/containers/{name}?force=1&v=1", None),
    ("DELETE", "/v1.41/containers/{id}?force=1", None),
    ("GET", "/containers/{name}/archive?path=/etc", None),
    ("HEAD", "/containers/{name}/archive?path=/etc", None),
    ("PUT", "/containers/{name}/archive?path=/tmp", None),
    ("GET", "/containers/{name}/export", None),
    ("GET", "/containers/{name}/logs?stdout=1", None),
    ("GET", "/containers/{name}/top", None),
    ("GET", "/containers/{name}/stats?stream=0", None),
    ("GET", "/containers/{name}/changes", None),
    ("POST", "/commit?container={name}&repo={name}-made", None),
    # images, volumes, networks, the swarm, the daemon itself
    ("POST", "/images/create?fromImage=alpine", None),
    ("POST", "/images/load", None),
    ("POST", "/images/prune", None),
    ("POST", "/images/{image}/tag?repo={name}-made&tag=x", None),
    ("POST", "/images/{image}/push", None),
    ("DELETE", "/images/{image}?force=1", None),
    ("GET", "/images/json", None),
    ("GET", "/images/{image}/get", None),
    ("GET", "/images/search?term=a", None),
    ("GET", "/images/{image}/history", None),
    ("GET", "/volumes", None),
    ("POST", "/volumes/create", {"Name": "{name}-made"}),
    ("POST", "/volumes/prune", None),
    ("DELETE", "/volumes/x", None),
    ("GET", "/networks", None),
    ("POST", "/networks/create", {"Name": "{name}-made"}),
    ("POST", "/networks/none/connect", {"Container": "{name}"}),
    ("POST", "/networks/none/disconnect", {"Container": "{name}"}),
    ("POST", "/networks/prune", None),
    ("DELETE", "/networks/bridge", None),
    ("GET", "/secrets", None),
    ("POST", "/secrets/create", {"Name": "x", "Data": ""}),
    ("GET", "/configs", None),
    ("POST", "/configs/create", {"Name": "x", "Data": ""}),
    ("POST", "/swarm/init", {"ListenAddr": "127.0.0.1:9"}),
    ("POST", "/swarm/join", None),
    ("POST", "/swarm/leave?force=1", None),
    ("GET", "/swarm", None),
    ("GET", "/swarm/unlockkey", None),
    ("GET", "/services", None),
    ("POST", "/services/create", {}),
    ("GET", "/tasks", None),
    ("GET", "/nodes", None),
    ("GET", "/plugins", None),
    ("POST", "/plugins/pull?remote=x", None),
    ("GET", "/info", None),
    ("GET", "/system/df", None),
    ("POST", "/auth", {"username": "a", "password": "b"}),
    ("GET", "/distribution/alpine/json", None),
    # what is allowed, by another method
    *((method, "/containers/{name}/restart", None) for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS")),
    *((method, "/containers/{name}/stop", None) for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE")),
    *((method, "/containers/{name}/update", None) for method in ("GET", "PUT", "PATCH")),
    *((method, "/_ping", None) for method in ("HEAD", "POST", "PUT", "DELETE")),
    *((method, "/containers/json", None) for method in ("HEAD", "POST", "DELETE")),
    ("POST", "/containers/{name}/json", None),
    ("CONNECT", "/containers/{name}/restart", None),
    ("DELETE", "/aether/v1/containers/{id}/replace", None),
    ("GET", "/aether/v1/services/a/b/replicas", None),
    # what is allowed, with more to it
    ("POST", "/containers/{name}/restart?signal=SIGUSR1", None),
    ("POST", "/containers/{name}/stop?signal=KILL&t=1", None),
    ("POST", "/containers/{name}/stop?t=1&t=2", None),
    ("POST", "/containers/{name}/stop?t=-1", None),
    ("POST", "/containers/{name}/stop?t=99999", None),
    ("POST", "/containers/{name}/stop?t=1;signal=KILL", None),
    ("POST", "/containers/{name}/stop?%74=1&%73ignal=KILL", None),
    ("POST", "/containers/{name}/restart?", {"HostConfig": {}}),
    ("POST", "/containers/{name}/start?detachKeys=ctrl-c", None),
    ("POST", "/containers/{name}/start?checkpoint=x", None),
    ("POST", "/containers/{name}/start", {"Binds": ["/:/host"], "Privileged": True}),
    ("POST", "/containers/{name}/update", {}),
    ("POST", "/containers/{name}/update", {"RestartPolicy": {"Name": "always"}}),
    ("POST", "/containers/{name}/update", {"Memory": 268435456, "Devices": []}),
    ("POST", "/containers/{name}/update", {"Memory": 0}),
    ("POST", "/containers/{name}/update", {"MemorySwap": -1}),
    ("POST", "/containers/{name}/update", {"Memory": "268435456"}),
    ("POST", "/containers/{name}/update", {"Memory": True}),
    ("POST", "/containers/{name}/update", {"Memory": 268435456.0}),
    ("POST", "/containers/{name}/update", {"memory": 268435456}),
    ("POST", "/containers/{name}/update", {"CpusetCpus": "0"}),
    ("POST", "/containers/{name}/update", {"PidsLimit": 1}),
    ("POST", "/containers/{name}/update", [{"Memory": 268435456}]),
    ("GET", "/containers/json?size=1", None),
    ("GET", "/containers/json?all=2", None),
    ("GET", "/containers/json?unknown=1", None),
    ("GET", '/containers/json?filters={"volume":["x"]}', None),
    ("GET", "/containers/json?filters=%7B%22name%22%3A%5B%5D%7D", None),
    ("GET", "/containers/json?filters=[]", None),
    ("GET", "/containers/{name}/json?size=1", None),
    ("GET", "/events?filters=%7B%22type%22%3A%5B%22image%22%5D%7D", None),
    ("GET", "/events?until=soon", None),
    # the proxy's own verbs, with more to them
    ("POST", "/v1.41/aether/v1/containers/{id}/replace", None),
    ("POST", "/aether/v1/containers/{name}/replace", None),
    ("POST", "/aether/v1/containers/{id}/replace", {"image": "alpine"}),
    ("POST", "/aether/v1/containers/{id}/replace", {"image": "sha256:" + "0" * 64}),
    ("POST", "/aether/v1/containers/{id}/replace", {"HostConfig": {"Privileged": True}}),
    ("POST", "/aether/v1/containers/{id}/replace", {"image": None, "Cmd": ["x"]}),
    ("POST", "/aether/v1/services/a/b/replicas", {"add": 0}),
    ("POST", "/aether/v1/services/a/b/replicas", {"add": 101}),
    ("POST", "/aether/v1/services/a/b/replicas", {"add": -1}),
    ("POST", "/aether/v1/services/a/b/replicas", {"add": 1, "image": "alpine"}),
    ("POST", "/aether/v1/services/a/b/replicas", None),
    # ways round the path
    ("POST", "/containers/x/../../images/prune", None),
    ("POST", "/containers/../containers/{name}/kill", None),
    ("POST", "/containers/{name}/../prune", None),
    ("POST", "/containers/{name}/restart/../kill", None),
    ("POST", "/containers/{name}/restart/../../../images/prune", None),
    ("POST", "/containers/..%2f..%2fimages/prune", None),
    ("POST", "/containers/%2e%2e/images/prune/restart", None),
    ("POST", "/containers/%2e%2e/%2e%2e/images/prune?/restart", None),
    ("POST", "/containers/{name}%2fkill", None),
    ("POST", "/containers/{name}/kill%2frestart", None),
    ("POST", "/containers/{name}/kill%3f/restart", None),
    ("POST", "/containers/{name}/kill?/restart", None),
    ("POST", "/containers/{name}/kill?x=/restart", None),
    ("POST", "/containers/{name}/kill#/restart", None),
    ("POST", "/containers/{name}/restart#", None),
    ("POST", "/containers/{name}/rest%61rt", None),
    ("POST", "/containers/{name}/restart%00", None),
    ("POST", "/containers/{name}/restart%20", None),
    ("POST", "/containers/{name}/restart%0d%0aX:%201", None),
    ("POST", "/containers/{name}//restart", None),
    ("POST", "//containers/{name}/restart", None),
    ("POST", "/./containers/{name}/restart", None),
    ("POST", "/containers/{name}/./restart", None),
    ("POST", "/containers/{name}/restart/", None),
    ("POST", "/containers/{name};x/restart", None),
    ("POST", "/containers/{name}\\restart", None),
    ("POST", "/containers/{name}/RESTART", None),
    ("POST", "/Containers/{name}/restart", None),
    ("POST", "/v1.41/v1.41/containers/{name}/restart", None),
    ("POST", "/v9/containers/{name}/restart", None),
    ("POST", "/v1.41.1/containers/{name}/restart", None),
    ("POST", "/v1.99999/containers/{name}/restart", None),
    ("POST", "/v1.41%2f..%2fimages/prune", None),
    ("POST", "/containers//restart", None),
    ("POST", "/containers/-x/restart", None),
    ("POST", "/containers/" + "x" * 200 + "/restart", None),
    ("GET", "/images/json/json", None),
    ("GET", "/images/../secrets/json", None),
    ("GET", "/images/a/../../containers/{name}/json", None),
    ("GET", "/_ping/../info", None),
    ("GET", "/", None),
    ("GET", "/_ping/", None),
)

_RESTART = "POST /containers/{name}/restart HTTP/1.1\r\nHost: docker\r\n"
_KILL = "POST /containers/{name}/kill HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n\r\n"
_UPDATE = "POST /containers/{name}/update HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"


def _update(body: str) -> str:
    return f"{_UPDATE}Content-Length: {len(body)}\r\n\r\n{body}"


RAW: dict[str, str] = {
    # none of them is a request that means one thing only
    "two lengths": f"{_RESTART}Content-Length: 0\r\nContent-Length: {len(_KILL)}\r\n\r\n{_KILL}",
    "two equal lengths": f"{_RESTART}Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "a list of lengths": f"{_RESTART}Content-Length: 0, 0\r\n\r\n",
    "chunks and a length": f"{_RESTART}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{_KILL}",
    "a length and chunks": f"{_RESTART}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{_KILL}",
    "chunks": f"{_RESTART}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks in disguise": f"{_RESTART}Transfer-Encoding: \tchunked\r\n\r\n0\r\n\r\n",
    "chunks twice": f"{_RESTART}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks with a space": f"{_RESTART}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a length with a sign": f"{_RESTART}Content-Length: +0\r\n\r\n",
    "a negative length": f"{_RESTART}Content-Length: -1\r\n\r\n",
    "a length in hex": f"{_RESTART}Content-Length: 0x0\r\n\r\n",
    "an empty length": f"{_RESTART}Content-Length:\r\n\r\n",
    "a length in a folded line": f"{_RESTART}X: y\r\n Content-Length: 5\r\nContent-Length: 0\r\n\r\n",
    "a body that is too long": f"{_UPDATE}Content-Length: 100000\r\n\r\n{{}}",
    "a length that overflows": f"{_RESTART}Content-Length: 18446744073709551616\r\n\r\n",
    "an absolute address": "POST http://docker/containers/{name}/restart HTTP/1.1\r\nHost: docker\r\n\r\n",
    "another host's address": "POST http://127.0.0.1:9/containers/{name}/restart HTTP/1.1\r\nHost: docker\r\n\r\n",
    "an authority": "CONNECT docker:80 HTTP/1.1\r\nHost: docker\r\n\r\n",
    "an asterisk": "OPTIONS * HTTP/1.1\r\nHost: docker\r\n\r\n",
    "a method in small letters": "post /containers/{name}/restart HTTP/1.1\r\nHost: docker\r\n\r\n",
    "a method in mixed letters": "Post /containers/{name}/restart HTTP/1.1\r\nHost: docker\r\n\r\n",
    "an unknown method": "RESTART /containers/{name}/restart HTTP/1.1\r\nHost: docker\r\n\r\n",
    "two spaces": "POST  /containers/{name}/restart HTTP/1.1\r\nHost: docker\r\n\r\n",
    "a tab": "POST\t/containers/{name}/restart\tHTTP/1.1\r\nHost: docker\r\n\r\n",
    "a space before": " POST /containers/{name}/restart HTTP/1.1\r\nHost: docker\r\n\r\n",
    "an empty line before": "\r\nPOST /containers/{name}/restart HTTP/1.1\r\nHost: docker\r\n\r\n",
    "a space in the path": "POST /containers/{name}/kill /restart HTTP/1.1\r\nHost: docker\r\n\r\n",
    "no version": "POST /containers/{name}/restart\r\n\r\n",
    "HTTP 0.9": "POST /containers/{name}/restart\r\nHost: docker\r\n\r\n",
    "HTTP 2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP 1.2": "POST /containers/{name}/restart HTTP/1.2\r\nHost: docker\r\n\r\n",
    "lines that end in LF": "POST /containers/{name}/restart HTTP/1.1\nHost: docker\n\nx: y\r\n\r\n",
    "a bare CR": f"{_RESTART}X: a\rContent-Length: 5\r\n\r\n",
    "a bare LF": f"{_RESTART}X: a\nContent-Length: 5\r\n\r\n",
    "a NUL": f"{_RESTART}X: a\0b\r\n\r\n",
    "a header without a name": f"{_RESTART}: x\r\n\r\n",
    "a header that is none": f"{_RESTART}nonsense\r\n\r\n",
    "two hosts": f"{_RESTART}Host: other\r\n\r\n",
    "an upgrade": f"{_RESTART}Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
    "an upgrade to h2c": f"{_RESTART}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n",
    "a wish to be told": f"{_RESTART}Expect: 100-continue\r\n\r\n",
    "a trailer": f"{_RESTART}Trailer: X\r\n\r\n",
    "a packed body": f"{_UPDATE}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{{}}",
    "a page in a browser": f"{_RESTART}Origin: http://evil.example\r\n\r\n",
    "a header of 17 KiB": f"{_RESTART}X: {'x' * 17 * 1024}\r\n\r\n",
    "a header of 1 MiB": f"{_RESTART}X: {'x' * 1024 * 1024}\r\n\r\n",
    "a path of 9 KiB": f"POST /containers/{'x' * 9 * 1024}/restart HTTP/1.1\r\nHost: docker\r\n\r\n",
    "a hundred headers": _RESTART + "".join(f"X-{each}: 1\r\n" for each in range(100)) + "\r\n",
    "a key twice": _update('{"Memory": 268435456, "Memory": 536870912}'),
    "a number that is none": _update('{"Memory": NaN}'),
    "a number in another form": _update('{"Memory": 1e9}'),
    "deep nesting": _update("[" * 15000),
    "no JSON": _update("abc"),
}


def forbidden(name: str, id_: str, image: str) -> dict[str, bytes]:
    """Each call as the bytes that say it, by what it is."""
    fit = {"{name}": name, "{id}": id_, "{image}": image}

    def fitted(text: str) -> str:
        for word, value in fit.items():
            text = text.replace(word, value)
        return text

    plain = {
        f"{number} {method} {target[:60]}": _plain(
            method, fitted(target), body and json.loads(fitted(json.dumps(body)))
        )
        for number, (method, target, body) in enumerate(PLAIN)
    }
    return plain | {what: fitted(text).encode() for what, text in RAW.items()}
