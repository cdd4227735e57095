"""Is a tier good, or are a few of its mentors?"""

from __future__ import annotations

from typing import Any

from presentation.content import Block, Column, Figure, Interval, Section, Table, written
from presentation.document import SHOWN_MENTORS, Row, mentors_with_most_users
from presentation.wording import facts_in_words, interval_at
from settings import Settings

FEW_USERS = 20


def mentors(document: Row, settings: Settings) -> Section:
    """Every mentor beside the others of the tier, and the spread within each tier."""
    part = document["mentors"]
    shown, others = mentors_with_most_users(document)
    columns = {
        "tier": Column("tier"),
        "mentors": Column("mentors", "count"),
        "users": Column("users", "count"),
        "rate": Column("rate", "rate"),
        "between_mentor_sd": Column("standard deviation", "rate"),
        "heterogeneity_p_value": Column("p, all alike", "p_value"),
    }
    blocks: list[Block] = [
        "A few mentors could carry a tier. The expected rate draws that of a mentor towards the rate of the tier, the "
        "more so the fewer the users.",
        Table(
            "mentors_by_tier",
            "How much mentors of one tier differ: standard deviation of their rates beyond chance",
            list(columns.values()),
            [[row[field] for field in columns] for row in part["tiers"]],
        ),
    ]
    if not shown:
        return Section("mentors", "Mentors", [*blocks, _figure(shown, others, settings), "No mentor has users."])
    blocks += [_figure(shown, others, settings), _table(shown, others, settings)]
    if any(row["users"] < FEW_USERS for row in shown):
        blocks.append(f"Few users: fewer than {FEW_USERS}; judge such a mentor by the expected rate alone.")
    return Section("mentors", "Mentors", blocks)


def _figure(shown: list[Row], others: list[Row], settings: Settings) -> Figure:
    title = f"Users who rebook, by mentor of the first session, with {interval_at(settings)}s"
    described = facts_in_words((row["mentor_id"], f"{written('rate', row['shrunk_rate'])} expected") for row in shown)
    most = f"; the {SHOWN_MENTORS} with the most users" if others else ""
    return Figure("mentors", f"{title}; hollow: as counted, full: as expected{most}", described)


def _table(shown: list[Row], others: list[Row], settings: Settings) -> Table:
    def rows(some: list[Row]) -> list[list[Any]]:
        return [
            [
                *(row[field] for field in ("mentor_id", "tier", "users", "rebooked", "rate")),
                Interval(row["ci_low"], row["ci_high"]),
                row["shrunk_rate"],
                Interval(row["shrunk_ci_low"], row["shrunk_ci_high"]),
                "few users" if row["users"] < FEW_USERS else "",
            ]
            for row in some
        ]

    columns = [
        Column("mentor"),
        Column("tier"),
        Column("users", "count"),
        Column("rebooked", "count", is_essential=False),
        Column("rate", "rate"),
        Column(interval_at(settings), "rate", is_essential=False),
        Column("expected", "rate"),
        Column("interval of expected", "rate"),
        Column("remark"),
    ]
    which = "those with the most users,"
    return Table("mentors", "Mentors", columns, rows(shown), keys=2, more=rows(others), which=which)
