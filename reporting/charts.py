"""The pictures: each a pure function of the answer document.

Every function takes the document as `answer --format json` prints it and gives an Altair chart whose data are
inline, drawn in the light colours of the palette. Where the document has nothing to show, the chart says "no data".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import altair as alt

from presentation import CHECK_NAMES, percent
from reporting.content import STRATA_NAMES, written
from reporting.palette import LIGHT, tier_colour, tier_dash, tier_shape
from reporting.selection import SHOWN_WEEKS, curve_steps, shown_cohorts, shown_mentors, tier_ranks

Row = dict[str, Any]
WIDTH = 580
FONT = "Helvetica, Arial, sans-serif"
PERCENT_LABELS = "round(datum.value * 100) + ' %'"


def rebooking_rates(document: Row) -> alt.Chart:
    """By sessions: one interval per tier, and one per group of several tiers."""
    return _intervals(_named_rates(document, "sessions"), _share("rate of users who rebook", zero=True))


def approaches(document: Row) -> alt.Chart:
    """By sessions and by bookings: two intervals per tier and group."""
    rows = [
        row | {"name": f"{row['name']}, {approach}"}
        for pair in zip(_named_rates(document, "sessions"), _named_rates(document, "bookings"), strict=True)
        for row, approach in zip(pair, ("sessions", "bookings"), strict=True)
    ]
    return _intervals(rows, _share("rate of users who rebook", zero=True))


def intent(document: Row) -> alt.Chart:
    """What became of the users with a first session, as shares: one bar per tier."""
    outcomes = (
        ("came back", LIGHT["good"], lambda row: row["attended"]),
        ("asked, not yet met", LIGHT["muted"], lambda row: row["with_intent"] - row["attended"] - row["lost"]),
        ("asked, all cancelled", LIGHT["alert"], lambda row: row["lost"]),
        ("never asked", LIGHT["fill"], lambda row: row["users"] - row["with_intent"]),
    )
    rows = [
        {
            "tier": row["tier"],
            "outcome": outcome,
            "order": order,
            "share": count(row) / row["users"],
            "middle": (
                sum(other(row) for _, _, other in outcomes[:order]) / row["users"] + count(row) / row["users"] / 2
            ),
            "label": f"{count(row):,}" if count(row) / row["users"] >= 0.05 else "",
        }
        for row in document["intent"]["tiers"]
        if row["users"]
        for order, (outcome, _, count) in enumerate(outcomes)
    ]
    if not rows:
        return _no_data()
    names, colours = [name for name, _, _ in outcomes], [colour for _, colour, _ in outcomes]
    base = alt.Chart(_inline(rows)).encode(y=alt.Y("tier:N", sort=None, title=None))
    bars = base.mark_bar(height=24, stroke=LIGHT["muted"], strokeWidth=0.75).encode(
        x=alt.X(
            "share:Q",
            stack="zero",
            title="share of users with a first session",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(labelExpr=PERCENT_LABELS, tickCount=6),
        ),
        color=alt.Color(
            "outcome:N",
            scale=alt.Scale(domain=names, range=colours),
            legend=alt.Legend(title=None, orient="top", symbolType="square"),
        ),
        order="order:Q",
    )
    # Users who never asked lie on the pale fill, the others on a colour of their own.
    labels = base.mark_text(fontWeight="bold").encode(
        x=alt.X("middle:Q"),
        text="label:N",
        color=alt.condition("datum.order == 3", alt.value(LIGHT["ink"]), alt.value(LIGHT["surface"])),
    )
    return _themed(alt.layer(bars, labels).properties(width=WIDTH, height=alt.Step(38)))


def time_to_rebooking(document: Row) -> alt.Chart:
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
        return _no_data()
    ranks = {tier["tier"]: rank for rank, tier in enumerate(document["time_to_rebooking"]["tiers"]) if tier["users"]}
    days = sorted({row["day"] for row in at_risk})
    x = alt.X(
        "day:Q",
        title="days after the first session",
        scale=alt.Scale(domain=[0, max(days)], nice=False),
        axis=alt.Axis(values=days),
    )
    base = alt.Chart(_inline(steps)).encode(
        x=x,
        color=alt.Color("tier:N", legend=None, scale=alt.Scale(domain=list(ranks), range=_colours(ranks))),
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
        alt.Chart(_inline(ends))
        .mark_text(align="left", dx=6, fontWeight="bold")
        .encode(x=x, y="share:Q", text="tier:N", color=alt.Color("colour:N", scale=None))
    )
    numbers = (
        alt.Chart(_inline(at_risk), title=alt.Title("users still at risk", anchor="start", fontSize=11))
        .mark_text(align="center")
        .encode(
            x=alt.X("day:Q", scale=alt.Scale(domain=[0, max(days)], nice=False), axis=None),
            y=alt.Y("tier:N", sort=None, title=None, axis=alt.Axis(domain=False, ticks=False, labelPadding=18)),
            text="at_risk:N",
        )
        .properties(width=WIDTH, height=alt.Step(18))
    )
    curves = alt.layer(bands, lines, names).properties(width=WIDTH, height=260)
    return _themed(alt.vconcat(curves, numbers, spacing=10))


def cohorts(document: Row) -> alt.Chart:
    """The rate of each mature month of first sessions, with its interval: a line per group."""
    rows = [
        {
            "month": row["month"],
            "group": "/".join(row["tiers"]),
            "rate": row["rate"],
            "ci_low": row["ci_low"],
            "ci_high": row["ci_high"],
        }
        for row in shown_cohorts(document["cohorts"]["groups"])
        if row["rate"] is not None
    ]
    if not rows:
        return _no_data()
    groups = list(dict.fromkeys(row["group"] for row in rows))
    scale = alt.Scale(domain=groups, range=_colours(groups))
    shapes = alt.Scale(domain=groups, range=[tier_shape(rank) for rank in range(len(groups))])
    legend = alt.Legend(title=None, orient="top")
    base = alt.Chart(_inline(rows)).encode(
        x=alt.X("month:O", title="month of the first session", axis=alt.Axis(labelAngle=0, labelOverlap="greedy")),
        xOffset=alt.XOffset("group:N", sort=None),
        color=alt.Color("group:N", scale=scale, legend=legend),
    )
    y = _share("rate of users who rebook", zero=True)
    rules = base.mark_rule(strokeWidth=2).encode(y=alt.Y("ci_low:Q", **y), y2="ci_high:Q")
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        y="rate:Q", shape=alt.Shape("group:N", scale=shapes, legend=legend)
    )
    return _themed(alt.layer(rules, points).properties(width=WIDTH, height=220))


def stratified(document: Row) -> alt.Chart:
    """The odds ratio of the groups as it is, and within companies, months and company sizes."""
    crude = document["rebooking"]["sessions"]["comparison"] | {"name": "all users together"}
    within = [
        row | {"name": f"within {STRATA_NAMES[row['stratified_by']]}"} for row in document["confounding"]["stratified"]
    ]
    found = [
        {
            "name": row["name"],
            "value": row["odds_ratio"],
            "low": row["odds_ratio_ci_low"],
            "high": row["odds_ratio_ci_high"],
            "label": written("ratio", row["odds_ratio"]),
        }
        for row in (crude, *within)
    ]
    rows = [row for row in found if _positive(row["value"])]
    if not rows:
        return _no_data()
    bounds = [row[field] for row in rows for field in ("value", "low", "high") if _positive(row[field])]
    low, high = min(0.5, *bounds), max(2, *bounds)
    for row in rows:  # an interval without a bound runs to the edge of the picture
        row["low"] = row["low"] if _positive(row["low"]) else low
        row["high"] = row["high"] if _positive(row["high"]) else high
        row |= {"colour": LIGHT["ink"] if row["name"] == crude["name"] else LIGHT["accent"], "shape": "circle"}
    scale = alt.Scale(type="log", domain=[low, high])
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if low <= tick <= high]
    return _intervals(
        rows,
        {"title": "odds ratio, logarithmic; 1: no difference", "scale": scale, "axis": alt.Axis(values=ticks)},
        reference=1,
    )


def mentors(document: Row) -> alt.Chart:
    """Each mentor's rate as counted, and as expected from so few users: the mentors with the most users."""
    ranks = tier_ranks(document)
    rows = [
        {
            "name": f"{row['mentor_id']} ({row['tier'] or 'no tier'})",
            "value": row["shrunk_rate"],
            "low": row["shrunk_ci_low"],
            "high": row["shrunk_ci_high"],
            "counted": row["rate"],
            "colour": tier_colour(ranks.get(row["tier"], len(ranks))),
            "shape": tier_shape(ranks.get(row["tier"], len(ranks))),
            "label": f"{row['rebooked']:,} of {row['users']:,}",
        }
        for row in shown_mentors(document)
    ]
    return _intervals(rows, _share("rate of users who rebook", zero=True), counted=True)


