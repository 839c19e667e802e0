"""How much an assistant may ask of people: few proposals a minute, and none that is in their way already kept."""

from aetherlink.commands import ActionOptions
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import TargetName

WISH = {"action": "restart_api", "reason": "it does not answer"}


def test_one_token_proposes_thirty_times_a_minute_and_repeats_leave_no_action(start_agent) -> None:
    agent = start_agent(mode=Mode.APPROVE, actions={"restart_api": ActionOptions(restart=TargetName("crm-api"))})
    for holder in ("eager", "calm"):
        wish = {"name": holder, "scopes": ["propose"]}
        agent.secrets[holder] = agent.call("POST", "/api/v1/tokens", token="operator", json=wish).json()["token"]

    answers = [agent.call("POST", "/api/v1/proposals", token="eager", json=WISH)]
    while answers[-1].status_code == 202 and len(answers) < 300:  # a slow machine gets some back meanwhile
        answers.append(agent.call("POST", "/api/v1/proposals", token="eager", json=WISH))
    other = agent.call("POST", "/api/v1/proposals", token="calm", json=WISH)
    first, second, *_ = (answer.json() for answer in answers)
    [stored] = agent.call("GET", "/api/v1/actions", token="operator").json()["items"]

    late = answers[-1]
    assert (len(answers) > 30, late.status_code) == (True, 429)
    assert 1 <= int(late.headers["retry-after"]) <= 2
    assert late.headers["content-type"] == "application/problem+json"
    assert "too many proposals of this token (30 a minute): try again in" in late.json()["detail"]
    assert (first["accepted"], first["details"]["decision"]) == (True, "needs_approval")
    assert (second["accepted"], second["details"]["rule"]) == (False, "request_is_new")
    assert second["details"]["id"] == stored["id"] == first["details"]["id"]
    assert (other.status_code, other.json()["details"]["id"]) == (202, stored["id"])
