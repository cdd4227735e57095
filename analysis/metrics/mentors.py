"""Mentors: rebooking by the mentor of the first session."""

from __future__ import annotations

from ibis.expr.types import Table

from analysis.metrics.rebooking import rebooking_counts


def mentor_counts(outcomes: Table) -> Table:
    """One row per mentor and tier: `mentor_id, tier` and the counts of `rebooking_counts`.

    `users` are those whose first session was with the mentor, `rebooked` those of them who came back
    to any mentor. By the tier held at the first session a mentor may have a row in more than one tier.
    """
    return rebooking_counts(outcomes, "mentor_id", "tier")


def hourly_rates(mentors: Table) -> Table:
    """One row per mentor with a rate: `mentor_id, hourly_rate`, the latest that a sheet gave."""
    priced = mentors.filter(mentors.hourly_rate.notnull())
    return priced.group_by("mentor_id").agg(hourly_rate=priced.hourly_rate.argmax(priced.valid_from).cast("float64"))