def sensitivity(document: Row) -> alt.Chart:
    """The difference between the groups under each other choice of definitions."""
    rows = [
        {
            "name": row["name"],
            "value": row["difference"],
            "low": row["difference_ci_low"],
            "high": row["difference_ci_high"],
            "colour": LIGHT["ink"] if row["name"] == "headline" else LIGHT["accent"],
            "shape": "diamond" if row["name"] == "headline" else "circle",
            "label": f"{row['difference'] * 100:+.1f} points, {row['conclusion']}",
        }
        for row in document["sensitivity"]["variants"]
        if row["difference"] is not None
    ]
    points = alt.Axis(labelExpr="round(datum.value * 100)", tickCount=6)
    axis = {"title": "difference between the groups, in points; 0: none", "scale": alt.Scale(zero=True), "axis": points}
    return _intervals(rows, axis, reference=0)


def reliability_checks(document: Row) -> alt.Chart:
    """Each rate that is judged, as a bar, beside the highest that passes, as a mark."""
    rows = [
        {
            "check": CHECK_NAMES[row["name"]],
            "value": row["value"],
            "threshold": row["threshold"],
            "label": f"{percent(row['value'])}, {row['status']}",
            "colour": LIGHT["alert"] if row["status"] == "fail" else LIGHT["accent"],
            "end": max(row["value"], row["threshold"]),
        }
        for row in document["reliability"]["checks"]
        if row["value"] is not None
    ]
    if not rows:
        return _no_data()
    highest = max(row["end"] for row in rows)
    base = alt.Chart(_inline(rows)).encode(y=alt.Y("check:N", sort=None, title=None))
    axis = _share("share; the mark is the highest that passes")
    axis["scale"] = alt.Scale(domain=[0, max(highest * 1.25, 0.01)], nice=False)
    bars = base.mark_bar(height=14).encode(x=alt.X("value:Q", **axis), color=alt.Color("colour:N", scale=None))
    marks = base.mark_tick(thickness=3, size=24, color=LIGHT["ink"]).encode(x="threshold:Q")
    labels = base.mark_text(align="left", dx=8, color=LIGHT["ink"]).encode(x="end:Q", text="label:N")
    return _themed(alt.layer(bars, marks, labels).properties(width=WIDTH, height=alt.Step(34)))


