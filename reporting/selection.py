"""What is shown of the parts of the answer that can outgrow a page; `answer --format json` has all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]
SHOWN_MENTORS = 20
SHOWN_MONTHS = 24
SHOWN_WEEKS = 104
SHOWN_WEEKS_IN_TABLE = 26
SHOWN_SURVIVAL_DAYS = 90


def tier_ranks(document: Row) -> dict[str, int]:
    """The place of each known tier in rank order, from 0."""
    return {row["tier"]: rank for rank, row in enumerate(document["rebooking"]["sessions"]["tiers"])}


def shown_mentors(document: Row) -> list[Row]:
    """The mentors with the most users, by tier, then by users."""
    ranks = tier_ranks(document)
    most = sorted(document["mentors"]["mentors"], key=lambda row: (-row["users"], row["mentor_id"]))[:SHOWN_MENTORS]
    return sorted(most, key=lambda row: ranks.get(row["tier"], len(ranks)))


def shown_cohorts(rows: list[Row]) -> list[Row]:
    """The rows of the latest months."""
    months = sorted({row["month"] for row in rows})[-SHOWN_MONTHS:]
    return [row for row in rows if row["month"] in months]


def curve_steps(curve: Sequence[Row]) -> list[Row]:
    """Where a survival curve changes within the days shown, from day 0: `day, share, ci_low, ci_high`."""
    fields = ("share", "ci_low", "ci_high")
    steps = [{"day": 0} | dict.fromkeys(fields, 0.0)]
    for point in curve:
        if point["day"] > SHOWN_SURVIVAL_DAYS or point["share"] is None:
            continue
        figures = {name: point["share"] if point[name] is None else point[name] for name in fields}
        if point["day"] == 0:
            steps = []
        if not steps or any(figures[name] != steps[-1][name] for name in fields):
            steps.append({"day": point["day"]} | figures)
    # A curve holds until the last day on which anybody was observed, and no longer.
    end = min(max((point["day"] for point in curve), default=0), SHOWN_SURVIVAL_DAYS)
    return steps if steps[-1]["day"] == end else [*steps, steps[-1] | {"day": end}]
