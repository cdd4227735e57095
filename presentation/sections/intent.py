"""Who asked for another session, and who had it."""

from __future__ import annotations

from presentation.content import Column, Figure, Section, Table
from presentation.document import Row, named_rows
from presentation.wording import facts_in_words, within
from settings import Settings


def intent(document: Row, _: Settings) -> Section:
    """Intent, commitment and loyalty by tier and group."""
    rows = named_rows(document["intent"])
    described = facts_in_words(
        (
            name,
            f"{row['with_intent']:,} of {row['users']:,} users asked for another session, {row['attended']:,} of them "
            f"came, {row['lost']:,} saw every request cancelled",
        )
        for name, row in rows
    )
    columns = {
        "users": Column("users", "count"),
        "with_intent": Column("asked again", "count"),
        "attended": Column("attended", "count"),
        "lost": Column("all cancelled", "count"),
        "intent_rate": Column("intent rate", "rate", is_essential=False),
        "commitment_rate": Column("commitment rate", "rate", is_essential=False),
    }
    return Section(
        "intent",
        "Intent, commitment and loyalty",
        [
            f"Who asks for another session{within(document)}, and who then has it: low intent is a matter of the "
            "mentors, low commitment one of the bookings.",
            Figure("intent", "What users did after their first session", described),
            Table(
                "intent",
                "Users with a first session, and what became of their next requests",
                [Column("tier"), *columns.values()],
                [[name, *(row[field] for field in columns)] for name, row in rows],
            ),
            Table(
                "loyalty",
                "Users with a second session, and whether it is with the mentor of the first",
                [
                    Column("tier"),
                    Column("came back", "count"),
                    Column("to the same mentor", "count"),
                    Column("share", "rate"),
                ],
                [
                    [name, row["returned"], row["same_mentor"], row["same_mentor_rate"]]
                    for name, row in named_rows(document["intent"]["loyalty"])
                ],
            ),
        ],
    )
