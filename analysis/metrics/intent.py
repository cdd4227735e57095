"""Intent: of the users with a first session, who asked for another one, and what became of it."""

from __future__ import annotations

import ibis
from ibis.expr.types import Table

from analysis.metrics.rebooking import same_mentor_counts, within_window


def user_intents(outcomes: Table, bookings: Table, window_days: int | None) -> Table:
    """One row per user of `outcomes` who placed a request in the window after the first session.

    Columns `user_id, attended, is_lost`: one of those requests was attended, whenever; all of them were cancelled.
    """
    asked = bookings.select("user_id", "requested_at", "booking_status")
    requests = asked.join(outcomes.select("user_id", "first_at"), "user_id")
    requests = requests.filter(within_window(requests.requested_at, requests.first_at, window_days))
    counted = requests.group_by("user_id").agg(
        requests=requests.count(),
        attended_requests=requests.count(where=requests.booking_status == "attended"),
        cancelled_requests=requests.count(where=requests.booking_status == "cancelled"),
    )
    return counted.select(
        "user_id",
        attended=counted.attended_requests > 0,
        is_lost=counted.cancelled_requests == counted.requests,
    )


def follow_up_counts(outcomes: Table, intents: Table, sessions: Table) -> Table:
    """One row per tier: the counts of `intent_counts` and, of the same outcomes, of `same_mentor_counts`."""
    intent, returns = intent_counts(outcomes, intents), same_mentor_counts(outcomes, sessions)
    joined = intent.left_join(returns, "tier")
    return joined.select(
        *intent.columns,
        returned=ibis.coalesce(joined.returned, 0),
        same_mentor=ibis.coalesce(joined.same_mentor, 0),
    )


def intent_counts(outcomes: Table, intents: Table) -> Table:
    """One row per tier: `tier, users, with_intent, attended, lost`, of outcomes with a tier."""
    joined = outcomes.left_join(intents, "user_id")
    joined = joined.filter(joined.tier.notnull())
    return joined.group_by("tier").agg(
        users=joined.count(),
        with_intent=joined.count(where=joined.attended.notnull()),
        # Spark makes null of a count whose condition is null in every row.
        attended=joined.count(where=ibis.coalesce(joined.attended, False)),
        lost=joined.count(where=ibis.coalesce(joined.is_lost, False)),
    )
