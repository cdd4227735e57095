"""The section on cohorts: rebooking by the month of the first session."""

from __future__ import annotations

from datetime import date

from analysis.answer.comparison import compared, differs, mentor_counts
from analysis.answer.schema.explanations import (
    CohortDifference,
    CohortFigures,
    CohortOfGroup,
    Cohorts,
    Trend,
)
from analysis.answer.schema.rows import GroupName
from analysis.answer.tiers import Row, groups, total
from analysis.statistics.proportions import rate, wilson_interval
from analysis.statistics.trend import cochran_armitage
from settings import Settings, known_tiers


def cohorts_section(rows: list[Row], settings: Settings) -> Cohorts:
    """Every month with users by tier and group, and the trend of the mature ones.

    The rate of a cohort that is not mature is null: it could only be too low.

    Args:
        rows: rows of `cohort_counts` by mentor.
    """
    is_mature: dict[date, bool] = {row["month"]: row["is_mature"] for row in rows}
    months = sorted(is_mature)
    of_month: dict[date, list[Row]] = {month: [] for month in months}
    for row in rows:
        of_month[row["month"]].append(row)

    def figures(month: date, tiers: list[str]) -> CohortFigures:
        counts = total(of_month[month], tiers, ("users", "rebooked", "mature_users", "may_yet_rebook"))
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
            "may_yet_rebook": counts["may_yet_rebook"],
            "is_mature": is_mature[month],
        }

    of_groups: list[CohortOfGroup] = [
        {"month": f"{month:%Y-%m}", "group": group, "tiers": tiers, **figures(month, tiers)}
        for month in months
        for group, tiers in groups(settings)
    ]
    return {
        "tiers": [
            {"month": f"{month:%Y-%m}", "tier": tier, **figures(month, [tier])}
            for month in months
            for tier in known_tiers()
        ],
        "groups": of_groups,
        "differences": [_difference(month, of_month[month], settings) for month in months if is_mature[month]],
        "trend": [_trend(group, of_groups) for group, _ in groups(settings)],
    }


def _difference(month: date, rows: list[Row], settings: Settings) -> CohortDifference:
    a, b = (mentor_counts(rows, tiers) for _, tiers in groups(settings))
    return {"month": f"{month:%Y-%m}", **differs(compared(a, b, settings.confidence_level))}


def _trend(group: GroupName, cohorts: list[CohortOfGroup]) -> Trend:
    mature = [row for row in cohorts if row["group"] == group and row["is_mature"]]
    months = [int(row["month"][:4]) * 12 + int(row["month"][5:]) for row in mature]
    test = cochran_armitage([row["rebooked"] for row in mature], [row["users"] for row in mature], months)
    return {"group": group, "statistic": test.statistic, "p_value": test.p_value, "method": test.method}
