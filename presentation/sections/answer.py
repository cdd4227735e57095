"""The answer itself, and what it must not be taken for."""

from __future__ import annotations

from presentation.content import NO_VALUE, KeyFigures, Points, Section, written
from presentation.document import Row, name_of
from presentation.verdict import headline, spoken_of
from presentation.wording import interval_in_words
from settings import Settings


def answer(document: Row, _: Settings) -> Section:
    """The headline, of when and of which environment it speaks, and the figures a reader wants first."""
    return Section("answer", "The answer", [headline(document), spoken_of(document), _key_figures(document)])


def _key_figures(document: Row) -> KeyFigures:
    by_sessions, reliability = document["rebooking"]["sessions"], document["reliability"]
    comparison = by_sessions["comparison"]
    statuses = [check["status"] for check in reliability["checks"] if check["decides"]]
    interval = interval_in_words("points", comparison["difference_ci_low"], comparison["difference_ci_high"])
    how_sure = f"points; {'no interval' if interval == NO_VALUE else interval}"
    compared = "nothing to compare" if comparison["difference"] is None else how_sure
    passed, judged = statuses.count("pass"), len(statuses) - statuses.count("no_data")
    return KeyFigures(
        [
            *(
                (name_of(row), written("rate", row["rate"]), f"{row['rebooked']:,} of {row['users']:,} users rebook")
                for row in by_sessions["groups"]
            ),
            ("difference", written("points", comparison["difference"]), compared),
            ("booking system", written("status", reliability["verdict"]), f"{passed} of {judged} checks pass"),
        ]
    )


def caveats(document: Row, _: Settings) -> Section:
    """What its reader has to know."""
    return Section("caveats", "Caveats", [Points(document["warnings"])])
