"""How many users come back, by sessions and by bookings, and how the groups differ."""

from __future__ import annotations

from typing import Any

from presentation.content import Block, Column, Figure, Interval, Section, Table
from presentation.document import Row, named_rows
from presentation.wording import (
    against,
    chance,
    difference_in_words,
    facts_in_words,
    interval_at,
    rate_in_words,
    within,
)
from settings import Settings

APPROACHES = {
    "sessions": "By sessions: a later session counts",
    "bookings": "By bookings: a later booking that was not cancelled counts",
}


def rebooking(document: Row, settings: Settings) -> Section:
    """The rates counted in both ways, and the groups compared."""
    comparisons = {name: document["rebooking"][name]["comparison"] for name in APPROACHES}
    sessions, bookings = comparisons.values()
    blocks: list[Block] = []
    if sessions["difference"] is not None:
        found = difference_in_words(sessions, interval_at(settings))
        blocks.append(f"{against(document)}: a difference of {found}.")
    if None in (sessions["p_value"], bookings["p_value"]):
        blocks.append("The groups cannot be compared: one of them is empty.")
    else:
        by_sessions = chance("By sessions, the difference", sessions["p_value"], settings)
        blocks.append(f"{by_sessions}; {chance('by bookings, it', bookings['p_value'], settings)}.")
    for approach in APPROACHES:
        blocks += rates(document, settings, approach)
    blocks += [comparison(document, settings), f"Method: {sessions['method']}."]
    return Section("rebooking", "How many users come back", blocks)


def rates(document: Row, settings: Settings, approach: str) -> list[Block]:
    """The rates by tier and group, counted by `sessions` or by `bookings`: a figure and a table."""
    rows = named_rows(document["rebooking"][approach])
    title = f"Users who rebook{within(document)}, by {approach} and tier of the mentor, with {interval_at(settings)}s"
    columns = [
        Column("tier"),
        Column("users", "count"),
        Column("rebooked", "count"),
        Column("rate", "rate"),
        Column(interval_at(settings), "rate"),
        Column("mature users", "count"),
        Column("mature rate", "rate"),
    ]
    cells = [
        [
            name,
            *(row[field] for field in ("users", "rebooked", "rate")),
            Interval(row["ci_low"], row["ci_high"]),
            row["mature_users"],
            row["mature_rate"],
        ]
        for name, row in rows
    ]
    described = facts_in_words((name, rate_in_words(row)) for name, row in rows)
    name = f"rebooking_{approach}"
    return [Figure(name, title, described), Table(name, APPROACHES[approach], columns, cells)]


def comparison(document: Row, settings: Settings) -> Table:
    """The first group against the second one, counted in both ways."""
    measures = {"difference": "points", "relative_risk": "ratio", "odds_ratio": "ratio"}
    titles = ("difference, points", "relative risk", "odds ratio")
    columns = [Column("counted")]
    for (name, kind), title in zip(measures.items(), titles, strict=True):
        is_essential = name == "difference"
        columns += [Column(title, kind, is_essential)]
        columns += [Column(f"interval of the {name.replace('_', ' ')}", kind, is_essential)]
    rows = []
    for approach in APPROACHES:
        row = document["rebooking"][approach]["comparison"]
        cells: list[Any] = [f"by {approach}"]
        for name in measures:
            cells += [row[name], Interval(row[f"{name}_ci_low"], row[f"{name}_ci_high"])]
        rows.append([*cells, row["p_value"]])
    caption = f"{against(document)}, with {interval_at(settings)}s"
    return Table("comparison", caption, [*columns, Column("p", "p_value")], rows)
