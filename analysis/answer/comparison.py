"""The comparison of two groups of tiers, with the mentor as the unit."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from analysis.answer.schema.rebooking import Comparison, IfIndependent, MentorsNeeded, WithoutTier
from analysis.answer.schema.rows import Conclusion, DifferenceOfRates
from analysis.answer.tiers import Row
from analysis.statistics.by_mentor import MentorComparison, compare_by_mentor
from analysis.statistics.permutation import mentors_for_level
from analysis.statistics.proportions import compare
from analysis.statistics.robustness import tiers_left_out
from settings import Settings

# By what `TierLeftOut.concluded` is.
_CONCLUDED: dict[int | None, Conclusion] = {1: "higher", -1: "lower", 0: "not_shown", None: "too_few_mentors"}
# Of a group: `(rebooked, users)` of each mentor who has users.
MentorCounts = tuple[tuple[int, int], ...]


def mentor_counts(
    rows: Iterable[Row], tiers: list[str], users: str = "users", rebooked: str = "rebooked", tier: str = "tier"
) -> MentorCounts:
    """`(rebooked, users)` of each mentor of these tiers who has users; one who was in several of them is one mentor.

    Args:
        rows: with `mentor_id` and the columns named, one or more a mentor.
    """
    all_users: Counter[str] = Counter()
    all_rebooked: Counter[str] = Counter()
    for row in rows:
        if row[tier] in tiers:
            all_users[row["mentor_id"]] += row[users]
            all_rebooked[row["mentor_id"]] += row[rebooked]
    return tuple((all_rebooked[mentor], all_users[mentor]) for mentor in sorted(all_users) if all_users[mentor])


def summed(counts: MentorCounts) -> tuple[int, int]:
    """Rebooked and users of all mentors together."""
    return sum(rebooked for rebooked, _ in counts), sum(users for _, users in counts)


# Several sections speak of the same groups, and with many mentors a comparison takes a second.
@lru_cache(maxsize=256)
def compared(a: MentorCounts, b: MentorCounts, confidence_level: float) -> MentorComparison:
    """Group a against group b."""
    return compare_by_mentor(a, b, confidence_level)


def compared_together(
    pairs: Iterable[tuple[MentorCounts, MentorCounts]], confidence_level: float
) -> list[MentorComparison]:
    """Group a against group b of each pair, on all cores: dealing leaves Python's lock to others."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda pair: compared(*pair, confidence_level), pairs))


def comparison(a: MentorCounts, b: MentorCounts, settings: Settings) -> Comparison:
    """Group a against group b, as the answer has it."""
    result = compared(a, b, settings.confidence_level)
    conclusion = conclude(result, settings.significance_level)
    is_too_few = conclusion == "too_few_mentors"
    return {
        **differs(result),
        "conclusion": conclusion,
        "mentors_needed": _mentors_needed(result, settings.significance_level) if is_too_few else None,
        "method": result.method,
        "if_independent": _if_independent(a, b, settings.confidence_level),
    }


def differs(result: MentorComparison) -> DifferenceOfRates:
    """The difference of two rates, as the answer has it."""
    return {
        "difference": result.difference,
        "difference_ci_low": result.difference_ci_low,
        "difference_ci_high": result.difference_ci_high,
        "p_value": result.p_value,
        "p_value_standardised": result.p_value_standardised,
        "smallest_p_value": result.smallest_p_value,
        "group_a_mentors": result.group_a_mentors,
        "group_b_mentors": result.group_b_mentors,
    }


def conclude(result: MentorComparison, significance_level: float) -> Conclusion:
    """What a comparison shows of group a."""
    plain, standardised, smallest = result.p_value, result.p_value_standardised, result.smallest_p_value
    if result.difference is None or plain is None or standardised is None or smallest is None:
        return "no_data"
    if smallest >= significance_level:
        return "too_few_mentors"
    if max(plain, standardised) >= significance_level:
        return "not_shown"
    return "higher" if result.difference > 0 else "lower"


def _mentors_needed(result: MentorComparison, significance_level: float) -> MentorsNeeded | None:
    needed = mentors_for_level(result.group_a_mentors, result.group_b_mentors, significance_level)
    return {"group_a": needed[0], "group_b": needed[1]} if needed else None


def without_tier(rows: list[Row], settings: Settings) -> list[WithoutTier]:
    """The comparison without each tier in turn."""

    def by_tier(tiers: list[str]) -> dict[str, MentorCounts]:
        return {tier: mentor_counts(rows, [tier]) for tier in tiers}

    return [
        {
            "tier": found.tier,
            "group": "group_a" if found.group == "a" else "group_b",
            "users": found.users,
            "nobody_returns": found.has_no_event,
            "difference": found.difference,
            "p_value": found.p_value,
            "p_value_standardised": found.p_value_standardised,
            "conclusion": _CONCLUDED[found.concluded],
            "changes_conclusion": found.changes_conclusion,
            "carries_difference": found.carries_difference,
        }
        for found in tiers_left_out(by_tier(settings.group_a), by_tier(settings.group_b), settings.significance_level)
    ]


def _if_independent(a: MentorCounts, b: MentorCounts, confidence_level: float) -> IfIndependent:
    (rebooked_a, users_a), (rebooked_b, users_b) = summed(a), summed(b)
    result = compare(rebooked_a, users_a, rebooked_b, users_b, confidence_level)
    return {
        "difference_ci_low": result.difference_ci_low,
        "difference_ci_high": result.difference_ci_high,
        "relative_risk": result.relative_risk,
        "relative_risk_ci_low": result.relative_risk_ci_low,
        "relative_risk_ci_high": result.relative_risk_ci_high,
        "odds_ratio": result.odds_ratio,
        "odds_ratio_ci_low": result.odds_ratio_ci_low,
        "odds_ratio_ci_high": result.odds_ratio_ci_high,
        "p_value": result.p_value,
        "method": result.method,
    }
