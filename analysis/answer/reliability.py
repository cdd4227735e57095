"""The sections on the booking system: what became of the bookings, as a whole and week by week."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.answer.schema.reliability import (
    ChartedRate,
    Check,
    CheckedRate,
    CheckStatus,
    Clock,
    ControlChart,
    Delay,
    OutcomeCounts,
    OutcomeFigures,
    OverallReliability,
    Quantiles,
    Reliability,
    ReliabilityInTime,
    Verdict,
    Week,
)
from analysis.answer.tiers import Row
from analysis.metrics.classes import LEAD_TIMES
from analysis.statistics.proportions import rate, wilson_interval
from analysis.statistics.trend import p_chart
from settings import Settings, known_tiers


def reliability_section(rows: list[Row], totals: Row, clocks: list[Row], settings: Settings) -> Reliability:
    """What became of the bookings by tier and overall, and whether each rate passes its threshold.

    Args:
        rows: rows of `reliability_counts`.
        totals: the rows of `session_counts`, `double_booking_counts`, `unknown_counts` and `property_counts` in one.
        clocks: rows of `clock_counts`.
    """
    figures = _figures(rows)
    ended = totals["sessions"] - totals["running"]
    overall: OverallReliability = {
        **figures,
        "sessions": totals["sessions"],
        "recorded_ends": totals["recorded_ends"],
        "estimated_ends": totals["estimated_ends"],
        "running": totals["running"],
        "estimated_end_rate": rate(totals["estimated_ends"], ended),
        "double_booked": totals["double_booked"],
        "double_booked_same_company": totals["double_booked_same_company"],
        "double_booking_rate": rate(totals["double_booked"], totals["recorded_ends"]),
        "walk_ins": totals["walk_ins"],
        "unknown_user_events": totals["unknown_user_events"],
        "unknown_mentor_events": totals["unknown_mentor_events"],
    }
    shares = _shares(figures)
    checks = [
        _check("orphan_rate", shares["orphan_rate"], settings.max_orphan_rate, settings),
        _check("no_show_rate", shares["no_show_rate"], settings.max_no_show_rate, settings),
        _check("cancellation_rate", shares["cancellation_rate"], settings.max_cancellation_rate, settings),
        _check("estimated_end_rate", (totals["estimated_ends"], ended), settings.max_estimated_end_rate, settings),
        _check(
            "double_booking_rate",
            (totals["double_booked"], totals["recorded_ends"]),
            settings.max_double_booking_rate,
            settings,
            decides=False,
        ),
    ]
    return {
        "tiers": [{"tier": tier, **_figures(row for row in rows if row["tier"] == tier)} for tier in known_tiers()],
        "overall": overall,
        "clock": [
            {
                "event_type": row["event_type"],
                "events": row["events"],
                "at_midnight": row["at_midnight"],
                # As a quotient: 0.29 * 100 is less than 29.
                "is_coarse": row["events"] > 0 and row["at_midnight"] / row["events"] > settings.coarse_clock_share,
            }
            for row in sorted(clocks, key=lambda row: row["event_type"])
        ],
        "tracking_plan": {
            "agreed_starts": totals["agreed_starts"],
            "requested_durations": totals["requested_durations"],
            "named_cancellers": totals["named_cancellers"],
            "cancellation_reasons": totals["cancellation_reasons"],
            "ends_by_duration": totals["ends_by_duration"],
        },
        "checks": checks,
        "verdict": _verdict([check["status"] for check in checks if check["decides"]]),
    }


def _verdict(statuses: list[CheckStatus]) -> Verdict:
    judged = [status for status in statuses if status != "no_data"]
    if "fail" in judged:
        return "not_reliable"
    if not judged:
        return "no_data"
    return "reliable" if set(judged) == {"pass"} else "not_settled"


def _outcomes(rows: Iterable[Row]) -> OutcomeCounts:
    rows = list(rows)

    def total(name: str) -> int:
        return sum(row[name] for row in rows)

    return {
        "bookings": total("bookings"),
        "attended": total("attended"),
        "missing_confirmations": total("missing_confirmations"),
        "cancelled": total("cancelled"),
        "rescheduled": total("rescheduled"),
        "no_show": total("no_show"),
        "upcoming": total("upcoming"),
        "orphan": total("orphan"),
        "open": total("open"),
    }


def _shares(counts: OutcomeCounts) -> dict[ChartedRate, tuple[int, int]]:
    """Of each rate: what is counted, and out of how many bookings."""
    return {
        "cancellation_rate": (counts["cancelled"], counts["bookings"]),
        "no_show_rate": (counts["no_show"], counts["attended"] + counts["no_show"]),
        "orphan_rate": (counts["orphan"], counts["bookings"]),
    }


def _figures(rows: Iterable[Row]) -> OutcomeFigures:
    counts = _outcomes(rows)
    shares = _shares(counts)
    return {
        **counts,
        "confirmation_rate": rate(counts["attended"] + counts["no_show"] + counts["upcoming"], counts["bookings"]),
        "no_show_rate": rate(*shares["no_show_rate"]),
        "cancellation_rate": rate(*shares["cancellation_rate"]),
        "orphan_rate": rate(*shares["orphan_rate"]),
    }


def _check(
    name: CheckedRate, share: tuple[int, int], threshold: float, settings: Settings, decides: bool = True
) -> Check:
    value = rate(*share)
    low, high = wilson_interval(*share, settings.confidence_level)
    status: CheckStatus = "not_settled"
    if low is None or high is None:
        status = "no_data"
    elif high <= threshold:
        status = "pass"
    elif low > threshold:
        status = "fail" if decides else "warn"
    return {
        "name": name,
        "value": value,
        "ci_low": low,
        "ci_high": high,
        "threshold": threshold,
        "status": status,
        "decides": decides,
    }


def reliability_in_time_section(
    weeks: list[Row], delays: list[Row], cancellations: list[Row], clocks: list[Clock]
) -> ReliabilityInTime:
    """Outcomes week by week with control charts, how long requests wait, and how soon they are cancelled.

    No hours are measured from a clock that is coarse.

    Args:
        weeks: rows of `weekly_counts`.
        delays: rows of `delay_quantiles`.
        cancellations: rows of `cancellation_counts`.
    """
    weeks = sorted(weeks, key=lambda row: row["week"])
    by_week = [_week(row) for row in weeks]
    coarse = {clock["event_type"] for clock in clocks if clock["is_coarse"]}

    def ripe(name: ChartedRate) -> list[Week]:
        return [week for week, row in zip(by_week, weeks, strict=True) if row[f"is_{name}_ripe"]]

    waited = {row["tier"]: row for row in delays}
    soon = {row["lead_time"]: row for row in cancellations}
    return {
        "weeks": by_week,
        "control_charts": [
            _chart("cancellation_rate", ripe("cancellation_rate")),
            _chart("no_show_rate", ripe("no_show_rate")),
            _chart("orphan_rate", ripe("orphan_rate")),
        ],
        "delays": [_delay(tier, waited.get(tier), coarse) for tier in (*known_tiers(), None)],
        "cancellations_by_lead_time": [
            {
                "lead_time": name,
                "cancelled": soon[name]["cancelled"] if name in soon else 0,
                "rescheduled": soon[name]["rescheduled"] if name in soon else 0,
            }
            for name in ([] if coarse & {"booking_requested", "booking_cancelled"} else LEAD_TIMES)
        ],
    }


def _week(row: Row) -> Week:
    counts = _outcomes([row])
    shares = _shares(counts)
    return {
        "week": row["week"].isoformat(),
        **counts,
        "cancellation_rate": rate(*shares["cancellation_rate"]),
        "no_show_rate": rate(*shares["no_show_rate"]),
        "orphan_rate": rate(*shares["orphan_rate"]),
    }


def _chart(name: ChartedRate, weeks: list[Week]) -> ControlChart:
    counts = [_shares(week)[name] for week in weeks]
    center, points = p_chart([events for events, _ in counts], [n for _, n in counts])
    return {
        "rate": name,
        "center": center,
        "points": [
            {
                "week": week["week"],
                "n": n,
                "value": point.value,
                "lower": point.lower,
                "upper": point.upper,
                "is_alert": point.is_alert,
            }
            for week, (_, n), point in zip(weeks, counts, points, strict=True)
            if n
        ],
    }


def _rounded(hours: float | None) -> float | None:
    """Engines interpolate alike but for the last digits of a float."""
    return None if hours is None else round(hours, 9)


def _delay(tier: str | None, row: Row | None, coarse: set[str]) -> Delay:
    def quantiles(name: str, end: str) -> Quantiles:
        if row is None or coarse & {"booking_requested", end}:
            return {"n": row[f"{name}_n"] if row else 0, "median": None, "p90": None}
        return {
            "n": row[f"{name}_n"],
            "median": _rounded(row[f"{name}_median"]),
            "p90": _rounded(row[f"{name}_p90"]),
        }

    return {
        "tier": tier,
        "confirmation_hours": quantiles("confirmation", "booking_confirmed"),
        "session_hours": quantiles("session", "session_started"),
    }
