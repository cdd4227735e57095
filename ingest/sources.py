"""The three sources: what each file must have, and what its rows are compared with."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from engines.duckdb.connection import one_row
from errors import SourceError
from ingest import normalisation as norm
from ingest.event_catalogue import always_required, further_properties
from ingest.source_files import (
    MENTORS_FILE,
    USERS_FILE,
    SourceFile,
    find_event_files,
    inspect_file,
    shown,
)


@dataclass(frozen=True)
class Source:
    """How one kind of file becomes rows of `raw`.

    Attributes:
        name: of its table in `raw`.
        required, optional: the columns or properties of a file.
        key: the column that says whose a row is.
        columns: those of the table that a row is compared by.
        normalise: SQL over a relation `source_rows`, see `ingest.normalisation`.
        known: SQL for what the warehouse has of each key.
        has_states: a row is the state of its key from some moment on; else it is something that happened once.
        conflict: why a row is rejected that differs from another one of its key in the same file; None: it is dropped.
        leavers: SQL for the keys that have left, where a file is always complete.
        refuse: raises SourceError for a file that cannot be taken as a whole.
        notes: what people should know of a load before it is written, by SQL over `normalised` and `not_loaded`.
    """

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    key: str
    columns: tuple[str, ...]
    normalise: str
    known: str
    has_states: bool
    conflict: str | None
    leavers: str | None = None
    refuse: Callable[[duckdb.DuckDBPyConnection, SourceFile], None] = lambda *_: None
    notes: Callable[[duckdb.DuckDBPyConnection], list[str]] = lambda _: []


def _last_words(log: str, key: str, columns: tuple[str, ...]) -> str:
    """SQL for the last row of every key, with `newest_date`: the latest `updated_at` so far of the rows that stand."""
    holds_from = "COALESCE(updated_at, loaded_at)"
    # Few keys have more than one row; only theirs are sorted.
    return f"""
        WITH log AS ({log}),
        last_rows AS (
            SELECT {key}, MAX(load_id) AS load_id, COUNT(*) > 1 AS has_earlier FROM log GROUP BY {key}
        ),
        standing AS (
            SELECT {key}, updated_at FROM log SEMI JOIN (FROM last_rows WHERE has_earlier) USING ({key})
            QUALIFY COALESCE({holds_from} < MIN({holds_from}) OVER (
                PARTITION BY {key} ORDER BY load_id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
            ), true)
        ),
        newest AS (
            SELECT {key}, MAX(updated_at) AS newest_date FROM standing
            WHERE updated_at <= GETVARIABLE('loaded_at') GROUP BY {key}
        )
        SELECT
            {", ".join(columns)},
            updated_at,
            CASE
                WHEN has_earlier THEN newest_date
                WHEN updated_at <= GETVARIABLE('loaded_at') THEN updated_at
            END AS newest_date
        FROM log JOIN last_rows USING ({key}, load_id) LEFT JOIN newest USING ({key})
    """


def _missing_users(connection: duckdb.DuckDBPyConnection) -> list[str]:
    (count,) = one_row(connection, "SELECT COUNT(DISTINCT user_id) FROM raw.users ANTI JOIN normalised USING (user_id)")
    return (
        [f"users of earlier exports who are missing here, and are kept: {count:,} (an older export?)"] if count else []
    )


_USER_COLUMNS = ("user_id", "company_id", "signup_date", "status")
USERS = Source(
    name="users",
    required=_USER_COLUMNS,
    optional=("updated_at",),
    key="user_id",
    columns=_USER_COLUMNS,
    normalise=norm.USERS,
    known=_last_words("FROM raw.users", "user_id", _USER_COLUMNS),
    has_states=True,
    conflict=None,
    notes=_missing_users,
)
_MENTOR_COLUMNS = ("mentor_id", "tier", "hourly_rate")
# Since the mentor last left: nothing of who has left and not returned.
_MENTORS_SINCE_THEY_CAME = """
    FROM raw.mentors
    QUALIFY load_id > COALESCE(MAX(CASE WHEN is_deleted THEN load_id END) OVER (PARTITION BY mentor_id), 0)
"""
_KNOWN_MENTORS = _last_words(_MENTORS_SINCE_THEY_CAME, "mentor_id", _MENTOR_COLUMNS)
# The sheet is always complete: who is not on it has left. A rejected row is still on it, and where
# a row does not say whose it is, nobody is taken to have left.
_LEAVERS = f"""
    SELECT mentor_id FROM ({_KNOWN_MENTORS})
    WHERE mentor_id NOT IN (SELECT mentor_id FROM normalised WHERE mentor_id IS NOT NULL)
        AND NOT EXISTS (FROM normalised WHERE mentor_id IS NULL)
