"""Balance: how alike the users of the tiers were before anything could have been different."""

from __future__ import annotations

import ibis
from ibis.expr.types import StringValue, Table

from analysis.metrics.classes import UNKNOWN, WEEKDAYS
from analysis.metrics.confounding import with_company

BOOKED, WALKED_IN = "booked", "walked in"


def balance_counts(outcomes: Table, users: Table, sessions: Table) -> Table:
    """One row per attribute, value and tier: `attribute, value, tier, users`, of outcomes with a tier.

    Attributes of a user at the first session: `company size`, in the classes of `with_company`, unknown without a
    company; `month`, as YYYY-MM, and `weekday` of that session, UTC; `came by`: whether a booking led to it.
    """
    known = outcomes.filter(outcomes.tier.notnull())
    sizes = with_company(known, users).select("user_id", "company_size")
    sized = known.left_join(sizes, "user_id")
    first = sessions.select("user_id", "mentor_id", first_at="started_at", booking_id="booking_id")
    came = known.left_join(first, ["user_id", "mentor_id", "first_at"])
    weekday = ibis.cases(
        *((known.first_at.day_of_week.index() == place, name) for place, name in enumerate(WEEKDAYS)),
        else_=UNKNOWN,
    )
    return ibis.union(
        _counted(sized, "company size", ibis.coalesce(sized.company_size, UNKNOWN)),
        _counted(known, "month", known.first_at.strftime("%Y-%m")),
        _counted(known, "weekday", weekday),
        _counted(came, "came by", ibis.ifelse(came.booking_id.isnull(), WALKED_IN, BOOKED)),
    )


def _counted(users: Table, attribute: str, value: StringValue) -> Table:
    valued = users.select("tier", value=value)
    counted = valued.group_by("value", "tier").agg(users=valued.count())
    return counted.select("value", "tier", "users", attribute=ibis.literal(attribute))
