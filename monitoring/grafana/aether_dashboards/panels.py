"""How our panels look: one function a kind of panel, so that a dashboard says only what it shows.

Called by the dashboards of this package. Each function returns the SDK's builder, so that a dashboard can refine it.
"""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    gauge,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BarGaugeValueMode,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphGradientMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

GREEN, YELLOW, RED, BLUE, GREY = "green", "#EAB839", "red", "blue", "text"
# A variable of each dashboard, so that it can be imported into a Grafana whose Prometheus has another name.
DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
TAG = "aetherlink"

Steps = Mapping[float | None, str]  # from this value on, this colour; None is "from the beginning"
Query = tuple[str, str]  # PromQL, and the legend of its series

PLAIN: Steps = {None: BLUE}
# Under 60 is low: that is where the agent opens an incident.
SCORE: Steps = {None: RED, 60: YELLOW, 80: GREEN}
# How many of something there may be: none.
NONE_WANTED: Steps = {None: GREEN, 1: RED}
UP: Steps = {None: RED, 1: GREEN}


def page(title: str, uid: str, *, description: str) -> dashboard.Dashboard:
    """An empty dashboard with what all of ours have: the data source, the links to each other, a shared crosshair."""
    links = dashboard.DashboardLink("AetherLink").type(DashboardLinkType.DASHBOARDS).tags([TAG]).keep_time(True)
    source = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .time("now-30m", "now")
        .refresh("5s")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(links)
        .with_variable(source)
    )


def choice(name: str, label: str, *, query: str) -> dashboard.QueryVariable:
    """A variable with every value that the query finds; all of them are chosen at first."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )


def marks(name: str, expr: str, *, colour: str) -> dashboard.AnnotationQuery:
    """Marks over every graph while the expression has samples."""
    return dashboard.AnnotationQuery().name(name).datasource(DATASOURCE).enable(True).icon_color(colour).expr(expr)


def recorded() -> Sequence[dashboard.AnnotationQuery]:
    """What the agent records in Grafana, where it has a channel there: incidents as regions, what it did as points."""
    return (
        _tagged("Incidents", "region", colour=RED),
        _tagged("What the agent did", "point", colour=BLUE),
    )


def _tagged(name: str, tag: str, *, colour: str) -> dashboard.AnnotationQuery:
    """Annotations by tags, wherever they belong; the agent tags all of its own with TAG."""
    wanted = dashboard.AnnotationTarget().type("tags").tags([TAG, tag]).match_any(False).limit(1000)  # of a storm, too
    grafana = DataSourceRef(type_val="grafana", uid="-- Grafana --")
    return dashboard.AnnotationQuery().name(name).datasource(grafana).enable(True).icon_color(colour).target(wanted)


def row(title: str) -> dashboard.Row:
    """A heading over the panels that follow."""
    return dashboard.Row(title)


def stat_tile(title: str, query: Query, *, description: str, unit: str = "short", steps: Steps = PLAIN) -> stat.Panel:
    """One big number with the line of its past behind it; six of them fill a row."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .with_target(_query(query, "A"))
        .unit(unit)
        .thresholds(_thresholds(steps))
        .color_scheme(_colours(FieldColorModeId.THRESHOLDS))
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("no data")
        .span(4)
        .height(4)
    )


def word_tile(title: str, query: Query, *, description: str) -> stat.Panel:
    """A tile that shows the series' name instead of its value: a version, for instance."""
    tile = stat_tile(title, query, description=description).targets([_query(query, "A", instant=True)])
    return tile.text_mode(BigValueTextMode.NAME).graph_mode(BigValueGraphMode.NONE)


def dial(title: str, query: Query, *, description: str, steps: Steps = SCORE) -> gauge.Panel:
    """A gauge from 0 to 100."""
    return (
        gauge.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .with_target(_query(query, "A", instant=True))
        .min(0)
        .max(100)
        .decimals(1)
        .thresholds(_thresholds(steps))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .show_threshold_markers(True)
        .no_value("no data")
        .span(5)
        .height(8)
    )


def bars(title: str, query: Query, *, description: str, steps: Steps = SCORE) -> bargauge.Panel:
    """Lying bars from 0 to 100, one a series."""
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .with_target(_query(query, "A", instant=True))
        .min(0)
        .max(100)
        .decimals(1)
        .thresholds(_thresholds(steps))
        .display_mode(BarGaugeDisplayMode.GRADIENT)
        .value_mode(BarGaugeValueMode.COLOR)
        .orientation(VizOrientation.HORIZONTAL)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("no data")
        .span(7)
        .height(8)
    )


def graph(title: str, *queries: Query, description: str, unit: str = "short") -> timeseries.Panel:
    """Lines over time, two to a row, with last, mean and maximum in the legend."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .targets([_query(query, chr(ord("A") + index)) for index, query in enumerate(queries)])
        .unit(unit)
        .color_scheme(_colours(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .line_width(2)
        .line_interpolation(LineInterpolation.LINEAR)
        .fill_opacity(10)
        .gradient_mode(GraphGradientMode.OPACITY)
        .show_points(VisibilityMode.NEVER)
        .axis_soft_min(0)
        .span(12)
        .height(8)
    )
    return panel.legend(_legend()).tooltip(
        common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
    )


def stacked(panel: timeseries.Panel) -> timeseries.Panel:
    """The graph's series on top of each other: for parts of a whole."""
    return panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(30)


def limited(panel: timeseries.Panel, steps: Steps) -> timeseries.Panel:
    """The graph with a dashed line at each threshold."""
    style = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
    return panel.thresholds(_thresholds(steps)).thresholds_style(style)


def states(title: str, *queries: Query, description: str) -> statetimeline.Panel:
    """One band a series: red while it is 0, green while it is 1."""
    words = {"0": ValueMappingResult(text="down", color=RED), "1": ValueMappingResult(text="up", color=GREEN)}
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .targets([_query(query, chr(ord("A") + index)) for index, query in enumerate(queries)])
        .mappings([ValueMap(options=words)])
        .thresholds(_thresholds(UP))
        .color_scheme(_colours(FieldColorModeId.THRESHOLDS))
        .merge_values(True)
        .show_value(VisibilityMode.AUTO)
        .fill_opacity(70)
        .span(12)
        .height(8)
    )


def listing(title: str, expr: str, *, description: str, hidden: tuple[str, ...] = ()) -> table.Panel:
    """A table with one line a series and its labels as columns, without the columns that tell nothing."""
    columns = dict.fromkeys(("Time", "Value", "__name__", *hidden), True)
    target = _query((expr, ""), "A", instant=True).format(PromQueryFormat.TABLE)
    return (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .with_target(target)
        .with_transformation(DataTransformerConfig(id_val="organize", options={"excludeByName": columns}))
        .no_value("none")
        .span(12)
        .height(8)
    )


def _query(query: Query, ref_id: str, *, instant: bool = False) -> prometheus.Dataquery:
    expr, legend = query
    target = prometheus.Dataquery().datasource(DATASOURCE).expr(expr).legend_format(legend).ref_id(ref_id)
    return target.instant() if instant else target.range()


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    ordered = [Threshold(value=value, color=colour) for value, colour in steps.items()]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(ordered)


def _colours(mode: FieldColorModeId) -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(mode)


def _legend() -> common.VizLegendOptions:
    shown = common.VizLegendOptions().show_legend(True).placement(LegendPlacement.BOTTOM)
    return shown.display_mode(LegendDisplayMode.TABLE).calcs(["lastNotNull", "mean", "max"])
