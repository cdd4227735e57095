"""The section on time to rebooking: the share of users who have come back, day by day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from analysis.answer.tiers import GROUPS, Row, by_group, by_tier, tiers_of
from analysis.statistics.survival import CurvePoint, TimeCounts, kaplan_meier, log_rank, share_by
from settings import Settings

HORIZONS = (7, 14, 30, 60, 90)
DAY = 24 * 60 * 60 * 1_000_000


def time_to_rebooking_section(columns: Mapping[str, np.ndarray], settings: Settings) -> Row:
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

    def figures(tiers: list[str]) -> Row:
        elapsed, returned, censored = time_counts(tiers)
        days = np.unique(np.append(0, -(-elapsed // DAY)))
        asked = np.union1d(days, HORIZONS)
        points = kaplan_meier(elapsed, returned, censored, asked * DAY, settings.confidence_level)
        by_day = dict(zip(asked.tolist(), points, strict=False))
        return {
            "users": int(returned.sum() + censored.sum()),
            "returned": int(returned.sum()),
            "curve": [_point(day, by_day[day]) for day in days.tolist() if points],
            "horizons": [_horizon(days, by_day.get(days), elapsed) for days in HORIZONS],
        }

    a, b = (time_counts(tiers_of(settings, group)) for group in GROUPS)
    return {
        "tiers": by_tier(figures),
        "groups": by_group(settings, figures),
        "log_rank": asdict(log_rank(a, b)),
    }


def _point(day: int, point: CurvePoint) -> Row:
    figures = asdict(point)
    del figures["time"]
    return {"day": day} | figures


def _horizon(days: int, point: CurvePoint | None, elapsed: np.ndarray) -> Row:
    if point is None:
        return {"days": days, "at_risk": 0, "share": None, "ci_low": None, "ci_high": None}
    return {"days": days} | asdict(share_by(point, int(elapsed.max())))
