"""Reliability of the booking system: what became of the bookings, as of a moment, and what the events say of it."""

from __future__ import annotations

import ibis
from ibis.expr.types import BooleanValue, IntegerValue, NumericValue, StringValue, Table, TimestampValue

from analysis.metrics.classes import (
    LATER,
    LEAD_TIMES,
    NOTICES,
    OLDER_THAN_WEEKS,
    OPTIONAL_EVENTS,
    UNKNOWN,
    WEEKS_BEFORE,
)
from analysis.metrics.marts import Moment


def booking_outcomes(
    bookings: Table,
    as_of: Moment,
    no_show_grace_days: int,
    orphan_grace_days: int,
) -> Table:
    """`bookings` with `outcome`: attended, cancelled, no_show, upcoming, orphan or open.

    A confirmed booking is a no-show when its agreed start, or where none is given its confirmation, a
    pending one an orphan when its request, is older than its grace days at `as_of`.
    """
    expected_at = ibis.coalesce(bookings.agreed_start_at, bookings.confirmed_at)
    no_show = expected_at + ibis.interval(days=no_show_grace_days) < as_of
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

    bookings = attended + cancelled + no_show + upcoming + orphan + open; rescheduled is part of cancelled,
    `missing_confirmations`, attended without a confirmation before the session, part of attended.
    """
    return _outcome_counts(outcomes, "tier")


def weekly_counts(outcomes: Table, as_of: Moment, no_show_grace_days: int, orphan_grace_days: int) -> Table:
    """One row per week with a request: `week`, its Monday, UTC, `bookings` and the bookings of each outcome.

    All mentors together, known or not. The columns add up as in `reliability_counts`. A rate of a week is
    *ripe* at `as_of` once each of the week's bookings has had the time to become what is counted; before, some
    of that is still to come:

    - `is_cancellation_rate_ripe`: the week is over. A cancellation counts from its event on, without a grace.
    - `is_orphan_rate_ripe`: it has been over for the orphan grace days, so that none of its requests is open.
    - `is_no_show_rate_ripe`: it has been over for the orphan and then the no-show grace days, as a booking may
      be confirmed just before it would be an orphan; and none of its bookings is upcoming, as one may be that
      was confirmed later still, or for a start further ahead.

    What an event changes after that, such as a session long after a no-show, is not foreseen.
    """
    weekly = _outcome_counts(outcomes.mutate(week=outcomes.requested_at.truncate("W").date()), "week")
    end = weekly.week.cast("timestamp") + ibis.interval(days=7)
    orphans_known_at = end + ibis.interval(days=orphan_grace_days)
    no_shows_known_at = orphans_known_at + ibis.interval(days=no_show_grace_days)
    return weekly.mutate(
        is_cancellation_rate_ripe=end <= as_of,
        is_orphan_rate_ripe=orphans_known_at <= as_of,
        is_no_show_rate_ripe=(no_shows_known_at <= as_of) & (weekly.upcoming == 0),
    )


def _outcome_counts(outcomes: Table, key: str) -> Table:
    return outcomes.group_by(key).agg(
        bookings=outcomes.count(),
        attended=outcomes.count(where=outcomes.outcome == "attended"),
        missing_confirmations=outcomes.count(where=outcomes.is_confirmation_missing),
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
        # Engines differ in what they make of a fraction of a second.
        start, end = (time.truncate("s").epoch_seconds() for time in (bookings.requested_at, moment))
        return (end - start) / 3600

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


def cancellation_counts(bookings: Table) -> Table:
    """One row per lead time: `lead_time, cancelled, rescheduled`, of the cancelled bookings.

    The lead time runs from the request to its cancellation: `under 1 hour`, `1 to 24 hours`, `1 to 3 days`
    or `over 3 days`; exactly 24 hours are in the second class, exactly 3 days in the third.
    """
    cancelled = _cancelled(bookings)
    return _cancellations(
        cancelled.mutate(lead_time=_span(cancelled.requested_at, cancelled.cancelled_at)), "lead_time"
    )


def notice_counts(bookings: Table) -> Table:
    """One row per notice: `notice, cancelled, rescheduled`, of the cancelled bookings with an agreed start.

    The notice runs from the cancellation to the agreed start, in the classes of `cancellation_counts`;
    `after the agreed start` where it had passed.
    """
    cancelled = _cancelled(bookings)
    agreed = cancelled.filter(cancelled.agreed_start_at.notnull())
    notice = ibis.ifelse(
        agreed.cancelled_at > agreed.agreed_start_at, NOTICES[0], _span(agreed.cancelled_at, agreed.agreed_start_at)
    )
    return _cancellations(agreed.mutate(notice=notice), "notice")


def cancellation_origins(bookings: Table) -> Table:
    """One row per origin: `cancelled_by, cancellation_reason, cancelled, rescheduled`; null where it is not said."""
    return _cancellations(_cancelled(bookings), "cancelled_by", "cancellation_reason")


def _cancelled(bookings: Table) -> Table:
    return bookings.filter(bookings.booking_status == "cancelled")


def _span(start: TimestampValue, end: TimestampValue) -> StringValue:
    under, within_day, within_days, over = LEAD_TIMES
    return ibis.cases(
        (end < start + ibis.interval(hours=1), under),
        (end <= start + ibis.interval(hours=24), within_day),
        (end <= start + ibis.interval(hours=72), within_days),
        else_=over,
    )


def _cancellations(cancelled: Table, *keys: str) -> Table:
    return cancelled.group_by(keys).agg(
        cancelled=cancelled.count(), rescheduled=cancelled.count(where=cancelled.is_rescheduled)
    )


def property_counts(bookings: Table, sessions: Table) -> Table:
    """One row: of how many bookings and sessions an optional property of the tracking plan is used.

    `agreed_starts` and `requested_durations` of all bookings; `named_cancellers` and
    `cancellation_reasons` of the cancelled; `ends_by_duration`: sessions whose end is their
    `duration_seconds` after the start, the event of the end being too late to be it.
    """
    # An end that is told by its own event is recorded when it happens.
    of_sessions = sessions.agg(
        ends_by_duration=_how_many(sessions, _is_true(sessions.end_recorded_at > sessions.ended_at))
    )
    return bookings.agg(
        agreed_starts=bookings.agreed_start_at.count(),
        requested_durations=bookings.requested_duration_minutes.count(),
        named_cancellers=bookings.cancelled_by.count(),
        cancellation_reasons=bookings.cancellation_reason.count(),
    ).cross_join(of_sessions)


def requested_duration_quantiles(bookings: Table, sessions: Table) -> Table:
    """One row: the requested length beside the actual one, in minutes, of the sessions that have both.

    `sessions`: those with a recorded end whose booking asks for a length; of these `requested_median`,
    `actual_median` and `overruns`, which took longer than asked for. Medians are null without sessions.
    """
    recorded = _recorded(sessions).select("booking_id", "duration_minutes")
    asked = bookings.filter(bookings.requested_duration_minutes.notnull())
    both = recorded.inner_join(asked.select("booking_id", "requested_duration_minutes"), "booking_id")
    return both.agg(
        sessions=both.count(),
        requested_median=both.requested_duration_minutes.median(),
        actual_median=both.duration_minutes.median(),
        overruns=_how_many(both, both.duration_minutes > both.requested_duration_minutes),
    )


def session_counts(sessions: Table, as_of: Moment, max_session_hours: int) -> Table:
    """One row: `sessions, running, estimated_ends, recorded_ends, walk_ins`.

    sessions = running + estimated_ends + recorded_ends. A session is running that has no recorded end and
    started less than `max_session_hours` before `as_of`: it may yet end. A walk-in has no booking.
    """
    is_running = sessions.is_duration_estimated & (sessions.started_at + ibis.interval(hours=max_session_hours) > as_of)
    return sessions.agg(
        sessions=sessions.count(),
        running=_how_many(sessions, is_running),
        estimated_ends=_how_many(sessions, sessions.is_duration_estimated & ~is_running),
        recorded_ends=_how_many(sessions, ~sessions.is_duration_estimated),
        walk_ins=_how_many(sessions, sessions.booking_id.isnull()),
    )


def double_booking_counts(sessions: Table, users: Table) -> Table:
    """One row: `double_booked, double_booked_same_company`, sessions with a recorded end.

    A session is double booked that starts strictly inside another session with a recorded end of the same
    mentor. It is of the same company, and perhaps one session shared, where every session that it starts
    inside is of a user of its user's known company.
    """
    recorded = _recorded(sessions).select("session_id", "user_id", "mentor_id", "started_at", "ended_at")
    # Of all sessions that a mentor started strictly earlier the latest end: one window, since a join of every
    # session with every other one of its mentor would be quadratic.
    starts = recorded.group_by("mentor_id", "started_at").agg(ended_at=recorded.ended_at.max())
    earlier = ibis.window(group_by="mentor_id", order_by="started_at", preceding=(None, 1))
    starts = starts.mutate(
        busy_until=starts.ended_at.max().over(earlier),
        next_start=starts.started_at.lead().over(group_by="mentor_id", order_by="started_at"),
    )
    inside = starts.filter(starts.busy_until > starts.started_at).select("mentor_id", "started_at")
    double_booked = recorded.semi_join(inside, ["mentor_id", "started_at"])
    # Few sessions have another one start inside: only these are joined with those that start inside.
    outside = starts.filter(starts.next_start < starts.ended_at).select("mentor_id", "started_at")

    companies = users.filter(users.company_id != UNKNOWN).select("user_id", "company_id")
    around = recorded.semi_join(outside, ["mentor_id", "started_at"]).left_join(companies, "user_id")
    around = around.select(
        "mentor_id",
        other_company="company_id",
        other_started_at="started_at",
        other_ended_at="ended_at",
    )
    own = double_booked.left_join(companies, "user_id").select("session_id", "mentor_id", "started_at", "company_id")
    pairs = own.inner_join(
        around,
        [
            own.mentor_id == around.mentor_id,
            own.started_at > around.other_started_at,
            own.started_at < around.other_ended_at,
        ],
    )
    of_one_company = pairs.group_by("session_id").agg(
        strangers=pairs.count(where=~_is_true(pairs.company_id == pairs.other_company))
    )
    shared = of_one_company.filter(of_one_company.strangers == 0)
    return double_booked.agg(double_booked=double_booked.count()).cross_join(
        shared.agg(double_booked_same_company=shared.count())
    )


def _recorded(sessions: Table) -> Table:
    return sessions.filter(~sessions.is_duration_estimated)


def _how_many(rows: Table, condition: BooleanValue) -> IntegerValue:
    """How many of all rows a condition holds for; of no rows Spark would make null."""
    return rows.count(where=condition).fill_null(0)


def _is_true(condition: BooleanValue) -> BooleanValue:
    return condition.fill_null(False)


def booking_events(events: Table) -> Table:
    """The events from which bookings and sessions are rebuilt: all but the optional ones."""
    return events.filter(events.event_type.notin(OPTIONAL_EVENTS))


def clock_counts(events: Table) -> Table:
    """One row per event type: `event_type, events, at_midnight`, those stamped exactly 00:00:00 UTC.

    Where most times are midnight the clock only knows days, and whatever measures hours from it says nothing.
    """
    return events.group_by("event_type").agg(
        events=events.count(), at_midnight=events.count(where=events.occurred_at == events.occurred_at.truncate("D"))
    )


def unknown_counts(events: Table, users: Table, mentors: Table) -> Table:
    """One row: `unknown_user_events` and `unknown_mentor_events`, events of users or mentors never known.

    An event of the user alone has no mentor, and is of none that is unknown.
    """
    of_unknown_users = events.anti_join(users, "user_id")
    of_unknown_mentors = events.filter(events.mentor_id.notnull()).anti_join(mentors, "mentor_id")
    return of_unknown_users.agg(unknown_user_events=of_unknown_users.count()).cross_join(
        of_unknown_mentors.agg(unknown_mentor_events=of_unknown_mentors.count())
    )


def event_counts(events: Table, users: Table, mentors: Table, as_of: Moment) -> Table:
    """One row per load, event type and week before `as_of`: how many events, and how many of them are odd.

    Columns `event_load_id, event_type, weeks_before`; `events`; `at_midnight` as in `clock_counts`;
    `unknown_user_events` and `unknown_mentor_events` as in `unknown_counts`. `weeks_before` is 0 in the seven days
    up to `as_of`, which belongs to them, 1 in the seven days before, and so on up to 8; 9: older; -1: after `as_of`.
    """

    def put_off(weeks: int) -> TimestampValue:
        return events.occurred_at + ibis.interval(days=7 * weeks)

    since = ((put_off(weeks + 1) > as_of, weeks) for weeks in range(WEEKS_BEFORE + 1))
    # Most events are older, which one look tells.
    is_older, is_later = put_off(OLDER_THAN_WEEKS) <= as_of, events.occurred_at > as_of
    weeks_before = ibis.cases((is_older, OLDER_THAN_WEEKS), (is_later, LATER), *since, else_=OLDER_THAN_WEEKS)
    timed = events.select(
        *("user_id", "mentor_id", "load_id", "event_type", "occurred_at"), weeks_before=weeks_before.cast("int64")
    )
    known_users = users.select("user_id", has_user=ibis.literal(True))
    known_mentors = mentors.select("mentor_id", has_mentor=ibis.literal(True)).distinct()
    joined = timed.left_join(known_users, "user_id").left_join(known_mentors, "mentor_id")
    joined = joined.select(
        *("load_id", "event_type", "occurred_at", "mentor_id", "weeks_before", "has_user", "has_mentor")
    )
    counted = joined.group_by("load_id", "event_type", "weeks_before").agg(
        events=joined.count(),
        at_midnight=joined.count(where=joined.occurred_at == joined.occurred_at.truncate("D")),
        unknown_user_events=joined.count(where=joined.has_user.isnull()),
        unknown_mentor_events=joined.count(where=joined.has_mentor.isnull() & joined.mentor_id.notnull()),
    )
    return counted.rename(event_load_id="load_id").relocate("event_load_id")
