"""Which alerts are one incident: identities, symptoms and causes, coming back, flapping, who comes first."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from aetherlink.incidents.mapping import LabelMapping
from aetherlink.incidents.options import GroupingOptions, GroupingRule, LabelOptions
from aetherlink.incidents.reception import Reception
from aetherlink.model import lifecycle
from aetherlink.model.alerts import Alert, AlertStatus
from aetherlink.model.ids import Fingerprint, SourceName
from aetherlink.model.incidents import Incident, Severity, Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.store.database import SqlStore
from aetherlink.testing import START, CountingIds, ManualClock
from rigs.pipeline import NoWaker
from rigs.reception import build_reception

LAB, FAR = SourceName("lab"), SourceName("far")
SYMPTOM = "HealthScoreDegradation"


@pytest.fixture
def reception(store: SqlStore, clock: ManualClock, ids: CountingIds) -> Reception:
    return build_reception(store, clock=clock, ids=ids, waker=NoWaker())


def alert(name: str = "CrmApiDown", *, source: SourceName = LAB, minutes: float = 0, **labels: str) -> Alert:
    labels = {"alertname": name, **labels}
    print_ = Fingerprint("/".join(f"{key}={value}" for key, value in sorted(labels.items())))
    return Alert(source, print_, AlertStatus.FIRING, START + timedelta(minutes=minutes), None, labels, {})


def over(one: Alert, clock: ManualClock) -> Alert:
    return replace(one, status=AlertStatus.RESOLVED, ends_at=clock.now())


async def incidents(store: SqlStore) -> list[Incident]:
    return (await store.read(lambda tx: tx.incidents.page(limit=100, before=None)))[0][::-1]


async def kinds(store: SqlStore, one: Incident) -> list[EventKind]:
    found = await store.read(lambda tx: tx.incidents.timeline(one.id, limit=100, after=0))
    return [stored.entry.kind for stored in found]


async def services(store: SqlStore) -> list[tuple[str, str, int]]:
    return [(one.tenant, one.service, one.firing) for one in await incidents(store)]


async def settle(store: SqlStore, clock: ManualClock, *, by: str | None = None, **changes: object) -> None:
    """The only incident is closed, by the pipeline or by hand."""
    [one] = await incidents(store)
    for name, value in changes.items():
        object.__setattr__(one, name, value)
    end = (
        lifecycle.settled(one, at=clock.now())
        if by is None
        else lifecycle.closed(one, by=by, at=clock.now(), is_acting=False)
    )
    said = Entry(EventKind.RESOLVED, clock.now(), "over")
    assert await store.write(lambda tx: tx.incidents.update(end, [said]))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["cause first", "symptom first"])
@pytest.mark.parametrize("is_together", [True, False], ids=["one webhook", "two webhooks"])
async def test_a_symptom_and_its_cause_are_one_incident_of_the_cause(
    reception: Reception, store: SqlStore, order: tuple[int, int], is_together: bool
) -> None:
    heard = [(alert(service="crm"), alert(SYMPTOM, tenant="acme"))[which] for which in order]
    for batch in [heard] if is_together else [[one] for one in heard]:
        await reception.receive(batch)

    [incident] = await incidents(store)
    assert (incident.service, incident.firing, incident.is_symptom) == ("crm", 2, False)


async def test_a_symptom_that_comes_again_stays_with_the_cause(
    reception: Reception, store: SqlStore, clock: ManualClock
) -> None:
    await reception.receive([alert(SYMPTOM)])
    await reception.receive([alert(service="crm"), alert(SYMPTOM, minutes=1)])
    await reception.receive([over(alert(SYMPTOM, minutes=1), clock), alert(SYMPTOM, minutes=2)])

    assert [firing for *_, firing in await services(store)] == [2]


async def test_a_cause_of_the_same_identity_keeps_its_incident_from_being_taken_over(
    reception: Reception, store: SqlStore
) -> None:
    await reception.receive([alert(SYMPTOM, service="crm")])
    await reception.receive([alert(service="crm")])
    await reception.receive([alert("DatabaseSlow", service="db")])

    assert [service for _, service, _ in await services(store)] == ["crm", "db"]


@pytest.mark.parametrize(
    ("symptom", "minutes"),
    [
        (alert(SYMPTOM, tenant="acme"), 0),
        (alert(SYMPTOM, source=FAR), 0),
        (alert(SYMPTOM), 16),
    ],
    ids=["another tenant", "another source", "too late"],
)
async def test_a_symptom_of_something_else_is_an_incident_of_its_own(
    reception: Reception, store: SqlStore, clock: ManualClock, symptom: Alert, minutes: float
) -> None:
    await reception.receive([alert(service="crm", tenant="umbrella")])
    clock.move(minutes * 60)
    await reception.receive([symptom])

    assert len(await incidents(store)) == 2


async def test_alerts_are_grouped_as_the_settings_say(store: SqlStore, clock: ManualClock, ids: CountingIds) -> None:
    rule = GroupingRule(match={"alertname": "=~Disk.*"}, by=("instance", "device"))
    grouping = GroupingOptions(by=("cluster",), rules=(rule,))
    reception = build_reception(store, clock=clock, ids=ids, waker=NoWaker(), grouping=grouping)
    await reception.receive(
        [
            *(alert("A", cluster="one", pod=pod) for pod in "ab"),
            alert("A", cluster="two"),
            *(alert("DiskFull", instance="db", device="sda", cluster=cluster) for cluster in ("one", "two")),
            alert("DiskFull", instance="db", device="sdb", cluster="one"),
            alert("NoCluster"),
            alert("NoCluster", pod="a"),
        ]
    )

    assert [one.firing for one in await incidents(store)] == [2, 1, 2, 1, 2]


async def test_no_incident_spans_two_sources(reception: Reception, store: SqlStore) -> None:
    await reception.receive([alert(service="crm"), alert(service="crm", source=FAR)])

    assert {one.source for one in await incidents(store)} == {LAB, FAR}


@pytest.mark.parametrize("by", [None, "token:oncall"], ids=["resolved", "closed by hand"])
@pytest.mark.parametrize("minutes", [9, 11], ids=["within", "after"])
async def test_what_fires_anew_within_the_window_opens_its_incident_again(
    reception: Reception, store: SqlStore, clock: ManualClock, minutes: float, by: str | None
) -> None:
    await reception.receive([alert(service="crm")])
    await reception.receive([over(alert(service="crm"), clock)])
    await settle(store, clock, by=by, escalated_at=clock.now(), hands_off=True)
    clock.move(minutes * 60)
    await reception.receive([alert(service="crm", minutes=minutes)])

    found = await incidents(store)
    is_again = minutes < 10
    assert len(found) == (1 if is_again else 2)
    last = found[-1]
    assert (last.stage, last.escalated, last.hands_off, last.closed_by) == (Stage.PLAN, False, False, None)
    assert (last.reopened, last.firing) == (int(is_again), 1)
    assert (EventKind.REOPENED in await kinds(store, last)) == is_again


async def test_what_fires_anew_again_and_again_is_marked_once_and_shown_all_the_same(
    reception: Reception, store: SqlStore, clock: ManualClock
) -> None:
    for number in range(8):
        await reception.receive([alert(service="crm", minutes=number)])
        await reception.receive([over(alert(service="crm", minutes=number), clock)])
        clock.move(60)

    [incident] = await incidents(store)
    assert incident.flaps(clock.now())
    assert (await kinds(store, incident)).count(EventKind.FLAPPING) == 1
    assert (await kinds(store, incident)).count(EventKind.ALERTS) == 16
    assert not incident.flaps(clock.now() + timedelta(minutes=15))


async def test_what_fires_anew_now_and_then_does_not_flap(
    reception: Reception, store: SqlStore, clock: ManualClock
) -> None:
    for number in range(8):
        await reception.receive([alert(service="crm", minutes=6 * number)])
        clock.move(360)

    [incident] = await incidents(store)
    assert incident.flapping_until is None


async def test_the_worst_severity_and_a_vip_among_many_decide_the_priority(
    reception: Reception, store: SqlStore, clock: ManualClock, ids: CountingIds
) -> None:
    grouping = GroupingOptions(by=("service",))
    reception = build_reception(store, clock=clock, ids=ids, waker=NoWaker(), grouping=grouping)
    await reception.receive([alert("A", service="crm", severity="info")])
    [first] = await incidents(store)
    await reception.receive([alert("B", service="crm", severity="critical"), alert("C", service="crm")])
    await reception.receive([alert("D", service="crm", tenant="vip-umbrella", severity="info")])

    [incident] = await incidents(store)
    assert (first.priority, incident.severity, incident.vip, incident.priority) == (5, Severity.CRITICAL, True, 0)


def test_an_alerts_own_label_comes_before_that_of_its_source_under_whatever_name() -> None:
    mapping = LabelMapping(LabelOptions(), [], source_labels={LAB: {"tenant": "everybody", "service": "site"}})

    own = mapping.meaning(alert(customer="acme", job="crm"))
    assert (own.tenant, own.service) == ("acme", "crm")
    none = mapping.meaning(alert())
    assert (none.tenant, none.service) == ("everybody", "site")
    assert mapping.meaning(alert(source=FAR)).tenant == ""


def test_what_labels_mean_is_remembered_within_bounds() -> None:
    mapping = LabelMapping(LabelOptions(), [])
    for number in range(25_000):
        mapping.meaning(alert(service=f"s{number}"))
    assert len(mapping._remembered) <= 10_000
    mapping._remembered.clear()
    mapping.meaning(alert(service="s" * 10_000))
    assert len(mapping._remembered) == 0


async def test_a_title_is_cut(reception: Reception, store: SqlStore) -> None:
    await reception.receive([replace(alert(service="crm"), annotations={"summary": "long " * 1000})])

    assert [len(one.title) for one in await incidents(store)] == [500]
