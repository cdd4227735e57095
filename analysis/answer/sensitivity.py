"""The section on sensitivity: does another way of counting change the conclusion?"""

from __future__ import annotations

from analysis.answer.schema.rebooking import Sensitivity, Variant
from analysis.answer.schema.rows import Conclusion
from analysis.answer.tiers import Row
from analysis.statistics.proportions import fisher_p_value, newcombe_interval
from settings import Settings

WINDOWS = (7, 14, 30, 60, 90)
OTHER_ATTRIBUTION = {"current": "at_session", "at_session": "current"}
ATTRIBUTION_NAMES = {"current": "current tier", "at_session": "tier at the first session"}


def other_windows(settings: Settings) -> list[int]:
    """The windows tried besides the headline's, in days."""
    return [days for days in WINDOWS if days != settings.rebooking_window_days]


def conclude(difference: float | None, p_value: float | None, significance_level: float) -> Conclusion:
    """What a comparison shows of group a: `higher`, `lower`, `not shown` or, with an empty group, `no data`."""
    if difference is None or p_value is None:
        return "no data"
    if p_value >= significance_level:
        return "not shown"
    return "higher" if difference > 0 else "lower"


def sensitivity_section(by_session: list[Row], by_approach: dict[str, list[Row]], settings: Settings) -> Sensitivity:
    """The headline beside its variants; a variant without data changes nothing.

    Args:
        by_session: rows of `variant_counts`.
        by_approach: rows of `rebooking_counts` for each of `other_approaches`.
    """
    other = ATTRIBUTION_NAMES[OTHER_ATTRIBUTION[settings.tier_attribution]]
    plain = ("tier", "users", "rebooked")
    variants = [
        _variant(name, rows, columns, settings)
        for name, rows, columns in (
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
    ]
    conclusion = variants[0]["conclusion"]
    changed_by = [row["name"] for row in variants if row["conclusion"] not in (conclusion, "no data")]
    is_robust = None if conclusion == "no data" else not changed_by
    return {"variants": variants, "conclusion": conclusion, "changed_by": changed_by, "is_robust": is_robust}


def _variant(name: str, rows: list[Row], columns: tuple[str, str, str], settings: Settings) -> Variant:
    tier, users, rebooked = columns

    def counts(tiers: list[str]) -> tuple[int, int]:
        chosen = [row for row in rows if row[tier] in tiers]
        return sum(row[rebooked] for row in chosen), sum(row[users] for row in chosen)

    (events_a, n_a), (events_b, n_b) = counts(settings.group_a), counts(settings.group_b)
    difference = p_value = None
    if n_a and n_b:
        difference = events_a / n_a - events_b / n_b
        p_value = fisher_p_value(events_a, n_a, events_b, n_b)
    low, high = newcombe_interval(events_a, n_a, events_b, n_b, settings.confidence_level)
    return {
        "name": name,
        "group_a_users": n_a,
        "group_a_rebooked": events_a,
        "group_b_users": n_b,
        "group_b_rebooked": events_b,
        "difference": difference,
        "difference_ci_low": low,
        "difference_ci_high": high,
        "p_value": p_value,
        "conclusion": conclude(difference, p_value, settings.significance_level),
    }
