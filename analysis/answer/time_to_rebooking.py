"""The section on time to rebooking: the share of users who have come back, day by day."""

from __future__ import annotations

from dataclasses import asdict

from analysis.answer.tiers import GROUPS, Row, by_group, by_tier, tiers_of
from analysis.statistics.survival import DayCounts, kaplan_meier, log_rank, share_by
from settings import Settings

HORIZONS = (7, 14, 30, 60, 90)


def time_to_rebooking_section(rows: list[Row], settings: Settings) -> Row:
    """Curves by tier and group, the share that came back within each horizon, and the groups compared.

    Args:
        rows: rows of `return_counts`.
    """

    def day_counts(tiers: list[str]) -> DayCounts:
        chosen = [row for row in rows if row["tier"] in tiers]
        days, returned, censored = ([row[name] for row in chosen] for name in ("day", "returned", "censored"))
        return days, returned, censored

    def figures(tiers: list[str]) -> Row:
        days, returned, censored = day_counts(tiers)
        curve = kaplan_meier(days, returned, censored, settings.confidence_level)
        return {
            "users": sum(returned) + sum(censored),
            "returned": sum(returned),
            "curve": [asdict(point) for point in curve],
            "horizons": [asdict(share_by(curve, days)) for days in HORIZONS],
        }

    a, b = (day_counts(tiers_of(settings, group)) for group in GROUPS)
    return {
        "tiers": by_tier(figures),
        "groups": by_group(settings, figures),
        "log_rank": asdict(log_rank(a, b)),
    }
