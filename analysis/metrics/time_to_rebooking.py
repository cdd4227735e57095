"""Time to rebooking: how many days after the first session the second one came, or is still awaited."""

from __future__ import annotations

import datetime

import ibis
from ibis.expr.types import IntegerValue, Table, TimestampValue

from analysis.metrics.marts import Moment


def whole_days(start: TimestampValue, end: TimestampValue) -> IntegerValue:
    """How many whole periods of 24 hours lie between two moments, `start <= end`."""
    # Whole seconds are exact on every engine; the fraction of a second can only take the last day away.
    seconds = end.truncate("s").epoch_seconds() - start.truncate("s").epoch_seconds()
    days = (seconds / 86400).floor().cast("int32")
    return days - ibis.ifelse(start + days.as_interval("D") > end, 1, 0)


def return_counts(outcomes: Table, as_of: Moment) -> Table:
    """One row per tier and day: `tier, day, returned, censored`, of outcomes with a tier.

    `day` is in whole days after the first session. `returned`: users whose second session came on
    that day, whatever the rebooking window. `censored`: users without one, last seen on that day,
    which is that of `as_of`. What lies after `as_of` is not seen: a later return is censored, and a
    user whose first session is later is left out.
    """
    seen = outcomes.filter(outcomes.tier.notnull() & (outcomes.first_at <= as_of))
    moment = ibis.literal(as_of) if isinstance(as_of, datetime.datetime) else as_of
    has_returned = ibis.coalesce(seen.next_at <= moment, False)
    seen = seen.mutate(has_returned=has_returned, last_seen_at=ibis.ifelse(has_returned, seen.next_at, moment))
    seen = seen.mutate(day=whole_days(seen.first_at, seen.last_seen_at))
    return seen.group_by("tier", "day").agg(
        returned=seen.count(where=seen.has_returned),
        censored=seen.count(where=~seen.has_returned),
    )
