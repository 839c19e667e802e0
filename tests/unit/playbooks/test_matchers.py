"""Matchers are Alertmanager's, in both forms; what could be slow on a hostile label is refused."""

import pytest

from aetherlink.model.playbooks import LONGEST_MATCHED, Matcher, MatchOperator, Playbook
from aetherlink.playbooks.matchers import choosing, parse_matcher, read_matchers
from aetherlink.playbooks.schema import PlaybookForm


def fits(matchers: object, **labels: str) -> bool:
    return all(matcher.matches(labels) for matcher in read_matchers(matchers))


@pytest.mark.parametrize(
    ("text", "label", "operator", "value"),
    [
        ('alertname="X"', "alertname", "=", "X"),
        ("alertname=X", "alertname", "=", "X"),
        ('  severity =~ "a|b" ', "severity", "=~", "a|b"),
        ('team!="x"', "team", "!=", "x"),
        ('team!~"x.*"', "team", "!~", "x.*"),
        (r'path="a\"b\\c\nd"', "path", "=", 'a"b\\c\nd'),
        (r'number=~"\d+"', "number", "=~", r"\d+"),
        ('empty=""', "empty", "=", ""),
        ('odd="=~x"', "odd", "=", "=~x"),
    ],
)
def test_a_matcher_is_read_as_alertmanager_reads_it(text: str, label: str, operator: str, value: str) -> None:
    assert parse_matcher(text) == Matcher(label, MatchOperator(operator), value)


def test_both_forms_mean_the_same() -> None:
    mapping = {"alertname": "X", "severity": "=~a|b", "team": "!=t", "zone": "!~z.*", "plain": "=y"}
    listed = ['alertname="X"', 'severity=~"a|b"', 'team!="t"', 'zone!~"z.*"', "plain=y"]

    assert read_matchers(mapping) == read_matchers(listed)


def test_matchers_read_their_own_words_again() -> None:
    matchers = read_matchers({"a": 'x"y\\z\n', "b": "=~q.*", "c": "!=ü"})

    assert read_matchers([matcher.words for matcher in matchers]) == matchers


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("alertname=X", "mapping like"),
        ({}, "0 matchers"),
        ([], "0 matchers"),
        ({f"l{number}": "x" for number in range(21)}, "21 matchers"),
        (["X"], "'X' is no matcher"),
        ([1], "1 is no matcher"),
        (["a=b,c=d"], "put the value in double quotes"),
        (["{a=b}"], "is no matcher"),
        (['a="b" x'], "put the value in double quotes"),
        ({"a b": "x"}, "'a b' is no label name"),
        ({"l" * 101: "x"}, "is no label name"),
        ({1: "x"}, "1 is no label name"),
        ({"a": 1}, "label 'a' has to be text"),
        ({"a": True}, "label 'a' has to be text"),
        ({"a": "x" * 1001}, "1001 characters"),
        ({"a": "=~(["}, "does not compile"),
        ({"a": "=~a{99999999999}"}, "does not compile"),
        ({"a": "=~" + "x" * 501}, "longer than 500"),
        ({"a": "=~(?=x)y"}, "looks around or back"),
        ({"a": "=~(?P<n>x)"}, "looks around or back"),
        ({"a": r"=~(x)\1"}, "looks around or back"),
        ({"a": "=~(a+)+b"}, "repeats a group"),
        ({"a": "=~(a|a)*b"}, "repeats a group"),
        ({"a": "=~(a|ab){2,}"}, "repeats a group"),
        ({"a": "!~.*.*.*.*.*x"}, "repeats more than 4 times"),
        (["a=x", "a=x"], "given twice"),
        (["a=x", "a=y"], "no alert can match"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_matchers(wrong)


@pytest.mark.parametrize("pattern", ["a(b|c)?d", "(?:x|y)z", "(?i)abc", r"a\(b\)+", "[(+*]+", r"[\]+]*x", "a{1,3}"])
def test_an_ordinary_pattern_is_taken(pattern: str) -> None:
    assert read_matchers({"a": f"=~{pattern}"})[0].value == pattern


@pytest.mark.parametrize("matchers", [{"a": "!=x"}, {"a": "=~.*"}, {"a": "!~x+"}, {"a": "", "b": "!=y"}])
def test_matchers_that_fit_an_alert_without_labels_choose_nothing(matchers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="matches every alert"):
        choosing(read_matchers(matchers))


def test_a_pattern_is_anchored_and_a_line_break_does_not_get_around_it() -> None:
    assert not fits({"a": "=~b"}, a="abc")
    assert not fits({"tenant": "!~vip-.*"}, tenant="vip-a\nb")
    assert not fits({"tenant": "=~vip-a"}, tenant="vip-a\n")


@pytest.mark.parametrize("operator", ["=~", "!~"])
def test_a_label_that_is_longer_than_any_honest_one_satisfies_no_pattern(operator: str) -> None:
    long = "a" * (LONGEST_MATCHED + 1)

    assert not fits({"a": f"{operator}b"}, a=long)
    assert not fits({"a": f"{operator}a.*"}, a=long)


def test_the_slowest_pattern_that_is_taken_comes_to_an_end() -> None:
    """The time that a test may take says so: a repeated group would take longer than the sun shines."""
    assert not fits({"a": "=~.*a.*a.*b"}, a="a" * LONGEST_MATCHED)


def playbook(match: object, *, acts: bool = True) -> Playbook:
    acting = {
        "target": "t",
        "bind": ["job"],
        "when": "up == 0",
        "action": {"restart": {}},
        "verify": {"query": "up == 1"},
    }
    form = {"name": "x", "match": match, **(acting if acts else {})}
    return PlaybookForm.model_validate(form).to_playbook()


@pytest.mark.parametrize(
    ("match", "names"),
    [
        ({"alertname": "A"}, {"A"}),
        ({"alertname": "=~A|B|C_d"}, {"A", "B", "C_d"}),
        ({"alertname": "=~A.*"}, None),
        ({"alertname": "=~(A|B)"}, None),
        ({"severity": "page"}, None),
        ({"alertname": "!=A", "severity": "page"}, None),
        (['alertname=~"A|B"', 'alertname!="B"'], {"A", "B"}),
    ],
)
def test_the_names_that_a_playbook_can_act_on_are_listed_where_they_can_be(
    match: object, names: set[str] | None
) -> None:
    assert playbook(match).alert_names == names


def test_a_playbook_that_only_observes_can_do_something_about_none() -> None:
    assert playbook({"severity": "page"}, acts=False).alert_names == set()
