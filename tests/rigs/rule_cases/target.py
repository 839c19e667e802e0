"""Cases of policy/target_rules.py."""

from dataclasses import replace

from aetherlink.model.actions import Chain, DeclaredRequest, OutcomeStatus, Plan, Verb, Verdict
from aetherlink.model.brakes import Brake, pair_scope, target_scope
from aetherlink.model.decisions import Effect
from aetherlink.model.ids import ActionId, TargetName
from aetherlink.model.questions import Question, Seen
from aetherlink.model.snapshots import Left
from aetherlink.testing import START
from rigs.rule_cases.asking import (
    API,
    ASKED,
    AUTOMATIC,
    BY_PERSON,
    DB,
    EVERYBODY,
    PLAYBOOK,
    WEB,
    Case,
    acted,
    aimed,
    each,
    looked,
    planned,
    seen_as,
)

_NO_LOOK = Seen(None, "connection refused")
_BRAKE = Brake(target_scope(API), START, "it did not help", "agent")
_SOFT = replace(_BRAKE, scope=pair_scope(PLAYBOOK, API), effect=Effect.NEEDS_APPROVAL)


def _scale(question: Question, replicas: int | None) -> Question:
    return planned(question, verb=Verb.SCALE, replicas=replicas)


def _shared(question: Question, ready: int, *, share: float, is_rolling: bool) -> Question:
    """So many of four are ready, and such a share of them has to stay."""
    return looked(aimed(question, healthy_share=share), api=seen_as(ready, 4, is_rolling=is_rolling))


def _floored(
    question: Question, ready: int, *, floor: int, is_rolling: bool = False, replicas: int | None = None
) -> Question:
    """So many of four are ready, and so many have to stay."""
    changed = question if replicas is None else _scale(question, replicas)
    return looked(aimed(changed, floor=floor), api=seen_as(ready, 4, is_rolling=is_rolling))


_SCALE = tuple(
    case
    for replicas, is_within in ((None, False), (0, False), (1, True), (4, True), (5, False))
    for case in each(
        "scale_is_within_bounds",
        f"scale to {replicas} of 1 to 4",
        lambda asked, replicas=replicas: _scale(asked, replicas),
        against=() if is_within else EVERYBODY,
        says=f"{replicas} replicas are outside 1 to 4",
    )
)
_PURGE = DeclaredRequest("purge", "POST", "http://crm/purge", digest="")
_REQUESTS = tuple(
    case
    for words, request, is_declared in (
        ("one of its own", "purge", True),
        ("another", "drop", False),
        ("none", "", False),
    )
    for case in each(
        "request_is_declared",
        f"it is sent {words}",
        lambda asked, request=request: aimed(planned(asked, verb=Verb.HTTP, request=request), requests=(_PURGE,)),
        against=() if is_declared else EVERYBODY,
        says=f"target crm-api has no request {request!r}: it has purge",
    )
) + each(
    "request_is_declared",
    "a target that is asked for nothing",
    lambda asked: planned(asked, verb=Verb.HTTP, request="purge"),
    against=EVERYBODY,
    says="it has none",
)
_SEEN = (
    *each("target_is_seen", "it was looked at", lambda asked: asked),
    *each(
        "target_is_seen",
        "it cannot be looked at",
        lambda asked: looked(asked, api=_NO_LOOK),
        against=EVERYBODY,
        says="cannot be looked at: connection refused",
    ),
    *each(
        "target_is_seen",
        "nobody looked",
        lambda asked: looked(asked, api=None),
        against=EVERYBODY,
        says="cannot be looked at: nobody looked",
    ),
)
_DONE = acted(7200, plan=Plan(Verb.SCALE, API, replicas=1))  # it left one, and longer ago than an hour
_AFTER = acted(60, plan=Plan(Verb.RESTART, API))


def _restoring(question: Question, left: Left | None, *, wanted: int = 1) -> Question:
    """A person wants a scale to one taken back, and so many are wanted now."""
    asked = looked(planned(_scale(question, 3), restores=_DONE.id), api=seen_as(1, wanted))
    return replace(asked, left=left)


