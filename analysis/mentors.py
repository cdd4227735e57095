"""Mentors: rebooking by the mentor of the first session."""

from __future__ import annotations

from ibis.expr.types import Table


def mentor_counts(outcomes: Table) -> Table:
    """One row per mentor and tier: `mentor_id, tier, users, rebooked`, of outcomes with a tier.

    `users` are those whose first session was with the mentor, `rebooked` those of them who came back
    to any mentor. By the tier held at the first session a mentor may have a row in more than one tier.
    """
    known = outcomes.filter(outcomes.tier.notnull())
    return known.group_by("mentor_id", "tier").agg(users=known.count(), rebooked=known.count(where=known.is_rebooked))
