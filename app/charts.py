"""The pictures of the pages, as Altair charts. Rates are fractions, shown as percentages."""

from __future__ import annotations

from typing import Any

import altair as alt

Row = dict[str, Any]

BLUE, RED, GREY = "#0b5cad", "#b3261e", "#6b7280"


def rates_with_intervals(rows: list[Row]) -> alt.LayerChart:
    """A dot a row with its interval.

    Args:
        rows: `name, rate, ci_low, ci_high, label`, in the order shown; without a rate there is no dot.
    """
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=220, ticks=False, domain=False))
    )
    scale = alt.Scale(domain=[0, 1])
    axis = alt.Axis(format="%", title="users who rebook", tickCount=5)
    interval = base.mark_rule(strokeWidth=5, opacity=0.35, color=BLUE, strokeCap="round").encode(
        x=alt.X("ci_low:Q", scale=scale, axis=axis), x2="ci_high:Q"
    )
    dot = base.mark_circle(size=130, opacity=1, color=BLUE).encode(
        x=alt.X("rate:Q", scale=scale),
        tooltip=[
            alt.Tooltip("name:N", title="tier"),
            alt.Tooltip("label:N", title="rate"),
            alt.Tooltip("ci_low:Q", title="from", format=".1%"),
            alt.Tooltip("ci_high:Q", title="to", format=".1%"),
        ],
    )
    text = base.mark_text(dy=-14, fontSize=13).encode(x=alt.X("rate:Q", scale=scale), text="label:N")
    return alt.layer(interval, dot, text).properties(
        height=64 * len(rows) + 30, description="Rate of users who rebook, with its interval, by tier and group"
    )


def control_chart(chart: Row, title: str, threshold: float | None) -> alt.LayerChart:
    """A rate week by week between its control limits; weeks outside them in red.

    Args:
        chart: one of `reliability_in_time.control_charts` of the answer document.
        threshold: the highest rate that passes, drawn as a dashed line.
    """
    points = [point | {"alert": "outside the limits" if point["is_alert"] else "inside"} for point in chart["points"]]
    base = alt.Chart(alt.Data(values=points)).encode(x=alt.X("week:T", title="week of the request"))
    y = alt.Y("value:Q", title=title, axis=alt.Axis(format="%"))
    band = base.mark_area(opacity=0.15, color=GREY, interpolate="step").encode(
        y=alt.Y("lower:Q", title=title), y2="upper:Q"
    )
    line = base.mark_line(color=BLUE, strokeWidth=1.5).encode(y=y)
    dot = base.mark_circle(size=60, opacity=1).encode(
        y=y,
        color=alt.Color(
            "alert:N",
            scale=alt.Scale(domain=["inside", "outside the limits"], range=[BLUE, RED]),
            legend=alt.Legend(title=None, orient="top"),
        ),
        tooltip=[
            alt.Tooltip("week:T", title="week"),
            alt.Tooltip("n:Q", title="bookings"),
            alt.Tooltip("value:Q", title=title, format=".1%"),
            alt.Tooltip("lower:Q", title="lower limit", format=".1%"),
            alt.Tooltip("upper:Q", title="upper limit", format=".1%"),
        ],
    )
    layers = [band, line, dot, _level(chart["center"], GREY, [1, 0]), _level(threshold, RED, [4, 4])]
    return alt.layer(*[layer for layer in layers if layer is not None]).properties(
        height=320, description=f"{title} by week, with control limits"
    )


def _level(value: float | None, color: str, dash: list[int]) -> alt.Chart | None:
    if value is None:
        return None
    return alt.Chart(alt.Data(values=[{"level": value}])).mark_rule(color=color, strokeDash=dash).encode(y="level:Q")
