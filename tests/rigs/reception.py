"""The reception as the app puts it together, with the settings' defaults."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry

from aetherlink.incidents.mapping import LabelMapping
from aetherlink.incidents.metrics import AlertMetrics
from aetherlink.incidents.options import GroupingOptions, LabelOptions, ReceptionOptions
from aetherlink.incidents.reception import Reception
from aetherlink.model.ids import SourceName
from aetherlink.ports import Clock, HeartbeatEar, Ids, Waker
from aetherlink.store.database import SqlStore


def build_reception(
    store: SqlStore,
    *,
    clock: Clock,
    ids: Ids,
    waker: Waker,
    metrics: AlertMetrics | None = None,
    grouping: GroupingOptions | None = None,
    heartbeats: HeartbeatEar | None = None,
    source_labels: Mapping[SourceName, Mapping[str, str]] | None = None,
) -> Reception:
    """A reception that files into this store; `vip-*` are VIP tenants."""
    grouping = grouping or GroupingOptions()
    return Reception(
        store,
        store.standings,
        LabelMapping(LabelOptions(), ["vip-*"], grouping=grouping, source_labels=source_labels),
        grouping=grouping,
        options=ReceptionOptions(),
        clock=clock,
        ids=ids,
        waker=waker,
        metrics=metrics or AlertMetrics(CollectorRegistry()),
        heartbeats=heartbeats,
    )
