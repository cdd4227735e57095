"""Rebooking by the month of the first session."""

from __future__ import annotations

import altair as alt

from presentation.charts.marks import WIDTH, colours, inline, no_data, share_axis, themed
from presentation.charts.palette import tier_shape
from presentation.document import SHOWN_MONTHS, Row, name_of, shortened


def cohorts(document: Row) -> alt.TopLevelMixin:
    """The rate of each mature month of first sessions, with its interval: a line per group."""
    shown, _ = shortened(document["cohorts"]["groups"], lambda row: row["month"], SHOWN_MONTHS)
    rows = [
        {
            "month": row["month"],
            "group": name_of(row),
            "rate": row["rate"],
            "ci_low": row["ci_low"],
            "ci_high": row["ci_high"],
        }
        for row in shown
        if row["rate"] is not None
    ]
    if not rows:
        return no_data()
    groups = list(dict.fromkeys(row["group"] for row in rows))
    scale = alt.Scale(domain=groups, range=colours(range(len(groups))))
    shapes = alt.Scale(domain=groups, range=[tier_shape(rank) for rank in range(len(groups))])
    legend = alt.Legend(title=None, orient="top")
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("month:O", title="month of the first session", axis=alt.Axis(labelAngle=0, labelOverlap="greedy")),
        xOffset=alt.XOffset("group:N", sort=None),
        color=alt.Color("group:N", scale=scale, legend=legend),
    )
    y = share_axis("rate of users who rebook", is_whole=True)
    rules = base.mark_rule(strokeWidth=2).encode(y=alt.Y("ci_low:Q", **y), y2="ci_high:Q")
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        y="rate:Q", shape=alt.Shape("group:N", scale=shapes, legend=legend)
    )
    return themed(alt.layer(rules, points).properties(width=WIDTH, height=220))
