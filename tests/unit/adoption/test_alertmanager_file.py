"""The agent's receiver and routes in files as people write them: added as lines, or refused."""

import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aetherlink.adoption.alertmanager_file import by_hand, wired
from aetherlink.adoption.receivers import Wiring
from aetherlink.adoption.yaml_lines import CannotEditError, decoded

WIRING = Wiring("http://aether-agent:8080/alertmanager", "/run/aether/webhook.token")
PLAIN = """\
route:
  receiver: slack
receivers:
  - name: slack
"""
ALERTS = (
    {"alertname": "A"},
    {"alertname": "A", "severity": "critical"},
    {"alertname": "B", "severity": "warning", "team": "db"},
    {"alertname": "B", "team": "web"},
    {"alertname": "AetherAgentDown", "severity": "critical"},
)


def heard(route: dict[str, Any], labels: dict[str, str]) -> list[str]:
    """Who hears an alert, as Alertmanager walks its routes."""
    found: list[str] = []
    for child in route.get("routes") or ():
        if matches(child, labels):
            below = heard({"receiver": route["receiver"], **child}, labels)
            found += below
            if not child.get("continue"):
                break
    return found or [route["receiver"]]


def matches(route: dict[str, Any], labels: dict[str, str]) -> bool:
    exact = all(labels.get(name, "") == value for name, value in route.get("match", {}).items())
    if route.get("matchers") == ['alertname!~"AetherAgentDown|AetherAgentBlind"']:
        return labels["alertname"] not in ("AetherAgentDown", "AetherAgentBlind")
    assert not route.get("matchers")
    return exact


def assert_nobody_lost_anything(before: str, after: str) -> None:
    old, new = yaml.safe_load(before)["route"], yaml.safe_load(after)["route"]
    for labels in ALERTS:
        own = [] if labels["alertname"].startswith("AetherAgent") else ["agent"]
        assert heard(new, labels) == own + heard(old, labels), labels


def test_the_agent_hears_first_and_the_default_receiver_as_before() -> None:
    after = wired(PLAIN, WIRING)

    data = yaml.safe_load(after.text)
    assert after.receiver == "agent"
    assert data["route"]["routes"][0]["continue"] is True
    assert data["route"]["routes"][-1] == {"receiver": "slack"}
    assert_nobody_lost_anything(PLAIN, after.text)


def test_the_receiver_reads_its_token_from_a_file_and_cuts_no_group_short() -> None:
    [hook] = yaml.safe_load(wired(PLAIN, WIRING).text)["receivers"][1]["webhook_configs"]

    assert hook == {
        "url": WIRING.url,
        "send_resolved": True,
        "max_alerts": 0,
        "http_config": {"authorization": {"type": "Bearer", "credentials_file": WIRING.token_file}},
    }


def test_a_second_time_nothing_is_changed() -> None:
    once = wired(PLAIN, WIRING).text

    assert wired(once, WIRING).text == once


COMMENTED = """\
# Ours.
global: {resolve_timeout: 5m}   # short
templates:
- '/etc/alertmanager/*.tmpl'

time_intervals:
- name: nights
  time_intervals: [{times: [{start_time: '20:00', end_time: '24:00'}]}]

route:
    # Who is told by default.
    receiver: "slack"
    group_by: [ 'alertname' ]
    routes:
    # First the databases.
    - match: {team: db}
      receiver: dba
      mute_time_intervals: [nights]
      routes:
        - match:
            severity: critical
          receiver: pager
          # Nobody sleeps.
    # Then everybody else.
    - match: {severity: critical}
      receiver: pager

# After the routes.
inhibit_rules: []
receivers:
- name: slack
  slack_configs:
  - channel: '#ops'
    text: |
      Two lines,
      and

      a gap.
- name: dba
- name: pager
  # The last word.
"""


def test_every_line_that_was_there_is_there_still_and_in_its_order() -> None:
    after = wired(COMMENTED, WIRING).text

    lines = iter(after.splitlines())
    assert all(line in lines for line in COMMENTED.splitlines())
    assert_nobody_lost_anything(COMMENTED, after)


def test_comments_stay_with_what_they_are_about() -> None:
    lines = wired(COMMENTED, WIRING).text.splitlines()

    assert lines[lines.index("    # First the databases.") + 1] == "    - match: {team: db}"
    assert lines[lines.index("          # Nobody sleeps.") + 1] == "    # Then everybody else."
    assert lines[lines.index("  # The last word.") + 1] == "- name: agent"


