"""The section on what the optional events of the tracking plan say of tiers."""

from __future__ import annotations

from analysis.answer.schema.optional_events import (
    ChurnOfTier,
    ChurnReason,
    OptionalEvents,
    ProfileViewsOfTier,
    ReviewsOfTier,
)
from analysis.answer.tiers import Row, total
from analysis.metrics.classes import CHURNED, PROFILE_VIEWED, REVIEWED
from analysis.statistics.proportions import rate, wilson_interval
from settings import Settings, known_tiers


def optional_events_section(rows: list[Row], counts: list[Row], settings: Settings) -> OptionalEvents | None:
    """Ratings, users who left and the way from a mentor's profile to a session, by tier; None where no event counts.

    Args:
        rows: rows of `optional_event_counts`.
        counts: rows with `tier` and `users`: users by the tier of their first mentor.
    """
    tiers = known_tiers()
    of_type = {
        name: [row for row in rows if row["event_type"] == name and row["tier"] in tiers]
        for name in (REVIEWED, CHURNED, PROFILE_VIEWED)
    }
    if not any(of_type.values()):
        return None
    reviews, churned, views = of_type.values()
    return {
        "reviews": [_reviews(tier, reviews) for tier in tiers] if reviews else [],
        "churn": [_churn(tier, churned, counts, settings) for tier in tiers] if churned else [],
        "profile_views": [_views(tier, views) for tier in tiers] if views else [],
    }


def _reviews(tier: str, rows: list[Row]) -> ReviewsOfTier:
    sums = total(rows, [tier], ("counted", "users", "rating_sum"))
    return {
        "tier": tier,
        "reviews": sums["counted"],
        "users": sums["users"],
        "mean_rating": rate(int(sums["rating_sum"]), sums["counted"]),
    }


def _churn(tier: str, rows: list[Row], counts: list[Row], settings: Settings) -> ChurnOfTier:
    users, churned = (total(of, [tier], ("users",))["users"] for of in (counts, rows))
    low, high = wilson_interval(churned, users, settings.confidence_level)
    reasons: list[ChurnReason] = [
        {"churn_reason": row["churn_reason"], "users": row["users"]} for row in rows if row["tier"] == tier
    ]
    return {
        "tier": tier,
        "users": users,
        "churned": churned,
        "rate": rate(churned, users),
        "ci_low": low,
        "ci_high": high,
        "reasons": sorted(
            reasons, key=lambda row: (row["churn_reason"] is None, -row["users"], row["churn_reason"] or "")
        ),
    }


def _views(tier: str, rows: list[Row]) -> ProfileViewsOfTier:
    sums = total(rows, [tier], ("counted", "requested", "attended"))
    return {
        "tier": tier,
        "viewed": sums["counted"],
        "requested": sums["requested"],
        "attended": sums["attended"],
        "request_rate": rate(sums["requested"], sums["counted"]),
        "attendance_rate": rate(sums["attended"], sums["requested"]),
    }
