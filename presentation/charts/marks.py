"""What every chart is drawn with: intervals, axes, the theme."""

from __future__ import annotations

from collections.abc import Iterable

import altair as alt

from presentation.charts.palette import LIGHT, tier_colour
from presentation.content import printable
from presentation.document import Row

WIDTH = 580
FONT = "Helvetica, Arial, sans-serif"
PERCENT_LABELS = "round(datum.value * 100) + ' %'"


def inline(rows: list[Row]) -> alt.InlineData:
    """Rows as the data of a chart, within it."""
    shown = [
        {name: printable(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows
    ]
    return alt.InlineData(values=shown)


def colours(ranks: Iterable[int]) -> list[str]:
    """The colours of tiers by their places in rank order."""
    return [tier_colour(rank) for rank in ranks]


def share_axis(title: str, is_whole: bool = False) -> Row:
    """Title, scale and axis of shares, in percent; `is_whole`: from 0 to 100 % whatever the data."""
    scale = alt.Scale(domain=[0, 1]) if is_whole else alt.Scale(zero=True)
    return {"title": title, "scale": scale, "axis": alt.Axis(labelExpr=PERCENT_LABELS, tickCount=6)}


def intervals(rows: list[Row], axis: Row, reference: float | None = None, counted: bool = False) -> alt.TopLevelMixin:
    """One line per row `name, value, low, high, colour, shape, label`: a point on its interval, and the label beside.

    Args:
        axis: title, scale and axis of the values.
        reference: a value marked by a line from top to bottom.
        counted: also show the rows' `counted`, a second value, as a hollow point.
    """
    if not any(row["value"] is not None for row in rows):
        return no_data()
    base = alt.Chart(inline(rows)).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=200)), color=alt.Color("colour:N", scale=None)
    )
    intervals = base.mark_rule(strokeWidth=3).encode(x=alt.X("low:Q", **axis), x2="high:Q")
    points = base.mark_point(filled=True, size=110, opacity=1).encode(
        x="value:Q", shape=alt.Shape("shape:N", scale=None), tooltip=["name:N", "label:N"]
    )
    # The labels stand in a column of their own, where no interval can cross them.
    labels = base.mark_text(align="left", x=WIDTH + 12, color=LIGHT["ink"]).encode(
        text="label:N", color=alt.value(LIGHT["ink"])
    )
    layers = [intervals, points, labels]
    if counted:
        layers.insert(1, base.mark_point(filled=False, size=60, strokeWidth=1.5, shape="circle").encode(x="counted:Q"))
    if reference is not None:
        line = alt.Chart(inline([{"reference": reference}])).mark_rule(color=LIGHT["muted"], strokeDash=[4, 3])
        layers.insert(0, line.encode(x=alt.X("reference:Q", **axis)))
    return themed(alt.layer(*layers).properties(width=WIDTH, height=alt.Step(30)))


def no_data() -> alt.TopLevelMixin:
    """The chart of nothing."""
    chart = alt.Chart(inline([{"text": "no data"}])).mark_text(fontSize=14, color=LIGHT["muted"]).encode(text="text:N")
    return themed(chart.properties(width=WIDTH, height=60))


def themed(chart: alt.TopLevelMixin) -> alt.TopLevelMixin:
    """A chart in the colours and letters of all."""
    ink, muted, grid = LIGHT["ink"], LIGHT["muted"], LIGHT["grid"]
    text = {"labelFont": FONT, "titleFont": FONT, "labelFontSize": 12, "titleFontSize": 12}
    # Its own size wherever it is shown: the labels beside the plot belong to it.
    configured: alt.TopLevelMixin = chart.properties(autosize="pad").configure(
        background=LIGHT["surface"],
        font=FONT,
        padding=8,
        view={"stroke": None},
        axis=text
        | {
            "labelColor": muted,
            "titleColor": muted,
            "titleFontWeight": "normal",
            "gridColor": grid,
            "domainColor": muted,
            "tickColor": muted,
            # Cutting labels to a limit measures each of them, which costs as much as the rest of the drawing.
            "labelLimit": 0,
        },
        axisY={"labelColor": ink},
        axisX={"titlePadding": 8},
        legend=text | {"labelColor": ink, "titleColor": ink},
        title={"font": FONT, "color": ink},
        text={"font": FONT, "fontSize": 12, "color": ink},
    )
    return configured
