"""Every page of the console, from its registry: a new route is visited by the tests that visit all of them."""

from collections.abc import Iterator, Mapping

from fastapi.routing import APIRoute

from aetherlink.console.registry import ROUTERS
from aetherlink.web.services import ApiServices

_NO_PAGES = ("/assets/", "/static/")


def console_routes(services: ApiServices) -> list[APIRoute]:
    """Each route of the console."""
    routes = (route for router in ROUTERS for route in router(services).routes)
    return [route for route in routes if isinstance(route, APIRoute)]


def pages(services: ApiServices, values: Mapping[str, str]) -> Iterator[str]:
    """The path of each page, its parameters filled in; a KeyError names one that the test does not know."""
    for route in console_routes(services):
        if "GET" in route.methods and not any(mark in route.path for mark in _NO_PAGES):
            yield route.path.format_map(values)
