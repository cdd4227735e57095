"""The answer document as a whole, as `answer --format json` prints it.

Each field is described once, below its name: docs/answer.schema.json is written from these modules.
"""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from analysis.answer.schema.booking_details import BookingDetails
from analysis.answer.schema.explanations import Cohorts, Confounding, Mentors, Pair, Power, TimeToRebooking
from analysis.answer.schema.freshness import Freshness
from analysis.answer.schema.optional_events import OptionalEvents
from analysis.answer.schema.rebooking import Intent, Rebooking, Sensitivity
from analysis.answer.schema.reliability import Reliability, ReliabilityInTime
from analysis.answer.schema.robustness import Robustness
from analysis.answer.schema.rows import Count


class TakenIn(TypedDict):
    """Loads and events that an environment holds, and those that are loaded and would change what it says."""

    loads: Count
    """Loads that it holds."""
    events: Count
    """Booking events that it holds."""
    waiting_loads: Count
    """Loads that wait for the next run."""
    waiting_events: Count
    """Booking events that wait for the next run."""


class Parameters(TypedDict):
    """What was asked, of which environment, and as of when."""

    environment: str
    """The name of the environment, as SQLMesh knows it."""
    gateway: str
    """The SQLMesh gateway."""
    window_days: Count | None
    """The rebooking window in days; null means no limit."""
    group_a: list[str]
    """The tiers of group a."""
    group_b: list[str]
    """The tiers of group b."""
    tier_attribution: Literal["current", "at_session"]
    """Whether a mentor counts with the latest tier, or with that held at the first session or at the request."""
    as_of: str | None
    """The moment that the answer speaks of, ISO 8601, UTC; null for an environment without sessions and bookings."""
    answered_at: str
    """When the answer was given, ISO 8601, UTC. Nothing but this, `freshness` and the warning of data that are stale
    depends on the clock."""
    taken_in: TakenIn
    """What the environment holds, and what waits."""
    settings: dict[str, float | None]
    """The settings that its facts and reports were built with, by the names of settings.toml; null means none."""
    changed_definitions: list[str]
    """The modules of metrics that say something else here than the environment was built with."""


class FullSections(TypedDict, total=False):
    """The sections that only the full answer has: all of them or none."""

    time_to_rebooking: TimeToRebooking
    """The share of users who have come back, day by day."""
    cohorts: Cohorts
    """Rebooking by the month of the first session."""
    confounding: Confounding
    """The groups compared among users who are alike."""
    mentors: Mentors
    """Whether a tier is good, or a few of its mentors are."""
    power: Power
    """What samples of this size can show."""
    pairwise: list[Pair]
    """Every pair of tiers compared."""
    robustness: Robustness
    """How wrong the comparison could be."""
    reliability_in_time: ReliabilityInTime
    """What became of the bookings week by week."""
    booking_details: BookingDetails
    """Who cancelled bookings, why and how late, and how long sessions took, where the events say so."""


class Answer(FullSections):
    """The answer to the CEO. Rates are fractions, never rounded; what is not defined is null."""

    headline: NotRequired[str]
    """The sentences with which every other format begins; it is there where the document is printed."""
    parameters: Parameters
    """What was asked, of which environment, and as of when."""
    rebooking: Rebooking
    """The headline: who came back, by tier of the mentor of the first visit."""
    intent: Intent
    """Who asked for another session, and what became of it."""
    reliability: Reliability
    """What became of the bookings, and whether the booking system is reliable."""
    freshness: Freshness
    """How fresh the data are: the age of the newest event and of each file's last new row, and the week's volume."""
    warnings: list[str]
    """What the reader has to know besides, one sentence each."""
    sensitivity: Sensitivity
    """Whether another way of counting changes the conclusion."""
    optional_events: NotRequired[OptionalEvents]
    """What the optional events of the tracking plan say; it is there where such events came that are counted."""
