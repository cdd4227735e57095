"""The groups compared, and counts of tiers from rows of counts by tier."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from analysis.answer.schema.rows import GroupName
from settings import Settings

# A row of a query, by the names of its columns.
Row = dict[str, Any]


def groups(settings: Settings) -> list[tuple[GroupName, list[str]]]:
    """The two groups compared, each with its tiers."""
    return [("group_a", settings.group_a), ("group_b", settings.group_b)]


def total(rows: Iterable[Row], tiers: list[str], names: Iterable[str]) -> dict[str, int]:
    """The sum of each named count over the rows of these tiers."""
    chosen = [row for row in rows if row["tier"] in tiers]
    return {name: sum(row[name] for row in chosen) for name in names}
