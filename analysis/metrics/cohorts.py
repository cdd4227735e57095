"""Cohorts: rebooking by the month of the first session."""

from __future__ import annotations

import ibis
from ibis.expr.types import Table

from analysis.metrics.marts import Moment
from analysis.metrics.rebooking import rebooking_counts


def cohort_counts(outcomes: Table, window_days: int | None, as_of: Moment, *keys: str) -> Table:
    """One row per month, tier and value of `keys`: these, the counts of `rebooking_counts`, and `is_mature`.

    `month` is the first day of the month of the first session, UTC. A cohort is mature when the window
    of whoever came in the month's last moment has passed at `as_of`; until then its rate can only be
    too low. With no limit none ever is.
    """
    counted = rebooking_counts(
        outcomes.mutate(month_start=outcomes.first_at.truncate("M")), "month_start", "tier", *keys
    )
    if window_days is None:
        mature = ibis.literal(False)
    else:
        # Polars adds no months. Whatever the month, 31 days after its first day lie early in the next.
        next_month = (counted.month_start + ibis.interval(days=31)).truncate("M")
        mature = next_month + ibis.interval(days=window_days) <= as_of
    return counted.select(
        "tier",
        *keys,
        "users",
        "rebooked",
        "mature_users",
        "mature_rebooked",
        "may_yet_rebook",
        month=counted.month_start.date(),
        is_mature=mature,
    ).relocate("month")
