"""How many users come back, and when."""

from __future__ import annotations

from typing import Any

from presentation import group_names, named_rows, percent
from reporting.content import Column, Figure, Interval, Points, Section, Table, written
from reporting.sections.wording import (
    against,
    chance,
    facts_in_words,
    interval_in_words,
    more_left_out,
    name_of,
    rate_in_words,
    within,
)
from reporting.selection import shown_cohorts

Row = dict[str, Any]


def rates(document: Row, level: str) -> Section:
    """The rates with their intervals, and each tier against each other."""
    rows = named_rows(document["rebooking"]["sessions"])
    figure = Figure(
        "rebooking_rates",
        f"Users who rebook{within(document)}, by tier of their first mentor, with {level} intervals",
        facts_in_words((name, rate_in_words(row)) for name, row in rows),
    )
    blocks: list = [*_difference(document, level), figure]
    if "pairwise" in document:
        blocks.append(
            Table(
                "pairwise",
                "Tier against tier",
                [
                    Column("tiers"),
                    Column("difference, points", "points"),
                    Column(f"{level} interval, points", "points"),
                    Column("p", "p_value"),
                    Column("p, corrected (Holm)", "p_value"),
                ],
                [
                    [
                        f"{row['tier_a']} against {row['tier_b']}",
                        row["difference"],
                        Interval(row["difference_ci_low"], row["difference_ci_high"]),
                        row["p_value"],
                        row["p_value_holm"],
                    ]
                    for row in document["pairwise"]
                ],
            )
        )
    return Section("rates", "How many users come back", blocks)


def _difference(document: Row, level: str) -> list[str]:
    row = document["rebooking"]["sessions"]["comparison"]
    if row["difference"] is None:
        return []
    interval = interval_in_words("points", row["difference_ci_low"], row["difference_ci_high"])
    return [
        f"{against(document)}: a difference of {written('points', row['difference'])} points, "
        f"{level} interval {interval}."
    ]


def approaches(document: Row, level: str) -> Section:
    """By sessions and by bookings, side by side."""
    counts = [Column("users", "count"), Column("rebooked", "count"), Column("rate", "rate")]
    columns = [Column("tier"), *counts, Column(f"{level} interval", "rate")]
    columns += [Column("mature users", "count"), Column("their rate", "rate")]
    tables = [
        Table(
            f"rebooking_{approach}",
            caption,
            columns,
            [
                [
                    name,
                    row["users"],
                    row["rebooked"],
                    row["rate"],
                    Interval(row["ci_low"], row["ci_high"]),
                    row["mature_users"],
                    row["mature_rate"],
                ]
                for name, row in named_rows(document["rebooking"][approach])
            ],
        )
        for approach, caption in (
            ("sessions", "By sessions: a later session counts"),
            ("bookings", "By bookings: a later booking that was not cancelled counts"),
        )
    ]
    approaches = {name: document["rebooking"][name]["comparison"] for name in ("sessions", "bookings")}
    comparison = Table(
        "comparison",
        f"{against(document)}, with {level} intervals",
        [
            Column("approach"),
            Column("difference, points", "points"),
            Column("interval", "points"),
            Column("relative risk", "ratio"),
            Column("interval", "ratio"),
            Column("odds ratio", "ratio"),
            Column("interval", "ratio"),
            Column("p", "p_value"),
        ],
        [
            [
                f"by {name}",
                *(
                    value
                    for field in ("difference", "relative_risk", "odds_ratio")
                    for value in (row[field], Interval(row[f"{field}_ci_low"], row[f"{field}_ci_high"]))
                ),
                row["p_value"],
            ]
            for name, row in approaches.items()
        ],
    )
    described = facts_in_words(
        (f"{name}, by {approach}", rate_in_words(row))
        for approach in approaches
        for name, row in named_rows(document["rebooking"][approach])
    )
    return Section(
        "approaches",
        "Two ways to count",
        [
            f"{chance(document, 'By sessions, the difference', approaches['sessions']['p_value'])}; "
            f"{chance(document, 'by bookings, it', approaches['bookings']['p_value'])}."
            if all(row["p_value"] is not None for row in approaches.values())
            else "The groups cannot be compared: one of them is empty.",
            Figure("approaches", f"Rates by sessions and by bookings, with {level} intervals", described),
            *tables,
            comparison,
            f"Method: {approaches['sessions']['method']}.",
        ],
    )


