"""The section on mentors: is a tier good, or are a few of its mentors?"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from analysis.answer.tiers import GROUPS, Row, by_tier, tiers_of, total
from analysis.statistics.clusters import beta_binomial_shrinkage, between_cluster_spread, clustered_difference
from analysis.statistics.proportions import rate, wilson_interval
from settings import Settings, known_tiers


def mentors_section(rows: list[Row], settings: Settings) -> Row:
    """Every mentor beside the tier's others, the spread within each tier, and the groups compared by mentor.

    A mentor's shrunk rate is drawn towards the rate of the tier, the more so the fewer the users.

    Args:
        rows: rows of `mentor_counts`.
    """
    rows = sorted(rows, key=lambda row: row["mentor_id"])
    level = settings.confidence_level

    def of_tier(tier: str) -> list[Row]:
        return [row for row in rows if row["tier"] == tier]

    def counts(some: list[Row]) -> list[tuple[int, int]]:
        return [(row["rebooked"], row["users"]) for row in some]

    def spread(tiers: list[str]) -> Row:
        own = [row for row in rows if row["tier"] in tiers]
        sums = total(own, tiers, ("users", "rebooked"))
        between = between_cluster_spread(counts(own))
        return {
            "mentors": len(own),
            "users": sums["users"],
            "rate": rate(sums["rebooked"], sums["users"]),
            "between_mentor_sd": between.sd,
            "heterogeneity_p_value": between.p_value,
        }

    mentors = []
    for tier in known_tiers():
        own = of_tier(tier)
        for row, shrunk in zip(own, beta_binomial_shrinkage(counts(own), level), strict=True):
            low, high = wilson_interval(row["rebooked"], row["users"], level)
            mentors.append(
                {
                    "mentor_id": row["mentor_id"],
                    "tier": tier,
                    "users": row["users"],
                    "rebooked": row["rebooked"],
                    "rate": rate(row["rebooked"], row["users"]),
                    "ci_low": low,
                    "ci_high": high,
                    "shrunk_rate": shrunk.rate,
                    "shrunk_ci_low": shrunk.ci_low,
                    "shrunk_ci_high": shrunk.ci_high,
                }
            )
    a, b = (_clusters(rows, tiers_of(settings, group)) for group in GROUPS)
    return {
        "mentors": mentors,
        "tiers": by_tier(spread),
        "clustered": asdict(clustered_difference(a, b, level)),
    }


def _clusters(rows: list[Row], tiers: list[str]) -> list[tuple[int, int]]:
    """Rebooked and users of each mentor of these tiers; one who was in several of them is one mentor."""
    users, rebooked = Counter(), Counter()
    for row in rows:
        if row["tier"] in tiers:
            users[row["mentor_id"]] += row["users"]
            rebooked[row["mentor_id"]] += row["rebooked"]
    return [(rebooked[mentor], n) for mentor, n in users.items()]