def test_routes_that_go_on_move_below_one_for_the_default_receiver() -> None:
    """Beside them, that one would hear what it never heard."""
    before = PLAIN.replace(
        "  receiver: slack\n",
        "  receiver: slack\n  routes:\n  - match: {team: db}\n    receiver: dba\n    continue: true\n"
        "  # also\n  - match:\n      severity: critical\n    receiver: pager\n",
    )

    after = wired(before, WIRING).text

    assert [line.strip() for line in before.splitlines() if line.strip() not in after] == []
    assert yaml.safe_load(after)["route"]["routes"][1]["receiver"] == "slack"
    assert_nobody_lost_anything(before, after)
    assert wired(after, WIRING).text == after


def test_where_another_route_takes_all_the_default_receiver_gets_none() -> None:
    """It has never heard anything; nor has the second of two that take all."""
    before = PLAIN.replace(
        "  receiver: slack\n",
        "  receiver: slack\n  routes:\n  - receiver: mail\n  - receiver: chat\n    continue: true\n",
    )

    after = wired(before, WIRING).text

    assert [one["receiver"] for one in yaml.safe_load(after)["route"]["routes"]] == ["agent", "mail", "chat"]
    assert_nobody_lost_anything(before, after)


def test_several_that_take_all_and_go_on_are_all_heard_and_the_default_is_not() -> None:
    before = PLAIN.replace(
        "  receiver: slack\n",
        "  receiver: slack\n  routes:\n  - {receiver: mail, continue: true}\n  - {receiver: chat}\n",
    )

    assert_nobody_lost_anything(before, wired(before, WIRING).text)


def test_routes_without_anything_are_filled() -> None:
    before = PLAIN.replace("  receiver: slack\n", "  routes:   # none yet\n  receiver: slack\n")

    after = wired(before, WIRING).text

    assert "  routes:   # none yet\n    # AetherLink hears" in after
    assert_nobody_lost_anything(before, after)


def test_windows_ends_of_lines_stay_so() -> None:
    after = wired(COMMENTED.replace("\n", "\r\n"), WIRING).text

    assert after.count("\n") == after.count("\r\n")
    assert after.replace("\r\n", "\n") == wired(COMMENTED, WIRING).text


@pytest.mark.parametrize(
    "before", [PLAIN.rstrip("\n"), f"---\n{PLAIN}", f"{PLAIN}...\n", f"\ufeff{PLAIN}", f"{PLAIN}\n\n"]
)
def test_odd_beginnings_and_ends_are_understood(before: str) -> None:
    after = wired(before, WIRING).text

    assert len(yaml.safe_load(after)["receivers"]) == 2
    assert_nobody_lost_anything(before, after)


def test_a_receiver_of_the_same_name_for_something_else_is_left_alone() -> None:
    before = PLAIN + "  - name: agent\n    webhook_configs: [{url: 'http://other/hook'}]\n"

    after = wired(before, WIRING)

    assert after.receiver == "aether-agent"
    assert before in after.text.replace(after.text.split("  routes:")[1].split("receivers:")[0], "").replace(
        "  routes:", ""
    )


def test_a_receiver_for_the_agent_that_has_another_name_is_used() -> None:
    before = PLAIN + f"  - name: robot\n    webhook_configs: [{{url: '{WIRING.url}/'}}]\n"

    after = wired(before, WIRING)

    assert after.receiver == "robot"
    assert [one["name"] for one in yaml.safe_load(after.text)["receivers"]] == ["slack", "robot"]
    assert yaml.safe_load(after.text)["route"]["routes"][0]["receiver"] == "robot"


@pytest.mark.parametrize("path", ["/default", "/default/", ""])
def test_a_receiver_for_the_agents_source_is_the_agents_too(path: str) -> None:
    """Else every alert would be heard twice."""
    before = wired(PLAIN, WIRING).text.replace(WIRING.url, WIRING.url + path)

    assert wired(before, WIRING).text == before


def test_a_route_that_only_leaves_out_alerts_about_the_agent_is_the_agents() -> None:
    for matcher in ("alertname != AetherAgentDown", 'alertname!~"AetherAgentBlind|AetherAgentDown"'):
        before = HALF_WIRED.replace('alertname!~"AetherAgentDown|AetherAgentBlind"', matcher)
        assert matcher in before
        assert wired(before, WIRING).text == before


def test_where_the_root_is_the_agents_and_nothing_is_below_it_it_hears_all_already() -> None:
    before = f"route:\n  receiver: agent\nreceivers:\n- name: agent\n  webhook_configs:\n  - url: {WIRING.url}\n"

    assert wired(before, WIRING).text == before


