"""Functions and files stay small: the tail is what makes code hard to read, so the tail is bounded."""

import ast
from statistics import median, quantiles


def lengths_of_functions(sources) -> dict[str, int]:
    """Lines from `def` to the end, docstring included, decorators not; nested functions count as well."""
    return {
        f"{source.name}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_no_function_is_longer_than_80_lines(sources) -> None:
    assert {name: lines for name, lines in lengths_of_functions(sources).items() if lines > 80} == {}


def test_half_of_the_functions_have_ten_lines_or_fewer_and_few_more_than_45(sources) -> None:
    lengths = sorted(lengths_of_functions(sources).values())

    assert median(lengths) <= 10
    assert quantiles(lengths, n=20)[-1] <= 45


def test_no_file_is_longer_than_600_lines_and_few_longer_than_400(sources) -> None:
    lengths = {source.name: len(source.lines) for source in sources}

    assert {name: lines for name, lines in lengths.items() if lines > 600} == {}
    assert quantiles(lengths.values(), n=20)[-1] <= 400
