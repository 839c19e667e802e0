"""A webhook is the agent's by its path and its place, and one that is hidden may be anybody's."""

import pytest

from aetherlink.model.agent_receiver import Delivery, delivery, source_in

AGENT = "http://aether-agent:8080"


@pytest.mark.parametrize(
    ("url", "agent", "is_agents"),
    [
        ("http://aether-agent:8080/alertmanager", AGENT, True),
        ("http://aether-agent:8080/alertmanager/", AGENT, True),
        ("http://aether-agent:8080/alertmanager/prod", AGENT, True),
        ("http://AETHER-agent:8080/alertmanager?x=1", AGENT, True),
        ("https://ops/alertmanager/prod", "https://ops:443", True),
        ("https://ops/aether/alertmanager", "https://ops/aether/", True),
        ("https://ops/alertmanager", "https://ops/aether", False),
        ("http://aether-agent:9090/alertmanager", AGENT, False),
        ("http://other:8080/alertmanager", AGENT, False),
        ("http://other:8080/alertmanager/prod", None, True),
        ("http://aether-agent:8080/alertmanager/prod/more", AGENT, False),
        ("http://aether-agent:8080/hook", AGENT, False),
        ("http://aether-agent:port/alertmanager", AGENT, False),
        ("http://[::1/alertmanager", None, False),
    ],
)
def test_it_is_told_by_path_and_place(url: str, agent: str | None, is_agents: bool) -> None:
    assert delivery(url, agent) is (Delivery.YES if is_agents else Delivery.NO)


@pytest.mark.parametrize("url", ["", "<secret>"])
def test_of_what_is_hidden_nothing_is_known(url: str) -> None:
    assert delivery(url, AGENT) is Delivery.UNKNOWN


def test_the_source_is_what_comes_after_the_door() -> None:
    assert source_in("http://a/alertmanager/prod") == "prod"
    assert [source_in(url) for url in ("http://a/alertmanager", "http://a/x/prod", "<secret>", "http://[::1/")] == [
        ""
    ] * 4
