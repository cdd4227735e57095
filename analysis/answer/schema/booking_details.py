"""The section on what events say of bookings besides what they must: who cancelled and why, how long sessions took."""

from __future__ import annotations

from typing_extensions import TypedDict

from analysis.answer.schema.reliability import Cancellations
from analysis.answer.schema.rows import Count, NotNegative


class CancellationsOfCanceller(Cancellations):
    """The bookings that one side cancelled."""

    cancelled_by: str | None
    """Who cancelled, as the events say, lower case; null in the last row, of the bookings that do not say."""


class CancellationsOfReason(Cancellations):
    """The bookings that were cancelled for one reason."""

    cancellation_reason: str | None
    """The reason, as the events say, lower case; null in the last row, of the bookings that do not say."""


class CancellationsOfNotice(Cancellations):
    """The bookings that were cancelled so long before their agreed start."""

    notice: str
    """The time from the cancellation to the agreed start: `after the agreed start`, `under 1 hour`, `1 to 24 hours`,
    `1 to 3 days`, `over 3 days`."""


class Durations(TypedDict):
    """The requested length beside the actual one, of the sessions that have both."""

    sessions: Count
    """Sessions with a recorded end whose booking asks for a length."""
    requested_median: NotNegative | None
    """Half of them asked for at most so many minutes; null without sessions."""
    actual_median: NotNegative | None
    """Half of them took at most so many minutes; null without sessions, or where the clock of starts or ends is
    coarse."""
    overruns: Count | None
    """Those of them that took longer than they asked for; null where the clock of starts or ends is coarse."""


class BookingDetails(TypedDict):
    """What the optional properties of the tracking plan say; for how many: `reliability.tracking_plan`."""

    cancellations_by_canceller: list[CancellationsOfCanceller]
    """One row per side, the most frequent first; none where no cancelled booking says who cancelled."""
    cancellations_by_reason: list[CancellationsOfReason]
    """One row per reason, the most frequent first; none where no cancelled booking says why."""
    cancellations_by_notice: list[CancellationsOfNotice]
    """One row per notice, the shortest first; none where no cancelled booking has an agreed start, or the clock of
    cancellations is coarse."""
    durations: Durations
    """How long sessions took beside what was asked for."""
