"""The section on time to rebooking: the share of users who have come back, day by day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.answer.schema import explanations as schema
from analysis.answer.schema.rows import TestResult
from analysis.answer.tiers import groups
from analysis.statistics.survival import CurvePoint, TimeCounts, kaplan_meier, log_rank, share_by
from settings import Settings, known_tiers

HORIZONS = (7, 14, 30, 60, 90)
DAY = 24 * 60 * 60 * 1_000_000


def time_to_rebooking_section(
    columns: Mapping[str, np.ndarray[Any, Any]], settings: Settings
) -> schema.TimeToRebooking:
    """Curves by tier and group, the share that came back within each horizon, and the groups compared.

    Times are exact; a curve is shown by the day: what came within so many times 24 hours.

    Args:
        columns: those of `return_counts`.
    """
    # Subtracted here: engines differ in what they make of the difference of two moments.
    moments = {name: columns[name].astype("datetime64[us]").astype("int64") for name in ("first_at", "seen_until")}
    elapsed = moments["seen_until"] - moments["first_at"]

    def time_counts(tiers: list[str]) -> TimeCounts:
        chosen = np.isin(columns["tier"], tiers)
        return elapsed[chosen], columns["returned"][chosen], columns["censored"][chosen]

    def figures(tiers: list[str]) -> schema.ReturnFigures:
        times, returned, censored = (np.asarray(column) for column in time_counts(tiers))
        days = np.unique(np.append(0, -(-times // DAY)))
        asked = np.union1d(days, HORIZONS)
        points = kaplan_meier(times, returned, censored, asked * DAY, settings.confidence_level)
        by_day = dict(zip(asked.tolist(), points, strict=False))
        return {
            "users": int(returned.sum() + censored.sum()),
            "returned": int(returned.sum()),
            "curve": [_point(day, by_day[day]) for day in days.tolist() if points],
            "horizons": [_horizon(days, by_day.get(days), times) for days in HORIZONS],
        }

    return {
        "tiers": [{"tier": tier, **figures([tier])} for tier in known_tiers()],
        "groups": [{"group": group, "tiers": tiers, **figures(tiers)} for group, tiers in groups(settings)],
        "log_rank": _tested(time_counts(settings.group_a), time_counts(settings.group_b)),
    }


def _point(day: int, point: CurvePoint) -> schema.CurvePoint:
    return {
        "day": day,
        "at_risk": point.at_risk,
        "returned": point.returned,
        "censored": point.censored,
        "share": point.share,
        "ci_low": point.ci_low,
        "ci_high": point.ci_high,
    }


def _horizon(days: int, point: CurvePoint | None, times: np.ndarray[Any, Any]) -> schema.Horizon:
    if point is None:
        return {"days": days, "at_risk": 0, "share": None, "ci_low": None, "ci_high": None}
    horizon = share_by(point, int(times.max()))
    return {
        "days": days,
        "at_risk": horizon.at_risk,
        "share": horizon.share,
        "ci_low": horizon.ci_low,
        "ci_high": horizon.ci_high,
    }


def _tested(a: TimeCounts, b: TimeCounts) -> TestResult:
    test = log_rank(a, b)
    return {"statistic": test.statistic, "p_value": test.p_value, "method": test.method}
