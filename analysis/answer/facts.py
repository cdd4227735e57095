"""What is counted from the facts of an environment, by the metrics, each count when it is asked for."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from typing import Any

import numpy as np
from ibis.expr.types import Table

from analysis.answer.built import Built
from analysis.answer.schema.explanations import StratifiedBy
from analysis.answer.sensitivity import other_windows
from analysis.answer.tiers import Row
from analysis.metrics.balance import balance_counts
from analysis.metrics.classes import OTHER_APPROACHES
from analysis.metrics.cohorts import cohort_counts
from analysis.metrics.confounding import stratum_counts, with_company, with_month
from analysis.metrics.intent import follow_up_counts, user_intents
from analysis.metrics.marts import Marts, latest_marts, marts_at
from analysis.metrics.mentors import hourly_rates, mentor_counts
from analysis.metrics.optional_events import optional_event_counts
from analysis.metrics.rebooking import in_window, rebooking_counts, session_visits, user_outcomes, with_tier
from analysis.metrics.reliability import (
    booking_events,
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
from analysis.metrics.sensitivity import variant_counts, visits_by_approach, with_both_tiers
from analysis.metrics.time_to_rebooking import return_counts
from settings import Settings

# A moment before any event, for an environment whose facts are empty: every count is 0.
NO_EVENT = datetime.datetime(1970, 1, 1)


class Facts:
    """The counts of an environment, from its facts and, where these say it, from what became of each user.

    To be used as a context: the users' outcomes may be kept in a temporary table meanwhile.

    Args:
        table, settings, built, as_of: as of `document.answer`.
        says_now: `rpt_user_outcomes` says what is asked about, but for the window and the tier attribution.
    """

    def __init__(
        self,
        table: Callable[[str], Table],
        settings: Settings,
        built: Built,
        as_of: datetime.datetime | None,
        says_now: bool,
    ) -> None:
        self.table = table
        self.settings = settings
        self.built = built
        self.marts = marts_asked(table, settings, built, as_of)
        self.all_events = self.marts.events.filter(self.marts.events.load_id <= built.newest_load)
        self.events = booking_events(self.all_events)
        self.says_now = says_now
        self._kept = ExitStack()

    def __enter__(self) -> Facts:
        return self

    def __exit__(self, *error: object) -> None:
        self._kept.close()

    @cached_property
    def outcomes(self) -> Table:
        """What became of each user, with `tier`; with `other_tier` unless the report says all that is asked."""
        window_days, attribution = self.settings.rebooking_window_days, self.settings.tier_attribution
        marts, is_built_so = self.marts, window_days == self.built.settings.get("rebooking_window_days")
        if not self.says_now:
            visits = session_visits(marts.sessions)
            found = with_both_tiers(user_outcomes(visits, window_days, marts.as_of), marts.mentors, attribution)
        else:
            found = self.table("rpt_user_outcomes")
            if is_built_so and attribution == "current":
                return found
            found = in_window(found.drop("is_rebooked", "is_mature"), window_days, marts.as_of)
            if attribution == "current":
                found = with_tier(found, marts.mentors, "at_session", "first_at", "other_tier")
            else:
                found = with_tier(found.rename(other_tier="tier"), marts.mentors, attribution, "first_at")
        # Nearly every figure starts from them: worked out once, in the engine.
        return self._kept.enter_context(found.cache())

    @cached_property
    def booked(self) -> Table:
        """The bookings, each with its tier and what became of it."""
        settings, marts = self.settings, self.marts
        return booking_outcomes(
            with_tier(marts.bookings, marts.mentors, settings.tier_attribution, "requested_at"),
            marts.as_of,
            settings.no_show_grace_days,
            settings.orphan_grace_days,
        )

    def totals(self) -> Row:
        """Sessions, double bookings, unknown users and mentors, and use of the tracking plan, in one row."""
        marts = self.marts
        of_sessions = session_counts(marts.sessions, marts.as_of, self.settings.max_session_hours)
        double_booked = double_booking_counts(marts.sessions, marts.users)
        unknown = unknown_counts(self.events, marts.users, marts.mentors)
        (row,) = fetched(
            of_sessions.cross_join(double_booked, unknown, property_counts(marts.bookings, marts.sessions))
        )
        return row

    def clocks(self) -> list[Row]:
        """Rows of `clock_counts`."""
        return fetched(clock_counts(self.events))

    def optional_events(self) -> list[Row]:
        """Rows of `optional_event_counts`."""
        marts, attribution = self.marts, self.settings.tier_attribution
        return fetched(
            optional_event_counts(
                self.all_events, self.outcomes, marts.bookings, marts.mentors, attribution, marts.as_of
            )
        )

    def reliability(self) -> list[Row]:
        """Rows of `reliability_counts`."""
        return fetched(reliability_counts(self.booked))

    def weeks(self) -> list[Row]:
        """Rows of `weekly_counts`."""
        settings = self.settings
        return fetched(
            weekly_counts(self.booked, self.marts.as_of, settings.no_show_grace_days, settings.orphan_grace_days)
        )

    def follow_ups(self) -> list[Row]:
        """Rows of `follow_up_counts`."""
        intents = user_intents(self.outcomes, self.marts.bookings, self.settings.rebooking_window_days)
        return fetched(follow_up_counts(self.outcomes, intents, self.marts.sessions))

    def by_session(self) -> list[Row]:
        """Rows of `variant_counts`."""
        return fetched(variant_counts(self.outcomes, self.marts.users, other_windows(self.settings)))

    def by_approach(self) -> dict[str, list[Row]]:
        """Rows of `rebooking_counts` by mentor and tier, for each of `OTHER_APPROACHES`."""
        settings, marts = self.settings, self.marts
        visits = visits_by_approach(marts.sessions, marts.bookings, marts.users)
        outcomes = user_outcomes(visits, settings.rebooking_window_days, marts.as_of, "approach")
        tiered = with_tier(outcomes, marts.mentors, settings.tier_attribution, "first_at")
        rows = fetched(rebooking_counts(tiered, "approach", "mentor_id", "tier"))
        return {name: [row for row in rows if row["approach"] == name] for name in OTHER_APPROACHES}

    def by_stratum(self) -> dict[StratifiedBy, list[Row]]:
        """Rows of `stratum_counts` by company, month and size of the company."""
        with_companies = with_company(self.outcomes, self.marts.users)
        strata: dict[StratifiedBy, tuple[Table, str]] = {
            "company": (with_companies, "company_id"),
            "month": (with_month(self.outcomes), "month"),
            "company_size": (with_companies, "company_size"),
        }
        return {
            name: fetched(stratum_counts(table, column, self.settings.group_a, self.settings.group_b))
            for name, (table, column) in strata.items()
        }

    def cohorts(self) -> list[Row]:
        """Rows of `cohort_counts` by mentor."""
        return fetched(cohort_counts(self.outcomes, self.settings.rebooking_window_days, self.marts.as_of, "mentor_id"))

    def returns(self) -> dict[str, np.ndarray[Any, Any]]:
        """The columns of `return_counts`, which may have a row for nearly every user."""
        table = return_counts(self.outcomes, self.marts.as_of).to_pyarrow_batches().read_all()
        return {name: table[name].to_numpy() for name in table.column_names}

    def mentors(self) -> list[Row]:
        """Rows of `mentor_counts`."""
        return fetched(mentor_counts(self.outcomes))

    def hourly_rates(self) -> list[Row]:
        """Rows of `hourly_rates`."""
        return fetched(hourly_rates(self.marts.mentors))

    def balance(self) -> list[Row]:
        """Rows of `balance_counts`."""
        return fetched(balance_counts(self.outcomes, self.marts.users, self.marts.sessions))

    def delays(self) -> list[Row]:
        """Rows of `delay_quantiles`."""
        return fetched(delay_quantiles(self.booked))

    def cancellations(self) -> list[Row]:
        """Rows of `cancellation_counts`."""
        return fetched(cancellation_counts(self.booked))

    def cancellation_origins(self) -> list[Row]:
        """Rows of `cancellation_origins`."""
        return fetched(cancellation_origins(self.booked))

    def notices(self) -> list[Row]:
        """Rows of `notice_counts`."""
        return fetched(notice_counts(self.booked))

    def requested_durations(self) -> Row:
        """The row of `requested_duration_quantiles`."""
        (row,) = fetched(requested_duration_quantiles(self.marts.bookings, self.marts.sessions))
        return row


def marts_asked(
    table: Callable[[str], Table], settings: Settings, built: Built, as_of: datetime.datetime | None
) -> Marts:
    """The marts as of the moment that is asked about; arguments as of `document.answer`."""
    if as_of is None:
        return latest_marts(table, built.as_of or NO_EVENT)
    return marts_at(table, as_of, settings.default_session_minutes)


def fetched(expression: Table) -> list[Row]:
    """The rows of a table, of which there are few beside what they are counted from."""
    # In batches, since DuckDB's to_pyarrow imports pandas, which takes longer than the queries of a small warehouse.
    return [row for batch in expression.to_pyarrow_batches() for row in batch.to_pylist()]
