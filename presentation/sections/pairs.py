"""Every pair of tiers compared, and what so many users can show at all."""

from __future__ import annotations

from presentation.columns import difference_cells, difference_columns
from presentation.content import Column, Section, Table, written
from presentation.document import Row
from settings import Settings


def pairs(document: Row, settings: Settings) -> Section:
    """The pairs, with p-values that allow for their number, and the power of the comparison."""
    table = Table(
        "pairwise",
        "Difference of one tier from another; adjusted (Holm): allows for the number of pairs",
        [Column("tiers"), *difference_columns(settings), Column("p, adjusted", "p_value")],
        [
            [f"{row['tier_a']} against {row['tier_b']}", *difference_cells(row), row["p_value_holm"]]
            for row in document["pairwise"]
        ],
    )
    return Section("pairs", "Pairs of tiers", [table, *_power(document)])


def _power(document: Row) -> list[str]:
    part, found = document["power"], []
    if part["minimum_detectable_difference"] is not None:
        found.append(
            f"Groups of this size show a true difference of {part['minimum_detectable_difference'] * 100:.1f} points "
            f"with a chance of {written('rate', part['power'])} (significance level {part['significance_level']:g})."
        )
    needed = [
        f"{users:,} users of {'/'.join(document['parameters'][group])}"
        for group, users in part["users_for_half_width"].items()
        if users
    ]
    if needed:
        found.append(f"An interval of ±{part['half_width_points'] * 100:g} points needs {' and '.join(needed)}.")
    return found
