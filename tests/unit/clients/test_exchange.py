"""What an exchange that fails says of it."""

from datetime import timedelta

import pytest

from aetherlink.clients.exchange import Exchange
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import NotSentError


@pytest.mark.parametrize(
    ("path", "said"), [("", "POST http://127.0.0.1:9/hook"), ("/api", "POST /api at http://127.0.0.1:9/hook")]
)
async def test_an_address_without_a_path_of_its_own_is_said_as_one(path: str, said: str) -> None:
    exchange = Exchange("the webhook", "http://127.0.0.1:9/hook", options=ClientOptions())
    with pytest.raises(NotSentError) as asked:
        await exchange.ask("POST", path)
    with pytest.raises(NotSentError) as sent:
        await exchange.send("POST", path, deadline=timedelta(seconds=2), content=None, headers={}, most=10)
    await exchange.aclose()

    assert [str(one.value).partition(": ")[0] for one in (asked, sent)] == [said, said]
