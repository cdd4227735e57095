"""The answer document as the sections read it: its rows by their names, and the settings it was made with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from settings import Settings

# The document, or a part of it, as `answer --format json` prints it.
Row = dict[str, Any]

# Of what can outgrow a page, so much is shown; CSV has all of it.
SHOWN_MENTORS = 20
SHOWN_MONTHS = 24
SHOWN_WEEKS = 26
SHOWN_REASONS = 10
DRAWN_WEEKS = 104


def is_full(document: Row) -> bool:
    """Whether the document has every section, and not only what comes first."""
    return "cohorts" in document


def settings_of(document: Row, settings: Settings) -> Settings:
    """The settings with those in their place that the document was made with."""
    parameters = document["parameters"]
    question = {name: parameters[name] for name in ("group_a", "group_b", "tier_attribution")}
    window = {"rebooking_window_days": parameters["window_days"]}
    return settings.model_copy(update=parameters["settings"] | question | window)


def group_names(document: Row) -> tuple[str, str]:
    """The two groups compared, each by its tiers."""
    return "/".join(document["parameters"]["group_a"]), "/".join(document["parameters"]["group_b"])


def name_of(row: Row) -> str:
    """The name of a row of a tier or of a group."""
    return "/".join(row["tiers"]) if "tiers" in row else row["tier"]


def named_rows(part: Row) -> list[tuple[str, Row]]:
    """Rows of tiers, then those of groups of several tiers, with their names."""
    rows = [*part["tiers"], *(row for row in part["groups"] if len(row["tiers"]) > 1)]
    return [(name_of(row), row) for row in rows]


def tier_ranks(document: Row) -> dict[str, int]:
    """The place of each known tier in rank order, from 0."""
    return {row["tier"]: rank for rank, row in enumerate(document["rebooking"]["sessions"]["tiers"])}


def shortened(rows: Iterable[Row], key: Callable[[Row], Any], number: int) -> tuple[list[Row], list[Row]]:
    """The rows with the `number` greatest keys and the others, both in the order given; equal keys stay together."""
    rows = list(rows)
    greatest = sorted({key(row) for row in rows}, reverse=True)[:number]
    return [row for row in rows if key(row) in greatest], [row for row in rows if key(row) not in greatest]


def mentors_with_most_users(document: Row) -> tuple[list[Row], list[Row]]:
    """The mentors that are shown and the others, both by tier, then by expected rate, best first."""
    ranks = tier_ranks(document)
    ranked = sorted(
        document["mentors"]["mentors"],
        key=lambda row: (ranks.get(row["tier"], len(ranks)), -row["shrunk_rate"], row["mentor_id"]),
    )
    return shortened(ranked, lambda row: (row["users"], row["mentor_id"]), SHOWN_MENTORS)
