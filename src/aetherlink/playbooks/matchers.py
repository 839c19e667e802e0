"""Alertmanager's matchers as people write them: a mapping of labels, or a list like `alertname="CrmApiDown"`.

Patterns are matched against labels that anybody may have chosen: what could make that slow is refused.
"""

import re

from aetherlink.model.playbooks import Matcher, MatchOperator

_MOST = 20
_LONGEST_VALUE = 1000
_LONGEST_PATTERN = 500
_MOST_REPEATS = 4  # the time of a pattern grows with the length of a label to the power of their number
_PATTERNS = (MatchOperator.PATTERN, MatchOperator.NOT_PATTERN)
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,99}")
_ONE = re.compile(r"\s*(\w+)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL | re.ASCII)
_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
_BARE = re.compile(r"[^\s\"'{},]*")
_ESCAPE = re.compile(r'\\([n"\\])')
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?:i?:|i\))|\(\?|\)[*+{]|[*+{]", re.DOTALL)
_HOW = (
    "a mapping like {alertname: CrmApiDown}, or a list like ['alertname=\"CrmApiDown\"', 'severity=~\"critical|page\"']"
)


def read_matchers(value: object) -> tuple[Matcher, ...]:
    """All of them. Raises ValueError that names the label."""
    match value:
        case dict():
            matchers = tuple(_of_pair(label, text) for label, text in value.items())
        case list():
            matchers = tuple(parse_matcher(text) for text in value)
        case _:
            raise ValueError(f"this has to be {_HOW}")
    if not 0 < len(matchers) <= _MOST:
        raise ValueError(f"{len(matchers)} matchers: give 1 to {_MOST}, as {_HOW}")
    _check_together(matchers)
    return matchers


def choosing(matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
    """The matchers, if they choose among alerts. Raises ValueError when an alert without any label satisfies them."""
    if all(one.matches({}) for one in matchers):
        raise ValueError("this matches every alert, also one without these labels: name an alertname, for instance")
    return matchers


def parse_matcher(text: object) -> Matcher:
    """One matcher of a list, `severity=~"critical|page"`. Raises ValueError."""
    found = _ONE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f'{text!r} is no matcher: write for instance alertname="CrmApiDown"')
    label, operator, value = found.groups()
    quoted = _QUOTED.fullmatch(value)
    if quoted is None and not _BARE.fullmatch(value):
        raise ValueError(f"{text!r}: put the value in double quotes; one matcher is one element of the list")
    unescaped = _ESCAPE.sub(lambda one: "\n" if one[1] == "n" else one[1], value if quoted is None else quoted[1])
    return _checked(label, MatchOperator(operator), unescaped)


def split_matcher(value: str) -> tuple[MatchOperator, str]:
    """`=~vip-.*` as operator and value; a value without an operator is matched exactly."""
    for operator in (MatchOperator.PATTERN, MatchOperator.NOT_PATTERN, MatchOperator.NOT_EQUAL, MatchOperator.EQUAL):
        if value.startswith(operator.value):
            return operator, value.removeprefix(operator.value)
    return MatchOperator.EQUAL, value


def _of_pair(label: object, text: object) -> Matcher:
    if not isinstance(label, str):
        raise ValueError(f"{label!r} is no label name")  # noqa: TRY004 - validators report ValueError with its place
    if not isinstance(text, str):
        raise ValueError(f"the value of label {label!r} has to be text: put {text!r} in quotes")  # noqa: TRY004 - as above
    return _checked(label, *split_matcher(text))


def _checked(label: str, operator: MatchOperator, value: str) -> Matcher:
    if not _LABEL.fullmatch(label):
        raise ValueError(f"{label!r} is no label name")
    if len(value) > _LONGEST_VALUE:
        raise ValueError(f"the value of label {label!r} has {len(value)} characters; at most {_LONGEST_VALUE} are read")
    if operator in _PATTERNS:
        problem = _problem_of(value)
        if problem:
            raise ValueError(f"the pattern {value!r} of label {label!r} {problem}")
    return Matcher(label, operator, value)


def _problem_of(pattern: str) -> str:
    """What is wrong with a pattern, or nothing. What RE2 has not, which Alertmanager uses, is wrong here too."""
    if len(pattern) > _LONGEST_PATTERN:
        return f"is longer than {_LONGEST_PATTERN} characters"
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as problem:
        return f"does not compile: {problem}"
    tokens = _TOKEN.findall(pattern)
    if any(one == "(?" or re.fullmatch(r"\\[0-9]", one) for one in tokens):
        return "looks around or back: Alertmanager's patterns cannot either"
    if any(one[0] == ")" for one in tokens):
        return "repeats a group, which can take for ever on a hostile label: repeat single characters only"
    if sum(one in "*+{" for one in tokens) > _MOST_REPEATS:
        return f"repeats more than {_MOST_REPEATS} times, which can take for ever on a hostile label"
    return ""


def _check_together(matchers: tuple[Matcher, ...]) -> None:
    repeated = next((one for one in matchers if matchers.count(one) > 1), None)
    if repeated is not None:
        raise ValueError(f"the matcher {repeated.words} is given twice")
    exact = [one.label for one in matchers if one.operator is MatchOperator.EQUAL]
    if len(set(exact)) < len(exact):
        raise ValueError("one label is to be equal to two values: no alert can match")
