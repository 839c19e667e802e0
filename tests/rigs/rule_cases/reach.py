"""Cases of policy/reach_rules.py."""

from dataclasses import replace

from aetherlink.model.actions import CPU, NO_LIMITS, Limits, Observation, Plan, Verb
from aetherlink.model.questions import Question, Seen
from aetherlink.model.snapshots import Left
from aetherlink.testing import START
from rigs.rule_cases.asking import API, EVERYBODY, Case, acted, aimed, each, looked, planned

_MIB = 2**20
_WHOLE = Observation(2, 2, START, release="b", previous_release="a", limits=Limits(256 * _MIB, CPU))
_MOST = Limits(512 * _MIB, 2 * CPU)


def _before(question: Question, **seen: object) -> Question:
    return looked(question, api=Seen(replace(_WHOLE, **seen)))  # type: ignore[arg-type]  # fields of it


def _scale(question: Question, replicas: int | None, **seen: object) -> Question:
    return _before(planned(question, verb=Verb.SCALE, replicas=replicas), **seen)


def _rollback(question: Question, release: str = "", **seen: object) -> Question:
    return _before(planned(question, verb=Verb.ROLLBACK, release=release), **seen)


def _limit(
    question: Question, wish: Limits, *, most: Limits = _MOST, least: Limits = NO_LIMITS, **seen: object
) -> Question:
    return _before(planned(aimed(question, most=most, least=least), verb=Verb.LIMITS, limits=wish), **seen)


def _restoring(question: Question, wish: Limits) -> Question:
    """A person wants limits taken back that are as they were left."""
    raised = acted(60, plan=Plan(Verb.LIMITS, API, limits=_WHOLE.limits))
    return replace(planned(_limit(question, wish), restores=raised.id), left=Left(raised))


_REPLICAS = tuple(
    case
    for replicas, most, is_had in ((3, None, True), (3, 3, True), (3, 2, False), (2, 1, True), (1, 1, True))
    for case in each(
        "replicas_can_be_had",
        f"scale to {replicas} where {most} can be had and 2 are there",
        lambda asked, replicas=replicas, most=most: _scale(
            asked, replicas, most_replicas=most, no_more="nobody makes any"
        ),
        against=() if is_had else EVERYBODY,
        says="2 can be had, and no more: nobody makes any",
    )
)
_RELEASES = (
    *each("release_is_known", "one ran before", _rollback, against=()),
    *each(
        "release_is_known",
        "none ran before",
        lambda asked: _rollback(asked, previous_release=""),
        against=EVERYBODY,
        says="has no previous release to roll back to",
    ),
    *each(
        "release_is_known",
        "two of them run",
        lambda asked: _before(planned(asked, verb=Verb.ROLLBACK), release="", previous_release=""),
        against=EVERYBODY,
        says="to roll back to, for its replicas run different ones",
    ),
    *each(
        "release_is_known",
        "none ran before, and one is named",
        lambda asked: _rollback(asked, "a", previous_release=""),
        against=(),
    ),
    *each(
        "release_is_known",
        "one is named that nobody can bring",
        lambda asked: _rollback(asked, "a", no_release="it needs the proxy"),
        against=EVERYBODY,
        says="it needs the proxy",
    ),
)
_NOBODY, _BUT_UNDO = (), ("automatic", "requested")
_LIMITS = tuple(
    case
    for words, wish, against, says, more in (
        ("more", Limits(512 * _MIB, 2 * CPU), _NOBODY, "", {}),
        ("one of them more", Limits(nano_cpus=2 * CPU), _NOBODY, "", {}),
        ("none", NO_LIMITS, EVERYBODY, "there is no limit that could be changed", {}),
        ("more memory than the most", Limits(513 * _MIB), EVERYBODY, "above the max_memory", {}),
        ("more processors than the most", Limits(nano_cpus=2 * CPU + 1), EVERYBODY, "above the max_cpus", {}),
        ("no bound declared", Limits(512 * _MIB), EVERYBODY, "declares no max_memory", {"most": NO_LIMITS}),
        ("what it has", Limits(256 * _MIB), EVERYBODY, "these are its limits already", {}),
        ("less", Limits(128 * _MIB), _BUT_UNDO, "without a min_memory it is not lowered", {}),
        ("less, as far as it may be", Limits(128 * _MIB), _NOBODY, "", {"least": Limits(128 * _MIB)}),
        ("less than the least", Limits(127 * _MIB), _BUT_UNDO, "below the min_memory", {"least": Limits(128 * _MIB)}),
        ("where there is none", Limits(512 * _MIB), EVERYBODY, "has no limit now", {"limits": NO_LIMITS}),
    )
    for case in each(
        "limits_are_within_bounds",
        f"limits: {words}",
        lambda asked, wish=wish, more=more: _limit(asked, wish, **more),
        against=against,
        says=says,
    )
)
_TAKEN_BACK = tuple(
    case
    for words, wish, against, says in (
        ("to what it was", Limits(128 * _MIB), (), ""),
        ("to more than the most", Limits(513 * _MIB), EVERYBODY, "above the max_memory"),
    )
    for case in each(
        "limits_are_within_bounds",
        f"limits that a person wants taken back {words}",
        lambda asked, wish=wish: _restoring(asked, wish),
        against=against,
        says=says,
    )
)
_AT_THE_FLOOR = each(
    "floor_holds",
    "limits, which take no replica away",
    lambda asked: _limit(aimed(asked, floor=2), Limits(512 * _MIB)),
)

CASES: tuple[Case, ...] = (*_REPLICAS, *_RELEASES, *_LIMITS, *_TAKEN_BACK, *_AT_THE_FLOOR)
