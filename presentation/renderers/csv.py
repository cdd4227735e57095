"""Content as CSV: rates are fractions, and nothing is rounded or left out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from presentation.content import Section, Table, exact
from presentation.document import Row

# What makes a spreadsheet take a text for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def spreadsheet_safe(cells: Iterable[Any]) -> list[Any]:
    """The cells of a CSV row; a text that a spreadsheet would run as a formula gets an apostrophe before it.

    >>> spreadsheet_safe(["=1+1", "Gold", -0.5])
    ["'=1+1", 'Gold', -0.5]
    """
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell for cell in cells]


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Rows as CSV, the header first; no text in it is a formula."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(map(spreadsheet_safe, rows))
    return out.getvalue()


def rebooking_csv(document: Row) -> str:
    """The rebooking figures alone: one row per approach and tier or group."""
    fields = ["users", "rebooked", "rate", "ci_low", "ci_high", "mature_users", "mature_rebooked", "mature_rate"]
    rows = [["approach", "kind", "name", *fields, "environment", "as_of"]]
    for approach, part in document["rebooking"].items():
        for row in [*part["tiers"], *part["groups"]]:
            named = [row["group"], "/".join(row["tiers"])] if "group" in row else ["tier", row["tier"]]
            rows.append([approach, *named, *(row[field] for field in fields), *_spoken_of(document)])
    return csv_text(rows)


def as_csv(document: Row, sections: list[Section]) -> str:
    """Every table of the sections: one row per value, an interval being two."""
    header = ["environment", "as_of", "section", "table", "row", "column", "value"]
    rows = [
        [*_spoken_of(document), section.name, block.name, *cells]
        for section in sections
        for block in section.blocks
        if isinstance(block, Table)
        for cells in _cells(block)
    ]
    return csv_text([header, *rows])


def _spoken_of(document: Row) -> list[Any]:
    return [document["parameters"]["environment"], document["parameters"]["as_of"]]


def _cells(table: Table) -> Iterable[list[Any]]:
    """The name of the row, that of the column and the value of each cell."""
    for row in [*table.rows, *table.more]:
        name = ", ".join(str(value) for value in row[: table.keys])
        for column, value in zip(table.columns[table.keys :], row[table.keys :], strict=True):
            for part, number in exact(value).items():
                yield [name, f"{column.title}, {part}" if part else column.title, number]