def intent(document: Row, level: str) -> Section:
    """Who asked for another session, and who had it."""
    rows = named_rows(document["intent"])
    described = facts_in_words(
        (
            name,
            f"{row['with_intent']:,} of {row['users']:,} users asked for another session, {row['attended']:,} of them "
            f"came, {row['lost']:,} saw every request cancelled",
        )
        for name, row in rows
    )
    table = Table(
        "intent",
        "Users with a first session, and what became of their next requests",
        [
            Column("tier"),
            Column("users", "count"),
            Column("asked again", "count"),
            Column("attended", "count"),
            Column("all cancelled", "count"),
            Column("intent rate", "rate"),
            Column("commitment rate", "rate"),
        ],
        [
            [name, *(row[f] for f in ("users", "with_intent", "attended", "lost", "intent_rate", "commitment_rate"))]
            for name, row in rows
        ],
    )
    return Section(
        "intent",
        "Intent and commitment",
        [
            f"Who asks for another session{within(document)}, and who then has it: low intent is a matter of the "
            "mentors, low commitment one of the bookings.",
            Figure("intent", "What users did after their first session", described),
            table,
        ],
    )


def time_to_rebooking(document: Row, level: str) -> Section:
    """How soon users come back, those still observed included."""
    part = document["time_to_rebooking"]
    rows = named_rows(part)
    test = part["log_rank"]
    described = facts_in_words(
        (name, ", ".join(f"{percent(row['share'])} by day {row['days']}" for row in tier["horizons"]))
        for name, tier in rows
    )
    table = Table(
        "time_to_rebooking",
        f"Users back by a day, with {level} intervals; at risk: not back yet, and still observed",
        [
            Column("tier"),
            Column("by day", "count"),
            Column("at risk", "count"),
            Column("share back", "rate"),
            Column("interval", "rate"),
        ],
        [
            [name, row["days"], row["at_risk"], row["share"], Interval(row["ci_low"], row["ci_high"])]
            for name, tier in rows
            for row in tier["horizons"]
        ],
    )
    sentence = (
        f"{against(document)}, over all the time observed: {chance(document, 'the difference', test['p_value'])}. "
        if test["p_value"] is not None
        else ""
    )
    return Section(
        "time_to_rebooking",
        "Time to the second session",
        [
            f"{sentence}Users who have not come back yet count for as long as they were observed (Kaplan-Meier).",
            Figure("time_to_rebooking", f"Share of users back by day, with {level} intervals", described),
            table,
            f"Method: {test['method']}.",
        ],
    )


def cohorts(document: Row, level: str) -> Section:
    """The rate of each month of first sessions."""
    part = document["cohorts"]
    groups, tiers = shown_cohorts(part["groups"]), shown_cohorts(part["tiers"])
    described = facts_in_words(
        (f"{name_of(row)}, {row['month']}", percent(row["rate"])) for row in groups if row["rate"] is not None
    )
    columns = [
        Column("month"),
        Column("tier"),
        Column("users", "count"),
        Column("rebooked", "count"),
        Column("rate", "rate"),
        Column(f"{level} interval", "rate"),
        Column("mature users", "count"),
    ]
    rows = [
        [
            row["month"],
            name_of(row),
            row["users"],
            row["rebooked"],
            row["rate"],
            Interval(row["ci_low"], row["ci_high"]),
            row["mature_users"],
        ]
        for row in sorted([*tiers, *(row for row in groups if len(row["tiers"]) > 1)], key=lambda row: row["month"])
    ]
    names = dict(zip(("group_a", "group_b"), group_names(document), strict=True))
    trends = [
        f"{names[row['group']]}: {chance(document, 'a trend over the months', row['p_value'])}."
        for row in part["trend"]
        if row["p_value"] is not None
    ]
    months, shown_months = ({row["month"] for row in rows} for rows in (part["groups"], groups))
    left_out = more_left_out(len(months), len(shown_months), "earlier months")
    blocks: list = [
        "Users by the month of their first session. A month has a rate once the whole window of all its users is over.",
        *([Points(trends)] if trends else []),
        Figure("cohorts", f"Rate of each mature month, with {level} intervals", described),
        Table("cohorts", f"Cohorts by month of the first session{left_out}", columns, rows),
    ]
    return Section("cohorts", "Cohorts", blocks)
