"""The section on mentors: is a tier good, or are a few of its mentors?"""

from __future__ import annotations

from collections import Counter

from analysis.answer.schema.explanations import ClusteredDifference, Mentor, Mentors, SpreadOfMentors
from analysis.answer.tiers import Row
from analysis.statistics.clusters import beta_binomial_shrinkage, between_cluster_spread, clustered_difference
from analysis.statistics.proportions import rate, wilson_interval
from settings import Settings, known_tiers


def mentors_section(rows: list[Row], settings: Settings) -> Mentors:
    """Every mentor beside the tier's others, the spread within each tier, and the groups compared by mentor.

    A mentor's shrunk rate is drawn towards the rate of the tier, the more so the fewer the users.

    Args:
        rows: rows of `mentor_counts`.
    """
    rows = sorted(rows, key=lambda row: row["mentor_id"])
    by_tier = {tier: [row for row in rows if row["tier"] == tier] for tier in known_tiers()}
    return {
        "mentors": [
            mentor for tier, own in by_tier.items() for mentor in _mentors(tier, own, settings.confidence_level)
        ],
        "tiers": [_spread(tier, own) for tier, own in by_tier.items()],
        "clustered": _clustered(rows, settings),
    }


def _counts(rows: list[Row]) -> list[tuple[int, int]]:
    return [(row["rebooked"], row["users"]) for row in rows]


def _mentors(tier: str, rows: list[Row], confidence_level: float) -> list[Mentor]:
    mentors: list[Mentor] = []
    for row, shrunk in zip(rows, beta_binomial_shrinkage(_counts(rows), confidence_level), strict=True):
        low, high = wilson_interval(row["rebooked"], row["users"], confidence_level)
        mentors.append(
            {
                "mentor_id": row["mentor_id"],
                "tier": tier,
                "users": row["users"],
                "rebooked": row["rebooked"],
                "rate": rate(row["rebooked"], row["users"]),
                "ci_low": low,
                "ci_high": high,
                "shrunk_rate": shrunk.rate if shrunk else None,
                "shrunk_ci_low": shrunk.ci_low if shrunk else None,
                "shrunk_ci_high": shrunk.ci_high if shrunk else None,
            }
        )
    return mentors


def _spread(tier: str, rows: list[Row]) -> SpreadOfMentors:
    counts = _counts(rows)
    users = sum(n for _, n in counts)
    between = between_cluster_spread(counts)
    return {
        "tier": tier,
        "mentors": len(rows),
        "users": users,
        "rate": rate(sum(rebooked for rebooked, _ in counts), users),
        "between_mentor_sd": between.sd,
        "heterogeneity_p_value": between.p_value,
    }


def _clustered(rows: list[Row], settings: Settings) -> ClusteredDifference:
    a, b = _clusters(rows, settings.group_a), _clusters(rows, settings.group_b)
    result = clustered_difference(a, b, settings.confidence_level)
    return {
        "difference": result.difference,
        "difference_ci_low": result.difference_ci_low,
        "difference_ci_high": result.difference_ci_high,
        "p_value": result.p_value,
        "design_effect_a": result.design_effect_a,
        "design_effect_b": result.design_effect_b,
        "method": result.method,
    }


def _clusters(rows: list[Row], tiers: list[str]) -> list[tuple[int, int]]:
    """Rebooked and users of each mentor of these tiers; one who was in several of them is one mentor."""
    users: Counter[str] = Counter()
    rebooked: Counter[str] = Counter()
    for row in rows:
        if row["tier"] in tiers:
            users[row["mentor_id"]] += row["users"]
            rebooked[row["mentor_id"]] += row["rebooked"]
    return [(rebooked[mentor], n) for mentor, n in users.items()]
