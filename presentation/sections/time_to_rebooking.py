"""How soon users come back, those still observed included."""

from __future__ import annotations

from presentation.content import Block, Column, Figure, Interval, Section, Table, written
from presentation.document import Row, named_rows
from presentation.wording import against, chance, facts_in_words, interval_at
from settings import Settings


def time_to_rebooking(document: Row, settings: Settings) -> Section:
    """The share of users back by each of some days, and the groups compared over all the time observed."""
    part = document["time_to_rebooking"]
    rows, test = named_rows(part), part["log_rank"]
    days = [horizon["days"] for horizon in part["tiers"][0]["horizons"]]
    described = facts_in_words(
        (name, ", ".join(f"{written('rate', row['share'])} by day {row['days']}" for row in tier["horizons"]))
        for name, tier in rows
    )
    blocks: list[Block] = [
        "Users who have not come back yet count for as long as they were observed (Kaplan-Meier).",
        Figure("time_to_rebooking", f"Share of users back by day, with {interval_at(settings)}s", described),
        Table(
            "time_to_rebooking",
            "Share of users back by a day; a dash: nobody was observed so long",
            [Column("tier"), Column("users", "count"), *(Column(f"day {number}", "rate") for number in days)],
            [[name, tier["users"], *(row["share"] for row in tier["horizons"])] for name, tier in rows],
        ),
        Table(
            "at_risk",
            "The same with those at risk: not back yet, and still observed",
            [
                Column("tier"),
                Column("by day", "count"),
                Column("at risk", "count"),
                Column("share back", "rate"),
                Column(interval_at(settings), "rate"),
            ],
            [
                [name, row["days"], row["at_risk"], row["share"], Interval(row["ci_low"], row["ci_high"])]
                for name, tier in rows
                for row in tier["horizons"]
            ],
            keys=2,
            is_essential=False,
        ),
    ]
    if test["p_value"] is None:
        blocks.insert(0, "The pace of the groups cannot be compared.")
    else:
        found = chance("the difference", test["p_value"], settings)
        blocks.insert(0, f"{against(document)}, over all the time observed: {found}.")
    return Section("time_to_rebooking", "Time to the second session", [*blocks, f"Method: {test['method']}."])
