"""What else could explain the difference: kinds of users, single mentors, ways of counting."""

from __future__ import annotations

import math

import altair as alt

from presentation.charts.marks import intervals, no_data, share_axis
from presentation.charts.palette import LIGHT, tier_colour, tier_shape
from presentation.content import written
from presentation.document import Row, mentors_with_most_users, tier_ranks
from presentation.wording import STRATA_NAMES


def like_with_like(document: Row) -> alt.TopLevelMixin:
    """The odds ratio of the groups as it is, and within companies, months and company sizes."""
    crude = document["rebooking"]["sessions"]["comparison"]["if_independent"] | {"name": "all users"}
    within = [row | {"name": STRATA_NAMES[row["stratified_by"]]} for row in document["confounding"]["stratified"]]
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
        return no_data()
    bounds = [row[field] for row in rows for field in ("value", "low", "high") if _positive(row[field])]
    low, high = min(0.5, *bounds), max(2, *bounds)
    for row in rows:  # an interval without a bound runs to the edge of the picture
        row["low"] = row["low"] if _positive(row["low"]) else low
        row["high"] = row["high"] if _positive(row["high"]) else high
        row |= {"colour": LIGHT["ink"] if row["name"] == crude["name"] else LIGHT["accent"], "shape": "circle"}
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if low <= tick <= high]
    return intervals(
        rows,
        {"title": "odds ratio, logarithmic; 1: no difference", "scale": scale, "axis": alt.Axis(values=ticks)},
        reference=1,
    )


def _positive(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value > 0


def mentors(document: Row) -> alt.TopLevelMixin:
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
        for row in mentors_with_most_users(document)[0]
    ]
    return intervals(rows, share_axis("rate of users who rebook", is_whole=True), counted=True)


def sensitivity(document: Row) -> alt.TopLevelMixin:
    """The difference between the groups under each other choice of definitions."""
    rows = [
        {
            "name": row["name"],
            "value": row["difference"],
            "low": row["difference_ci_low"],
            "high": row["difference_ci_high"],
            "colour": LIGHT["ink"] if row["name"] == "headline" else LIGHT["accent"],
            "shape": "diamond" if row["name"] == "headline" else "circle",
            "label": _shown(row),
        }
        for row in document["sensitivity"]["variants"]
        if row["difference"] is not None
    ]
    points = alt.Axis(labelExpr="round(datum.value * 100)", tickCount=6)
    axis = {"title": "difference between the groups, in points; 0: none", "scale": alt.Scale(zero=True), "axis": points}
    return intervals(rows, axis, reference=0)


def _shown(row: Row) -> str:
    conclusion = written("status", row["conclusion"])
    if row["conclusion"] == "says_nothing":
        return conclusion
    return f"{written('points', row['difference'])} points, {conclusion}"
