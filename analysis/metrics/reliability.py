"""Reliability of the booking system: what became of the bookings, as of a moment."""

from __future__ import annotations

import ibis
from ibis.expr.types import NumericValue, Table, TimestampValue

from analysis.metrics.marts import Moment


def booking_outcomes(
    bookings: Table,
    as_of: Moment,
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
    return _outcome_counts(outcomes, "tier")


def weekly_counts(outcomes: Table) -> Table:
    """One row per week with a request: `week`, its Monday, UTC, `bookings` and the bookings of each outcome.

    All mentors together, known or not. The columns add up as in `reliability_counts`.
    """
    return _outcome_counts(outcomes.mutate(week=outcomes.requested_at.truncate("W").date()), "week")


def _outcome_counts(outcomes: Table, key: str) -> Table:
    return outcomes.group_by(key).agg(
        bookings=outcomes.count(),
        attended=outcomes.count(where=outcomes.outcome == "attended"),
        cancelled=outcomes.count(where=outcomes.outcome == "cancelled"),
        rescheduled=outcomes.count(where=outcomes.is_rescheduled),
        no_show=outcomes.count(where=outcomes.outcome == "no_show"),
        upcoming=outcomes.count(where=outcomes.outcome == "upcoming"),
        orphan=outcomes.count(where=outcomes.outcome == "orphan"),
        open=outcomes.count(where=outcomes.outcome == "open"),
    )


def delay_quantiles(bookings: Table) -> Table:
    """One row per tier, and one with a null tier for all bookings: how long a request waited, in hours.

    `confirmation_n, confirmation_median, confirmation_p90`: from the request to its first confirmation,
    of the bookings that have one. `session_n, session_median, session_p90`: from the request to the
    session it led to. Quantiles are interpolated; null where n is 0. Times count to the second.
    """

    def hours(moment: TimestampValue) -> NumericValue:
        return (moment.epoch_seconds() - bookings.requested_at.epoch_seconds()) / 3600

    timed = bookings.select(
        "tier", confirmation=hours(bookings.confirmed_at), session=hours(bookings.session_started_at)
    )
    quantiles = {
        f"{name}_{statistic}": value
        for name in ("confirmation", "session")
        for statistic, value in (
            ("n", timed[name].count()),
            ("median", timed[name].quantile(0.5)),
            ("p90", timed[name].quantile(0.9)),
        )
    }
    by_tier = timed.filter(timed.tier.notnull()).group_by("tier").agg(**quantiles)
    everything = timed.agg(**quantiles).mutate(tier=ibis.null("string"))
    return by_tier.union(everything.select(by_tier.columns))


LEAD_TIMES = ("under 1 hour", "1 to 24 hours", "1 to 3 days", "over 3 days")


def cancellation_counts(bookings: Table) -> Table:
    """One row per lead time: `lead_time, cancelled, rescheduled`, of the cancelled bookings.

    The lead time runs from the request to its cancellation: `under 1 hour`, `1 to 24 hours`, `1 to 3 days`
    or `over 3 days`; exactly 24 hours are in the second class, exactly 3 days in the third.
    """
    cancelled = bookings.filter(bookings.booking_status == "cancelled")
    under, within_day, within_days, over = LEAD_TIMES
    moment, requested_at = cancelled.cancelled_at, cancelled.requested_at
    lead_time = ibis.cases(
        (moment < requested_at + ibis.interval(hours=1), under),
        (moment <= requested_at + ibis.interval(hours=24), within_day),
        (moment <= requested_at + ibis.interval(hours=72), within_days),
        else_=over,
    )
    timed = cancelled.mutate(lead_time=lead_time)
    return timed.group_by("lead_time").agg(cancelled=timed.count(), rescheduled=timed.count(where=timed.is_rescheduled))


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
