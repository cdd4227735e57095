"""What the optional events say: what users think of their sessions, who leaves, and who looks and then asks."""

from __future__ import annotations

from presentation.content import Block, Column, Interval, Section, Table
from presentation.document import SHOWN_REASONS, Row
from presentation.sections.booking_details import NOT_SAID
from presentation.wording import interval_at
from settings import Settings


def optional_events(document: Row, settings: Settings) -> Section:
    """Reviews, users who left and views of profiles, by tier, as far as there are such events."""
    part = document["optional_events"]
    return Section(
        "optional_events",
        "Reviews, users who leave, and views of mentors' profiles",
        [*_reviews(part["reviews"]), *_churn(part["churn"], settings), *_views(part["profile_views"])],
    )


def _reviews(rows: list[Row]) -> list[Block]:
    if not rows:
        return []
    columns = [Column("tier"), Column("reviews", "count"), Column("users", "count"), Column("mean rating", "ratio")]
    fields = ("tier", "reviews", "users", "mean_rating")
    caption = "Ratings of sessions, from 1, the worst, to 5; only some users review"
    return [Table("reviews", caption, columns, [[row[field] for field in fields] for row in rows])]


def _churn(rows: list[Row], settings: Settings) -> list[Block]:
    if not rows:
        return []
    columns = [Column("tier"), Column("users", "count"), Column("left", "count"), Column("rate", "rate")]
    reasons = [
        [row["tier"], NOT_SAID if reason["churn_reason"] is None else reason["churn_reason"], reason["users"]]
        for row in rows
        for reason in row["reasons"]
    ]
    ranked = sorted(reasons, key=lambda cells: (cells[1] == NOT_SAID, -cells[2]))
    shown = [cells for cells in reasons if cells in ranked[:SHOWN_REASONS]]
    return [
        Table(
            "churn",
            "Users with a first session who have left, by tier of that session's mentor",
            [*columns, Column(interval_at(settings), "rate")],
            [
                [row["tier"], row["users"], row["churned"], row["rate"], Interval(row["ci_low"], row["ci_high"])]
                for row in rows
            ],
        ),
        Table(
            "churn_reasons",
            "Why they left",
            [Column("tier"), Column("reason"), Column("users", "count")],
            shown,
            keys=2,
            is_essential=False,
            more=[cells for cells in reasons if cells not in shown],
            which="the most frequent",
        ),
    ]


def _views(rows: list[Row]) -> list[Block]:
    if not rows:
        return []
    columns = {
        "viewed": Column("viewed", "count"),
        "requested": Column("then requested", "count"),
        "attended": Column("then attended", "count"),
        "request_rate": Column("request rate", "rate"),
        "attendance_rate": Column("attendance rate", "rate"),
    }
    return [
        Table(
            "profile_views",
            "From a mentor's profile to a session: pairs of a user and a mentor",
            [Column("tier"), *columns.values()],
            [[row["tier"], *(row[field] for field in columns)] for row in rows],
        )
    ]
