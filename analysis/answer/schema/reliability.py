"""The sections on the booking system: what became of the bookings, as a whole and week by week."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from analysis.answer.schema.rows import Count, Fraction, NotNegative, OfTier

CheckedRate = Literal["orphan_rate", "no_show_rate", "cancellation_rate", "estimated_end_rate", "double_booking_rate"]
CheckStatus = Literal["pass", "fail", "warn", "not_settled", "no_data"]
Verdict = Literal["reliable", "not_reliable", "not_settled", "no_data"]
ChartedRate = Literal["cancellation_rate", "no_show_rate", "orphan_rate"]


class OutcomeCounts(TypedDict):
    """What became of bookings: bookings = attended + cancelled + no_show + upcoming + orphan + open."""

    bookings: Count
    """Bookings asked for."""
    attended: Count
    """Those that led to a session."""
    missing_confirmations: Count
    """Those of the attended without a confirmation before the session."""
    cancelled: Count
    """Those that were cancelled."""
    rescheduled: Count
    """Those of the cancelled that another request took the place of."""
    no_show: Count
    """Those confirmed, without a session, whose grace period is over."""
    upcoming: Count
    """Those confirmed, without a session, within their grace period."""
    orphan: Count
    """Those never answered whose grace period is over."""
    open: Count
    """Those not answered yet, within their grace period."""


class OutcomeRates(TypedDict):
    """How many of the bookings went wrong, in each way."""

    no_show_rate: Fraction | None
    """no_show / (attended + no_show); null where both are 0."""
    cancellation_rate: Fraction | None
    """cancelled / bookings; null without bookings."""
    orphan_rate: Fraction | None
    """orphan / bookings; null without bookings."""


class OutcomeFigures(OutcomeCounts, OutcomeRates):
    """What became of bookings, in numbers and rates."""

    confirmation_rate: Fraction | None
    """(attended + no_show + upcoming) / bookings; null without bookings."""


class OutcomesOfTier(OfTier, OutcomeFigures):
    """What became of the bookings with the mentors of one tier."""


class OverallReliability(OutcomeFigures):
    """All mentors together, known or not, with what else the events say of the booking system."""

    sessions: Count
    """Sessions that took place: recorded_ends + estimated_ends + running."""
    recorded_ends: Count
    """Those with a recorded end."""
    estimated_ends: Count
    """Those whose end is estimated, for none was recorded or none that can be right."""
    running: Count
    """Those without a recorded end that started less than the longest session before `as_of`: they may yet end."""
    estimated_end_rate: Fraction | None
    """estimated_ends / (sessions - running); null where that is 0."""
    double_booked: Count
    """Those of the recorded ends that start strictly inside another one of the same mentor."""
    double_booked_same_company: Count
    """Those of them that may be one session shared: every session that they start inside is of a user of the same
    company."""
    double_booking_rate: Fraction | None
    """double_booked / recorded_ends; null where that is 0."""
    walk_ins: Count
    """Sessions that no booking led to."""
    unknown_user_events: Count
    """Events of users who are not in the users export."""
    unknown_mentor_events: Count
    """Events of mentors who were never in a mentor sheet."""


class Check(TypedDict):
    """One rate against its threshold."""

    name: CheckedRate
    """Which rate of `overall`."""
    value: Fraction | None
    """That rate; null without data."""
    ci_low: Fraction | None
    """Lower bound of the rate, by Wilson's interval at the confidence level; null without data."""
    ci_high: Fraction | None
    """Upper bound of the rate, by Wilson's interval at the confidence level; null without data."""
    threshold: Fraction
    """The highest value that passes, from the settings."""
    status: CheckStatus
    """`pass` where the upper bound is at or below the threshold, `fail` where the lower bound is above it,
    `not_settled` where the threshold lies between, `no_data` without a value; `warn` instead of `fail` where the check
    does not decide."""
    decides: bool
    """The verdict depends on it; an advisory check only warns."""


class Clock(TypedDict):
    """How exactly the events of one type are timed."""

    event_type: str
    """The type."""
    events: Count
    """Its events."""
    at_midnight: Count
    """Those stamped exactly 00:00:00 UTC."""
    is_coarse: bool
    """Their share is above the setting `coarse_clock_share`: no hours are measured from these events."""


