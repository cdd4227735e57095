"""A trial: how many new users there are to deal, and what became of those who were dealt."""

from __future__ import annotations

import datetime

import ibis
from ibis.expr.types import Table

from analysis.metrics.marts import Moment
from analysis.metrics.rebooking import user_outcomes


def new_users_by_week(outcomes: Table, as_of: Moment) -> Table:
    """One row per calendar week, from Monday, with a first session: `week, new_users`.

    Whole weeks alone: that of `as_of` is left out. A week without new users has no row.

    Args:
        outcomes: rows of `user_outcomes`.
    """
    moment = ibis.literal(as_of, "timestamp") if isinstance(as_of, datetime.datetime) else as_of
    weekly = outcomes.mutate(week=outcomes.first_at.truncate("W"))
    past = weekly.filter(weekly.week < moment.truncate("W"))
    return past.group_by(week=past.week.date()).agg(new_users=past.count())


def dealt_outcomes(dealt: Table, visits: Table, start: Moment, window_days: int | None, as_of: Moment) -> Table:
    """One row per user dealt: `user_id, arm, mentor_id, first_at, is_rebooked, is_mature, was_seen_before`.

    The first visit is the first at or after `start`, and the window runs from there, as in `user_outcomes`.
    Nobody is left out, which is what intention to treat asks for: a user without a visit since the start has no
    `mentor_id` and no `first_at`, did not rebook and is not mature. `was_seen_before`: the user had a visit
    before the start, so was not new.

    Args:
        dealt: `user_id, arm`, one row a user.
        visits: `user_id, mentor_id, visit_id, visited_at`, such as `session_visits`.
        start: when the trial began, UTC.
    """
    since = user_outcomes(visits.filter(visits.visited_at >= start), window_days, as_of)
    before = visits.filter(visits.visited_at < start).select("user_id").distinct().mutate(is_seen=True)
    joined = dealt.left_join(since, "user_id").drop("user_id_right").left_join(before, "user_id")
    return joined.select(
        "user_id",
        "arm",
        "mentor_id",
        "first_at",
        is_rebooked=ibis.coalesce(joined.is_rebooked, False),
        is_mature=ibis.coalesce(joined.is_mature, False),
        was_seen_before=ibis.coalesce(joined.is_seen, False),
    )
