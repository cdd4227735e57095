"""What the report is made of, what its words mean, and how it was made."""

from __future__ import annotations

from typing import Any

from presentation import spoken_of
from reporting.content import Column, Section, Table
from reporting.sections.wording import count_of, words
from settings import Settings
from warehouse.loads import LoadHistory

Row = dict[str, Any]


def data_quality(document: Row, loads: LoadHistory) -> Section:
    """What the loads read, took and refused."""
    fields = ("loads", "rows_read", "rows_loaded", "rows_known", "rows_duplicate", "rows_rejected")
    blocks: list = [
        "No row is dropped in silence: rows read = loaded + known already + duplicates + rejected.",
        Table(
            "loads",
            "All loads of each source together",
            [Column("source"), *(Column(field.removeprefix("rows_"), "count") for field in fields)],
            [[words(source.source), *(getattr(source, field) for field in fields)] for source in loads.sources],
        ),
    ]
    if loads.rejections:
        blocks += [
            Table(
                "rejections",
                "Rejected rows by reason",
                [Column("source"), Column("reason"), Column("rows", "count")],
                [[words(row.source), words(row.reason), row.rows] for row in loads.rejections],
            ),
            "python cli.py rejects lists them one by one.",
        ]
    else:
        blocks.append("No row was rejected.")
    return Section("data_quality", "Data quality", blocks)


def definitions(settings: Settings) -> list[tuple[str, str]]:
    """What the words of the report mean, under these settings."""
    days = settings.rebooking_window_days
    window = "at any later time" if days is None else f"within {count_of(days, 'day')} of it"
    mature = "nobody ever is: without a limit no window is over."
    if days is not None:
        since = count_of(days, "day")
        mature = f"had the first session at least {since} before the as-of time, so the whole window was observed."
    tier = {
        "current": "the latest known tier of the mentor",
        "at_session": "the tier the mentor had at the first session",
    }[settings.tier_attribution]
    reschedule = count_of(settings.reschedule_hours, "hour")
    no_show, orphan = count_of(settings.no_show_grace_days, "day"), count_of(settings.orphan_grace_days, "day")
    longest, usual = count_of(settings.max_session_hours, "hour"), count_of(settings.default_session_minutes, "minute")
    return [
        ("Tier of a user", f"that of the mentor of the user's first session ever: {tier}."),
        ("Rebooked, by sessions", f"had a session with any mentor after the first one, {window}."),
        ("Rebooked, by bookings", f"the same over bookings that were not cancelled, by known users, {window}."),
        ("Mature user", mature),
        ("Intent rate", "users who asked for another session in the window, of all with a first session."),
        ("Commitment rate", "users who attended one of the sessions they asked for, of those who asked."),
        ("Rescheduled", f"cancelled, and asked for again within {reschedule}."),
        ("No-show", f"confirmed more than {no_show} ago, and no session since; until then the booking is upcoming."),
        ("No-show rate", "no-shows, of attended bookings and no-shows."),
        ("Orphan", f"a request that nobody answered for more than {orphan}; until then it is open."),
        ("Confirmation rate", "bookings attended or confirmed, of all bookings."),
        ("Cancellation rate, orphan rate", "cancelled bookings, and orphans, of all bookings."),
        ("Estimated end", f"of a session without a recorded end within {longest}; it is taken to last {usual}."),
        ("Interval", f"{settings.confidence_level * 100:g} % of such intervals hold the true value."),
        ("p", "how often chance alone would give a difference as large, if there were none."),
    ]


def provenance(document: Row, settings: Settings, loads: LoadHistory, version: str) -> Section:
    """Version, files and settings, so that the report can be made again."""
    parameters = document["parameters"]
    used = settings.model_dump(mode="json", exclude={"warehouse", "data", "gateway", "lock_wait_seconds"})
    made_of = Table(
        "files",
        "The latest file of each source",
        [Column("source"), Column("file"), Column("loaded (UTC)"), Column("SHA-256")],
        [
            [words(source.source), source.file, f"{source.loaded_at:%Y-%m-%d %H:%M:%S}", source.checksum]
            for source in loads.sources
        ],
    )
    values = Table(
        "settings",
        "Settings",
        [Column("setting"), Column("value")],
        [
            [name, ", ".join(value) if isinstance(value, list) else "none" if value is None else str(value)]
            for name, value in used.items()
        ],
    )
    return Section(
        "provenance",
        "How it was made",
        [
            f"mentor-analytics {version}, gateway {parameters['gateway']}. {spoken_of(document)}",
            made_of,
            values,
        ],
    )
