"""The sections on rebooking itself: rates, intent, pairs of tiers, and what samples of this size can show."""

from __future__ import annotations

import itertools

from analysis.answer.comparison import compared, comparison, differs, mentor_counts, without_tier
from analysis.answer.schema.explanations import Pair, Power
from analysis.answer.schema.rebooking import (
    Intent,
    IntentFigures,
    Loyalty,
    LoyaltyFigures,
    RebookingByTier,
    RebookingFigures,
)
from analysis.answer.tiers import Row, groups, total
from analysis.statistics.multiplicity import holm
from analysis.statistics.power import minimum_detectable_difference, users_for_half_width
from analysis.statistics.proportions import rate, wilson_interval
from settings import TIER_GROUPS_FILE, Settings, known_tiers, read_seed

POWER = 0.8
HALF_WIDTH = 0.05


def rebooking_section(rows: list[Row], settings: Settings) -> RebookingByTier:
    """Rates by tier and group with their intervals, and the groups compared.

    Args:
        rows: `mentor_id, tier, users, rebooked, mature_users, mature_rebooked, may_yet_rebook`, one or more a mentor.
    """

    def figures(tiers: list[str]) -> RebookingFigures:
        counts = total(rows, tiers, ("users", "rebooked", "mature_users", "mature_rebooked", "may_yet_rebook"))
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
            "may_yet_rebook": counts["may_yet_rebook"],
        }

    category = {row["tier"]: row["tier_category"] for row in read_seed(TIER_GROUPS_FILE)}
    a, b = (mentor_counts(rows, tiers) for _, tiers in groups(settings))
    mature_a, mature_b = (
        mentor_counts(rows, tiers, "mature_users", "mature_rebooked") for _, tiers in groups(settings)
    )
    return {
        "tiers": [{"tier": tier, "tier_category": category[tier], **figures([tier])} for tier in known_tiers()],
        "groups": [{"group": group, "tiers": tiers, **figures(tiers)} for group, tiers in groups(settings)],
        "comparison": comparison(a, b, settings),
        "mature_comparison": comparison(mature_a, mature_b, settings),
        "without_tier": without_tier(rows, settings),
    }


def intent_section(rows: list[Row], settings: Settings) -> Intent:
    """Intent, commitment and loyalty by tier and group.

    Args:
        rows: rows of `follow_up_counts`.
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
        "loyalty": _loyalty(rows, settings),
    }


def _loyalty(rows: list[Row], settings: Settings) -> Loyalty:
    def figures(tiers: list[str]) -> LoyaltyFigures:
        counts = total(rows, tiers, ("returned", "same_mentor"))
        return {
            "returned": counts["returned"],
            "same_mentor": counts["same_mentor"],
            "same_mentor_rate": rate(counts["same_mentor"], counts["returned"]),
        }

    return {
        "tiers": [{"tier": tier, **figures([tier])} for tier in known_tiers()],
        "groups": [{"group": group, "tiers": tiers, **figures(tiers)} for group, tiers in groups(settings)],
    }


def pairwise_section(rows: list[Row], settings: Settings) -> list[Pair]:
    """Every pair of tiers compared; `p_value_holm` allows for there being several pairs.

    Args:
        rows: `mentor_id, tier, users, rebooked`, one or more a mentor.
    """
    pairs = list(itertools.combinations(known_tiers(), 2))
    results = [
        compared(mentor_counts(rows, [a]), mentor_counts(rows, [b]), settings.confidence_level) for a, b in pairs
    ]
    adjusted = holm([result.p_value for result in results])
    return [
        {"tier_a": tier_a, "tier_b": tier_b, **differs(result), "p_value_holm": p_value}
        for (tier_a, tier_b), result, p_value in zip(pairs, results, adjusted, strict=True)
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