"""


def _refuse_incomplete_sheet(connection: duckdb.DuckDBPyConnection, file: SourceFile) -> None:
    if not one_row(connection, "SELECT COUNT(*) FROM normalised")[0]:
        raise SourceError(f"{file.path} has a header and no mentors; a sheet without any would close them all")
    row = connection.execute(
        "SELECT position, mentor_id FROM normalised WHERE reason = 'missing_tier' ORDER BY 1 LIMIT 1"
    ).fetchone()
    if row:
        raise SourceError(f"{file.path}, row {row[0]}: mentor {shown(row[1])} has no tier; give every mentor one")


def _rates_left_empty(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute("""
        SELECT position, hourly_rate_text
        FROM normalised ANTI JOIN (FROM not_loaded WHERE class = 'rejected') USING (position)
        WHERE hourly_rate IS NULL ORDER BY position
    """).fetchall()
    unusable = [f"row {position}: '{shown(text, 20)}'" for position, text in rows if text is not None]
    missing = len(rows) - len(unusable)
    notes = []
    if unusable:
        first = ", ".join([*unusable[:3], *(["…"] if len(unusable) > 3 else [])])
        notes.append(f"hourly rates that cannot be used, left empty: {len(unusable):,} ({first})")
    if missing:
        notes.append(f"hourly rates that are missing: {missing:,}")
    return notes


def _notes_on_mentors(connection: duckdb.DuckDBPyConnection) -> list[str]:
    changed = connection.execute(f"""
        SELECT mentor_id, known.tier, n.tier
        FROM normalised AS n ANTI JOIN not_loaded USING (position) JOIN ({_KNOWN_MENTORS}) AS known USING (mentor_id)
        WHERE n.tier <> known.tier ORDER BY mentor_id
    """).fetchall()
    left = connection.execute(f"{_LEAVERS} ORDER BY mentor_id").fetchall()
    (nameless,) = one_row(connection, "SELECT COUNT(*) FROM normalised WHERE mentor_id IS NULL")
    return [
        *(f"mentor {shown(mentor)} changes from {shown(old)} to {shown(new)}" for mentor, old, new in changed),
        *(f"mentor {shown(mentor)} has left the sheet" for (mentor,) in left),
        *([f"rows that do not say whose they are: {nameless:,}; no mentor is taken to have left"] if nameless else []),
        *_rates_left_empty(connection),
    ]


MENTORS = Source(
    name="mentors",
    required=_MENTOR_COLUMNS,
    optional=("updated_at",),
    key="mentor_id",
    columns=_MENTOR_COLUMNS,
    normalise=norm.MENTORS,
    known=_KNOWN_MENTORS,
    has_states=True,
    conflict="conflicting_mentor_id",
    leavers=_LEAVERS,
    refuse=_refuse_incomplete_sheet,
    notes=_notes_on_mentors,
)
EVENTS = Source(
    name="booking_events",
    required=always_required(),
    optional=further_properties(),
    key="event_id",
    columns=tuple(
        "occurred_at" if name == "timestamp" else name for name in (*always_required(), *further_properties())
    ),
    normalise=norm.booking_events(),
    known="SELECT * FROM raw.booking_events SEMI JOIN normalised USING (event_id)",
    has_states=False,
    conflict="conflicting_event_id",
)


Sources = list[tuple[Source, SourceFile]]


def find_sources(data: Path) -> Sources:
    """The files of a data folder, each readable as a whole, in the order users, mentors, booking events.

    Raises:
        SourceError: the folder or a file is missing, or a file cannot be read as a whole.
    """
    _refuse_strange_name(data)
    try:
        if not data.is_dir():
            raise SourceError(f"the data folder {data} {'is a file' if data.exists() else 'does not exist'}")
        event_files, others = find_event_files(data)
    except OSError as error:
        raise SourceError(f"the data folder {data} cannot be read: {error.strerror}") from None
    for path in event_files:
        _refuse_strange_name(path)
    events = [(EVENTS, inspect_file(path)) for path in event_files]
    if others:
        names = ", ".join(shown(path.name) for path in others)
        source, file = events[0]
        events[0] = source, replace(file, notes=(f"beside it, and not read for want of a known ending: {names}",))
    return [
        (USERS, inspect_file(data / USERS_FILE)),
        (MENTORS, inspect_file(data / MENTORS_FILE)),
        *events,
    ]


def _refuse_strange_name(path: Path) -> None:
    """Line ends and other controls would break our lines; bytes that are no UTF-8 have no name in a table."""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in str(path)):
        raise SourceError(f"the name {str(path)!a} holds control characters or is not UTF-8; rename it")
