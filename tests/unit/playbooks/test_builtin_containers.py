"""The built-in playbooks for containers: their evidence is of the machine that the alert is of."""

import pytest

from aetherlink.playbooks.binding import bind_query
from aetherlink.playbooks.loader import load_playbooks

CONTAINERS = [one for one in load_playbooks(None) if one.name.startswith("container-")]
LABELS = {"name": "shop-crm-1", "instance": "host-b:8080"}


@pytest.mark.parametrize("book", CONTAINERS, ids=lambda book: str(book.name))
def test_evidence_and_proof_are_of_the_alerts_own_machine(book) -> None:
    [step] = book.steps

    for query in (step.when, step.verify):
        bound = bind_query(query, book.bind, LABELS)
        assert bound.count('instance="host-b:8080"') == bound.count('name="shop-crm-1"') == query.count("container_")
