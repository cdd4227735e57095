"""Rebooking by the month of the first session."""

from __future__ import annotations

from typing import Any

from presentation.columns import difference_cells, difference_columns, rate_cells, rate_columns
from presentation.content import Block, Column, Figure, Points, Section, Share, Table, written
from presentation.document import SHOWN_MONTHS, Row, name_of, named_rows, shortened
from presentation.wording import against, chance, facts_in_words, interval_at
from settings import Settings

TOO_EARLY = "too early"


def cohorts(document: Row, settings: Settings) -> Section:
    """The rate of each month, and whether it rises or falls."""
    part = document["cohorts"]
    names = list(dict.fromkeys(name for name, _ in named_rows(part)))
    by_month: dict[str, dict[str, Row]] = {}
    for name, row in named_rows(part):
        by_month.setdefault(row["month"], {})[name] = row
    months = sorted(by_month)
    shown, earlier = months[-SHOWN_MONTHS:], months[:-SHOWN_MONTHS]

    def rates(some: list[str]) -> list[list[Any]]:
        return [[month, *(_rate(by_month[month][name]) for name in names)] for month in some]

    def counts(some: list[str]) -> list[list[Any]]:
        rows = [(month, name, by_month[month][name]) for month in some for name in names]
        return [[month, name, *rate_cells(row), row["mature_users"]] for month, name, row in rows]

    drawn, _ = shortened(part["groups"], lambda row: row["month"], SHOWN_MONTHS)
    described = facts_in_words(
        (f"{name_of(row)}, {row['month']}", written("rate", row["rate"])) for row in drawn if row["rate"] is not None
    )
    blocks: list[Block] = [
        "Users by the month of their first session. A month has a rate once the whole window of all its users is over.",
        *_too_early(document),
        Points([_trend(document, row, settings) for row in part["trend"]]),
        Figure("cohorts", f"Rate of each mature month, with {interval_at(settings)}s", described),
        Table(
            "cohorts",
            "Users who rebook, by month of the first session",
            [Column("month"), *(Column(name, "rate") for name in names)],
            rates(shown),
            more=rates(earlier),
        ),
        Table(
            "cohort_counts",
            "The same with counts and intervals",
            [
                Column("month"),
                Column("tier"),
                *rate_columns(settings),
                Column("mature users", "count"),
            ],
            counts(shown),
            keys=2,
            is_essential=False,
            more=counts(earlier),
        ),
        _differences(document, settings),
    ]
    return Section("cohorts", "Cohorts", blocks)


def _differences(document: Row, settings: Settings) -> Table:
    columns = [
        Column("month"),
        Column("mentors a", "count"),
        Column("mentors b", "count"),
        *difference_columns(settings),
    ]
    rows = [
        [row["month"], row["group_a_mentors"], row["group_b_mentors"], *difference_cells(row)]
        for row in document["cohorts"]["differences"]
    ]
    caption = f"{against(document)} in each mature month"
    shown, earlier = rows[-SHOWN_MONTHS:], rows[:-SHOWN_MONTHS]
    return Table("cohort_differences", caption, columns, shown, is_essential=False, more=earlier)


def _rate(row: Row) -> Share | str | None:
    if not row["users"]:
        return None
    return Share(row["rate"], row["users"]) if row["is_mature"] else TOO_EARLY


def _too_early(document: Row) -> list[str]:
    if document["parameters"]["window_days"] is None:
        return [f"{TOO_EARLY.capitalize()}: without a limit it is never known who will not come back."]
    if all(row["is_mature"] for row in document["cohorts"]["tiers"]):
        return []
    return [f"{TOO_EARLY.capitalize()}: some of the month's users may yet come back within the window."]


def _trend(document: Row, row: Row, settings: Settings) -> str:
    name = "/".join(document["parameters"][row["group"]])
    if row["p_value"] is None:
        return f"{name}: no trend can be tested."
    direction = "rising" if row["statistic"] > 0 else "falling"
    return f"{name}: {direction} from month to month; {chance('that', row['p_value'], settings)}."
