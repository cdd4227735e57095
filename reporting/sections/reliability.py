"""Is the booking system reliable, and was it every week."""

from __future__ import annotations

from typing import Any

from presentation import CHECK_NAMES, percent
from reporting.content import Column, Figure, Points, Section, Table, written
from reporting.sections.wording import facts_in_words, more_left_out
from reporting.selection import SHOWN_WEEKS_IN_TABLE

Row = dict[str, Any]
RATES = ("cancellation_rate", "no_show_rate", "orphan_rate")


def reliability(document: Row, level: str) -> Section:
    """The checks, the bookings by outcome, and the weeks where the document has them."""
    part = document["reliability"]
    checks = [[CHECK_NAMES[c["name"]], c["value"], c["threshold"], c["status"]] for c in part["checks"]]
    counts = ("bookings", "attended", "cancelled", "rescheduled", "no_show", "upcoming", "orphan", "open")
    rates = ("confirmation_rate", "no_show_rate", "cancellation_rate", "orphan_rate")
    rows = [*((row["tier"], row) for row in part["tiers"]), ("all", part["overall"])]
    overall = part["overall"]
    blocks: list = [
        {
            "reliable": "Every check passes.",
            "unreliable": "Not every check passes.",
            "no data": "There are no bookings to judge.",
        }[part["verdict"]],
        Figure(
            "reliability_checks",
            "Each rate against the highest that passes",
            facts_in_words(
                (name, f"{written('rate', value)} of at most {percent(threshold)}, {status}")
                for name, value, threshold, status in checks
            ),
        ),
        Table(
            "reliability_checks",
            "Checks",
            [Column("check"), Column("value", "rate"), Column("highest that passes", "rate"), Column("status")],
            checks,
        ),
        Table(
            "bookings",
            "What became of the bookings",
            [Column("tier"), *(Column(name.replace("_", "-"), "count") for name in counts)],
            [[name, *(row[count] for count in counts)] for name, row in rows],
        ),
        Table(
            "booking_rates",
            "The same as rates",
            [Column("tier"), *(Column(name.replace("_", " "), "rate") for name in rates)],
            [[name, *(row[rate] for rate in rates)] for name, row in rows],
        ),
        f"Of {overall['sessions']:,} sessions {overall['estimated_ends']:,} have no recorded end "
        f"({percent(overall['estimated_end_rate'])}). Events of users whom no export knew: "
        f"{overall['unknown_user_events']:,}; of mentors whom no sheet knew: {overall['unknown_mentor_events']:,}.",
    ]
    if "reliability_in_time" in document:
        blocks += _reliability_in_time(document["reliability_in_time"])
    return Section("reliability", "Is the booking system reliable", blocks)


def _reliability_in_time(part: Row) -> list:
    described = facts_in_words(
        (
            CHECK_NAMES[chart["rate"]],
            f"{written('rate', chart['center'])} overall, "
            + (
                ", ".join(
                    f"{written('rate', point['value'])} in the week of {point['week']}"
                    for point in chart["points"]
                    if point["is_alert"]
                )
                or "no week outside its limits"
            ),
        )
        for chart in part["control_charts"]
    )
    # What is upcoming or open is left to the table by tier: these are of the last weeks alone.
    counts = ("bookings", "attended", "cancelled", "no_show", "orphan")
    weeks = part["weeks"][-SHOWN_WEEKS_IN_TABLE:]
    alerts = {
        (CHECK_NAMES[chart["rate"]], point["week"])
        for chart in part["control_charts"]
        for point in chart["points"]
        if point["is_alert"]
    }
    return [
        "By week of the request: within the grey limits a week differs from the others by no more than chance; "
        "a diamond marks one that differs by more.",
        *(
            [Points([f"{name}: outside the limits in the week of {week}." for name, week in sorted(alerts)])]
            if alerts
            else []
        ),
        Figure("reliability_in_time", "Rates by week with their control limits", described),
        Table(
            "weeks",
            f"Bookings by week of the request (Monday){more_left_out(len(part['weeks']), len(weeks), 'earlier weeks')}",
            [
                Column("week"),
                *(Column(name.replace("_", "-"), "count") for name in counts),
                *(Column(rate.replace("_", " "), "rate") for rate in RATES),
            ],
            [[week["week"], *(week[count] for count in counts), *(week[rate] for rate in RATES)] for week in weeks],
        ),
        Table(
            "delays",
            "Hours from the request to the confirmation, and to the session",
            [
                Column("tier"),
                *(
                    column
                    for name in ("confirmation", "session")
                    for column in (
                        Column(f"to {name}: bookings", "count"),
                        Column("median hours", "hours"),
                        Column("90 % within hours", "hours"),
                    )
                ),
            ],
            [
                [
                    row["tier"] or "all",
                    *(row[f"{name}_hours"][f] for name in ("confirmation", "session") for f in ("n", "median", "p90")),
                ]
                for row in part["delays"]
            ],
        ),
        Table(
            "cancellations_by_lead_time",
            "Cancellations by time from the request to its cancellation",
            [Column("time"), Column("cancelled", "count"), Column("of which rescheduled", "count")],
            [[row["lead_time"], row["cancelled"], row["rescheduled"]] for row in part["cancellations_by_lead_time"]],
        ),
    ]
