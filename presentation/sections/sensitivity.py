"""Does another way of counting change the conclusion?"""

from __future__ import annotations

from presentation.columns import difference_cells, difference_columns
from presentation.content import Block, Column, Figure, Points, Section, Table, written
from presentation.document import Row
from presentation.verdict import robustness
from presentation.wording import against, difference_in_words, facts_in_words, interval_at
from settings import Settings


def sensitivity(document: Row, settings: Settings) -> Section:
    """The difference between the groups under each other choice of definitions."""
    rows = document["sensitivity"]["variants"]
    counts = [(group, count) for group in ("group_a", "group_b") for count in ("users", "rebooked")]
    described = facts_in_words((row["name"], _in_words(row)) for row in rows)
    table = Table(
        "sensitivity",
        f"The difference in other ways of counting: {against(document)}",
        [
            Column("way of counting"),
            *(Column(f"{count} {group[-1]}", "count", is_essential=False) for group, count in counts),
            *difference_columns(settings),
            Column("conclusion", "status"),
        ],
        [
            [
                row["name"],
                *(row[f"{group}_{count}"] for group, count in counts),
                *difference_cells(row),
                row["conclusion"],
            ]
            for row in rows
        ],
    )
    figure = Figure("sensitivity", f"Difference between the groups, with {interval_at(settings)}s", described)
    same = [f"The same users and returns as {row['name']}: {', '.join(row['also'])}." for row in rows if row["also"]]
    nothing = [row["name"] for row in rows if row["conclusion"] == "says_nothing"]
    if nothing:
        same.append(f"Hardly anybody counts or nobody returns, which says nothing: {', '.join(nothing)}.")
    blocks: list[Block] = [*robustness(document), figure, table, *([Points(same)] if same else [])]
    return Section("sensitivity", "Other ways of counting", blocks)


def _in_words(row: Row) -> str:
    if row["difference"] is None:
        return written("status", row["conclusion"])
    return f"{difference_in_words(row)}, {written('status', row['conclusion'])}"
