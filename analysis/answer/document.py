"""The answer to the CEO: every figure of `answer --format json`, from the reports and marts of one environment."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.answer.built import Built, parameters
from analysis.answer.optional_events import optional_events_section
from analysis.answer.rebooking import intent_section, rebooking_section
from analysis.answer.reliability import reliability_section
from analysis.answer.reports import Reports
from analysis.answer.schema.document import Answer, FullSections
from analysis.answer.schema.rebooking import Rebooking
from analysis.answer.schema.reliability import Reliability
from analysis.answer.sensitivity import sensitivity_section
from analysis.answer.tiers import Row
from settings import Settings

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from analysis.answer.facts import Facts

SMALL_GROUP = 100


@dataclass(frozen=True)
class Counts:
    """Who has counted what the answer is made from: the reports what they hold, the facts all else."""

    reports: Reports | None
    is_window_built: bool
    facts: Callable[[], Facts]
    settings: Settings

    @property
    def _is_current(self) -> bool:
        return self.settings.tier_attribution == "current"

    def totals(self) -> Row:
        return self.reports.totals() if self.reports else self.facts().totals()

    def clocks(self) -> list[Row]:
        return self.reports.clocks() if self.reports else self.facts().clocks()

    def optional_events(self) -> list[Row]:
        if self.reports and self._is_current and not self.reports.has_later_events:
            return self.reports.optional_events()
        return self.facts().optional_events()

    def reliability(self) -> list[Row]:
        return self.reports.reliability() if self.reports and self._is_current else self.facts().reliability()

    def weeks(self) -> list[Row]:
        return self.reports.weeks() if self.reports else self.facts().weeks()

    def follow_ups(self) -> list[Row]:
        if self.reports and self.is_window_built and self._is_current:
            return self.reports.follow_ups()
        return self.facts().follow_ups()

    def by_session(self) -> list[Row]:
        if self.reports and self.is_window_built:
            return self.reports.by_session(self.settings.tier_attribution)
        return self.facts().by_session()

    def by_approach(self) -> dict[str, list[Row]]:
        if self.reports and self.is_window_built:
            return self.reports.by_approach(self.settings.tier_attribution)
        return self.facts().by_approach()


@contextmanager
def counting(
    table: Callable[[str], Table], settings: Settings, built: Built, as_of: datetime.datetime | None
) -> Iterator[Counts]:
    """What counts the answer; arguments as of `answer`."""
    reports = Reports(built.report, built.newest_load) if built.report and as_of is None else None
    opened: list[Facts] = []

    def facts() -> Facts:
        if not opened:
            # Imported where the reports do not hold what is asked: Ibis takes longer than a whole answer from them.
            from analysis.answer.facts import Facts

            opened.append(Facts(table, settings, built, as_of, says_now=reports is not None).__enter__())
        return opened[0]

    try:
        yield Counts(
            reports, settings.rebooking_window_days == built.settings.get("rebooking_window_days"), facts, settings
        )
    finally:
        for one in opened:
            one.__exit__()


def answer(
    table: Callable[[str], Table],
    settings: Settings,
    built: Built,
    as_of: datetime.datetime | None,
    full: bool = False,
) -> Answer:
    """The answer document of one environment, shaped as `answer --format json` prints it.

    Args:
        table: gives a table of `analysis.metrics.marts.COLUMNS`, or `rpt_user_outcomes`, by its name.
        settings: the question; what shapes the models is to be as the environment was built.
        built: how the environment stands.
        as_of: naive UTC; None means the latest event that the environment has taken in.
        full: with every section; else only `parameters`, `rebooking`, `intent`, `reliability`,
            `freshness`, `sensitivity` and `warnings`, in a fraction of the time.
    """
    with counting(table, settings, built, as_of) as counts:
        by_session, by_approach, follow_ups = counts.by_session(), counts.by_approach(), counts.follow_ups()
        # First, since it makes the comparisons that others repeat, several at once.
        sensitivity = sensitivity_section(by_session, by_approach, settings)
        rebooking: Rebooking = {
            "sessions": rebooking_section(by_session, settings),
            "bookings": rebooking_section(by_approach["bookings"], settings),
        }
        reliability = reliability_section(counts.reliability(), counts.totals(), counts.clocks(), settings)
        document: Answer = {
            "parameters": parameters(settings, built, as_of),
            "rebooking": rebooking,
            "intent": intent_section(follow_ups, settings),
            "reliability": reliability,
            "freshness": built.freshness(),
            "warnings": _warnings(rebooking, reliability, _left_out(by_session), settings),
            "sensitivity": sensitivity,
        }
        if optional := optional_events_section(counts.optional_events(), by_session, settings):
            document["optional_events"] = optional
        if full:
            document = {**document, **_more(counts, by_session, reliability, settings)}
    return document


def _more(counts: Counts, by_session: list[Row], reliability: Reliability, settings: Settings) -> FullSections:
    """What only the full answer has."""
    from analysis.answer.booking_details import booking_details_section
    from analysis.answer.cohorts import cohorts_section
    from analysis.answer.confounding import confounding_section
    from analysis.answer.mentors import mentors_section
    from analysis.answer.rebooking import pairwise_section, power_section
    from analysis.answer.reliability import reliability_in_time_section
    from analysis.answer.robustness import robustness_section
    from analysis.answer.time_to_rebooking import time_to_rebooking_section

    facts = counts.facts()
    return {
        "time_to_rebooking": time_to_rebooking_section(facts.returns(), settings),
        "cohorts": cohorts_section(facts.cohorts(), settings),
        "confounding": confounding_section(facts.by_stratum(), settings),
        "mentors": mentors_section(facts.mentors(), settings),
        "power": power_section(by_session, settings),
        "pairwise": pairwise_section(by_session, settings),
        "robustness": robustness_section(by_session, facts.hourly_rates(), facts.balance(), settings),
        "reliability_in_time": reliability_in_time_section(
            counts.weeks(), facts.delays(), facts.cancellations(), reliability["clock"]
        ),
        "booking_details": booking_details_section(
            facts.cancellation_origins(), facts.notices(), facts.requested_durations(), reliability["clock"]
        ),
    }


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
