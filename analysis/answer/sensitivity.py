"""The section on sensitivity: does another way of counting change the conclusion?"""

from __future__ import annotations

from analysis.answer.comparison import MentorCounts, compared_together, conclude, differs, mentor_counts, summed
from analysis.answer.schema.rebooking import Sensitivity, Variant
from analysis.answer.tiers import Row, groups
from analysis.metrics.classes import OTHER_ATTRIBUTION, WINDOWS
from analysis.statistics.by_mentor import MentorComparison
from settings import Settings

# With fewer users in a group another way of counting says nothing.
FEWEST_USERS = 5
_SAY_NOTHING = ("says_nothing", "too_few_mentors", "no_data")
ATTRIBUTION_NAMES = {"current": "current tier", "at_session": "tier at the first session"}


def other_windows(settings: Settings) -> list[int]:
    """The windows tried besides the headline's, in days."""
    return [days for days in WINDOWS if days != settings.rebooking_window_days]


def sensitivity_section(by_session: list[Row], by_approach: dict[str, list[Row]], settings: Settings) -> Sensitivity:
    """The headline beside its variants; those that count the same are one, and one that says nothing changes nothing.

    Args:
        by_session: rows of `variant_counts`.
        by_approach: rows of `rebooking_counts`, by mentor and tier, for each of `OTHER_APPROACHES`.
    """
    other = ATTRIBUTION_NAMES[OTHER_ATTRIBUTION[settings.tier_attribution]]
    plain = ("tier", "users", "rebooked")
    ways = (
        ("headline", by_session, plain),
        *(
            (f"window of {days} days", by_session, ("tier", "users", f"rebooked_within_{days}"))
            for days in other_windows(settings)
        ),
        ("mature users only", by_session, ("tier", "mature_users", "mature_rebooked")),
        ("by bookings", by_approach["bookings"], plain),
        (other, by_session, ("other_tier", "users", "rebooked")),
        ("without estimated sessions", by_approach["recorded sessions"], plain),
        ("first requests", by_approach["first requests"], plain),
        ("without churned users", by_session, ("tier", "kept_users", "kept_rebooked")),
    )
    names: dict[tuple[MentorCounts, MentorCounts], list[str]] = {}
    for name, rows, (tier, users, rebooked) in ways:
        a, b = (mentor_counts(rows, tiers, users, rebooked, tier) for _, tiers in groups(settings))
        names.setdefault((a, b), []).append(name)
    results = compared_together(names, settings.confidence_level)
    variants = [
        _variant(same, *pair, result, settings) for (pair, same), result in zip(names.items(), results, strict=True)
    ]
    conclusion = variants[0]["conclusion"]
    opposite = {"higher": "lower", "lower": "higher"}.get(conclusion)
    changed = [row for row in variants if row["conclusion"] not in (conclusion, *_SAY_NOTHING)]
    return {
        "variants": variants,
        "conclusion": conclusion,
        "changed_by": [row["name"] for row in changed],
        "reversed_by": [row["name"] for row in changed if row["conclusion"] == opposite],
        "is_robust": None if conclusion in _SAY_NOTHING else not changed,
    }


def _variant(
    names: list[str], a: MentorCounts, b: MentorCounts, result: MentorComparison, settings: Settings
) -> Variant:
    (rebooked_a, n_a), (rebooked_b, n_b) = summed(a), summed(b)
    is_thin = rebooked_a + rebooked_b == 0 or min(n_a, n_b) < FEWEST_USERS
    says_nothing = names[0] != "headline" and result.difference is not None and is_thin
    return {
        "name": names[0],
        "also": names[1:],
        "group_a_users": n_a,
        "group_a_rebooked": rebooked_a,
        "group_b_users": n_b,
        "group_b_rebooked": rebooked_b,
        **differs(result),
        "conclusion": "says_nothing" if says_nothing else conclude(result, settings.significance_level),
    }
