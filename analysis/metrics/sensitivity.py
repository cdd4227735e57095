"""Sensitivity: the headline counted in other ways that would be just as defensible."""

from __future__ import annotations

import ibis
from ibis.expr.types import BooleanValue, Table

from analysis.metrics.classes import OTHER_APPROACHES, OTHER_ATTRIBUTION
from analysis.metrics.rebooking import booking_visits, session_visits, with_tier, within_window


def visits_by_approach(sessions: Table, bookings: Table, users: Table) -> Table:
    """One row per visit and each of `OTHER_APPROACHES` that counts it: as `session_visits`, with `approach`.

    `bookings`: of known users, not cancelled. `first requests`: these without those that took the place of a
    rescheduled one, the same pair's next request after it; what was attended is kept all the same: a user's visit is
    one, however often it was put off. `recorded sessions`: sessions with a recorded end.
    """
    pair = ibis.window(group_by=["user_id", "mentor_id"], order_by="requested_at")
    replaces_another = ibis.coalesce(bookings.is_rescheduled.lag().over(pair), False)
    is_first = ~replaces_another | (bookings.booking_status == "attended")
    booked = booking_visits(bookings.mutate(is_first=is_first), users, "is_first")
    visit = ("user_id", "mentor_id", "visit_id", "visited_at")
    visits = (
        booked.select(*visit),
        booked.filter(booked.is_first).select(*visit),
        session_visits(sessions.filter(~sessions.is_duration_estimated)),
    )
    named = zip(OTHER_APPROACHES, visits, strict=True)
    return ibis.union(*(of_approach.mutate(approach=ibis.literal(name)) for name, of_approach in named))


def with_both_tiers(outcomes: Table, mentors: Table, tier_attribution: str) -> Table:
    """`outcomes` with the mentor's `tier` by one attribution, as `with_tier`, and `other_tier` by the other."""
    tiered = with_tier(outcomes, mentors, tier_attribution, "first_at")
    return with_tier(tiered, mentors, OTHER_ATTRIBUTION[tier_attribution], "first_at", "other_tier")


def variant_counts(outcomes: Table, users: Table, windows: list[int], *keys: str) -> Table:
    """One row per mentor, tier and other tier: counts of users and of those who rebooked, variant by variant.

    With `keys` one row per mentor, tier, other tier and value of these columns of `outcomes`.

    `outcomes` carry `tier` and `other_tier`, the tier by the other attribution; either may be null.
    Columns `users, rebooked, mature_users, mature_rebooked, may_yet_rebook`; `kept_users, kept_rebooked`, of users
    whose status is not churned; and `rebooked_within_N` for each of `windows`, in days.
    """
    churned = users.filter(users.status == "churned").select("user_id", "status")
    joined = outcomes.left_join(churned, "user_id")

    def rebooked_within(days: int) -> BooleanValue:
        # Spark makes null of a count whose condition is null in every row.
        return ibis.coalesce(within_window(joined.next_at, joined.first_at, days), False)

    return joined.group_by(*keys, "mentor_id", "tier", "other_tier").agg(
        users=joined.count(),
        rebooked=joined.count(where=joined.is_rebooked),
        mature_users=joined.count(where=joined.is_mature),
        mature_rebooked=joined.count(where=joined.is_mature & joined.is_rebooked),
        may_yet_rebook=joined.count(where=~joined.is_mature & ~joined.is_rebooked),
        kept_users=joined.count(where=joined.status.isnull()),
        kept_rebooked=joined.count(where=joined.status.isnull() & joined.is_rebooked),
        **{f"rebooked_within_{days}": joined.count(where=rebooked_within(days)) for days in windows},
    )
