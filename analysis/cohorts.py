"""Cohorts: rebooking by the month of the first session."""

from __future__ import annotations

import datetime

import ibis
from ibis.expr.types import Table, TimestampValue


def cohort_counts(outcomes: Table, window_days: int | None, as_of: datetime.datetime | TimestampValue) -> Table:
    """One row per month and tier: `month, tier, users, rebooked, mature_users, is_mature`, of outcomes with a tier.

    `month` is the first day of the month of the first session, UTC. A cohort is mature when the window
    of whoever came in the month's last moment has passed at `as_of`; until then its rate can only be
    too low. With no limit none ever is.
    """
    known = outcomes.filter(outcomes.tier.notnull())
    known = known.mutate(month_start=known.first_at.truncate("M"))
    counted = known.group_by("month_start", "tier").agg(
        users=known.count(),
        rebooked=known.count(where=known.is_rebooked),
        mature_users=known.count(where=known.is_mature),
    )
    if window_days is None:
        mature = ibis.literal(False)
    else:
        mature = counted.month_start + ibis.interval(months=1) + ibis.interval(days=window_days) <= as_of
    return counted.select(
        "tier",
        "users",
        "rebooked",
        "mature_users",
        month=counted.month_start.date(),
        is_mature=mature,
    )