def test_a_receiver_whose_address_is_hidden_and_that_has_another_name_is_somebody_elses() -> None:
    before = PLAIN + "  - name: chat\n    webhook_configs: [{url_file: /run/chat}]\n"

    assert wired(before, WIRING).receiver == "agent"


HALF_WIRED = wired(PLAIN, WIRING).text
REFUSED = {
    "nothing": ("", "is empty"),
    "only a comment": ("# nothing\n", "is empty"),
    "a tab": (PLAIN.replace("  receiver", "\treceiver"), "is no YAML on line 2"),
    "flow style at the top": ("{route: {receiver: x}, receivers: [{name: x}]}\n", "not written as lines"),
    "a route in flow style": (
        "route: {receiver: slack}\nreceivers:\n- name: slack\n",
        "`route` (line 1) is not written",
    ),
    "receivers in flow style": (
        "route:\n  receiver: x\nreceivers: [{name: x}]\n",
        "`receivers` (line 3) is not written",
    ),
    "routes in flow style": (
        PLAIN.replace("slack\nrec", "slack\n  routes: [{receiver: slack}]\nrec", 1),
        "route.routes",
    ),
    "an anchor at the routes": (
        PLAIN.replace("slack\nrec", "slack\n  routes: &all\n  - receiver: slack\nrec", 1),
        "shared by an anchor",
    ),
    "an alias for the route": (
        "x: &r\n  receiver: slack\nroute: *r\nreceivers:\n- name: slack\n",
        "shared by an anchor",
    ),
    "a merged route": (
        "x: &r {receiver: slack}\nroute:\n  <<: *r\n  group_wait: 1s\nreceivers:\n- name: slack\n",
        "<<",
    ),
    "a tag": (PLAIN.replace("receivers:", "receivers: !!seq"), "a tag"),
    "a strange tag": (PLAIN + "x: !vault secret\n", "cannot be understood"),
    "a key twice": (PLAIN + "route:\n  receiver: other\n", "the key `route` twice"),
    "a list": ("- route\n", "not written as lines"),
    "two documents": (f"{PLAIN}---\n{PLAIN}", "is no YAML"),
    "no route": ("receivers:\n- name: slack\n", "no `route`"),
    "no receiver of the root": (
        "route:\n  group_wait: 1s\nreceivers:\n- name: slack\n",
        "no `route` with a `receiver`",
    ),
    "no receivers": ("route:\n  receiver: slack\n", "no `receivers`"),
    "lone carriage returns": (PLAIN.replace("\n", "\r"), "ends its lines in an unusual way"),
    "the agent's route is not first": (
        HALF_WIRED.replace("  routes:\n", "  routes:\n    - {match: {a: b}, receiver: slack}\n"),
        "is not the first one",
    ),
    "the agent's route does not go on": (HALF_WIRED.replace("      continue: true\n", ""), "is not the first one"),
    "the default receiver is silenced": (
        HALF_WIRED.replace('    - receiver: "slack"\n', ""),
        "keeps alerts from `slack`",
    ),
    "the agent's route takes some alerts only": (
        HALF_WIRED.replace("      continue: true\n", "      match: {team: x}\n      continue: true\n"),
        "takes some alerts only",
    ),
    "the agent's route has another matcher": (
        HALF_WIRED.replace("AetherAgentDown|", "AetherAgentDown|Other|"),
        "takes some alerts only",
    ),
    "the agent's route has times": (
        HALF_WIRED.replace("      continue: true\n", "      mute_time_intervals: [n]\n      continue: true\n"),
        "takes some alerts only",
    ),
    "the agent is told again below": (
        HALF_WIRED.replace(
            '    - receiver: "slack"\n',
            '    - receiver: "slack"\n      routes:\n      - receiver: agent\n    - receiver: "slack"\n',
        ),
        "would hear alerts twice",
    ),
    "the agent is told by a route below another": (
        PLAIN.replace("slack\nrec", "slack\n  routes:\n  - receiver: slack\n    routes:\n    - receiver: agent\nrec")
        + f"  - name: agent\n    webhook_configs: [{{url: '{WIRING.url}'}}]\n",
        "is not the first one",
    ),
    "the agent is the root's, above others": (
        "route:\n  receiver: agent\n  routes:\n  - receiver: slack\nreceivers:\n- name: slack\n- name: agent\n"
        + "  webhook_configs:\n  - url: URL\n".replace("URL", WIRING.url),
        "is that of the root",
    ),
    "two receivers are the agent's": (
        HALF_WIRED + f"  - name: robot\n    webhook_configs: [{{url: '{WIRING.url}/default'}}]\n",
        "agent and robot all deliver",
    ),
    "the agent's receiver has another source": (HALF_WIRED.replace(WIRING.url, f"{WIRING.url}/prod"), "--source prod"),
    "a receiver of its name with a hidden address": (
        PLAIN + "  - name: agent\n    webhook_configs: [{url_file: /run/url}]\n",
        "the address of the receiver `agent` is not shown",
    ),
    "both names are taken": (PLAIN + "  - name: agent\n  - name: aether-agent\n", "receivers of the names"),
    "nested without end": ("route:\n  receiver: x\na: " + "[" * 5000 + "]" * 5000 + "\n", "nested too deeply"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_edited_safely_is_refused_with_the_reason(what: str) -> None:
    text, reason = REFUSED[what]

    with pytest.raises(CannotEditError, match=re.escape(reason)):
        wired(text, WIRING)


@pytest.mark.parametrize("content", [PLAIN.encode("utf-16"), b"route:\n  receiver: \xff\n", b"x" * (1 << 21)])
def test_other_encodings_and_huge_files_are_refused(content: bytes) -> None:
    with pytest.raises(CannotEditError):
        decoded(content, "alertmanager.yml")


@pytest.mark.parametrize(
    ("routes", "last"),
    [
        ([], {"receiver": "slack"}),
        ([{"receiver": "dba", "match": {"team": "db"}}], {"receiver": "slack"}),
        ([{"receiver": "dba", "match": {"team": "db"}, "continue": True}], {"receiver": "slack", "routes": None}),
        ([{"receiver": "dba"}], None),
    ],
)
def test_the_lines_to_add_by_hand_are_those_for_this_file(routes: list[Any], last: dict[str, Any] | None) -> None:
    """Like those that would be written: nobody hears more by them."""
    data = {"route": {"receiver": "slack", "routes": routes}, "receivers": [{"name": "slack"}]}

    [agent, *others] = yaml.safe_load(by_hand(WIRING, data))["route"]["routes"]

    assert agent["receiver"] == "agent"
    assert others == ([] if last is None else [last])


def test_a_receiver_that_is_there_is_not_added_by_hand_again() -> None:
    data = yaml.safe_load(HALF_WIRED.replace("agent\n", "robot\n"))

    lines = yaml.safe_load(by_hand(WIRING, data))

    assert "receivers" not in lines
    assert lines["route"]["routes"][0]["receiver"] == "robot"


def test_what_is_refused_comes_with_lines_that_are_yaml_and_do_the_same() -> None:
    data = yaml.safe_load(by_hand(WIRING))

    assert data["receivers"][0]["webhook_configs"][0]["url"] == WIRING.url
    assert [one["receiver"] for one in data["route"]["routes"]] == ["agent", "NAME-OF-THE-ROOTS-RECEIVER"]
    assert data["route"]["routes"][0]["continue"] is True


@pytest.mark.parametrize("name", ["true", "yes", "12", "a: b", 'say "hi"', "#ops", "with space", "ünicode"])
def test_whatever_the_default_receiver_is_called_it_keeps_its_name(name: str) -> None:
    quoted = yaml.safe_dump(name, default_style='"').strip()
    before = PLAIN.replace("slack", quoted)

    assert yaml.safe_load(wired(before, WIRING).text)["route"]["routes"][-1] == {"receiver": name}


_MATCH = st.sampled_from([{}, {"severity": "critical"}, {"team": "db"}, {"team": "web"}, {"alertname": "B"}])


def _route(children: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda receiver, match, goes_on, below: {
            "receiver": receiver,
            **({"match": match} if match else {}),
            **({"continue": True} if goes_on else {}),
            **({"routes": below} if below else {}),
        },
        st.sampled_from(["slack", "pager", "mail"]),
        _MATCH,
        st.booleans(),
        children,
    )


_ROUTES = st.recursive(
    st.just([]), lambda below: st.lists(_route(st.just([]) | below), min_size=1, max_size=4), max_leaves=8
)


@given(_ROUTES, st.integers(1, 6), st.booleans())
@settings(max_examples=150, deadline=None)
def test_whatever_the_routes_are_nobody_hears_less_or_more(routes: list[Any], indent: int, crlf: bool) -> None:
    data = {
        "route": {"receiver": "slack", **({"routes": routes} if routes else {})},
        "receivers": [{"name": "slack"}, {"name": "pager"}, {"name": "mail"}],
    }
    before = yaml.safe_dump(data, indent=indent, default_flow_style=False, sort_keys=False)
    before = before.replace("\n", "\r\n") if crlf else before

    after = wired(before, WIRING).text

    assert_nobody_lost_anything(before, after)
    assert wired(after, WIRING).text == after
