"""Every metric of users and bookings, as expressions of any marts."""

from __future__ import annotations

from datetime import datetime, timedelta

import ibis
from ibis.expr.types import Table

from analysis.metrics.classes import WINDOWS
from analysis.metrics.cohorts import cohort_counts
from analysis.metrics.confounding import stratum_counts, with_company, with_month
from analysis.metrics.intent import follow_up_counts, intent_counts, user_intents
from analysis.metrics.marts import Marts
from analysis.metrics.mentors import mentor_counts
from analysis.metrics.rebooking import (
    in_window,
    rebooking_counts,
    same_mentor_counts,
    session_visits,
    user_outcomes,
    with_tier,
)
from analysis.metrics.reliability import (
    booking_outcomes,
    cancellation_counts,
    cancellation_origins,
    delay_quantiles,
    notice_counts,
    reliability_counts,
    weekly_counts,
)
from analysis.metrics.sensitivity import variant_counts, visits_by_approach, with_both_tiers
from analysis.metrics.time_to_rebooking import return_counts
from analysis.metrics.trial import dealt_outcomes, new_users_by_week

START = datetime(2023, 1, 17, 12, 0, 0, 500_000)
AS_OF = START + timedelta(days=75)
WINDOW = 30
# Later than some first sessions, at the instant of others.
TRIAL_START = START + timedelta(days=1)
NO_SHOW_DAYS, ORPHAN_DAYS = 7, 1
GROUP_A, GROUP_B = ["Gold"], ["Silver", "Bronze"]


def metrics_of(marts: Marts) -> dict[str, Table]:
    """Every metric of users and bookings, as of the moment of the marts."""
    as_of = marts.as_of
    sessions, bookings, users, mentors = marts.sessions, marts.bookings, marts.users, marts.mentors

    dealt = users.select("user_id", arm=ibis.ifelse(users.user_id == 1, "a", "b"))

    def tiered(visits, window_days):
        return with_tier(user_outcomes(visits, window_days, as_of), mentors, "current", "first_at")

    outcomes = with_tier(
        tiered(session_visits(sessions), WINDOW), mentors, "at_session", "first_at", column="other_tier"
    )
    visits = visits_by_approach(sessions, bookings, users)
    by_approach = with_both_tiers(user_outcomes(visits, WINDOW, as_of, "approach"), mentors, "current")
    unlimited = tiered(session_visits(sessions), None)
    booked = booking_outcomes(with_tier(bookings, mentors, "current", "requested_at"), as_of, NO_SHOW_DAYS, ORPHAN_DAYS)
    return {
        "outcomes": outcomes,
        "without a limit": rebooking_counts(unlimited),
        "returns": return_counts(outcomes, as_of),
        "cohorts": cohort_counts(outcomes, WINDOW, as_of),
        "cohorts by mentor": cohort_counts(outcomes, WINDOW, as_of, "mentor_id"),
        "cohorts without a limit": cohort_counts(unlimited, None, as_of),
        "company": stratum_counts(with_company(outcomes, users), "company_id", GROUP_A, GROUP_B),
        "company_size": stratum_counts(with_company(outcomes, users), "company_size", GROUP_A, GROUP_B),
        "month": stratum_counts(with_month(outcomes), "month", GROUP_A, GROUP_B),
        "mentors": mentor_counts(outcomes),
        "new users": new_users_by_week(outcomes, as_of),
        "dealt": dealt_outcomes(dealt, session_visits(sessions), TRIAL_START, WINDOW, as_of),
        "variants": variant_counts(outcomes, users, list(WINDOWS)),
        "intent": intent_counts(outcomes, user_intents(outcomes, bookings, WINDOW)),
        "same mentor": same_mentor_counts(outcomes, sessions),
        "follow-ups": follow_up_counts(outcomes, user_intents(outcomes, bookings, WINDOW), sessions),
        "by approach": variant_counts(by_approach, users, list(WINDOWS), "approach"),
        "without a limit after all": rebooking_counts(in_window(outcomes, None, as_of)),
        "reliability": reliability_counts(booked),
        "weeks": weekly_counts(booked, as_of, NO_SHOW_DAYS, ORPHAN_DAYS),
        "delays": delay_quantiles(booked),
        "cancellations": cancellation_counts(booked),
        "notices": notice_counts(booked),
        "origins": cancellation_origins(booked),
    }
