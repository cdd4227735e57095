"""Time to rebooking: how long after the first session the second one came, or how long it has been awaited."""

from __future__ import annotations

import datetime

import ibis
from ibis.expr.types import Table

from analysis.metrics.marts import Moment


def return_counts(outcomes: Table, as_of: Moment) -> Table:
    """One row per tier, first session and last sight: `tier, first_at, seen_until, returned, censored`.

    Of outcomes with a tier. `returned`: users whose second session came at `seen_until`, whatever the
    rebooking window. `censored`: users without one, last seen then, at `as_of`. What lies after `as_of` is
    not seen: a later return is censored, and a user whose first session is later is left out.
    """
    seen = outcomes.filter(outcomes.tier.notnull() & (outcomes.first_at <= as_of))
    moment = ibis.literal(as_of) if isinstance(as_of, datetime.datetime) else as_of
    has_returned = ibis.coalesce(seen.next_at <= moment, False)
    seen = seen.mutate(has_returned=has_returned, seen_until=ibis.ifelse(has_returned, seen.next_at, moment))
    return seen.group_by("tier", "first_at", "seen_until").agg(
        returned=seen.count(where=seen.has_returned),
        censored=seen.count(where=~seen.has_returned),
    )
