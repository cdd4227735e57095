"""An answer document with every key, made of the sample's published counts, for tests of what is shown."""

from __future__ import annotations

import math
from typing import Any

from settings import load_settings

TIERS = {"Gold": "top_tier", "Silver": "standard_tier", "Bronze": "standard_tier"}
GROUPS = {"group_a": ["Gold"], "group_b": ["Silver", "Bronze"]}
# users, rebooked, mature users, mature rebooked
REBOOKING = {"Gold": (42, 26, 39, 24), "Silver": (57, 22, 54, 21), "Bronze": (33, 0, 29, 0)}
# with intent, attended, lost
INTENT = {"Gold": (26, 26, 0), "Silver": (25, 22, 3), "Bronze": (0, 0, 0)}
# bookings, attended, cancelled, rescheduled, no-show, upcoming, orphan, open
BOOKINGS = {
    "Gold": (99, 91, 7, 5, 0, 0, 1, 0),
    "Silver": (90, 79, 11, 5, 0, 0, 0, 0),
    "Bronze": (36, 33, 3, 0, 0, 0, 0, 0),
}
MONTHS = ("2023-01", "2023-02", "2023-03")
HORIZONS = (7, 14, 30, 60, 90)


def full_document() -> dict[str, Any]:
    """The document as `answer --format json` gives it for the sample; the parts beyond its counts are made up."""
    rebooking = _rebooking()
    return {
        "parameters": {
            "environment": "prod",
            "gateway": "duckdb",
            "window_days": 30,
            "group_a": GROUPS["group_a"],
            "group_b": GROUPS["group_b"],
            "tier_attribution": "current",
            "as_of": "2023-06-30T15:45:00Z",
            "answered_at": "2023-07-01T16:45:00Z",
            "taken_in": {"loads": 3, "events": 843, "waiting_loads": 0, "waiting_events": 0},
            "settings": load_settings().model_variables(),
            "changed_definitions": [],
        },
        "rebooking": {"sessions": rebooking, "bookings": _rebooking()},
        "intent": {
            "tiers": [{"tier": tier} | _intent([tier]) for tier in TIERS],
            "groups": [{"group": name, "tiers": tiers} | _intent(tiers) for name, tiers in GROUPS.items()],
        },
        "reliability": _reliability(),
        "warnings": [
            "Few users of Gold, so the interval is wide: 42.",
            "Users chose their mentors: a difference between tiers is an association, not proof of a cause.",
        ],
        "time_to_rebooking": {
            "tiers": [{"tier": tier} | _survival([tier]) for tier in TIERS],
            "groups": [{"group": name, "tiers": tiers} | _survival(tiers) for name, tiers in GROUPS.items()],
            "log_rank": {"statistic": 17.2, "p_value": 3.4e-5, "method": "log-rank test"},
        },
        "cohorts": {
            "tiers": [{"month": month, "tier": tier} | _cohort([tier], month) for month in MONTHS for tier in TIERS],
            "groups": [
                {"month": month, "group": name, "tiers": tiers} | _cohort(tiers, month)
                for month in MONTHS
                for name, tiers in GROUPS.items()
            ],
            "trend": [
                {"group": name, "statistic": 0.4, "p_value": 0.53, "method": "Cochran-Armitage test for trend"}
                for name in GROUPS
            ],
        },
        "confounding": {
            "stratified": [
                _stratum("company", 30, 14, 61, 4.1, 1.7, 10.2),
                _stratum("month", 6, 6, 132, 5.3, 2.3, 12.4),
                _stratum("company_size", 2, 1, 12, None, None, None),
            ],
            "permutation": {
                "stratified_by": "company",
                "permutations": 10000,
                "difference": 0.375,
                "p_value": 0.0004,
                "method": "permutation of the groups within companies",
            },
        },
        "mentors": {
            "mentors": [
                _mentor("M-1", "Gold", 22, 15),
                _mentor("M-2", "Gold", 20, 11),
                _mentor("M-3", "Silver", 57, 22),
                _mentor("M-4", "Bronze", 33, 0),
            ],
            "tiers": [
                {
                    "tier": tier,
                    "mentors": mentors,
                    "users": REBOOKING[tier][0],
                    "rate": REBOOKING[tier][1] / REBOOKING[tier][0],
                    "between_mentor_sd": 0.04 if mentors > 1 else None,
                    "heterogeneity_p_value": 0.61 if mentors > 1 else None,
                }
                for tier, mentors in (("Gold", 2), ("Silver", 1), ("Bronze", 1))
            ],
            "clustered": {
                "difference": 0.375,
                "difference_ci_low": 0.11,
                "difference_ci_high": 0.6,
                "p_value": 0.008,
                "design_effect_a": 1.2,
                "design_effect_b": 2.9,
                "method": "cluster-robust variance by mentor",
            },
        },
        "sensitivity": {
            "variants": [
                _variant("headline", 42, 26, 90, 22),
                _variant("mature users only", 39, 24, 83, 21),
                _variant("window of 7 days", 42, 4, 90, 3, "not shown"),
                _variant("known users of one company", 0, 0, 9, 2, "no data"),
            ],
            "conclusion": "higher",
            "changed_by": ["window of 7 days"],
            "is_robust": False,
        },
        "power": {
            "significance_level": 0.05,
            "power": 0.8,
            "minimum_detectable_difference": 0.24,
            "half_width_points": 0.05,
            "users_for_half_width": {"group_a": 363, "group_b": 284},
        },
        "pairwise": [
            _pair("Gold", "Silver", 0.233, 0.03, 0.41, 0.026),
            _pair("Gold", "Bronze", 0.619, 0.44, 0.75, 2e-9),
            _pair("Silver", "Bronze", 0.386, 0.23, 0.52, 1.3e-5),
        ],
        "reliability_in_time": _reliability_in_time(),
    }


