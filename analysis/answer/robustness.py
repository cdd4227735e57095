"""The section on how wrong the comparison could be."""

from __future__ import annotations

from analysis.answer.comparison import MentorCounts, compared, mentor_counts, summed
from analysis.answer.schema.robustness import (
    AttributeOfMentors,
    Balance,
    ReturnsToOverturn,
    Robustness,
    WithoutMentor,
)
from analysis.answer.schema.rows import GroupName
from analysis.answer.tiers import Row, groups
from analysis.metrics.classes import COMPANY_SIZES, WEEKDAYS
from analysis.statistics.balance import proportions_apart, separation
from analysis.statistics.proportions import compare, rate
from analysis.statistics.robustness import LeftOut, e_value, e_value_of_limit, leave_one_out, returns_to_overturn
from settings import Settings

# Values whose order is not that of the alphabet.
ORDERED = (*(name for name, _ in reversed(COMPANY_SIZES)), *WEEKDAYS)


def robustness_section(rows: list[Row], hourly_rates: list[Row], balance: list[Row], settings: Settings) -> Robustness:
    """What would have to be otherwise for the conclusion to fall, and how alike the groups were before.

    Args:
        rows: rows of `variant_counts`.
        hourly_rates: rows of `hourly_rates`.
        balance: rows of `balance_counts`.
    """
    a, b = (mentor_counts(rows, tiers) for _, tiers in groups(settings))
    mentors = {group: sorted({r["mentor_id"] for r in rows if r["tier"] in tiers}) for group, tiers in groups(settings)}
    by_mentor = compared(a, b, settings.confidence_level)
    (rebooked_a, users_a), (rebooked_b, users_b) = summed(a), summed(b)
    risk = compare(rebooked_a, users_a, rebooked_b, users_b, settings.confidence_level).relative_risk

    def without(found: LeftOut) -> WithoutMentor:
        group: GroupName = "group_a" if found.group == "a" else "group_b"
        return {"mentor_id": mentors[group][found.place], "group": group, "difference": found.difference}

    left_out = leave_one_out(a, b)
    return {
        "e_value": e_value(risk),
        "e_value_of_limit": e_value_of_limit(by_mentor.relative_risk_ci_low, by_mentor.relative_risk_ci_high),
        "lowest_without_mentor": without(left_out[0]) if left_out else None,
        "highest_without_mentor": without(left_out[1]) if left_out else None,
        "returns_to_overturn": _overturned(a, b, settings.significance_level),
        "hourly_rate": _hourly_rate(mentors, hourly_rates),
        "balance": _balance(balance, settings),
    }


def _overturned(a: MentorCounts, b: MentorCounts, significance_level: float) -> ReturnsToOverturn | None:
    found = returns_to_overturn(a, b, significance_level)
    if found is None:
        return None
    (rebooked_a, users_a), (rebooked_b, users_b) = summed(a), summed(b)
    return {
        "group": "group_a" if rebooked_a * users_b > rebooked_b * users_a else "group_b",
        "fewer_returns": found.fewer_events,
        "of_returns": found.of_events,
        "more_returns": found.more_events,
        "of_others": found.of_others,
    }


def _hourly_rate(mentors: dict[GroupName, list[str]], hourly_rates: list[Row]) -> AttributeOfMentors:
    rates = {row["mentor_id"]: row["hourly_rate"] for row in hourly_rates}
    a, b = ([rates[mentor] for mentor in mentors[group] if mentor in rates] for group in ("group_a", "group_b"))
    found = separation(a, b)
    return {
        "rank_correlation": found.rank_correlation,
        "is_perfect": found.is_perfect,
        "group_a_mentors": found.mentors_a,
        "group_b_mentors": found.mentors_b,
    }


def _balance(rows: list[Row], settings: Settings) -> list[Balance]:
    def counted(tiers: list[str], **only: str) -> int:
        return sum(
            row["users"]
            for row in rows
            if row["tier"] in tiers and all(row[name] == value for name, value in only.items())
        )

    found: list[Balance] = []
    values = {(row["attribute"], row["value"]) for row in rows}
    for attribute, value in sorted(values, key=_place):
        (n_a, of_a), (n_b, of_b) = (
            (counted(tiers, attribute=attribute), counted(tiers, attribute=attribute, value=value))
            for tiers in (settings.group_a, settings.group_b)
        )
        found.append(
            {
                "attribute": attribute,
                "value": value,
                "group_a_share": rate(of_a, n_a),
                "group_b_share": rate(of_b, n_b),
                "standardised_difference": proportions_apart(of_a, n_a, of_b, n_b),
            }
        )
    return found


def _place(valued: tuple[str, str]) -> tuple[str, int, str]:
    attribute, value = valued
    return attribute, ORDERED.index(value) if value in ORDERED else len(ORDERED), value
