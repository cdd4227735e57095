"""What the reports of an environment have counted already: the same as `facts` counts, without Ibis."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import cached_property

from analysis.answer.tiers import Row
from analysis.metrics.classes import OPTIONAL_EVENTS, OTHER_APPROACHES, WINDOWS

_BECAME = ("attended", "missing_confirmations", "cancelled", "rescheduled", "no_show", "upcoming", "orphan", "open")
_OUTCOMES = ("bookings", *_BECAME)
_REBOOKED = ("users", "rebooked", "mature_users", "mature_rebooked", "may_yet_rebook")
_SESSIONS = ("sessions", "running", "estimated_ends", "recorded_ends", "walk_ins")
_TRACKING_PLAN = ("agreed_starts", "requested_durations", "named_cancellers", "cancellation_reasons")
# What is read of each report.
COLUMNS: dict[str, tuple[str, ...]] = {
    "rpt_event_counts": (
        *("event_load_id", "event_type", "events", "at_midnight", "unknown_user_events", "unknown_mentor_events"),
    ),
    "rpt_optional_events": (
        *("event_type", "tier", "churn_reason", "users", "counted", "rating_sum", "requested", "attended"),
    ),
    "rpt_rebooking_by_mentor": (
        *("approach", "mentor_id", "tier", "other_tier", *_REBOOKED, "kept_users", "kept_rebooked"),
        *(f"rebooked_within_{days}" for days in WINDOWS),
    ),
    "rpt_rebooking_by_tier": ("tier", "users", "with_intent", "attended", "lost", "returned", "same_mentor"),
    "rpt_reliability_by_tier": ("tier", *_OUTCOMES),
    "rpt_reliability_by_week": (
        *("week", *_OUTCOMES, "is_cancellation_rate_ripe", "is_orphan_rate_ripe", "is_no_show_rate_ripe"),
    ),
    "rpt_reliability_overall": (
        *(*_SESSIONS, "double_booked", "double_booked_same_company", *_TRACKING_PLAN, "ends_by_duration"),
    ),
}


class Reports:
    """The counts of an environment that its reports hold, as its settings were when it was built.

    Every method gives the rows that the one of that name in `facts.Facts` counts.
    """

    def __init__(self, report: Callable[[str], list[Row]], newest_load: int) -> None:
        self.report = report
        self.newest_load = newest_load

    @cached_property
    def _all_events(self) -> list[Row]:
        return self.report("rpt_event_counts")

    @cached_property
    def _events(self) -> list[Row]:
        return [
            row
            for row in self._all_events
            if row["event_load_id"] <= self.newest_load and row["event_type"] not in OPTIONAL_EVENTS
        ]

    @cached_property
    def _by_mentor(self) -> dict[str, list[Row]]:
        rows = defaultdict(list)
        for row in self.report("rpt_rebooking_by_mentor"):
            rows[row["approach"]].append(row)
        return rows

    def totals(self) -> Row:
        (overall,) = self.report("rpt_reliability_overall")
        unknown = ("unknown_user_events", "unknown_mentor_events")
        return overall | {name: sum(row[name] for row in self._events) for name in unknown}

    def clocks(self) -> list[Row]:
        counts: dict[str, Row] = {}
        for row in self._events:
            clock = counts.setdefault(
                row["event_type"], {"event_type": row["event_type"], "events": 0, "at_midnight": 0}
            )
            clock["events"] += row["events"]
            clock["at_midnight"] += row["at_midnight"]
        return list(counts.values())

    @property
    def has_later_events(self) -> bool:
        """Whether optional events of loads count that the facts do not hold yet."""
        return any(
            row["event_load_id"] > self.newest_load and row["event_type"] in OPTIONAL_EVENTS for row in self._all_events
        )

    def optional_events(self) -> list[Row]:
        return self.report("rpt_optional_events")

    def reliability(self) -> list[Row]:
        return self.report("rpt_reliability_by_tier")

    def weeks(self) -> list[Row]:
        return self.report("rpt_reliability_by_week")

    def follow_ups(self) -> list[Row]:
        return self.report("rpt_rebooking_by_tier")

    def by_session(self, tier_attribution: str) -> list[Row]:
        return [_attributed(row, tier_attribution) for row in self._by_mentor["sessions"]]

    def by_approach(self, tier_attribution: str) -> dict[str, list[Row]]:
        return {
            name: [_attributed(row, tier_attribution) for row in self._by_mentor[name]] for name in OTHER_APPROACHES
        }


def _attributed(row: Row, tier_attribution: str) -> Row:
    """The report's tier is the current one, its other tier that at the first visit."""
    if tier_attribution == "current":
        return row
    return row | {"tier": row["other_tier"], "other_tier": row["tier"]}
