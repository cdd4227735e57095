"""The section on cohorts: rebooking by the month of the first session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import date

from analysis.answer.tiers import GROUPS, Row, by_group, by_tier, total
from analysis.statistics.proportions import rate, wilson_interval
from analysis.statistics.trend import cochran_armitage
from settings import Settings


def cohorts_section(rows: list[Row], settings: Settings) -> Row:
    """Every month with users by tier and group, and the trend of the mature ones.

    The rate of a cohort that is not mature is null: it could only be too low.

    Args:
        rows: rows of `cohort_counts`.
    """
    is_mature = {row["month"]: row["is_mature"] for row in rows}
    months = sorted(is_mature)

    def figures(month: date) -> Callable[[list[str]], Row]:
        own = [row for row in rows if row["month"] == month]

        def of_tiers(tiers: list[str]) -> Row:
            counts = total(own, tiers, ("users", "rebooked", "mature_users"))
            value = low = high = None
            if is_mature[month]:
                value = rate(counts["rebooked"], counts["users"])
                low, high = wilson_interval(counts["rebooked"], counts["users"], settings.confidence_level)
            return {
                "users": counts["users"],
                "rebooked": counts["rebooked"],
                "rate": value,
                "ci_low": low,
                "ci_high": high,
                "mature_users": counts["mature_users"],
                "is_mature": is_mature[month],
            }

        return of_tiers

    def named(month: date, cohorts: list[Row]) -> list[Row]:
        return [{"month": f"{month:%Y-%m}"} | row for row in cohorts]

    groups = [row for month in months for row in named(month, by_group(settings, figures(month)))]
    return {
        "tiers": [row for month in months for row in named(month, by_tier(figures(month)))],
        "groups": groups,
        "trend": [_trend(group, groups) for group in GROUPS],
    }


def _trend(group: str, cohorts: list[Row]) -> Row:
    mature = [row for row in cohorts if row["group"] == group and row["is_mature"]]
    months = [int(row["month"][:4]) * 12 + int(row["month"][5:]) for row in mature]
    test = cochran_armitage([row["rebooked"] for row in mature], [row["users"] for row in mature], months)
    return {"group": group} | asdict(test)
