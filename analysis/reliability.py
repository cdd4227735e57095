"""Reliability of the booking system: what became of the bookings, as of a moment."""

from __future__ import annotations

import datetime

import ibis
from ibis.expr.types import Table, TimestampValue


def booking_outcomes(
    bookings: Table,
    as_of: datetime.datetime | TimestampValue,
    no_show_grace_days: int,
    orphan_grace_days: int,
) -> Table:
    """`bookings` with `outcome`: attended, cancelled, no_show, upcoming, orphan or open.

    A confirmed booking is a no-show when its confirmation, a pending one an orphan when its
    request, is older than its grace days at `as_of`.
    """
    no_show = bookings.confirmed_at + ibis.interval(days=no_show_grace_days) < as_of
    orphan = bookings.requested_at + ibis.interval(days=orphan_grace_days) < as_of
    outcome = ibis.cases(
        ((bookings.booking_status == "confirmed") & no_show, "no_show"),
        (bookings.booking_status == "confirmed", "upcoming"),
        ((bookings.booking_status == "pending") & orphan, "orphan"),
        (bookings.booking_status == "pending", "open"),
        else_=bookings.booking_status,
    )
    return bookings.mutate(outcome=outcome)


def reliability_counts(outcomes: Table) -> Table:
    """One row per tier, null for mentors never known: `tier, bookings` and the bookings of each outcome.

    bookings = attended + cancelled + no_show + upcoming + orphan + open; rescheduled is part of cancelled.
    """
    return outcomes.group_by("tier").agg(
        bookings=outcomes.count(),
        attended=outcomes.count(where=outcomes.outcome == "attended"),
        cancelled=outcomes.count(where=outcomes.outcome == "cancelled"),
        rescheduled=outcomes.count(where=outcomes.is_rescheduled),
        no_show=outcomes.count(where=outcomes.outcome == "no_show"),
        upcoming=outcomes.count(where=outcomes.outcome == "upcoming"),
        orphan=outcomes.count(where=outcomes.outcome == "orphan"),
        open=outcomes.count(where=outcomes.outcome == "open"),
    )


def session_counts(sessions: Table) -> Table:
    """One row: `sessions`, and how many have an estimated end."""
    return sessions.agg(sessions=sessions.count(), estimated_ends=sessions.count(where=sessions.is_duration_estimated))


def unknown_counts(events: Table, users: Table, mentors: Table) -> Table:
    """One row: `unknown_user_events` and `unknown_mentor_events`, events of users or mentors never known."""
    of_unknown_users = events.anti_join(users, "user_id")
    of_unknown_mentors = events.anti_join(mentors, "mentor_id")
    return of_unknown_users.agg(unknown_user_events=of_unknown_users.count()).cross_join(
        of_unknown_mentors.agg(unknown_mentor_events=of_unknown_mentors.count())
    )
