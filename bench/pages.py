"""The pages of the console, as its registry has them: a new one is measured without a word about it here."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.routing import APIRoute

from aetherlink.console.registry import ROUTERS
from aetherlink.web.services import ApiServices
from bench.load import LoadError

_LEFT_OUT = (
    "/assets/",
    "/login/oidc",
    "/incidents/",
)  # what browsers keep, a provider's place, and another name of a page
_NARROWED = (  # the same pages, looked at more closely
    "/incidents?status=resolved",
    "/incidents?severity=info",
    "/alerts?q=service%3D%22svc-00007%22",
    "/alerts?status=resolved",
    "/alerts/rows?q=service%3D%22svc-00007%22",
    "/actions?state=finished",
    "/actions?target=api-3",
    "/actions?playbook=nobodys",
    "/audit?person=nobody",
)
_PART = re.compile(r"{(\w+)}")


def addresses(known: Mapping[str, str]) -> list[str]:
    """Every page that is looked at, `known` in the places of the parts of its path. Raises LoadError for an unknown."""
    nothing: Any = None  # routes are only looked at, never called
    services = ApiServices(*[nothing] * len(ApiServices.__slots__))
    routes = [route for make in ROUTERS for route in make(services).routes if isinstance(route, APIRoute)]
    paths = [route.path for route in routes if "GET" in route.methods]
    kept = [path for path in paths if path != _LEFT_OUT[2] and not path.startswith(_LEFT_OUT[:2])]
    return [*(_filled(path, known) for path in kept), *_NARROWED]


def assets(page: str) -> Sequence[str]:
    """What a browser loads for the page, where it stands."""
    return sorted(set(re.findall(r'(?:href|src)="(/assets/[^"]+)"', page)))


def _filled(path: str, known: Mapping[str, str]) -> str:
    if missing := set(_PART.findall(path)) - set(known):
        raise LoadError(f"{path}: bench/console.py does not know what to put for {', '.join(sorted(missing))}")
    return _PART.sub(lambda part: known[part[1]], path)
