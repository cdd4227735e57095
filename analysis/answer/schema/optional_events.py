"""The section on what the optional events of the tracking plan say: reviews, users who leave, profiles viewed."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Le
from typing_extensions import TypedDict

from analysis.answer.schema.rows import Count, Fraction, OfTier


class ReviewsOfTier(OfTier):
    """The reviews of sessions with the mentors of a tier."""

    reviews: Count
    """How many reviews there are."""
    users: Count
    """The users who wrote them."""
    mean_rating: Annotated[float, Ge(1), Le(5)] | None
    """The mean of the ratings, from 1, the worst, to 5; null without a review."""


class ChurnReason(TypedDict):
    """The users of a tier who left for one reason."""

    churn_reason: str | None
    """The reason, as the events say, lower case; null in the last row, of the users whose events do not say."""
    users: Count
    """The users who left for it."""


class ChurnOfTier(OfTier):
    """The users whose first session was with a mentor of a tier, and how many of them have left."""

    users: Count
    """Users with a first session in this tier."""
    churned: Count
    """Of these, users of whom an event says that they have left, before or after that session."""
    rate: Fraction | None
    """churned / users; null without users."""
    ci_low: Fraction | None
    """Lower bound of the rate, by Wilson; null without users."""
    ci_high: Fraction | None
    """Upper bound of the rate; null without users."""
    reasons: list[ChurnReason]
    """One row per reason, the most frequent first."""


class ProfileViewsOfTier(OfTier):
    """Pairs of a user and a mentor of a tier whose profile the user has viewed, and what came of it."""

    viewed: Count
    """Pairs with a view."""
    requested: Count
    """Of these, pairs of which the user asked the mentor for a session after the first view."""
    attended: Count
    """Of these, pairs of which such a request led to a session."""
    request_rate: Fraction | None
    """requested / viewed; null without a view."""
    attendance_rate: Fraction | None
    """attended / requested; null without a request."""


class OptionalEvents(TypedDict):
    """What the optional events say, as of the same moment as all else; a list is empty where no event of it counts."""

    reviews: list[ReviewsOfTier]
    """Ratings by tier of the mentor."""
    churn: list[ChurnOfTier]
    """Users who have left, by tier of the mentor of the first session."""
    profile_views: list[ProfileViewsOfTier]
    """From a mentor's profile to a request to a session, by tier of the mentor."""
