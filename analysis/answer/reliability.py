"""The sections on the booking system: what became of the bookings, as a whole and week by week."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.answer.schema.reliability import (
    ChartedRate,
    Check,
    CheckedRate,
    CheckStatus,
    ControlChart,
    Delay,
    OutcomeCounts,
    OutcomeFigures,
    OverallReliability,
    Quantiles,
    Reliability,
    ReliabilityInTime,
    Week,
)
from analysis.answer.tiers import Row
from analysis.metrics.reliability import LEAD_TIMES
from analysis.statistics.proportions import rate
from analysis.statistics.trend import p_chart
from settings import Settings, known_tiers


def reliability_section(rows: list[Row], totals: Row, settings: Settings) -> Reliability:
    """What became of the bookings by tier and overall, and whether each rate passes its threshold.

    Args:
        rows: rows of `reliability_counts`.
        totals: the rows of `session_counts` and `unknown_counts` in one.
    """
    overall: OverallReliability = {
        **_figures(rows),
        "sessions": totals["sessions"],
        "estimated_ends": totals["estimated_ends"],
        "estimated_end_rate": rate(totals["estimated_ends"], totals["sessions"] - totals["running"]),
        "unknown_user_events": totals["unknown_user_events"],
        "unknown_mentor_events": totals["unknown_mentor_events"],
    }
    thresholds: dict[CheckedRate, float] = {
        "orphan_rate": settings.max_orphan_rate,
        "no_show_rate": settings.max_no_show_rate,
        "cancellation_rate": settings.max_cancellation_rate,
        "estimated_end_rate": settings.max_estimated_end_rate,
    }
    checks = [_check(name, overall[name], threshold) for name, threshold in thresholds.items()]
    statuses = {check["status"] for check in checks}
    return {
        "tiers": [{"tier": tier, **_figures(row for row in rows if row["tier"] == tier)} for tier in known_tiers()],
        "overall": overall,
        "checks": checks,
        "verdict": "unreliable" if "fail" in statuses else "reliable" if "pass" in statuses else "no data",
    }


def _outcomes(rows: Iterable[Row]) -> OutcomeCounts:
    rows = list(rows)

    def total(name: str) -> int:
        return sum(row[name] for row in rows)

    return {
        "bookings": total("bookings"),
        "attended": total("attended"),
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


def _check(name: CheckedRate, value: float | None, threshold: float) -> Check:
    status: CheckStatus = "no data" if value is None else "pass" if value <= threshold else "fail"
    return {"name": name, "value": value, "threshold": threshold, "status": status}


def reliability_in_time_section(weeks: list[Row], delays: list[Row], cancellations: list[Row]) -> ReliabilityInTime:
    """Outcomes week by week with control charts, how long requests wait, and how soon they are cancelled.

    Args:
        weeks: rows of `weekly_counts`.
        delays: rows of `delay_quantiles`.
        cancellations: rows of `cancellation_counts`.
    """
    by_week = [_week(row) for row in sorted(weeks, key=lambda row: row["week"])]
    waited = {row["tier"]: row for row in delays}
    soon = {row["lead_time"]: row for row in cancellations}
    return {
        "weeks": by_week,
        "control_charts": [
            _chart("cancellation_rate", by_week),
            _chart("no_show_rate", by_week),
            _chart("orphan_rate", by_week),
        ],
        "delays": [_delay(tier, waited.get(tier)) for tier in (*known_tiers(), None)],
        "cancellations_by_lead_time": [
            {
                "lead_time": name,
                "cancelled": soon[name]["cancelled"] if name in soon else 0,
                "rescheduled": soon[name]["rescheduled"] if name in soon else 0,
            }
            for name in LEAD_TIMES
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


def _delay(tier: str | None, row: Row | None) -> Delay:
    def quantiles(name: str) -> Quantiles:
        if row is None:
            return {"n": 0, "median": None, "p90": None}
        return {"n": row[f"{name}_n"], "median": row[f"{name}_median"], "p90": row[f"{name}_p90"]}

    return {"tier": tier, "confirmation_hours": quantiles("confirmation"), "session_hours": quantiles("session")}
