"""The section on cohorts: rebooking by the month of the first session."""

from __future__ import annotations

from dataclasses import asdict

from analysis.document.tiers import GROUPS, Row, by_group, by_tier, total
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
    of_month = {month: [row for row in rows if row["month"] == month] for month in sorted(is_mature)}

    def cohorts(place: str) -> list[Row]:
        found = []
        for month, own in of_month.items():

            def figures(tiers: list[str], month=month, own=own) -> Row:
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

            named = by_tier(figures) if place == "tiers" else by_group(settings, figures)
            found += [{"month": f"{month:%Y-%m}"} | row for row in named]
        return found

    groups = cohorts("groups")
    return {"tiers": cohorts("tiers"), "groups": groups, "trend": [_trend(group, groups) for group in GROUPS]}


def _trend(group: str, cohorts: list[Row]) -> Row:
    mature = [row for row in cohorts if row["group"] == group and row["is_mature"]]
    months = [int(row["month"][:4]) * 12 + int(row["month"][5:]) for row in mature]
    test = cochran_armitage([row["rebooked"] for row in mature], [row["users"] for row in mature], months)
    return {"group": group} | asdict(test)
