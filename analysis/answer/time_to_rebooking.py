"""The section on time to rebooking: the share of users who have come back, day by day."""

from __future__ import annotations

from analysis.answer.schema import explanations as schema
from analysis.answer.schema.rows import TestResult
from analysis.answer.tiers import Row, groups
from analysis.statistics.survival import CurvePoint, DayCounts, Horizon, kaplan_meier, log_rank, share_by
from settings import Settings, known_tiers

HORIZONS = (7, 14, 30, 60, 90)


def time_to_rebooking_section(rows: list[Row], settings: Settings) -> schema.TimeToRebooking:
    """Curves by tier and group, the share that came back within each horizon, and the groups compared.

    Args:
        rows: rows of `return_counts`.
    """

    def day_counts(tiers: list[str]) -> DayCounts:
        chosen = [row for row in rows if row["tier"] in tiers]
        days, returned, censored = ([row[name] for row in chosen] for name in ("day", "returned", "censored"))
        return days, returned, censored

    def figures(tiers: list[str]) -> schema.ReturnFigures:
        days, returned, censored = day_counts(tiers)
        curve = kaplan_meier(days, returned, censored, settings.confidence_level)
        return {
            "users": sum(returned) + sum(censored),
            "returned": sum(returned),
            "curve": [_point(point) for point in curve],
            "horizons": [_horizon(share_by(curve, days)) for days in HORIZONS],
        }

    return {
        "tiers": [{"tier": tier, **figures([tier])} for tier in known_tiers()],
        "groups": [{"group": group, "tiers": tiers, **figures(tiers)} for group, tiers in groups(settings)],
        "log_rank": _tested(day_counts(settings.group_a), day_counts(settings.group_b)),
    }


def _point(point: CurvePoint) -> schema.CurvePoint:
    return {
        "day": point.day,
        "at_risk": point.at_risk,
        "returned": point.returned,
        "censored": point.censored,
        "share": point.share,
        "ci_low": point.ci_low,
        "ci_high": point.ci_high,
    }


def _horizon(horizon: Horizon) -> schema.Horizon:
    return {
        "days": horizon.days,
        "at_risk": horizon.at_risk,
        "share": horizon.share,
        "ci_low": horizon.ci_low,
        "ci_high": horizon.ci_high,
    }


def _tested(a: DayCounts, b: DayCounts) -> TestResult:
    test = log_rank(a, b)
    return {"statistic": test.statistic, "p_value": test.p_value, "method": test.method}
