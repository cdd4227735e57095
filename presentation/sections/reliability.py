"""Is the booking system reliable, and was it every week?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from presentation.content import Block, Column, Figure, Interval, Section, Table, written
from presentation.document import SHOWN_WEEKS, Row, shortened
from presentation.verdict import reliability_sentence
from presentation.wording import CHECK_NAMES, facts_in_words, interval_at, words
from settings import Settings

ALERTS_SHOWN = 10


def reliability(document: Row, settings: Settings) -> Section:
    """The checks, and what became of the bookings."""
    part = document["reliability"]
    checks = [
        [CHECK_NAMES[c["name"]], c["value"], Interval(c["ci_low"], c["ci_high"]), c["threshold"], c["status"]]
        for c in part["checks"]
    ]
    described = facts_in_words(
        (name, f"{written('rate', value)} with a limit of {written('rate', threshold)}, {written('status', status)}")
        for name, value, _, threshold, status in checks
    )
    essential = ("bookings", "attended", "cancelled", "rescheduled", "no_show", "orphan")
    counts = ("bookings", "attended", "cancelled", "rescheduled", "no_show", "upcoming", "orphan", "open")
    rates = ("confirmation_rate", "no_show_rate", "cancellation_rate", "orphan_rate")
    rows = [*((row["tier"], row) for row in part["tiers"]), ("all", part["overall"])]
    overall = part["overall"]
    return Section(
        "reliability",
        "Is the booking system reliable",
        [
            reliability_sentence(document),
            Figure("reliability_checks", f"Each rate with its {interval_at(settings)} against its limit", described),
            Table(
                "reliability_checks",
                "Checks",
                [
                    Column("check"),
                    Column("rate", "rate"),
                    Column(interval_at(settings), "rate"),
                    Column("limit", "rate"),
                    Column("status", "status"),
                ],
                checks,
            ),
            "A check passes where its whole interval lies within the limit, fails where all of it lies above, and is "
            "not settled between. Double bookings never decide: they are a warning.",
            Table(
                "bookings",
                "What became of the bookings",
                [Column("tier"), *(Column(words(name), "count", name in essential) for name in counts)],
                [[name, *(row[count] for count in counts)] for name, row in rows],
            ),
            Table(
                "booking_rates",
                "The same as rates",
                [Column("tier"), *(Column(words(name), "rate") for name in rates)],
                [[name, *(row[rate] for rate in rates)] for name, row in rows],
                is_essential=False,
            ),
            f"Of {overall['sessions']:,} sessions {overall['recorded_ends']:,} have a recorded end, "
            f"{overall['running']:,} may yet end, and {overall['estimated_ends']:,} have none. "
            f"{overall['double_booked']:,} start while the same mentor is in another one, "
            f"{overall['double_booked_same_company']:,} of them perhaps sessions that users of one company share. "
            f"{overall['walk_ins']:,} have no booking; {overall['missing_confirmations']:,} bookings were attended "
            "without a confirmation.",
            f"Events of users that no export has: {overall['unknown_user_events']:,}; of mentors that no sheet has: "
            f"{overall['unknown_mentor_events']:,}.",
            _clocks(part["clock"]),
            _tracking_plan(part["tracking_plan"], overall),
        ],
    )


def _clocks(clock: list[Row]) -> Table:
    rows = [
        [row["event_type"], row["events"], row["at_midnight"], "coarse" if row["is_coarse"] else "exact"]
        for row in clock
    ]
    columns = [Column("event"), Column("events", "count"), Column("at midnight", "count"), Column("clock")]
    return Table("clock", "How exactly events are timed", columns, rows, is_essential=False)


def _tracking_plan(properties: Row, overall: Row) -> Table:
    out_of = {
        "agreed_starts": overall["bookings"],
        "requested_durations": overall["bookings"],
        "named_cancellers": overall["cancelled"],
        "cancellation_reasons": overall["cancelled"],
        "ends_by_duration": overall["sessions"],
    }
    rows = [[words(name), properties[name], number] for name, number in out_of.items()]
    columns = [Column("property"), Column("given", "count"), Column("out of", "count")]
    return Table("tracking_plan", "What the events say besides what they must", columns, rows, is_essential=False)


def reliability_in_time(document: Row, _: Settings) -> Section:
    """The weeks with their control limits, how long requests wait, and how soon they are cancelled."""
    part = document["reliability_in_time"]
    return Section(
        "reliability_in_time",
        "The booking system week by week",
        [
            "By week of the request. Within its control limits a week differs from the others by no more than chance; "
            "a week is judged once all of its bookings have had the time to become what is counted.",
            *untimed(document["reliability"]["clock"]),
            *_alerts(part["control_charts"]),
            Figure("reliability_in_time", "Rates by week with their control limits", _described(part)),
            _weeks(part["weeks"]),
            *_delays(part["delays"]),
            *cancellations(
                "cancellations_by_lead_time",
                "Cancellations by time since the request",
                "lead_time",
                part["cancellations_by_lead_time"],
            ),
        ],
    )


def untimed(clock: list[Row]) -> list[Block]:
    """Which clocks of these are too coarse to measure hours from, as a sentence, if any is."""
    coarse = [row["event_type"] for row in clock if row["is_coarse"]]
    if not coarse:
        return []
    return [f"Too many of these events are stamped at midnight to measure hours from them: {', '.join(coarse)}."]


def _alerts(charts: list[Row]) -> list[Block]:
    """The weeks outside their control limits; only CSV has more of them than the latest."""
    alerts = [point | {"rate": chart["rate"]} for chart in charts for point in chart["points"] if point["is_alert"]]
    if not alerts:
        return ["No week lies outside the control limits."]
    shown, earlier = shortened(alerts, lambda row: row["week"], ALERTS_SHOWN)

    def rows(some: list[Row]) -> list[list[Any]]:
        return [[CHECK_NAMES[r["rate"]], r["week"], r["value"], Interval(r["lower"], r["upper"])] for r in some]

    columns = [Column("rate"), Column("week"), Column("value", "rate"), Column("expected", "rate")]
    caption = "Weeks outside the control limits"
    return [Table("alerts", caption, columns, rows(shown), keys=2, more=rows(earlier))]


def _described(part: Row) -> str:
    def weeks(chart: Row) -> str:
        alerts = [point for point in chart["points"] if point["is_alert"]]
        named = [f"{written('rate', point['value'])} in the week of {point['week']}" for point in alerts]
        return ", ".join(named) or "no week outside its limits"

    charts = part["control_charts"]
    return facts_in_words(
        (CHECK_NAMES[chart["rate"]], f"{written('rate', chart['center'])} overall, {weeks(chart)}") for chart in charts
    )


def _weeks(weeks: list[Row]) -> Table:
    # What is upcoming or open is left to the table by tier: these are of the last weeks alone.
    counts = ("bookings", "attended", "cancelled", "no_show", "orphan")
    rates = ("cancellation_rate", "no_show_rate", "orphan_rate")

    def rows(some: list[Row]) -> list[list[Any]]:
        return [[row["week"], *(row[name] for name in (*counts, *rates))] for row in some]

    shown, earlier = shortened(weeks, lambda row: row["week"], SHOWN_WEEKS)
    columns = [Column("week")]
    columns += [Column(words(name), "count", name in ("bookings", "attended")) for name in counts]
    columns += [Column(words(name), "rate") for name in rates]
    caption = "Bookings by week of the request (Monday)"
    return Table("weeks", caption, columns, rows(shown), more=rows(earlier))


def _delays(delays: list[Row]) -> list[Block]:
    names = ("confirmation_hours", "session_hours")
    if all(row[name]["median"] is None for row in delays for name in names):
        return []
    columns = [Column("tier")]
    for count, end in (("confirmed", "confirmation"), ("attended", "session")):
        columns.append(Column(count, "count"))
        columns += [Column(f"{quantile} to {end}", "hours") for quantile in ("median", "90 %")]
    rows = [
        [row["tier"] or "all", *(row[name][of] for name in names for of in ("n", "median", "p90"))] for row in delays
    ]
    return [Table("delays", "Hours from the request to its confirmation, and to the session", columns, rows)]


def cancellations(name: str, caption: str, key: str, counts: list[Row], more: Sequence[Row] = ()) -> list[Block]:
    """A table of cancelled bookings by `key`, if there are any; `more`: rows that only CSV has."""
    if not counts:
        return []

    def rows(some: Sequence[Row]) -> list[list[Any]]:
        return [[row[key], row["cancelled"], row["rescheduled"]] for row in some]

    columns = [Column(words(key)), Column("cancelled", "count"), Column("of which rescheduled", "count")]
    return [Table(name, caption, columns, rows(counts), more=rows(more), which="the most frequent")]
