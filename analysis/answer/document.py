"""The answer to the CEO: every figure of `answer --format json`, from the marts of one environment."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ibis
import numpy as np
from ibis.expr.types import Table

from analysis.answer.booking_details import booking_details_section
from analysis.answer.cohorts import cohorts_section
from analysis.answer.confounding import confounding_section
from analysis.answer.mentors import mentors_section
from analysis.answer.rebooking import intent_section, pairwise_section, power_section, rebooking_section
from analysis.answer.reliability import reliability_in_time_section, reliability_section
from analysis.answer.robustness import robustness_section
from analysis.answer.schema.document import Answer, FullSections, Parameters, TakenIn
from analysis.answer.schema.explanations import StratifiedBy
from analysis.answer.schema.freshness import Freshness
from analysis.answer.schema.rebooking import Rebooking
from analysis.answer.schema.reliability import Reliability
from analysis.answer.sensitivity import OTHER_ATTRIBUTION, other_windows, sensitivity_section
from analysis.answer.tiers import Row
from analysis.answer.time_to_rebooking import time_to_rebooking_section
from analysis.metrics.balance import balance_counts
from analysis.metrics.cohorts import cohort_counts
from analysis.metrics.confounding import stratum_counts, with_company, with_month
from analysis.metrics.intent import intent_counts, user_intents
from analysis.metrics.marts import Marts, latest_marts, marts_at
from analysis.metrics.mentors import hourly_rates, mentor_counts
from analysis.metrics.rebooking import rebooking_counts, same_mentor_counts, session_visits, user_outcomes, with_tier
from analysis.metrics.reliability import (
    booking_outcomes,
    cancellation_counts,
    cancellation_origins,
    clock_counts,
    delay_quantiles,
    double_booking_counts,
    notice_counts,
    property_counts,
    reliability_counts,
    requested_duration_quantiles,
    session_counts,
    unknown_counts,
    weekly_counts,
)
from analysis.metrics.sensitivity import other_approaches, variant_counts
from analysis.metrics.time_to_rebooking import return_counts
from settings import Settings

SMALL_GROUP = 100
# A moment before any event, for an environment whose facts are empty: every count is 0.
NO_EVENT = datetime.datetime(1970, 1, 1)


@dataclass(frozen=True)
class Built:
    """How the environment stands whose answer it is.

    Attributes:
        environment: its name.
        as_of: the latest event that its facts were built from, naive UTC; None without facts.
        newest_load: the newest load whose events count.
        taken_in: loads and events that it holds, and that wait.
        settings: what its facts and reports were built with, by name.
        changed_definitions: the modules of metrics that say something else here than it was built with.
        freshness: reads how fresh its data are at `answered_at`, for a document that says so.
        answered_at: when the answer is given, UTC, in whole seconds.
    """

    environment: str
    as_of: datetime.datetime | None
    newest_load: int
    taken_in: TakenIn
    settings: dict[str, Any]
    changed_definitions: list[str]
    freshness: Callable[[], Freshness]
    answered_at: datetime.datetime


def answer(
    table: Callable[[str], Table],
    settings: Settings,
    built: Built,
    as_of: datetime.datetime | None,
    full: bool = False,
) -> Answer:
    """The answer document of one environment, shaped as `answer --format json` prints it.

    Args:
        table: gives a table of `analysis.metrics.marts.COLUMNS` by its name.
        settings: the question; what shapes the models is to be as the environment was built.
        built: how the environment stands.
        as_of: naive UTC; None means the latest event that the environment has taken in.
        full: with every section; else only `parameters`, `rebooking`, `intent`, `reliability`,
            `freshness`, `sensitivity` and `warnings`, in a fraction of the time.
    """
    marts = marts_asked(table, settings, built, as_of)
    events = marts.events.filter(marts.events.load_id <= built.newest_load)
    window_days, attribution = settings.rebooking_window_days, settings.tier_attribution

    of_sessions = session_counts(marts.sessions, marts.as_of, settings.max_session_hours)
    double_booked = double_booking_counts(marts.sessions, marts.users)
    unknown = unknown_counts(events, marts.users, marts.mentors)
    properties = property_counts(marts.bookings, marts.sessions)
    (totals,) = fetched(of_sessions.cross_join(double_booked, unknown, properties))

    def outcomes_of(visits: Table) -> Table:
        return with_tier(user_outcomes(visits, window_days, marts.as_of), marts.mentors, attribution, "first_at")

    by_approach = _by_approach(
        {
            name: rebooking_counts(outcomes_of(visits), "mentor_id", "tier")
            for name, visits in other_approaches(marts.sessions, marts.bookings, marts.users).items()
        }
    )
    by_session = with_tier(
        outcomes_of(session_visits(marts.sessions)),
        marts.mentors,
        OTHER_ATTRIBUTION[attribution],
        "first_at",
        "other_tier",
    )
    booked = booking_outcomes(
        with_tier(marts.bookings, marts.mentors, attribution, "requested_at"),
        marts.as_of,
        settings.no_show_grace_days,
        settings.orphan_grace_days,
    )
    # Nearly every figure starts from the users' outcomes: worked out once, in the engine.
    with by_session.cache() as outcomes:
        counts = fetched(variant_counts(outcomes, marts.users, other_windows(settings)))
        intents = user_intents(outcomes, marts.bookings, window_days)
        rebooking: Rebooking = {
            "sessions": rebooking_section(counts, settings),
            "bookings": rebooking_section(by_approach["bookings"], settings),
        }
        reliability = reliability_section(
            fetched(reliability_counts(booked)), totals, fetched(clock_counts(events)), settings
        )
        document: Answer = {
            "parameters": parameters(settings, built, as_of),
            "rebooking": rebooking,
            "intent": intent_section(
                fetched(intent_counts(outcomes, intents)),
                fetched(same_mentor_counts(outcomes, marts.sessions)),
                settings,
            ),
            "reliability": reliability,
            "freshness": built.freshness(),
            "warnings": _warnings(rebooking, reliability, _left_out(counts), settings),
            "sensitivity": sensitivity_section(counts, by_approach, settings),
        }
        if full:
            document = {**document, **_more(outcomes, counts, booked, reliability, marts, settings)}
    return document


def marts_asked(
    table: Callable[[str], Table], settings: Settings, built: Built, as_of: datetime.datetime | None
) -> Marts:
    """The marts as of the moment that is asked about; arguments as of `answer`."""
    if as_of is None:
        return latest_marts(table, built.as_of or NO_EVENT)
    return marts_at(table, as_of, settings.default_session_minutes)


def parameters(settings: Settings, built: Built, as_of: datetime.datetime | None) -> Parameters:
    """What is asked, of which environment, and as of when; arguments as of `answer`."""
    moment = as_of or built.as_of
    return {
        "environment": built.environment,
        "gateway": settings.gateway,
        "window_days": settings.rebooking_window_days,
        "group_a": settings.group_a,
        "group_b": settings.group_b,
        "tier_attribution": settings.tier_attribution,
        "as_of": moment.isoformat() + "Z" if moment else None,
        "answered_at": built.answered_at.isoformat().replace("+00:00", "Z"),
        "taken_in": built.taken_in,
        "settings": built.settings,
        "changed_definitions": built.changed_definitions,
    }


def _more(
    outcomes: Table, counts: list[Row], booked: Table, reliability: Reliability, marts: Marts, settings: Settings
) -> FullSections:
    """What only the full answer has."""
    strata: dict[StratifiedBy, tuple[Table, str]] = {
        "company": (with_company(outcomes, marts.users), "company_id"),
        "month": (with_month(outcomes), "month"),
        "company_size": (with_company(outcomes, marts.users), "company_size"),
    }
    by_stratum = {
        name: fetched(stratum_counts(table, column, settings.group_a, settings.group_b))
        for name, (table, column) in strata.items()
    }
    cohorts = fetched(cohort_counts(outcomes, settings.rebooking_window_days, marts.as_of, "mentor_id"))
    (durations,) = fetched(requested_duration_quantiles(marts.bookings, marts.sessions))
    return {
        "time_to_rebooking": time_to_rebooking_section(_columns(return_counts(outcomes, marts.as_of)), settings),
        "cohorts": cohorts_section(cohorts, settings),
        "confounding": confounding_section(by_stratum, settings),
        "mentors": mentors_section(fetched(mentor_counts(outcomes)), settings),
        "power": power_section(counts, settings),
        "pairwise": pairwise_section(counts, settings),
        "robustness": robustness_section(
            counts,
            fetched(hourly_rates(marts.mentors)),
            fetched(balance_counts(outcomes, marts.users, marts.sessions)),
            settings,
        ),
        "reliability_in_time": reliability_in_time_section(
            fetched(weekly_counts(booked, marts.as_of, settings.no_show_grace_days, settings.orphan_grace_days)),
            fetched(delay_quantiles(booked)),
            fetched(cancellation_counts(booked)),
            reliability["clock"],
        ),
        "booking_details": booking_details_section(
            fetched(cancellation_origins(booked)), fetched(notice_counts(booked)), durations, reliability["clock"]
        ),
    }


def fetched(expression: Table) -> list[Row]:
    """The rows of a table, of which there are few beside what they are counted from."""
    # In batches, since DuckDB's to_pyarrow imports pandas, which takes longer than the queries of a small warehouse.
    return [row for batch in expression.to_pyarrow_batches() for row in batch.to_pylist()]


def _columns(expression: Table) -> dict[str, np.ndarray[Any, Any]]:
    """The columns of a table that may have a row for nearly every user."""
    table = expression.to_pyarrow_batches().read_all()
    return {name: table[name].to_numpy() for name in table.column_names}


def _by_approach(counts: dict[str, Table]) -> dict[str, list[Row]]:
    """The rows of several tables of the same columns, brought home in one query."""
    rows = fetched(ibis.union(*(table.mutate(approach=ibis.literal(name)) for name, table in counts.items())))
    return {name: [row for row in rows if row["approach"] == name] for name in counts}


def _left_out(counts: list[Row]) -> int:
    """Users of mentors who had no tier yet at the first session, and have one now."""
    return sum(row["users"] for row in counts if row["tier"] is None and row["other_tier"] is not None)


def _warnings(rebooking: Rebooking, reliability: Reliability, left_out: int, settings: Settings) -> list[str]:
    found = []
    for group in rebooking["sessions"]["groups"]:
        name = "/".join(group["tiers"])
        if not group["users"]:
            found.append(f"No user had a first session with a mentor of {name}.")
        elif group["users"] < SMALL_GROUP:
            found.append(f"Few users of {name}, so the interval of their rate is wide: {group['users']}.")
        if group["may_yet_rebook"] and settings.rebooking_window_days is None:
            found.append(f"Users of {name} who have not come back, and may yet do so: {group['may_yet_rebook']:,}.")
        elif group["may_yet_rebook"]:
            found.append(f"Users of {name} still inside their window, who may yet rebook: {group['may_yet_rebook']:,}.")
    if settings.tier_attribution == "at_session":
        found.append("Mentors count with the tier that they had at the first session, not with their latest one.")
        if left_out:
            found.append(f"Users left out, since their mentor had no tier yet at the first session: {left_out:,}.")
    overall = reliability["overall"]
    if overall["unknown_user_events"]:
        found.append(f"Events of users that no export has: {overall['unknown_user_events']:,}.")
    if overall["unknown_mentor_events"]:
        found.append(f"Events of mentors that no sheet has: {overall['unknown_mentor_events']:,}.")
    coarse = [clock for clock in reliability["clock"] if clock["is_coarse"]]
    if coarse:
        shares = ", ".join(f"{row['event_type']} ({row['at_midnight']:,} of {row['events']:,})" for row in coarse)
        found.append(f"Times of day are missing, so no hours are measured from these events: {shares} are at midnight.")
    found.append("Users chose their mentors: a difference between tiers is an association, not proof of a cause.")
    return found
