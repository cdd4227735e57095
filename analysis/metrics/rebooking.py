"""Rebooking: who came back within the window, by tier of the first mentor.

Every function takes Ibis tables and gives an Ibis expression, so the same definition runs on
every engine and inside the report models.
"""

from __future__ import annotations

import ibis
from ibis.expr.types import BooleanValue, Table, TimestampValue

from analysis.metrics.marts import Moment


def session_visits(sessions: Table) -> Table:
    """First approach: one row per session, as `user_id, mentor_id, visit_id, visited_at`."""
    return sessions.select("user_id", "mentor_id", visit_id="session_id", visited_at="started_at")


def booking_visits(bookings: Table, users: Table, *columns: str) -> Table:
    """Second approach: one row per booking of a known user that was not cancelled, shaped like `session_visits`.

    With `columns`, these of `bookings` as well.
    """
    kept = bookings.filter(bookings.booking_status != "cancelled")
    kept = kept.select("user_id", "mentor_id", *columns, visit_id="booking_id", visited_at="requested_at")
    # Where two parts of a query share a semi-join, Ibis leaves it as it is, also for PostgreSQL, which has none.
    return kept.join(users.select("user_id"), "user_id")


def within_window(moment: TimestampValue, first_at: TimestampValue, window_days: int | None) -> BooleanValue:
    """True where `first_at < moment <= first_at + window_days`; no upper bound when `window_days` is None."""
    later = moment > first_at
    return later if window_days is None else later & (moment <= first_at + ibis.interval(days=window_days))


def user_outcomes(visits: Table, window_days: int | None, as_of: Moment, *keys: str) -> Table:
    """One row per user with a visit: `user_id, mentor_id, first_at, next_at, is_rebooked, is_mature`.

    The first visit is that by `(visited_at, visit_id)`; `next_at` is the first strictly later visit
    to any mentor. A user is mature when the whole window lies before `as_of`; with no limit nobody
    ever is. With `keys` one row per user and value of these columns of `visits`.
    """
    by = ["user_id", *keys]
    timed = visits.join(visits.group_by(by).agg(first_at=visits.visited_at.min()), by)
    users = timed.group_by(by).agg(
        mentor_id=timed.mentor_id.argmin(timed.visit_id, where=timed.visited_at == timed.first_at),
        first_at=timed.first_at.min(),
        next_at=timed.visited_at.min(where=timed.visited_at > timed.first_at),
    )
    return in_window(users, window_days, as_of)


def in_window(users: Table, window_days: int | None, as_of: Moment) -> Table:
    """Rows with `first_at, next_at`, with `is_rebooked` and `is_mature` of a window, as in `user_outcomes`."""
    rebooked = within_window(users.next_at, users.first_at, window_days)
    mature = ibis.literal(False) if window_days is None else users.first_at + ibis.interval(days=window_days) <= as_of
    return users.mutate(is_rebooked=ibis.coalesce(rebooked, False), is_mature=mature)


def current_tiers(mentors: Table) -> Table:
    """One row per mentor ever known: `mentor_id, tier`, the latest tier, also of mentors who left."""
    return mentors.group_by("mentor_id").agg(tier=mentors.tier.argmax(mentors.valid_from))


def with_tier(rows: Table, mentors: Table, tier_attribution: str, moment: str, column: str = "tier") -> Table:
    """`rows` with the mentor's tier in `column`: the latest known one (`current`), or the one held at column `moment`.

    After leaving, a mentor keeps the last tier. A mentor never known, or not known yet at that moment, gives null;
    no row is lost or doubled.
    """
    if tier_attribution == "current":
        tiers = current_tiers(mentors)
        return rows.left_join(tiers, "mentor_id").select(*rows.columns, **{column: tiers.tier})
    begun = rows.select("mentor_id", moment).distinct().join(mentors, "mentor_id")
    begun = begun.filter(begun.valid_from <= begun[moment])
    held = begun.group_by("mentor_id", moment).agg(**{column: begun.tier.argmax(begun.valid_from)})
    return rows.left_join(held, ["mentor_id", moment]).select(*rows.columns, column)


def rebooking_counts(outcomes: Table, *keys: str) -> Table:
    """One row per tier, or per value of `keys`: `users, rebooked, mature_users, mature_rebooked, may_yet_rebook`.

    Counts users of outcomes with a tier; those who rebooked did so within the window. Who is not mature and
    has not rebooked may yet do so.
    """
    known = outcomes.filter(outcomes.tier.notnull())
    return known.group_by(keys or "tier").agg(
        users=known.count(),
        rebooked=known.count(where=known.is_rebooked),
        mature_users=known.count(where=known.is_mature),
        mature_rebooked=known.count(where=known.is_mature & known.is_rebooked),
        may_yet_rebook=known.count(where=~known.is_mature & ~known.is_rebooked),
    )


def same_mentor_counts(outcomes: Table, sessions: Table) -> Table:
    """One row per tier: `tier, returned, same_mentor`, of outcomes with a tier.

    `returned`: users with a second session, whenever; `same_mentor`: those whose second one is with the mentor of
    the first, or one of the sessions of that instant.
    """
    known = outcomes.filter(outcomes.tier.notnull() & outcomes.next_at.notnull())
    second = sessions.select("user_id", "mentor_id", next_at="started_at").distinct()
    joined = known.left_join(second, ["user_id", "mentor_id", "next_at"])
    return joined.group_by("tier").agg(
        returned=joined.count(), same_mentor=joined.count(where=joined.mentor_id_right.notnull())
    )
