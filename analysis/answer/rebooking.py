"""The sections on rebooking itself: rates, intent, pairs of tiers, and what samples of this size can show."""

from __future__ import annotations

import itertools
from dataclasses import asdict
from typing import Any

from analysis.answer.tiers import GROUPS, Row, by_group, by_tier, tiers_of, total
from analysis.statistics.multiplicity import holm
from analysis.statistics.power import minimum_detectable_difference, users_for_half_width
from analysis.statistics.proportions import compare, rate, wilson_interval
from settings import TIER_GROUPS_FILE, Settings, known_tiers, read_seed

POWER = 0.8
HALF_WIDTH = 0.05


def rebooking_section(rows: list[Row], settings: Settings) -> Row:
    """Rates by tier and group with their intervals, and the groups compared.

    Args:
        rows: `tier, users, rebooked, mature_users, mature_rebooked`, one or more a tier.
    """

    def figures(tiers: list[str]) -> Row:
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
    groups = by_group(settings, figures)
    a, b = groups
    return {
        "tiers": [{"tier": row["tier"], "tier_category": category[row["tier"]]} | row for row in by_tier(figures)],
        "groups": groups,
        "comparison": asdict(compare(a["rebooked"], a["users"], b["rebooked"], b["users"], settings.confidence_level)),
    }


def intent_section(rows: list[Row], settings: Settings) -> Row:
    """Intent and commitment by tier and group.

    Args:
        rows: `tier, users, with_intent, attended, lost`, one a tier.
    """

    def figures(tiers: list[str]) -> Row:
        counts = total(rows, tiers, ("users", "with_intent", "attended", "lost"))
        return counts | {
            "intent_rate": rate(counts["with_intent"], counts["users"]),
            "commitment_rate": rate(counts["attended"], counts["with_intent"]),
        }

    return {"tiers": by_tier(figures), "groups": by_group(settings, figures)}


def pairwise_section(rows: list[Row], settings: Settings) -> list[Row]:
    """Every pair of tiers compared; `p_value_holm` allows for there being several pairs.

    Args:
        rows: `tier, users, rebooked`, one or more a tier.
    """
    pairs: list[dict[str, Any]] = []
    for tier_a, tier_b in itertools.combinations(known_tiers(), 2):
        a, b = (total(rows, [tier], ("users", "rebooked")) for tier in (tier_a, tier_b))
        comparison = compare(a["rebooked"], a["users"], b["rebooked"], b["users"], settings.confidence_level)
        pairs.append(
            {
                "tier_a": tier_a,
                "tier_b": tier_b,
                "difference": comparison.difference,
                "difference_ci_low": comparison.difference_ci_low,
                "difference_ci_high": comparison.difference_ci_high,
                "p_value": comparison.p_value,
            }
        )
    adjusted = holm([pair["p_value"] for pair in pairs])
    return [pair | {"p_value_holm": p_value} for pair, p_value in zip(pairs, adjusted, strict=True)]


def power_section(rows: list[Row], settings: Settings) -> Row:
    """The smallest difference that groups of this size show, and how many users a narrower interval needs.

    Args:
        rows: `tier, users, rebooked`, one or more a tier.
    """
    a, b = (total(rows, tiers_of(settings, group), ("users", "rebooked")) for group in GROUPS)
    rates = {group: rate(counts["rebooked"], counts["users"]) for group, counts in zip(GROUPS, (a, b), strict=True)}
    return {
        "significance_level": settings.significance_level,
        "power": POWER,
        "minimum_detectable_difference": minimum_detectable_difference(
            a["users"], b["users"], rates["group_b"], settings.significance_level, POWER
        ),
        "half_width_points": HALF_WIDTH,
        "users_for_half_width": {
            group: users_for_half_width(value, HALF_WIDTH, settings.confidence_level) for group, value in rates.items()
        },
    }
