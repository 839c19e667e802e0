"""The table and the page that explains it say the same, and what a query may hold."""

import re
from pathlib import Path

import pytest

from aetherlink.errors import AetherError
from aetherlink.socketproxy.http_request import Request
from aetherlink.socketproxy.rights import RIGHTS, match

PAGE = Path(__file__).parents[3] / "docs/how-to/run-the-socket-proxy.md"
EXAMPLES = {"NAME": "api", "ID": "a" * 64, "PROJECT": "shop", "SERVICE": "api"}


def explained() -> list[tuple[str, str, set[str]]]:
    """Method, path with examples in it, and the names that may be given, of each row of the page."""
    rows = re.findall(r"^\| `(GET|POST) (\S+)` \| (.*?) \|", PAGE.read_text(), re.MULTILINE)
    return [
        (method, re.sub(r"[A-Z]{2,}", lambda word: EXAMPLES[word[0]], path), set(re.findall(r"`(\w+)`", given)))
        for method, path, given in rows
    ]


def test_the_page_explains_exactly_the_rights_there_are() -> None:
    rows = explained()

    assert len(rows) == len(RIGHTS)
    for right, (method, path, given) in zip(RIGHTS, rows, strict=True):
        assert (right.method, bool(right.path.fullmatch(path))) == (method, True)
        assert right.query.keys() <= given


@pytest.mark.parametrize("number", range(len(RIGHTS)))
def test_no_call_stands_in_two_rows(number: int) -> None:
    method, path, _ = explained()[number]

    assert [right for right in RIGHTS if right.method == method and right.path.fullmatch(path)] == [RIGHTS[number]]


@pytest.mark.parametrize(
    "query",
    [
        "filters=" + "x" * 5000,
        "filters=%7B%22label%22%3A%5B%5D%7D",
        "filters=%7B%22label%22%3A%5B1%5D%7D",
        "filters=%7B%22label%22%3A%7B%22a%22%3Afalse%7D%7D",
        "filters=%7B%22label%22%3A%5B%22a%0Ab%22%5D%7D",
        "filters=%7B%22label%22%3A%5B%22a%22%5D%2C%22label%22%3A%5B%22b%22%5D%7D",
        "limit=1e3",
        "limit=",
        "all",
        "all=1&all=1",
        "all=%ff",
        "&".join(f"a{each}=1" for each in range(30)),
    ],
)
def test_a_list_is_asked_for_within_bounds(query: str) -> None:
    with pytest.raises(AetherError):
        match(Request("GET", f"/containers/json?{query}", is_newer=True))
