"""Parses PromQL within bounds. Every room that reads a query goes through here.

The parser's walk takes cubic time in the depth of a query, and a very long chain of operators overflows its stack and
ends the process: what is too large is refused before it is parsed.
"""

import re

import promql_parser

from aetherlink.errors import BadRequestError

LONGEST_QUERY = 4096  # characters
MOST_STEPS = 80  # 0.1 s at 80, three minutes at 2000

_QUOTED = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`""")
_MATCHERS = re.compile(r"\{[^{}]*\}")
_STEP = re.compile(r"[(\[]|[-+*/%^]|[<>=!]=?|\b(?:and|or|unless|atan2)\b", re.IGNORECASE)


def parse(query: str) -> promql_parser.Expr:
    """The query's syntax tree. Raises BadRequestError when it is not PromQL, or too large to be followed."""
    if len(query) > LONGEST_QUERY:
        raise BadRequestError(f"the query has {len(query)} characters; at most {LONGEST_QUERY} are read")
    steps = len(_STEP.findall(_MATCHERS.sub("", _QUOTED.sub("", query))))
    if steps > MOST_STEPS:
        raise BadRequestError(f"the query has {steps} operators, calls and brackets; at most {MOST_STEPS} are followed")
    try:
        tree: promql_parser.Expr = promql_parser.parse(query)
    except ValueError as error:
        raise BadRequestError(f"the query is not PromQL: {error}: {query!r}") from error
    return tree
