"""Is the booking system reliable, and was it every week?"""

from __future__ import annotations

from statistics import median

import altair as alt

from presentation.charts.marks import PERCENT_LABELS, WIDTH, inline, no_data, share_axis, themed
from presentation.charts.palette import LIGHT
from presentation.content import written
from presentation.document import DRAWN_WEEKS, Row
from presentation.wording import CHECK_NAMES


def reliability_checks(document: Row) -> alt.TopLevelMixin:
    """Each rate that is judged, as a point on its interval, beside its limit, as a mark."""
    rows = [
        {
            "check": CHECK_NAMES[row["name"]],
            "value": row["value"],
            "threshold": row["threshold"],
            "label": f"{written('rate', row['value'])}, {written('status', row['status'])}",
            "colour": LIGHT["alert"] if row["status"] == "fail" else LIGHT["accent"],
            "low": row["ci_low"],
            "high": row["ci_high"],
            "end": max(row["ci_high"], row["threshold"]),
        }
        for row in document["reliability"]["checks"]
        if row["value"] is not None
    ]
    if not rows:
        return no_data()
    highest = max(row["end"] for row in rows)
    base = alt.Chart(inline(rows)).encode(y=alt.Y("check:N", sort=None, title=None))
    axis = share_axis("share with its interval; the mark is its limit")
    axis["scale"] = alt.Scale(domain=[0, max(highest * 1.25, 0.01)], nice=False)
    coloured = base.encode(color=alt.Color("colour:N", scale=None))
    intervals = coloured.mark_rule(strokeWidth=3).encode(x=alt.X("low:Q", **axis), x2="high:Q")
    points = coloured.mark_point(filled=True, size=110, opacity=1).encode(x="value:Q")
    marks = base.mark_tick(thickness=3, size=24, color=LIGHT["ink"]).encode(x="threshold:Q")
    labels = base.mark_text(align="left", dx=8, color=LIGHT["ink"]).encode(x="end:Q", text="label:N")
    return themed(alt.layer(intervals, points, marks, labels).properties(width=WIDTH, height=alt.Step(34)))


def reliability_in_time(document: Row) -> alt.TopLevelMixin:
    """Control charts by week: each rate with its limits, and the weeks that lie outside of them."""
    panels = []
    for part in document["reliability_in_time"]["control_charts"]:
        points = [
            {name: point[name] for name in ("week", "value", "lower", "upper", "is_alert")} | {"center": part["center"]}
            for point in part["points"][-DRAWN_WEEKS:]
            if point["value"] is not None
        ]
        if points:
            panels.append((points, CHECK_NAMES[part["rate"]]))
    if not panels:
        return no_data()
    *above, last = panels
    charts = [*(_control_chart(*panel, labels=False) for panel in above), _control_chart(*last, labels=True)]
    return themed(alt.vconcat(*charts, spacing=14).resolve_scale(x="shared"))


def _control_chart(points: list[Row], title: str, labels: bool) -> alt.LayerChart | alt.FacetChart:
    base = alt.Chart(inline(points), title=alt.Title(title, anchor="start", fontSize=12)).encode(
        x=alt.X(
            "week:T",
            title=None,
            scale=alt.Scale(type="utc"),
            axis=alt.Axis(format="%-d %b %Y", labelOverlap="greedy", tickCount=6, labels=labels),
        )
    )
    # The limits of weeks with few bookings reach far, and would leave no room for the rates.
    usual_limit = median(point["upper"] for point in points)
    highest = max(usual_limit, 0.05, *(point["value"] for point in points))
    band = base.mark_area(interpolate="step", clip=True, color=LIGHT["fill"]).encode(
        y=alt.Y(
            "lower:Q",
            title=None,
            scale=alt.Scale(domain=[0, max(highest, 0.05)]),
            axis=alt.Axis(labelExpr=PERCENT_LABELS, tickCount=4),
        ),
        y2="upper:Q",
    )
    center = base.mark_line(strokeDash=[4, 3], strokeWidth=1, color=LIGHT["muted"]).encode(y="center:Q")
    tooltip = [alt.Tooltip("week:T"), *(alt.Tooltip(f"{name}:Q", format=".1%") for name in ("value", "lower", "upper"))]
    line = base.mark_line(strokeWidth=1.5, color=LIGHT["accent"], point={"color": LIGHT["accent"], "size": 18})
    layers = [band, center, line.encode(y="value:Q", tooltip=tooltip)]
    if any(point["is_alert"] for point in points):
        outside = base.transform_filter("datum.is_alert")
        alerts = outside.mark_point(shape="diamond", size=110, filled=True, opacity=1, color=LIGHT["alert"])
        layers.append(alerts.encode(y="value:Q", tooltip=tooltip))
    return alt.layer(*layers).properties(width=WIDTH, height=90)
