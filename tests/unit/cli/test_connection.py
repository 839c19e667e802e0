"""From the listen address to the URL, and from outside text to a safe line."""

import pytest

from aetherlink.cli.connection import url_of
from aetherlink.cli.printing import labels, plain


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:8088", "http://127.0.0.1:8088"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("[::]:8080", "http://[::1]:8080"),
        ("[::1]:8088", "http://[::1]:8088"),
        ("localhost:8088", "http://localhost:8088"),
        ("10.0.0.5:80", "http://10.0.0.5:80"),
    ],
)
def test_the_agent_is_asked_where_it_listens(listen: str, url: str) -> None:
    assert url_of(listen) == url


def test_no_terminal_obeys_what_comes_from_outside() -> None:
    assert plain("a\x1b[2Jb\nc\x07\u202e") == "a\\x1b[2Jb\\nc\\x07\\u202e"
    assert plain("a\u3164b\u034f\U000e0100") == "a\\u3164b\\u034f\\U000e0100"
    assert plain("Größe 5 µs ✓") == "Größe 5 µs ✓"


def test_labels_read_as_promql_writes_them() -> None:
    assert labels({"b": 'say "x"', "a": "1"}) == '{a="1", b="say \\"x\\""}'
