"""How many users come back, by sessions and by bookings, and how the groups differ."""

from __future__ import annotations

from presentation.content import Block, Column, Figure, Interval, Section, Table
from presentation.document import Row, named_rows
from presentation.wording import (
    against,
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
    sessions = comparisons["sessions"]
    blocks: list[Block] = []
    if sessions["difference"] is not None:
        found = difference_in_words(sessions, interval_at(settings))
        blocks.append(f"{against(document)}: a difference of {found}.")
    if sessions["p_value"] is None:
        blocks.append("The groups cannot be compared: one of them is empty.")
    blocks.append(
        "Users of one mentor are not independent of each other, so mentors are what is compared: the p-value says how "
        "often mentors dealt to the groups at random would differ as much. Beside it stands what would hold if every "
        "user were independent."
    )
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
        Column("may yet rebook", "count", is_essential=False),
    ]
    cells = [
        [
            name,
            *(row[field] for field in ("users", "rebooked", "rate")),
            Interval(row["ci_low"], row["ci_high"]),
            row["mature_users"],
            row["mature_rate"],
            row["may_yet_rebook"],
        ]
        for name, row in rows
    ]
    described = facts_in_words((name, rate_in_words(row)) for name, row in rows)
    name = f"rebooking_{approach}"
    return [Figure(name, title, described), Table(name, APPROACHES[approach], columns, cells)]


def comparison(document: Row, settings: Settings) -> Table:
    """The first group against the second one, counted in both ways."""
    measures = {"relative_risk": "relative risk", "odds_ratio": "odds ratio"}
    columns = [
        Column("counted"),
        Column("mentors a", "count", is_essential=False),
        Column("mentors b", "count", is_essential=False),
        Column("difference, points", "points"),
        Column("interval of the difference", "points"),
        Column("p", "p_value"),
        Column("p, standardised", "p_value", is_essential=False),
        Column("shows", "status"),
    ]
    for title in measures.values():
        columns += [Column(title, "ratio", is_essential=False), Column(f"interval of the {title}", "ratio", False)]
    rows = []
    for approach in APPROACHES:
        row = document["rebooking"][approach]["comparison"]
        independent = row["if_independent"]
        cells = [f"by {approach}", row["group_a_mentors"], row["group_b_mentors"], row["difference"]]
        cells += [Interval(row["difference_ci_low"], row["difference_ci_high"])]
        cells += [row["p_value"], row["p_value_standardised"], row["conclusion"]]
        for name in measures:
            cells += [independent[name], Interval(independent[f"{name}_ci_low"], independent[f"{name}_ci_high"])]
        rows.append([*cells, independent["p_value"]])
    caption = f"{against(document)}, with {interval_at(settings)}s"
    return Table("comparison", caption, [*columns, Column("p if independent", "p_value")], rows)
