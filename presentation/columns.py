"""Columns that tables of several sections share, and their cells."""

from __future__ import annotations

from typing import Any

from presentation.content import Column, Interval
from presentation.document import Row
from presentation.wording import interval_at
from settings import Settings


def rate_columns(settings: Settings) -> list[Column]:
    """How many users, how many of them rebooked, their rate and its interval."""
    counts = [Column("users", "count"), Column("rebooked", "count")]
    return [*counts, Column("rate", "rate"), Column(interval_at(settings), "rate")]


def rate_cells(row: Row) -> list[Any]:
    """The cells of `rate_columns`."""
    return [row["users"], row["rebooked"], row["rate"], Interval(row["ci_low"], row["ci_high"])]


def difference_columns(settings: Settings) -> list[Column]:
    """The difference of two rates, its interval and its p-value."""
    return [Column("points", "points"), Column(interval_at(settings), "points"), Column("p", "p_value")]


def difference_cells(row: Row) -> list[Any]:
    """The cells of `difference_columns`."""
    return [row["difference"], Interval(row["difference_ci_low"], row["difference_ci_high"]), row["p_value"]]
