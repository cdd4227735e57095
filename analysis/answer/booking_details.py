"""The section on what the optional properties of the tracking plan say of bookings and sessions."""

from __future__ import annotations

from analysis.answer.schema.booking_details import (
    BookingDetails,
    CancellationsOfCanceller,
    CancellationsOfNotice,
    CancellationsOfReason,
)
from analysis.answer.schema.reliability import Cancellations, Clock
from analysis.answer.tiers import Row
from analysis.metrics.classes import NOTICES


def booking_details_section(
    origins: list[Row], notices: list[Row], durations: Row, clocks: list[Clock]
) -> BookingDetails:
    """Cancellations by who cancelled, by reason and by notice, and the requested length beside the actual one.

    No hours are measured from a clock that is coarse.

    Args:
        origins: rows of `cancellation_origins`.
        notices: rows of `notice_counts`.
        durations: the row of `requested_duration_quantiles`.
    """
    coarse = {clock["event_type"] for clock in clocks if clock["is_coarse"]}
    is_untimed = bool(coarse & {"session_started", "session_ended"})
    by_canceller: list[CancellationsOfCanceller] = [
        {"cancelled_by": name, **counts} for name, counts in _most_frequent_first(origins, "cancelled_by")
    ]
    by_reason: list[CancellationsOfReason] = [
        {"cancellation_reason": name, **counts} for name, counts in _most_frequent_first(origins, "cancellation_reason")
    ]
    by_notice: list[CancellationsOfNotice] = [
        {"notice": name, **_summed([row for row in notices if row["notice"] == name])} for name in NOTICES
    ]
    return {
        "cancellations_by_canceller": by_canceller,
        "cancellations_by_reason": by_reason,
        "cancellations_by_notice": by_notice if notices and "booking_cancelled" not in coarse else [],
        "durations": {
            "sessions": durations["sessions"],
            "requested_median": durations["requested_median"],
            "actual_median": None if is_untimed else durations["actual_median"],
            "overruns": None if is_untimed else durations["overruns"],
        },
    }


def _most_frequent_first(origins: list[Row], key: str) -> list[tuple[str | None, Cancellations]]:
    """The cancellations of each value of `key`, equal numbers by name, null last; none where every value is null."""
    rows: dict[str | None, list[Row]] = {}
    for row in origins:
        rows.setdefault(row[key], []).append(row)
    if not rows.keys() - {None}:
        return []
    counted = [(name, _summed(own)) for name, own in rows.items()]
    return sorted(counted, key=lambda each: (each[0] is None, -each[1]["cancelled"], each[0] or ""))


def _summed(rows: list[Row]) -> Cancellations:
    return {
        "cancelled": sum(row["cancelled"] for row in rows),
        "rescheduled": sum(row["rescheduled"] for row in rows),
    }
