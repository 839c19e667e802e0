"""How SQLite goes about the lists and what the pipeline looks at: by an index that gives the order, or holds it all."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from aetherlink.model.actions import ActionFilter, ActionState
from aetherlink.model.alerts import AlertFilter, AlertStatus, LinePlace
from aetherlink.model.deliveries import DeliveryState
from aetherlink.model.ids import ChannelName, PlaybookName, SourceName
from aetherlink.model.incidents import IncidentFilter, IncidentStatus, Severity
from aetherlink.ports import Transaction
from aetherlink.store import prepared, statements
from aetherlink.store.database import SqlStore

OPEN = IncidentStatus.OPEN
NOW = datetime(2025, 11, 2, 20, 6, 26, tzinfo=UTC)
PAGES: list[Callable[[Transaction], object]] = [
    lambda rows: rows.alerts.page(limit=50, before=None),
    lambda rows: rows.alerts.page(limit=50, before="500", only=AlertFilter(status=AlertStatus.RESOLVED)),
    lambda rows: rows.alerts.page(limit=50, before="500", only=AlertFilter(incident_id="inc-1")),
    lambda rows: rows.alerts.page(limit=50, before="500", only=AlertFilter(incident_id="inc-1", tenant="acme")),
    lambda rows: rows.incidents.page(limit=50, before=None),
    lambda rows: rows.incidents.page(limit=50, before="inc-5", only=IncidentFilter(status=IncidentStatus.OPEN)),
    lambda rows: rows.incidents.page(limit=50, before="inc-5", only=IncidentFilter(tenant="acme", vip=True)),
    lambda rows: rows.actions.page(limit=50, before="act-5"),
    lambda rows: rows.actions.page(limit=50, before="act-5", only=ActionFilter(target="crm-api")),
    lambda rows: rows.actions.page(limit=50, before="act-5", only=ActionFilter(ActionState.REFUSED, "inc-1")),
]


async def plans(store: SqlStore, work: Callable[[Transaction], object]) -> list[str]:
    """The steps of every statement that the work comes to."""
    told: list[tuple[str, object]] = []

    def tell(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        told.append((statement, parameters))

    def tell_and_run(connection: sa.Connection, text: str, values: tuple[object, ...]) -> object:
        told.append((text, values))
        return statements.run(connection, text, values)

    engine = store._place.reading
    sa.event.listen(engine, "before_cursor_execute", tell)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(prepared, "run", tell_and_run)
            await store.read(work)
    finally:
        sa.event.remove(engine, "before_cursor_execute", tell)
    with engine.connect() as connection:
        explained = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values) for text, values in told]
        return [step for each in explained for (_, _, _, step) in each.fetchall()]


@pytest.mark.parametrize("page", PAGES)
async def test_no_page_is_sorted_or_found_by_reading_all(
    store: SqlStore, page: Callable[[Transaction], object]
) -> None:
    steps = await plans(store, page)

    assert steps
    assert [step for step in steps if "TEMP B-TREE FOR ORDER" in step] == []
    assert [step for step in steps if "_live" in step or "_due" in step] == []


async def test_a_narrowed_page_of_incidents_reads_the_narrow_index_only(store: SqlStore) -> None:
    steps = await plans(
        store, lambda rows: rows.incidents.page(limit=50, before="inc-5", only=IncidentFilter(vip=True))
    )

    assert any("COVERING INDEX incidents_list (id<?)" in step for step in steps)


async def test_the_pipeline_looks_at_open_incidents_without_reading_their_rows(store: SqlStore) -> None:
    for look in (
        lambda rows: rows.incidents.due(NOW, limit=20),
        lambda rows: rows.incidents.next_wake(),
    ):
        [first, *_] = await plans(store, look)
        assert first.startswith("SEARCH incidents USING COVERING INDEX incidents_due (status=?"), first


async def test_what_is_open_is_counted_and_found_by_urgency(store: SqlStore) -> None:
    """Neither what is over is read for it, nor what is open and less urgent."""
    counted = await plans(store, lambda rows: rows.incidents.open_by_severity())
    urgent = IncidentFilter(IncidentStatus.OPEN, Severity.CRITICAL, vip=True)
    found = await plans(store, lambda rows: rows.incidents.page(limit=50, before="inc-5", only=urgent))
    every = await plans(store, lambda rows: rows.incidents.page(limit=50, before=None, only=IncidentFilter(OPEN)))

    assert counted == ["SEARCH incidents USING COVERING INDEX incidents_urgency (status=?)"]
    narrow = "SEARCH incidents USING COVERING INDEX incidents_urgency (status=? AND priority=?"
    assert sum(step.startswith(f"{narrow} AND id<?)") for step in found) == 1, found
    assert sum(step.startswith(f"{narrow})") for step in every) == 6, every
    assert [step for step in (*found, *every) if "TEMP B-TREE FOR ORDER" in step] == []


@pytest.mark.parametrize(
    ("only", "index"),
    [
        (ActionFilter(state=ActionState.WAITING_APPROVAL), "actions_of_state (state=?)"),
        (ActionFilter(incident_id="inc-1"), "actions_of_incident_id (incident_id=?)"),
        (ActionFilter(target="crm-api"), "actions_of_target (target=?)"),
        (ActionFilter(ActionState.RUNNING, "inc-1", "crm-api"), "actions_of_incident_id (incident_id=?)"),
    ],
)
async def test_actions_are_found_by_what_they_are_narrowed_to(store: SqlStore, only: ActionFilter, index: str) -> None:
    steps = await plans(store, lambda rows: rows.actions.page(limit=50, before=None, only=only))

    assert any(index in step for step in steps), steps
    assert [step for step in steps if "TEMP B-TREE FOR ORDER" in step or "_anywhere" in step] == []


async def test_the_lines_of_alerts_are_found_in_their_order(store: SqlStore) -> None:
    place = LinePlace(NOW, 7)
    for before in (None, place):
        steps = await plans(store, lambda rows, at=before: rows.alerts.lines(AlertStatus.FIRING, limit=9, before=at))
        assert len(steps) == 1
        assert "USING INDEX alerts_live (status=?" in steps[0]
    [*counted] = await plans(store, lambda rows: rows.alerts.count(AlertStatus.FIRING, most=9))
    assert any("COVERING INDEX alerts_live (status=?)" in step for step in counted), counted


async def test_what_began_lately_is_looked_for_among_the_newest(store: SqlStore) -> None:
    steps = await plans(store, lambda rows: rows.incidents.open_since(SourceName("lab"), NOW))

    assert [step for step in steps if "incidents_due" in step] == []


async def test_how_good_a_playbook_was_is_read_from_its_own_latest_actions(store: SqlStore) -> None:
    steps = await plans(store, lambda rows: rows.actions.precision(PlaybookName("restart"), since=NOW, most=100))

    assert any("USING INDEX actions_of_playbook (playbook=? AND created_at>?)" in step for step in steps), steps
    assert [step for step in steps if "TEMP B-TREE FOR ORDER" in step] == []


async def test_a_report_reads_one_index_and_no_row_of_an_action(store: SqlStore) -> None:
    steps = await plans(store, lambda rows: rows.track.counted(since=NOW, now=NOW, most=100))
    read = [step for step in steps if " actions " in step]

    assert read
    assert all(step == "SEARCH actions USING COVERING INDEX actions_counted (created_at>?)" for step in read), steps
    assert [step for step in steps if " incidents " in step and "(id=?" not in step] == []


async def test_the_repairs_of_a_playbook_are_its_own_latest_actions(store: SqlStore) -> None:
    steps = await plans(store, lambda rows: rows.track.repairs(PlaybookName("restart"), since=NOW, most=100))

    assert any("INDEX actions_of_playbook (playbook=? AND created_at>?)" in step for step in steps), steps


CHAT = ChannelName("chat")


@pytest.mark.parametrize(
    ("look", "index"),
    [
        (lambda rows: rows.deliveries.due(CHAT, NOW, limit=200), "deliveries_due (channel=? AND due_at<?)"),
        (lambda rows: rows.deliveries.unheard_requests(CHAT, NOW, limit=1), "_asking (channel=? AND since<?)"),
        (lambda rows: rows.deliveries.open_digest(CHAT, NOW), "deliveries_digests (channel=? AND began_at>?)"),
        (lambda rows: rows.deliveries.digest_counts("dig-1", CHAT, most=9), "_digested (digest=? AND channel=?)"),
        (lambda rows: rows.deliveries.states(), "COVERING INDEX deliveries_states"),
        (lambda rows: rows.deliveries.waiting(), "deliveries_due"),
        (lambda rows: rows.deliveries.get("inc-1", CHAT), "autoindex_deliveries_1 (subject=? AND channel=?)"),
        (lambda rows: rows.deliveries.of("inc-1"), "autoindex_deliveries_1 (subject=?)"),
        (lambda rows: rows.incidents.entries_after(7, limit=500), "INTEGER PRIMARY KEY (rowid>?)"),
    ],
)  # fmt: skip
async def test_what_a_channel_looks_at_is_found_by_an_index_of_its_own(
    store: SqlStore, look: Callable[[Transaction], object], index: str
) -> None:
    steps = await plans(store, look)

    assert any(index in step for step in steps), steps
    assert [step for step in steps if step.startswith("SCAN") and "INDEX" not in step] == []


async def test_dead_letters_are_listed_without_sorting_all_of_them(store: SqlStore) -> None:
    steps = await plans(store, lambda rows: rows.deliveries.page(limit=50, before="500", state=DeliveryState.DEAD))

    assert [step for step in steps if "TEMP B-TREE" in step] == []


async def test_what_is_forgotten_of_a_channel_is_looked_for_among_the_oldest(store: SqlStore) -> None:
    def pruned(rows: Transaction) -> None:
        with pytest.raises(sa.exc.OperationalError, match="readonly"):
            rows.deliveries.prune(NOW, limit=500)

    steps = await plans(store, pruned)

    assert any("deliveries_done (since<?)" in step for step in steps), steps
    assert [step for step in steps if step.startswith("SCAN") or "TEMP B-TREE" in step] == []
