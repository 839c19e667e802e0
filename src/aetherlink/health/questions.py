"""What the health loop asks beside the score: how old the data behind it are, and which of its parts are missing.

Each in one query, whose answer is told apart by one label. Pure: puts syntax trees together, asks nobody.
"""

from collections.abc import Mapping

import promql_parser

from aetherlink.health.options import HealthOptions
from aetherlink.lib import promql
from aetherlink.playbooks.binding import bind_query

PART = "aether_part"
"""The label that tells the parts of one combined answer apart."""

OF_WHOLE = "whole"
OF_TENANTS = "tenants"
"""With a number behind it: how old the newest sample of that selector of the query is."""

SCRAPED = "scraped"
ALIVE = "alive"
_JOB = "job"


def basis_query(options: HealthOptions, job: str) -> str | None:
    """How old the score's own samples are, when its data were scraped, and whether their targets live.

    `job` is that of the score, or empty. None when there is nothing to ask. Raises BadRequestError for a job that
    cannot be written into a query.
    """
    pieces: dict[str, promql_parser.Expr] = {}
    terms: list[str] = []
    for kind, query in ((OF_WHOLE, options.query), (OF_TENANTS, options.tenant_query)):
        for number, selector in enumerate(_selectors(query)):
            pieces[f"aether_{kind}_{number}"] = selector
            terms.append(_term(f"time() - max(timestamp(aether_{kind}_{number}))", f"{kind}_{number}"))
    for name, asked in ((SCRAPED, options.freshness_query), (ALIVE, options.alive_query)):
        if asked is not None:
            pieces[f"aether_{name}"] = promql.parse(_of_job(asked, job))
            terms.append(_term(f"max(aether_{name})", name))
    return promql.graft(" or ".join(terms), pieces) if terms else None


def parts_query(parts: Mapping[str, str]) -> str | None:
    """Every part of the score under its name; None when there are none."""
    pieces = {f"aether_{name}": promql.parse(query) for name, query in parts.items()}
    terms = [_term(f"aether_{name}", name) for name in parts]
    return promql.graft(" or ".join(terms), pieces) if terms else None


def rests_on_samples(query: str) -> bool:
    """Whether the query has any selector at all."""
    return bool(_selectors(query))


def _selectors(query: str | None) -> list[promql_parser.VectorSelector]:
    """Each selector of the query once."""
    if query is None:
        return []
    return list({one.plain.prettify(): one.plain for one in promql.survey(promql.parse(query)).selectors}.values())


def _of_job(query: str, job: str) -> str:
    """The query about this job alone, where it speaks of every target's `up`: else it is left as it was written."""
    selectors = _selectors(query)
    is_general = all(
        one.name == "up" and all(matcher.name != _JOB for matcher in one.matchers.matchers) for one in selectors
    )
    return bind_query(query, [_JOB], {_JOB: job}) if job and selectors and is_general else query


def _term(form: str, part: str) -> str:
    """Our own words only: `form` names a placeholder, never the query."""
    return f'label_replace({form}, "{PART}", "{part}", "", "")'
