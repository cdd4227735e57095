"""What the optional events of the tracking plan say: reviews, users who leave, and views of mentors' profiles."""

from __future__ import annotations

import ibis
from ibis.expr.types import Table

from analysis.metrics.classes import CHURNED, PROFILE_VIEWED, REVIEWED
from analysis.metrics.marts import Moment
from analysis.metrics.rebooking import with_tier


def optional_event_counts(
    events: Table, outcomes: Table, bookings: Table, mentors: Table, tier_attribution: str, as_of: Moment
) -> Table:
    """One row per type of optional event, tier and reason: `event_type, tier, churn_reason`, and what counts of it.

    Columns `users`; `counted`; `rating_sum`; `requested`; `attended`; what is not of the type is 0 or null. Events
    after `as_of`, or of a mentor without a tier, do not count.

    - `session_reviewed`: `counted` reviews by `users`, and the sum of their ratings, 1 to 5. The tier is the mentor's.
      Reviews of one user, mentor and instant are one, the lowest rating.
    - `user_churned`: `users` who have left, each counted once, by `churn_reason`, in lower case; null where none is
      said, the first by name where several are. The tier is that of the mentor of the user's first session; who had
      none counts nowhere.
    - `mentor_profile_viewed`: `counted` pairs of a user and a mentor whose profile the user has viewed; `requested`:
      of these, pairs with a later request than the first view; `attended`: with such a request that was attended,
      whenever. The tier is the mentor's.

    Args:
        outcomes: one row per user with a session, `user_id, mentor_id, first_at`.
    """
    columns = ("event_type", "user_id", "mentor_id", "occurred_at", "churn_reason", "rating")
    seen = events.select(*columns)
    seen = seen.filter((seen.occurred_at <= as_of) & seen.event_type.isin((CHURNED, PROFILE_VIEWED, REVIEWED)))
    first = outcomes.select("user_id", "first_at", first_mentor_id="mentor_id")
    joined = seen.left_join(first, "user_id")
    is_churn = joined.event_type == CHURNED
    placed = joined.select(
        *("event_type", "user_id", "rating"),
        churn_reason=joined.churn_reason.lower(),
        mentor_id=ibis.ifelse(is_churn, joined.first_mentor_id, joined.mentor_id),
        placed_at=ibis.ifelse(is_churn, joined.first_at, joined.occurred_at),
        reviewed_at=ibis.ifelse(joined.event_type == REVIEWED, joined.occurred_at, ibis.null("timestamp")),
    )
    once = placed.group_by("event_type", "user_id", "mentor_id", "reviewed_at").agg(
        placed_at=placed.placed_at.min(), churn_reason=placed.churn_reason.min(), rating=placed.rating.min()
    )
    # Of the requests of a pair one is later than the view where the last one is.
    last = bookings.group_by("user_id", "mentor_id").agg(
        requested_at=bookings.requested_at.max(),
        attended_at=bookings.requested_at.max(where=bookings.booking_status == "attended"),
    )
    tiered = with_tier(once, mentors, tier_attribution, "placed_at").left_join(last, ["user_id", "mentor_id"])
    tiered = tiered.filter(tiered.tier.notnull())
    is_view = tiered.event_type == PROFILE_VIEWED
    return tiered.group_by("event_type", "tier", "churn_reason").agg(
        users=tiered.user_id.nunique(),
        counted=tiered.count(),
        rating_sum=tiered.rating.sum(),
        requested=tiered.count(where=(is_view & (tiered.requested_at > tiered.placed_at)).fill_null(False)),
        attended=tiered.count(where=(is_view & (tiered.attended_at > tiered.placed_at)).fill_null(False)),
    )
