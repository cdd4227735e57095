"""What the report consists of, whatever it is written as: sections of text, tables and pictures."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from presentation import p_value, percent

NO_VALUE = "–"
STRATA_NAMES = {"company": "companies", "month": "months", "company_size": "company sizes"}


# How a value of each kind is written; None, and what is not finite, is a dash.
FORMATS: dict[str, Callable[[Any], str]] = {
    "text": str,
    "count": "{:,}".format,
    "rate": percent,
    "points": lambda difference: f"{difference * 100:+.1f}",
    "ratio": "{:.2f}".format,
    "hours": "{:,.1f}".format,
    "p_value": p_value,
}


def written(kind: str, value: Any) -> str:
    """A value, or both ends of an interval, as people read it; a dash when there is none."""
    if isinstance(value, Interval):
        return _written_interval(kind, written(kind, value.low), written(kind, value.high))
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NO_VALUE
    return FORMATS[kind](value)


def _written_interval(kind: str, low: str, high: str) -> str:
    if NO_VALUE in (low, high):
        return NO_VALUE if low == high else f"up to {high}" if low == NO_VALUE else f"{low} and more"
    if kind == "rate":
        return f"{low.removesuffix(' %')}–{high}"
    return f"{low} to {high}" if kind == "points" else f"{low}–{high}"


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, and of which kind (a key of `FORMATS`) its values are."""

    title: str
    kind: str = "text"


@dataclass(frozen=True)
class Interval:
    """The value of a cell that holds both ends of an interval."""

    low: float | None
    high: float | None


@dataclass(frozen=True)
class Table:
    """Rows of values, never rounded, each as long as `columns`; the first value of a row names it."""

    name: str
    caption: str
    columns: list[Column]
    rows: list[list[Any]]


@dataclass(frozen=True)
class Figure:
    """A chart by its name in `charts.CHARTS`; `description` says in words what it shows."""

    name: str
    title: str
    description: str


@dataclass(frozen=True)
class Terms:
    """Words and what they mean."""

    terms: list[tuple[str, str]]


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    sentences: list[str]


@dataclass(frozen=True)
class Section:
    """A part of the report under its own heading; a string in `blocks` is a paragraph."""

    name: str
    title: str
    blocks: list[str | Table | Figure | Terms | Points] = field(default_factory=list)
