"""How many users come back, and what else they did."""

from __future__ import annotations

from collections.abc import Callable

import altair as alt

from presentation.charts.marks import PERCENT_LABELS, WIDTH, inline, intervals, no_data, share_axis, themed
from presentation.charts.palette import LIGHT, tier_colour, tier_shape
from presentation.content import written
from presentation.document import Row


def rebooking_sessions(document: Row) -> alt.TopLevelMixin:
    """By sessions: one interval per tier, and one per group of several tiers."""
    return _rates(document["rebooking"]["sessions"])


def rebooking_bookings(document: Row) -> alt.TopLevelMixin:
    """The same by bookings."""
    return _rates(document["rebooking"]["bookings"])


def _rates(part: Row) -> alt.TopLevelMixin:
    look = [(row["tier"], row, tier_colour(rank), tier_shape(rank)) for rank, row in enumerate(part["tiers"])]
    look += [
        ("/".join(row["tiers"]), row, LIGHT["ink"], "triangle-right") for row in part["groups"] if len(row["tiers"]) > 1
    ]
    rows = [
        {
            "name": name,
            "value": row["rate"],
            "low": row["ci_low"],
            "high": row["ci_high"],
            "colour": colour,
            "shape": shape,
            "label": f"{written('rate', row['rate'])} of {row['users']:,}" if row["users"] else "no users",
        }
        for name, row, colour, shape in look
    ]
    return intervals(rows, share_axis("rate of users who rebook", is_whole=True))


def intent(document: Row) -> alt.TopLevelMixin:
    """What became of the users with a first session, as shares: one bar per tier."""
    outcomes: tuple[tuple[str, str, Callable[[Row], int]], ...] = (
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
        return no_data()
    names, fills = [name for name, _, _ in outcomes], [fill for _, fill, _ in outcomes]
    base = alt.Chart(inline(rows)).encode(y=alt.Y("tier:N", sort=None, title=None))
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
            scale=alt.Scale(domain=names, range=fills),
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
    return themed(alt.layer(bars, labels).properties(width=WIDTH, height=alt.Step(38)))