def emptied(node: Any) -> Any:
    """A document as it is when there are no users and no bookings: no counts, no rates, no rows of data."""
    if isinstance(node, list):
        return [emptied(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {"tiers", "groups", "stratified", "horizons", "variants", "checks", "control_charts", "delays", "trend"}
    found = {}
    for key, value in node.items():
        if key in ("is_robust", "changed_by"):
            found[key] = None if key == "is_robust" else []
        elif key == "parameters" or isinstance(value, str | bool | None):
            found[key] = "no data" if key in ("verdict", "status", "conclusion") else value
        elif isinstance(value, list) and value and isinstance(value[0], dict) and key not in kept:
            found[key] = []
        elif key in ("month", "days", "threshold", "permutations"):
            found[key] = value
        else:
            found[key] = 0 if isinstance(value, int) else None if isinstance(value, float) else emptied(value)
    return found | ({"rate": None} if "rate" in found and not isinstance(found["rate"], str) else {})


def _interval(events: int, n: int) -> tuple[float | None, float | None]:
    """Wilson's interval, by its formula."""
    if not n:
        return None, None
    z, rate = 1.959964, events / n
    center = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, center - half), min(1.0, center + half)


def _rate(events: int, n: int) -> float | None:
    return events / n if n else None


def _rebooking() -> dict:
    def figures(tiers: list[str]) -> dict:
        users, rebooked, mature, mature_rebooked = (sum(REBOOKING[tier][i] for tier in tiers) for i in range(4))
        low, high = _interval(rebooked, users)
        return {
            "users": users,
            "rebooked": rebooked,
            "rate": _rate(rebooked, users),
            "ci_low": low,
            "ci_high": high,
            "mature_users": mature,
            "mature_rebooked": mature_rebooked,
            "mature_rate": _rate(mature_rebooked, mature),
        }

    return {
        "tiers": [{"tier": tier, "tier_category": category} | figures([tier]) for tier, category in TIERS.items()],
        "groups": [{"group": name, "tiers": tiers} | figures(tiers) for name, tiers in GROUPS.items()],
        "comparison": {
            "difference": 26 / 42 - 22 / 90,
            "difference_ci_low": 0.195,
            "difference_ci_high": 0.527,
            "relative_risk": 2.53,
            "relative_risk_ci_low": 1.64,
            "relative_risk_ci_high": 3.91,
            "odds_ratio": 4.95,
            "odds_ratio_ci_low": 2.13,
            "odds_ratio_ci_high": 11.91,
            "p_value": 7.44e-5,
            "method": "Fisher's exact test, two-sided",
        },
    }


def _intent(tiers: list[str]) -> dict:
    users = sum(REBOOKING[tier][0] for tier in tiers)
    with_intent, attended, lost = (sum(INTENT[tier][i] for tier in tiers) for i in range(3))
    return {
        "users": users,
        "with_intent": with_intent,
        "attended": attended,
        "lost": lost,
        "intent_rate": _rate(with_intent, users),
        "commitment_rate": _rate(attended, with_intent),
    }


def _reliability() -> dict:
    names = ("bookings", "attended", "cancelled", "rescheduled", "no_show", "upcoming", "orphan", "open")

    def figures(tiers: list[str]) -> dict:
        counts = {name: sum(BOOKINGS[tier][i] for tier in tiers) for i, name in enumerate(names)}
        bookings, confirmed = counts["bookings"], counts["no_show"] + counts["upcoming"]
        return counts | {
            "confirmation_rate": _rate(counts["attended"] + confirmed, bookings),
            "no_show_rate": _rate(counts["no_show"], counts["attended"] + counts["no_show"]),
            "cancellation_rate": _rate(counts["cancelled"], bookings),
            "orphan_rate": _rate(counts["orphan"], bookings),
        }

    overall = figures(list(TIERS)) | {
        "sessions": 203,
        "estimated_ends": 13,
        "estimated_end_rate": 13 / 203,
        "unknown_user_events": 1,
        "unknown_mentor_events": 0,
    }
    thresholds = {"orphan_rate": 0.05, "no_show_rate": 0.05, "cancellation_rate": 0.15, "estimated_end_rate": 0.1}
    return {
        "tiers": [{"tier": tier} | figures([tier]) for tier in TIERS],
        "overall": overall,
        "checks": [
            {"name": name, "value": overall[name], "threshold": threshold, "status": "pass"}
            for name, threshold in thresholds.items()
        ],
        "verdict": "reliable",
    }


def _survival(tiers: list[str]) -> dict:
    users, returned = (sum(REBOOKING[tier][i] for tier in tiers) for i in (0, 1))
    curve, back = [], 0
    for step in range(1, returned + 1):
        back = step
        low, high = _interval(back, users)
        curve.append(
            {
                "day": step * 2,
                "at_risk": users - step + 1,
                "returned": 1,
                "censored": 0,
                "share": back / users,
                "ci_low": low,
                "ci_high": high,
            }
        )
    end = {"day": 150, "at_risk": users - back, "returned": 0, "censored": users - back}
    low, high = _interval(back, users)
    curve.append(end | {"share": back / users, "ci_low": low, "ci_high": high})
    horizons = []
    for days in HORIZONS:
        back = min(returned, days // 2)
        low, high = _interval(back, users)
        horizons.append({"days": days, "at_risk": users - back, "share": back / users, "ci_low": low, "ci_high": high})
    return {"users": users, "returned": returned, "curve": curve, "horizons": horizons}


def _cohort(tiers: list[str], month: str) -> dict:
    users, rebooked = (sum(REBOOKING[tier][i] // 3 for tier in tiers) for i in (0, 1))
    is_mature = month != MONTHS[-1]
    low, high = _interval(rebooked, users) if is_mature else (None, None)
    return {
        "users": users,
        "rebooked": rebooked,
        "rate": rebooked / users if is_mature else None,
        "ci_low": low,
        "ci_high": high,
        "mature_users": users if is_mature else 3,
        "is_mature": is_mature,
    }


def _stratum(by: str, strata: int, informative: int, users: int, odds_ratio, low, high) -> dict:
    is_thin = odds_ratio is None
    return {
        "stratified_by": by,
        "strata": strata,
        "informative_strata": informative,
        "informative_users": users,
        "odds_ratio": odds_ratio,
        "odds_ratio_ci_low": low,
        "odds_ratio_ci_high": high,
        "statistic": None if is_thin else 11.8,
        "p_value": None if is_thin else 0.0006,
        "heterogeneity_p_value": None if is_thin else 0.44,
        "is_too_thin": is_thin,
        "method": "Cochran-Mantel-Haenszel test",
    }


def _mentor(mentor_id: str, tier: str, users: int, rebooked: int) -> dict:
    low, high = _interval(rebooked, users)
    shrunk = (rebooked + 3.6) / (users + 10)
    shrunk_low, shrunk_high = _interval(round(shrunk * (users + 10)), users + 10)
    return {
        "mentor_id": mentor_id,
        "tier": tier,
        "users": users,
        "rebooked": rebooked,
        "rate": _rate(rebooked, users),
        "ci_low": low,
        "ci_high": high,
        "shrunk_rate": shrunk,
        "shrunk_ci_low": shrunk_low,
        "shrunk_ci_high": shrunk_high,
    }


def _variant(name: str, users_a: int, rebooked_a: int, users_b: int, rebooked_b: int, conclusion="higher") -> dict:
    is_empty = not (users_a and users_b)
    difference = None if is_empty else rebooked_a / users_a - rebooked_b / users_b
    return {
        "name": name,
        "group_a_users": users_a,
        "group_a_rebooked": rebooked_a,
        "group_b_users": users_b,
        "group_b_rebooked": rebooked_b,
        "difference": difference,
        "difference_ci_low": None if is_empty else difference - 0.17,
        "difference_ci_high": None if is_empty else difference + 0.15,
        "p_value": None if is_empty else 0.2 if conclusion == "not shown" else 7.4e-5,
        "conclusion": conclusion,
    }


def _pair(tier_a: str, tier_b: str, difference: float, low: float, high: float, p_value: float) -> dict:
    return {
        "tier_a": tier_a,
        "tier_b": tier_b,
        "difference": difference,
        "difference_ci_low": low,
        "difference_ci_high": high,
        "p_value": p_value,
        "p_value_holm": min(1.0, p_value * 2),
    }


def _reliability_in_time() -> dict:
    weeks = []
    for number in range(12):
        cancelled = 7 if number == 8 else 1
        weeks.append(
            {
                "week": f"2023-{1 + number // 4:02}-{2 + 7 * (number % 4):02}",
                "bookings": 18,
                "attended": 18 - cancelled,
                "cancelled": cancelled,
                "rescheduled": cancelled // 2,
                "no_show": 0,
                "upcoming": 0,
                "orphan": 0,
                "open": 0,
                "cancellation_rate": cancelled / 18,
                "no_show_rate": 0.0,
                "orphan_rate": 0.0,
            }
        )
    charts = []
    for rate in ("cancellation_rate", "no_show_rate", "orphan_rate"):
        center = sum(week[rate] for week in weeks) / len(weeks)
        upper = min(1.0, center + 3 * math.sqrt(center * (1 - center) / 18))
        charts.append(
            {
                "rate": rate,
                "center": center,
                "points": [
                    {
                        "week": week["week"],
                        "n": 18,
                        "value": week[rate],
                        "lower": 0.0,
                        "upper": upper,
                        "is_alert": week[rate] > upper,
                    }
                    for week in weeks
                ],
            }
        )
    hours = {"n": 203, "median": 5.5, "p90": 22.0}
    days = {"n": 203, "median": 49.0, "p90": 98.5}
    lead_times = (("under 1 hour", 4, 3), ("1 to 24 hours", 9, 5), ("1 to 3 days", 6, 2), ("over 3 days", 2, 0))
    return {
        "weeks": weeks,
        "control_charts": charts,
        "delays": [{"tier": tier, "confirmation_hours": hours, "session_hours": days} for tier in (None, *TIERS)],
        "cancellations_by_lead_time": [
            {"lead_time": name, "cancelled": cancelled, "rescheduled": rescheduled}
            for name, cancelled, rescheduled in lead_times
        ],
    }