_LEFT = tuple(
    case
    for words, left, wanted, says in (
        ("it is as it was left", Left(_DONE), 1, ""),
        ("something was done after it", Left(_DONE, _AFTER), 1, "restart crm-api (action act-60) was done after it"),
        ("somebody has scaled it", Left(_DONE), 2, "crm-api was changed by somebody else after it"),
        ("nobody knows it any more", None, 1, "action act-7200 is not known any more"),
    )
    for case in each(
        "target_is_as_it_was_left",
        words,
        lambda asked, left=left, wanted=wanted: _restoring(asked, left, wanted=wanted),
        against=EVERYBODY if says else (),
        says=says,
    )
)
_STOPPED = (
    *each("target_is_not_stopped", "one is wanted", lambda asked: looked(asked, api=seen_as(0, 1))),
    *each(
        "target_is_not_stopped",
        "none is wanted",
        lambda asked: looked(asked, api=seen_as(0, 0)),
        against=("automatic",),
        says="somebody has stopped it",
    ),
)
_FLOOR = (
    *each("floor_holds", "no floor", lambda asked: _floored(asked, 1, floor=0)),
    *each(
        "floor_holds",
        "all at once, above a floor",
        lambda asked: _floored(asked, 4, floor=1),
        against=EVERYBODY,
        says="would leave 0 of 4 ready replicas, and the floor of crm-api is 1",
    ),
    *each(
        "floor_holds",
        "through the share of four that has to stay",
        lambda asked: _shared(asked, 3, share=0.6, is_rolling=True),
        against=EVERYBODY,
        says="would leave 2 of 3 ready replicas, and the floor of crm-api is 3",
    ),
    *each(
        "floor_holds",
        "to the share of four that has to stay",
        lambda asked: _shared(asked, 3, share=0.5, is_rolling=True),
    ),
    *each("floor_holds", "nothing is ready anyway", lambda asked: _floored(asked, 0, floor=2)),
    *each("floor_holds", "one after another, to the floor", lambda asked: _floored(asked, 3, floor=2, is_rolling=True)),
    *each(
        "floor_holds",
        "one after another, through the floor",
        lambda asked: _floored(asked, 2, floor=2, is_rolling=True),
        against=EVERYBODY,
        says="would leave 1 of 2 ready",
    ),
    *each("floor_holds", "scaled down to the floor", lambda asked: _floored(asked, 3, floor=2, replicas=2)),
    *each(
        "floor_holds",
        "scaled down through the floor",
        lambda asked: _floored(asked, 3, floor=2, replicas=1),
        against=EVERYBODY,
        says="would leave 1 of 3 ready",
    ),
    *each("floor_holds", "scaled up below the floor", lambda asked: _floored(asked, 1, floor=2, replicas=3)),
    *each("floor_holds", "scaled to what is ready", lambda asked: _floored(asked, 1, floor=2, replicas=1)),
    *each(
        "floor_holds",
        "one that is left below its floor is not taken away",
        lambda asked: _floored(asked, 1, floor=2, is_rolling=True),
        against=EVERYBODY,
        says="would leave 0 of 1 ready",
    ),
)
_DEPENDENCIES = (
    *each("dependencies_work", "what it stands on is well", lambda asked: asked),
    *each(
        "dependencies_work",
        "what it stands on is broken",
        lambda asked: looked(asked, db=seen_as(0)),
        against=("automatic",),
        says="crm-api depends on crm-db, and that is broken",
    ),
    *each(
        "dependencies_work",
        "what it stands on is partly ready",
        lambda asked: looked(asked, db=seen_as(1, 2)),
        against=("automatic",),
        says="that is broken",
    ),
    *each(
        "dependencies_work",
        "what it stands on is stopped",
        lambda asked: looked(asked, db=seen_as(0, 0)),
        against=("automatic",),
        says="that is broken",
    ),
    *each(
        "dependencies_work",
        "what it stands on cannot be looked at",
        lambda asked: looked(asked, db=_NO_LOOK),
        against=("automatic",),
        says="that cannot be looked at: connection refused",
    ),
    *each(
        "dependencies_work",
        "nobody looked at what it stands on",
        lambda asked: looked(asked, db=None),
        against=("automatic",),
        says="that cannot be looked at: nobody did",
    ),
    *each(
        "dependencies_work",
        "an incident is open for what it stands on",
        lambda asked: replace(asked, unwell=frozenset({DB})),
        against=("automatic",),
        says="an incident is open for that",
    ),
    Case("dependencies_work", "its own incident is open", replace(ASKED, unwell=frozenset({API})), None),
    Case("dependencies_work", "an incident elsewhere", replace(ASKED, unwell=frozenset({WEB})), None),
    *each(
        "dependencies_work",
        "what must not be broken is",
        lambda asked: replace(planned(asked, unless=(WEB,)), seen={**asked.seen, WEB: seen_as(0)}),
        against=("automatic",),
        says="crm-api depends on web, and that is broken",
    ),
    *each(
        "dependencies_work",
        "what must not be broken is well",
        lambda asked: replace(planned(asked, unless=(WEB,)), seen={**asked.seen, WEB: seen_as(1)}),
    ),
)
_VERIFIED = replace(AUTOMATIC, verify="up == 1", verify_within_seconds=120.0)
_FOLLOWED = replace(
    _VERIFIED, verify="", chain=Chain(ActionId("act-1"), TargetName("crm-db"), since=ASKED.now, turn_at=ASKED.now)
)
_FREE = (
    *each("target_is_free", "one has ended", lambda asked: replace(asked, recent=(acted(121),))),
    *each(
        "target_is_free",
        "one runs",
        lambda asked: replace(asked, recent=(acted(3000, is_running=True),)),
        against=EVERYBODY,
        says="action act-3000 on crm-api is still running",
    ),
    *each(
        "target_is_free",
        "nobody knows yet whether the last one helped",
        lambda asked: replace(asked, recent=(acted(239, plan=_VERIFIED, verdict=None),)),
        against=("automatic",),
        says="nobody knows yet whether action act-239 on crm-api helped",
    ),
    *each(
        "target_is_free",
        "nobody has judged the last one in twice its time",
        lambda asked: replace(asked, recent=(acted(240, plan=_VERIFIED, verdict=None),)),
    ),
    *each(
        "target_is_free",
        "the last one did not help",
        lambda asked: replace(asked, recent=(acted(200, plan=_VERIFIED, verdict=Verdict.NOT_RECOVERED),)),
    ),
    *each(
        "target_is_free",
        "the last one could not be done",
        lambda asked: replace(asked, recent=(acted(200, plan=_VERIFIED, verdict=None, status=OutcomeStatus.FAILED),)),
    ),
    *each(
        "target_is_free",
        "the last one is not verified at all",
        lambda asked: replace(asked, recent=(acted(200, plan=replace(_VERIFIED, verify=""), verdict=None),)),
    ),
    Case(
        "target_is_free",
        "a dependent was restarted just now, and nobody knows yet whether it is up",
        replace(ASKED, recent=(acted(200, plan=_FOLLOWED, verdict=None),)),
        Effect.DENY,
        "nobody knows yet whether action act-200 on crm-api helped",
    ),
    Case(
        "target_is_free",
        "the last one was not needed, and is looked at all the same",
        replace(ASKED, recent=(acted(200, plan=_VERIFIED, verdict=None, status=OutcomeStatus.NOT_NEEDED),)),
        Effect.DENY,
    ),
)
_BRAKES = (
    *each("brake_is_released", "no brake", lambda asked: asked),
    *each(
        "brake_is_released",
        "a brake",
        lambda asked: replace(asked, brakes=(_SOFT, _BRAKE)),
        against=("automatic",),
        says="target:crm-api is held back since 2026-01-01 12:00:00 UTC by agent: it did not help (`aether release",
    ),
)
_COOLDOWN = (
    *each(
        "cooldown_is_over",
        "within the cooldown",
        lambda asked: replace(asked, recent=(acted(300), acted(119.5))),
        against=("automatic",),
        says="it acted on crm-api before: 1 s to wait",
    ),
    *each("cooldown_is_over", "just over", lambda asked: replace(asked, recent=(acted(120),))),
    Case(
        "cooldown_is_over",
        "the clock has gone back behind the last action",
        replace(ASKED, recent=(acted(-3600),)),
        Effect.DENY,
        "3720 s to wait",
    ),
    Case(
        "cooldown_is_over",
        "a person's action is none of the playbook's",
        replace(ASKED, recent=(acted(60, plan=Plan(Verb.RESTART, API)),)),
        None,
    ),
    Case(
        "cooldown_is_over",
        "another step of the playbook",
        replace(planned(ASKED, step="second"), recent=(acted(60, plan=replace(AUTOMATIC, step="first")),)),
        None,
    ),
    Case(
        "cooldown_is_over",
        "the same step of the playbook",
        replace(planned(ASKED, step="second"), recent=(acted(60, plan=replace(AUTOMATIC, step="second")),)),
        Effect.DENY,
    ),
    Case(
        "cooldown_is_over",
        "an action that never began",
        replace(ASKED, recent=(replace(acted(10), started_at=None),)),
        None,
    ),
    Case(
        "cooldown_is_over",
        "a request with a cooldown of its own",
        replace(planned(BY_PERSON, cooldown_seconds=60), recent=(acted(30, plan=Plan(Verb.RESTART, API)),)),
        Effect.DENY,
    ),
)
_THREE = (acted(200), acted(400))
_HOURLY = (
    *each(
        "hourly_limit_holds",
        "as often as the limit says",
        lambda asked: replace(asked, recent=(*_THREE, acted(3599))),
        against=("automatic", "requested"),
        says="3 actions on crm-api in the last hour; the limit is 3",
    ),
    *each(
        "hourly_limit_holds",
        "one of them more than an hour ago",
        lambda asked: replace(asked, recent=(*_THREE, acted(3600))),
    ),
    Case(
        "hourly_limit_holds",
        "the clock has gone back behind all of them",
        replace(ASKED, recent=tuple(acted(-ahead, plan=Plan(Verb.RESTART, API)) for ahead in (100, 200, 3700))),
        Effect.DENY,
    ),
    Case(
        "hourly_limit_holds",
        "the playbook's own figure is named",
        replace(planned(ASKED, per_hour=2), recent=_THREE),
        Effect.DENY,
        "the limit is 2 (limits.per_hour of the playbook)",
    ),
    Case(
        "hourly_limit_holds",
        "the setting for requests is named",
        replace(BY_PERSON, recent=(*_THREE, acted(600))),
        Effect.DENY,
        "(requests_per_hour in the settings)",
    ),
    Case(
        "hourly_limit_holds",
        "one of them never began",
        replace(ASKED, recent=(*_THREE, replace(acted(600), started_at=None))),
        None,
    ),
)

CASES: tuple[Case, ...] = (
    *_SCALE,
    *_REQUESTS,
    *_SEEN,
    *_LEFT,
    *_STOPPED,
    *_FLOOR,
    *_DEPENDENCIES,
    *_FREE,
    *_BRAKES,
    *_COOLDOWN,
    *_HOURLY,
)
