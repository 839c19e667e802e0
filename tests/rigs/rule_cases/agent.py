"""Cases of policy/agent_rules.py."""

from dataclasses import replace

from rigs.rule_cases.asking import ASKED, EVERYBODY, Case, aimed, each

_PAUSED = "paused by ann"
_FROZEN = "freeze window `december`"
_PROTECTED = "the agent's own database"

CASES: tuple[Case, ...] = (
    *each("agent_is_not_paused", "nothing is paused", lambda asked: asked),
    *each(
        "agent_is_not_paused",
        "something is paused",
        lambda asked: replace(asked, paused=_PAUSED),
        against=EVERYBODY,
        says=_PAUSED,
    ),
    *each("agent_is_not_paused", "a pause without words", lambda asked: replace(asked, paused=""), against=EVERYBODY),
    *each("no_window_forbids", "no window", lambda asked: asked),
    *each(
        "no_window_forbids",
        "a freeze window",
        lambda asked: replace(asked, frozen=_FROZEN),
        against=("automatic", "requested"),
        says=_FROZEN,
    ),
    *each("target_is_declared", "a declared target", lambda asked: asked),
    *each(
        "target_is_declared",
        "a target that nobody declared",
        lambda asked: replace(asked, targets={}),
        against=EVERYBODY,
        says="no target 'crm-api' is configured",
    ),
    *each("target_is_not_its_own", "a target like any other", lambda asked: asked),
    *each(
        "target_is_not_its_own",
        "what the agent lives on",
        lambda asked: replace(asked, protected=_PROTECTED),
        against=EVERYBODY,
        says=f"crm-api is {_PROTECTED}",
    ),
    *each(
        "target_is_not_its_own",
        "what the agent lives on, with the glass broken",
        lambda asked: aimed(replace(asked, protected=_PROTECTED), is_break_glass=True),
    ),
    Case("target_is_not_its_own", "broken glass alone", aimed(ASKED, is_break_glass=True), None),
)
