"""How many users come back, by sessions and by bookings, and how the groups differ."""

from __future__ import annotations

from typing import Any

from presentation.columns import difference_cells, difference_columns, rate_cells, rate_columns
from presentation.content import Block, Column, Figure, Interval, Section, Table
from presentation.document import Row, named_rows
from presentation.wording import (
    against,
    difference_in_words,
    facts_in_words,
    interval_at,
    rate_in_words,
    within,
    words,
)
from settings import Settings

APPROACHES = {
    "sessions": "By sessions: a later session counts",
    "bookings": "By bookings: a later booking that was not cancelled counts",
}
RATIOS = ("relative_risk", "odds_ratio")


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
    blocks += [*comparison(document, settings), f"Method: {sessions['method']}."]
    return Section("rebooking", "How many users come back", blocks)


def rates(document: Row, settings: Settings, approach: str) -> list[Block]:
    """The rates by tier and group, counted by `sessions` or by `bookings`: a figure and a table."""
    rows = named_rows(document["rebooking"][approach])
    title = f"Users who rebook{within(document)}, by {approach} and tier of the mentor, with {interval_at(settings)}s"
    columns = [
        Column("tier"),
        *rate_columns(settings),
        Column("mature users", "count"),
        Column("mature rate", "rate"),
        Column("may yet rebook", "count", is_essential=False),
    ]
    cells = [
        [name, *rate_cells(row), row["mature_users"], row["mature_rate"], row["may_yet_rebook"]] for name, row in rows
    ]
    described = facts_in_words((name, rate_in_words(row)) for name, row in rows)
    name = f"rebooking_{approach}"
    return [Figure(name, title, described), Table(name, APPROACHES[approach], columns, cells)]


def comparison(document: Row, settings: Settings) -> list[Block]:
    """The first group against the second one, counted in both ways: the difference, and the ratios."""
    rows = {name: document["rebooking"][name]["comparison"] for name in APPROACHES}
    return [_difference(document, rows, settings), _ratios(rows, settings)]


def _difference(document: Row, rows: dict[str, Row], settings: Settings) -> Table:
    columns = [
        Column("counted"),
        Column("mentors a", "count", is_essential=False),
        Column("mentors b", "count", is_essential=False),
        *difference_columns(settings),
        Column("p, standardised", "p_value", is_essential=False),
        Column("shows", "status"),
        Column("p if independent", "p_value"),
    ]
    cells = [
        [
            f"by {approach}",
            row["group_a_mentors"],
            row["group_b_mentors"],
            *difference_cells(row),
            row["p_value_standardised"],
            row["conclusion"],
            row["if_independent"]["p_value"],
        ]
        for approach, row in rows.items()
    ]
    return Table("comparison", f"The difference: {against(document)}", columns, cells)


def _ratios(rows: dict[str, Row], settings: Settings) -> Table:
    columns = [Column("counted")]
    for name in RATIOS:
        columns += [Column(words(name), "ratio"), Column(f"interval of the {words(name)}", "ratio")]
    cells: list[list[Any]] = []
    for approach, row in rows.items():
        found = row["if_independent"]
        cells.append([f"by {approach}"])
        for name in RATIOS:
            cells[-1] += [found[name], Interval(found[f"{name}_ci_low"], found[f"{name}_ci_high"])]
    caption = f"The same as ratios, with {interval_at(settings)}s, if every user were independent"
    return Table("ratios", caption, columns, cells, is_essential=False)
