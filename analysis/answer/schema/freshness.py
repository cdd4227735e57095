"""The section on how fresh the data are: the age of the newest event, of each file's last new row, a week's volume."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from analysis.answer.schema.rows import Count, NotNegative

FreshnessStatus = Literal["fresh", "stale", "not_checked", "no_data"]


class SourceFreshness(TypedDict):
    """When one source last brought something new, into this warehouse as a whole."""

    source: str
    """The source: `users`, `mentors` or `booking_events`."""
    last_new_row: str | None
    """The time of the last load of a row that the warehouse did not have, ISO 8601, UTC; null where none was loaded."""


class WeekVolume(TypedDict):
    """The events of the seven days that end with the newest event, against the eight such weeks before."""

    events: Count
    """Events of the seven days."""
    expected: NotNegative | None
    """The mean of the eight weeks before; null, as the fields below, where the events do not reach back so far."""
    lowest: Count | None
    """The fewest events of one of the eight weeks."""
    highest: Count | None
    """The most events of one of the eight weeks."""
    is_unusual: bool | None
    """The seven days have fewer than half of `lowest` or more than twice `highest`."""


class Freshness(TypedDict):
    """How fresh the data of the environment are at `answered_at`, whatever moment was asked for."""

    newest_event: str | None
    """The latest event that the environment has taken in, ISO 8601, UTC; null without sessions and bookings."""
    age_hours: float | None
    """Hours from the newest event to `answered_at`, negative where it lies ahead of the clock; null without one."""
    max_age_hours: Count | None
    """The highest age that is fresh, the setting `max_feed_age_hours`; null where none is set."""
    files: list[SourceFreshness]
    """One row per source, in the order of their first loads."""
    week: WeekVolume | None
    """The volume of the latest week; null without sessions and bookings."""
    status: FreshnessStatus
    """`stale` where the age is above `max_age_hours`, else `fresh`; `not_checked` where no highest age is set;
    `no_data` without sessions and bookings."""
