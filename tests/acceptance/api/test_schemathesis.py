"""Every operation of the description, asked with what fits and with what does not, by an administrator.

No answer is a failure of ours, and each is of a status, a content type and a shape that the description promises.
"""

from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

FEW, MANY = 4, 150
MODES = pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "misfit"])
ENDLESS = {"GET /api/v1/stream"}  # its answer has no end; it has tests of its own
OUTSIDE = {502, 503, 504}  # Prometheus, and bounds
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


def described(agent) -> Any:
    return schemathesis.openapi.from_dict(agent.call("GET", "/openapi.json").json())


def tried(agent, operation, mode: GenerationMode, *, number: int, cases: int) -> list[str]:
    """What is wrong with the operation's answers."""
    wrong: list[str] = []

    @seed(number)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case) -> None:
        answer = case.call(base_url=agent.url, headers={"Authorization": f"Bearer {agent.secrets['operator']}"})
        checks = CHECKS if answer.status_code in OUTSIDE else [not_a_server_error, *CHECKS]
        try:
            case.validate_response(answer, checks=checks)
        except FailureGroup as failures:
            told = "; ".join(str(failure) for failure in failures.exceptions)
            wrong.append(f"{operation.label} {answer.status_code}: {told[:600]} {case.as_curl_command()[:600]}")

    with suppress(Unsatisfiable):  # where nothing can be sent that does not fit
        ask()
    return wrong


def check_all(agent, mode: GenerationMode, cases: int) -> None:
    every = [result.ok() for result in described(agent).get_all_operations()]
    operations = [one for one in every if one.label not in ENDLESS]

    wrong = [
        line for number, one in enumerate(operations) for line in tried(agent, one, mode, number=number, cases=cases)
    ]

    assert len(operations) > 40
    assert not wrong, "\n\n".join(wrong)


@MODES
def test_no_answer_breaks_what_the_description_promises(agent, mode) -> None:
    check_all(agent, mode, FEW)


@pytest.mark.long
@MODES
def test_many_answers_break_nothing_of_it(agent, mode) -> None:
    check_all(agent, mode, MANY)
