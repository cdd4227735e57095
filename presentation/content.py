"""What every output consists of: sections of text, tables and figures; and how a value of each kind is written."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

NO_VALUE = "–"


def _p_value(value: float) -> str:
    return "<0.0001" if value < 0.0001 else f"{value:#.2g}"


# How a value of each kind is written.
FORMATS: dict[str, Callable[[Any], str]] = {
    "text": str,
    "status": lambda status: status.replace("_", " "),
    "count": "{:,}".format,
    "rate": lambda fraction: f"{fraction * 100:.1f} %",
    "points": lambda difference: f"{difference * 100:+.1f}",
    "ratio": "{:.2f}".format,
    "hours": "{:,.1f}".format,
    "minutes": "{:,.1f}".format,
    "p_value": _p_value,
}
TEXTS = ("text", "status")


@dataclass(frozen=True)
class Interval:
    """The value of a cell that holds both ends of an interval."""

    low: float | None
    high: float | None


@dataclass(frozen=True)
class Share:
    """The value of a cell that holds a rate and out of how many it is."""

    rate: float | None
    out_of: int


def written(kind: str, value: Any) -> str:
    """A value as people read it: rounded, a dash when there is none; a text in its place, such as a remark, as it is.

    >>> written("rate", 0.619), written("points", Interval(-0.1, 0.2)), written("p_value", None)
    ('61.9 %', '-10.0 to +20.0', '–')
    """
    if isinstance(value, str):
        return FORMATS[kind](value) if kind == "status" else value
    if isinstance(value, Share):
        return f"{written('rate', value.rate)} of {value.out_of:,}" if value.out_of else NO_VALUE
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


def printable(text: str) -> str:
    """Text without the characters that command a terminal or that no picture may hold."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def exact(value: Any) -> dict[str, Any]:
    """The values within a cell, not rounded, by what tells them apart: `from` and `to` of an interval, else nothing."""
    if isinstance(value, Interval):
        return {"from": value.low, "to": value.high}
    return {"": value.rate, "out of": value.out_of} if isinstance(value, Share) else {"": value}


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: its heading, which no other column of the table has.
        kind: of its values, a key of `FORMATS`.
        is_essential: whether it is shown where there is little space.
    """

    title: str
    kind: str = "text"
    is_essential: bool = True


@dataclass(frozen=True)
class Table:
    """Rows of values, never rounded, each as long as `columns`.

    Attributes:
        keys: so many of the first values of a row name it.
        is_essential: whether it is shown where there is little space.
        more: further rows that only CSV has, since there may be very many.
        which: what the rows shown are among all, such as `the latest`.
    """

    name: str
    caption: str
    columns: list[Column]
    rows: list[list[Any]]
    keys: int = 1
    is_essential: bool = True
    more: list[list[Any]] = field(default_factory=list)
    which: str = "the latest"

    @property
    def heading(self) -> str:
        """The caption, and where rows are left out how many of them are shown."""
        if not self.more:
            return self.caption
        return f"{self.caption}; {self.which} {len(self.rows):,} of {len(self.rows) + len(self.more):,}"

    def texts(self) -> list[list[str]]:
        """The cells of the rows shown, as people read them."""
        kinds = [column.kind for column in self.columns]
        return [[written(kind, value) for kind, value in zip(kinds, row, strict=True)] for row in self.rows]


@dataclass(frozen=True)
class Figure:
    """A chart by its name in `charts.catalogue.CHARTS`; `description` says in words what it shows."""

    name: str
    title: str
    description: str


@dataclass(frozen=True)
class KeyFigures:
    """The few figures a reader wants first, as name, value and what stands below it."""

    figures: list[tuple[str, str, str]]


@dataclass(frozen=True)
class Terms:
    """Words and what they mean."""

    terms: list[tuple[str, str]]


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    sentences: list[str]


Block = str | Table | Figure | KeyFigures | Terms | Points


@dataclass(frozen=True)
class Section:
    """A part under its own heading; a string in `blocks` is a paragraph."""

    name: str
    title: str
    blocks: list[Block] = field(default_factory=list)
