"""How soon users come back."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from presentation.charts.marks import PERCENT_LABELS, WIDTH, colours, inline, no_data, themed
from presentation.charts.palette import tier_colour, tier_dash
from presentation.document import Row

DRAWN_DAYS = 90


def time_to_rebooking(document: Row) -> alt.TopLevelMixin:
    """The share of users who are back by each day, a curve per tier, with the numbers at risk below."""
    steps, at_risk = [], []
    for rank, tier in enumerate(document["time_to_rebooking"]["tiers"]):
        if not tier["users"]:
            continue
        look = {"tier": tier["tier"], "colour": tier_colour(rank)}
        steps += [look | point for point in curve_steps(tier["curve"])]
        counts = [{"days": 0, "at_risk": tier["users"]}, *tier["horizons"]]
        at_risk += [look | {"day": row["days"], "at_risk": f"{row['at_risk']:,}"} for row in counts]
    if not steps:
        return no_data()
    ranks = {tier["tier"]: rank for rank, tier in enumerate(document["time_to_rebooking"]["tiers"]) if tier["users"]}
    days = sorted({row["day"] for row in at_risk})
    x = alt.X(
        "day:Q",
        title="days after the first session",
        scale=alt.Scale(domain=[0, max(days)], nice=False),
        axis=alt.Axis(values=days),
    )
    base = alt.Chart(inline(steps)).encode(
        x=x,
        color=alt.Color("tier:N", legend=None, scale=alt.Scale(domain=list(ranks), range=colours(ranks.values()))),
    )
    bands = base.mark_area(interpolate="step-after", opacity=0.15).encode(
        y=alt.Y(
            "ci_low:Q",
            title="share of users back",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(labelExpr=PERCENT_LABELS, tickCount=6),
        ),
        y2="ci_high:Q",
    )
    lines = base.mark_line(interpolate="step-after", strokeWidth=2.5).encode(
        y="share:Q",
        strokeDash=alt.StrokeDash(
            "tier:N", legend=None, scale=alt.Scale(domain=list(ranks), range=[tier_dash(r) for r in ranks.values()])
        ),
    )
    ends = [max((row for row in steps if row["tier"] == tier), key=lambda row: row["day"]) for tier in ranks]
    names = (
        alt.Chart(inline(ends))
        .mark_text(align="left", dx=6, fontWeight="bold")
        .encode(x=x, y="share:Q", text="tier:N", color=alt.Color("colour:N", scale=None))
    )
    numbers = (
        alt.Chart(inline(at_risk), title=alt.Title("users still at risk", anchor="start", fontSize=11))
        .mark_text(align="center")
        .encode(
            x=alt.X("day:Q", scale=alt.Scale(domain=[0, max(days)], nice=False), axis=None),
            y=alt.Y("tier:N", sort=None, title=None, axis=alt.Axis(domain=False, ticks=False, labelPadding=18)),
            text="at_risk:N",
        )
        .properties(width=WIDTH, height=alt.Step(18))
    )
    curves = alt.layer(bands, lines, names).properties(width=WIDTH, height=260)
    return themed(alt.vconcat(curves, numbers, spacing=10))


def curve_steps(curve: Sequence[Row]) -> list[Row]:
    """Where a survival curve changes within the days shown, from day 0: `day, share, ci_low, ci_high`."""
    fields = ("share", "ci_low", "ci_high")
    steps = [{"day": 0} | dict.fromkeys(fields, 0.0)]
    for point in curve:
        if point["day"] > DRAWN_DAYS or point["share"] is None:
            continue
        figures = {name: point["share"] if point[name] is None else point[name] for name in fields}
        if point["day"] == 0:
            steps = []
        if not steps or any(figures[name] != steps[-1][name] for name in fields):
            steps.append({"day": point["day"]} | figures)
    # A curve holds until the last day on which anybody was observed, and no longer.
    end = min(max((point["day"] for point in curve), default=0), DRAWN_DAYS)
    return steps if steps[-1]["day"] == end else [*steps, steps[-1] | {"day": end}]