def reliability_in_time(document: Row) -> alt.Chart:
    """Control charts by week: each rate with its limits, and the weeks that lie outside of them."""
    panels = []
    for part in document["reliability_in_time"]["control_charts"]:
        points = [
            {name: point[name] for name in ("week", "value", "lower", "upper", "is_alert")} | {"center": part["center"]}
            for point in part["points"][-SHOWN_WEEKS:]
            if point["value"] is not None
        ]
        if points:
            panels.append((points, CHECK_NAMES[part["rate"]]))
    if not panels:
        return _no_data()
    *above, last = panels
    charts = [*(_control_chart(*panel, labels=False) for panel in above), _control_chart(*last, labels=True)]
    return _themed(alt.vconcat(*charts, spacing=14).resolve_scale(x="shared"))


def _control_chart(points: list[Row], title: str, labels: bool) -> alt.LayerChart:
    base = alt.Chart(_inline(points), title=alt.Title(title, anchor="start", fontSize=12)).encode(
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
    line = base.mark_line(strokeWidth=1.5, color=LIGHT["accent"], point={"color": LIGHT["accent"], "size": 18}).encode(
        y="value:Q"
    )
    alerts = (
        base.transform_filter("datum.is_alert")
        .mark_point(shape="diamond", size=110, filled=True, opacity=1, color=LIGHT["alert"])
        .encode(y="value:Q")
    )
    return alt.layer(band, center, line, alerts).properties(width=WIDTH, height=90)


CHARTS: dict[str, Callable[[Row], alt.TopLevelMixin]] = {
    chart.__name__: chart
    for chart in (
        rebooking_rates,
        approaches,
        intent,
        time_to_rebooking,
        cohorts,
        stratified,
        mentors,
        sensitivity,
        reliability_checks,
        reliability_in_time,
    )
}


def _positive(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value > 0


def _inline(rows: list[Row]) -> alt.InlineData:
    return alt.InlineData(values=rows)


def _colours(names: Sequence[str] | dict[str, int]) -> list[str]:
    ranks = names.values() if isinstance(names, dict) else range(len(names))
    return [tier_colour(rank) for rank in ranks]


def _named_rates(document: Row, approach: str) -> list[Row]:
    part = document["rebooking"][approach]
    look = [(row["tier"], row, tier_colour(rank), tier_shape(rank)) for rank, row in enumerate(part["tiers"])]
    look += [
        ("/".join(row["tiers"]), row, LIGHT["ink"], "triangle-right") for row in part["groups"] if len(row["tiers"]) > 1
    ]
    return [
        {
            "name": name,
            "value": row["rate"],
            "low": row["ci_low"],
            "high": row["ci_high"],
            "colour": colour,
            "shape": shape,
            "label": f"{percent(row['rate'])} of {row['users']:,}" if row["users"] else "no users",
        }
        for name, row, colour, shape in look
    ]


def _share(title: str, zero: bool = False) -> Row:
    scale = alt.Scale(domain=[0, 1]) if zero else alt.Scale(zero=True)
    return {"title": title, "scale": scale, "axis": alt.Axis(labelExpr=PERCENT_LABELS, tickCount=6)}


def _intervals(rows: list[Row], axis: Row, reference: float | None = None, counted: bool = False) -> alt.LayerChart:
    """One line per row `name, value, low, high, colour, shape, label`: a point on its interval, and the label beside.

    Args:
        axis: title, scale and axis of the values.
        reference: a value marked by a line from top to bottom.
        counted: also show the rows' `counted`, a second value, as a hollow point.
    """
    if not any(row["value"] is not None for row in rows):
        return _no_data()
    base = alt.Chart(_inline(rows)).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=200)), color=alt.Color("colour:N", scale=None)
    )
    intervals = base.mark_rule(strokeWidth=3).encode(x=alt.X("low:Q", **axis), x2="high:Q")
    points = base.mark_point(filled=True, size=110, opacity=1).encode(
        x="value:Q", shape=alt.Shape("shape:N", scale=None)
    )
    # The labels stand in a column of their own, where no interval can cross them.
    labels = base.mark_text(align="left", x=WIDTH + 12, color=LIGHT["ink"]).encode(
        text="label:N", color=alt.value(LIGHT["ink"])
    )
    layers = [intervals, points, labels]
    if counted:
        layers.insert(1, base.mark_point(filled=False, size=60, strokeWidth=1.5, shape="circle").encode(x="counted:Q"))
    if reference is not None:
        line = alt.Chart(_inline([{"reference": reference}])).mark_rule(color=LIGHT["muted"], strokeDash=[4, 3])
        layers.insert(0, line.encode(x=alt.X("reference:Q", **axis)))
    return _themed(alt.layer(*layers).properties(width=WIDTH, height=alt.Step(30)))


def _no_data() -> alt.Chart:
    chart = alt.Chart(_inline([{"text": "no data"}])).mark_text(fontSize=14, color=LIGHT["muted"]).encode(text="text:N")
    return _themed(chart.properties(width=WIDTH, height=60))


def _themed(chart: alt.TopLevelMixin) -> alt.TopLevelMixin:
    ink, muted, grid = LIGHT["ink"], LIGHT["muted"], LIGHT["grid"]
    text = {"labelFont": FONT, "titleFont": FONT, "labelFontSize": 12, "titleFontSize": 12}
    return chart.configure(
        background=LIGHT["surface"],
        font=FONT,
        padding=8,
        # The page says in its own title and description what a chart shows.
        aria=False,
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
