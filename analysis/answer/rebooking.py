"""The sections on rebooking itself: rates, intent, pairs of tiers, and what samples of this size can show."""

from __future__ import annotations

import itertools

from analysis.answer.schema.explanations import Pair, Power
from analysis.answer.schema.rebooking import (
    Comparison,
    Intent,
    IntentFigures,
    RebookingByTier,
    RebookingFigures,
    RebookingOfGroup,
)
from analysis.answer.tiers import Row, groups, total
from analysis.statistics.multiplicity import holm
from analysis.statistics.power import minimum_detectable_difference, users_for_half_width
from analysis.statistics.proportions import compare, rate, wilson_interval
from settings import TIER_GROUPS_FILE, Settings, known_tiers, read_seed

POWER = 0.8
HALF_WIDTH = 0.05


def rebooking_section(rows: list[Row], settings: Settings) -> RebookingByTier:
    """Rates by tier and group with their intervals, and the groups compared.

    Args:
        rows: `tier, users, rebooked, mature_users, mature_rebooked`, one or more a tier.
    """

    def figures(tiers: list[str]) -> RebookingFigures:
        counts = total(rows, tiers, ("users", "rebooked", "mature_users", "mature_rebooked"))
        low, high = wilson_interval(counts["rebooked"], counts["users"], settings.confidence_level)
        return {
            "users": counts["users"],
            "rebooked": counts["rebooked"],
            "rate": rate(counts["rebooked"], counts["users"]),
            "ci_low": low,
            "ci_high": high,
            "mature_users": counts["mature_users"],
            "mature_rebooked": counts["mature_rebooked"],
            "mature_rate": rate(counts["mature_rebooked"], counts["mature_users"]),
        }

    category = {row["tier"]: row["tier_category"] for row in read_seed(TIER_GROUPS_FILE)}
    of_groups: list[RebookingOfGroup] = [
        {"group": group, "tiers": tiers, **figures(tiers)} for group, tiers in groups(settings)
    ]
    a, b = of_groups
    return {
        "tiers": [{"tier": tier, "tier_category": category[tier], **figures([tier])} for tier in known_tiers()],
        "groups": of_groups,
        "comparison": _compared(a, b, settings.confidence_level),
    }


def _compared(a: RebookingOfGroup, b: RebookingOfGroup, confidence_level: float) -> Comparison:
    result = compare(a["rebooked"], a["users"], b["rebooked"], b["users"], confidence_level)
    return {
        "difference": result.difference,
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


def intent_section(rows: list[Row], settings: Settings) -> Intent:
    """Intent and commitment by tier and group.

    Args:
        rows: `tier, users, with_intent, attended, lost`, one a tier.
    """

    def figures(tiers: list[str]) -> IntentFigures:
        counts = total(rows, tiers, ("users", "with_intent", "attended", "lost"))
        return {
            "users": counts["users"],
            "with_intent": counts["with_intent"],
            "attended": counts["attended"],
            "lost": counts["lost"],
            "intent_rate": rate(counts["with_intent"], counts["users"]),
            "commitment_rate": rate(counts["attended"], counts["with_intent"]),
        }

    return {
        "tiers": [{"tier": tier, **figures([tier])} for tier in known_tiers()],
        "groups": [{"group": group, "tiers": tiers, **figures(tiers)} for group, tiers in groups(settings)],
    }


def pairwise_section(rows: list[Row], settings: Settings) -> list[Pair]:
    """Every pair of tiers compared; `p_value_holm` allows for there being several pairs.

    Args:
        rows: `tier, users, rebooked`, one or more a tier.
    """
    pairs = list(itertools.combinations(known_tiers(), 2))
    comparisons = []
    for pair in pairs:
        a, b = (total(rows, [tier], ("users", "rebooked")) for tier in pair)
        comparisons.append(compare(a["rebooked"], a["users"], b["rebooked"], b["users"], settings.confidence_level))
    adjusted = holm([comparison.p_value for comparison in comparisons])
    return [
        {
            "tier_a": tier_a,
            "tier_b": tier_b,
            "difference": comparison.difference,
            "difference_ci_low": comparison.difference_ci_low,
            "difference_ci_high": comparison.difference_ci_high,
            "p_value": comparison.p_value,
            "p_value_holm": p_value,
        }
        for (tier_a, tier_b), comparison, p_value in zip(pairs, comparisons, adjusted, strict=True)
    ]


def power_section(rows: list[Row], settings: Settings) -> Power:
    """The smallest difference that groups of this size show, and how many users a narrower interval needs.

    Args:
        rows: `tier, users, rebooked`, one or more a tier.
    """
    a, b = (total(rows, tiers, ("users", "rebooked")) for _, tiers in groups(settings))
    rate_a, rate_b = (rate(counts["rebooked"], counts["users"]) for counts in (a, b))
    return {
        "significance_level": settings.significance_level,
        "power": POWER,
        "minimum_detectable_difference": minimum_detectable_difference(
            a["users"], b["users"], rate_b, settings.significance_level, POWER
        ),
        "half_width_points": HALF_WIDTH,
        "users_for_half_width": {
            "group_a": users_for_half_width(rate_a, HALF_WIDTH, settings.confidence_level),
            "group_b": users_for_half_width(rate_b, HALF_WIDTH, settings.confidence_level),
        },
    }