class TrackingPlan(TypedDict):
    """For how many bookings and sessions an optional property of the tracking plan is there and used."""

    agreed_starts: Count
    """Bookings with an agreed start, which no-shows are then counted from."""
    requested_durations: Count
    """Bookings that ask for a length."""
    named_cancellers: Count
    """Cancelled bookings that say who cancelled."""
    cancellation_reasons: Count
    """Cancelled bookings that say why."""
    ends_by_duration: Count
    """Sessions whose end is their measured length after the start, the event of the end being too late to be it."""


class Reliability(TypedDict):
    """What became of the bookings, and whether the booking system is reliable."""

    tiers: list[OutcomesOfTier]
    """One row per tier; bookings with mentors never known are in `overall` alone."""
    overall: OverallReliability
    """All bookings."""
    clock: list[Clock]
    """One row per event type with events, in order of names."""
    tracking_plan: TrackingPlan
    """How much the events say besides what they must."""
    checks: list[Check]
    """One row per rate that has a threshold."""
    verdict: Verdict
    """By the checks that decide: `not_reliable` where one fails, `no_data` where none has a value, `reliable` where all
    that have one pass, else `not_settled`."""


class Week(OutcomeCounts, OutcomeRates):
    """What became of the bookings that were asked for in one week, all mentors together, known or not."""

    week: str
    """The Monday with which the week begins, UTC, as YYYY-MM-DD."""


class ControlPoint(TypedDict):
    """One week of a control chart."""

    week: str
    """The Monday with which the week begins, UTC, as YYYY-MM-DD."""
    n: Count
    """The bookings that the rate is a share of; weeks without any have no point."""
    value: Fraction | None
    """The rate of the week; null, as the limits, where n is 0."""
    lower: Fraction | None
    """Lower control limit of the rate, exact binomial."""
    upper: Fraction | None
    """Upper control limit of the rate, exact binomial."""
    is_alert: bool
    """The value lies outside the limits, high or low; by chance at most one week in 370 does."""


class ControlChart(TypedDict):
    """Shewhart's control chart of one rate."""

    rate: ChartedRate
    """Which rate of `weeks`."""
    center: Fraction | None
    """The rate over all ripe weeks; null without bookings that it is a share of."""
    points: list[ControlPoint]
    """One row per ripe week, in order of weeks: all of its bookings have had the time to become what is counted."""


class Quantiles(TypedDict):
    """How long requests waited, in hours."""

    n: Count
    """The bookings that came to what they waited for."""
    median: NotNegative | None
    """Half of them waited at most so many hours; null where n is 0, or the clock at either end is coarse."""
    p90: NotNegative | None
    """Nine in ten of them waited at most so many hours; null where n is 0, or the clock at either end is coarse."""


class Delay(TypedDict):
    """How long the requests of one tier, or of all mentors, waited."""

    tier: str | None
    """The tier; null in the last row, which has all bookings."""
    confirmation_hours: Quantiles
    """From the request to its first confirmation."""
    session_hours: Quantiles
    """From the request to the session that it led to."""


class Cancellations(TypedDict):
    """Some of the cancelled bookings."""

    cancelled: Count
    """Bookings cancelled."""
    rescheduled: Count
    """Those of them that another request took the place of."""


class CancellationsOfLeadTime(Cancellations):
    """The cancelled bookings that were cancelled so soon after the request."""

    lead_time: str
    """The time from the request to its cancellation: `under 1 hour`, `1 to 24 hours`, `1 to 3 days`, `over 3 days`."""


class ReliabilityInTime(TypedDict):
    """What became of the bookings week by week, and how long they waited."""

    weeks: list[Week]
    """One row per week with a request, in order of weeks."""
    control_charts: list[ControlChart]
    """One row per charted rate."""
    delays: list[Delay]
    """One row per tier, best first, and one for all bookings."""
    cancellations_by_lead_time: list[CancellationsOfLeadTime]
    """One row per lead time, the shortest first; none where the clock of requests or cancellations is coarse."""
