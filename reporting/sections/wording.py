"""Phrases and names that several sections share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from presentation import group_names, p_in_words, percent
from reporting.content import written

Row = dict[str, Any]


def name_of(row: Row) -> str:
    """The name of a row of a tier or of a group."""
    return "/".join(row["tiers"]) if "tiers" in row else row["tier"]


def words(name: str) -> str:
    """A name of a column or a reason, as words."""
    return name.replace("_", " ")


def against(document: Row) -> str:
    """The groups compared, as a phrase."""
    a, b = group_names(document)
    return f"{a} (a) against {b} (b)"


def within(document: Row) -> str:
    """The window as a phrase; nothing where there is no limit."""
    days = document["parameters"]["window_days"]
    return "" if days is None else f" within {count_of(days, 'day')}"


def chance(document: Row, subject: str, p_value: float) -> str:
    """What a p-value says of the subject, as a clause; whether it shows anything is judged as in the answer."""
    is_shown = p_value < document["power"]["significance_level"] if "power" in document else None
    said = p_in_words(p_value, is_shown)
    return f"{subject} {said}" if said.startswith("could") else f"{subject} is {said}"


def count_of(number: int, unit: str) -> str:
    """A number of units, one in the singular."""
    return f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s"


def interval_in_words(kind: str, low: float | None, high: float | None) -> str:
    """Both bounds of an interval in a sentence."""
    return f"{written(kind, low)} to {written(kind, high)}"


def rate_in_words(row: Row) -> str:
    """A rate with its interval, in words."""
    if not row["users"]:
        return "no users"
    interval = interval_in_words("rate", row["ci_low"], row["ci_high"])
    return f"{percent(row['rate'])} of {row['users']:,} users, interval {interval}"


def facts_in_words(facts: Iterable[tuple[str, str]]) -> str:
    """What a chart shows, for those who do not see it."""
    sentence = "; ".join(f"{name}: {fact}" for name, fact in facts)
    return f"{sentence}." if sentence else "No data."


def more_left_out(there_are: int, shown: int, what: str) -> str:
    """The end of a caption of a table that does not show all rows."""
    more = there_are - shown
    return f"; {more:,} {what} are left out" if more else ""
