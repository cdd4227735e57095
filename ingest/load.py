"""Loading the three sources into the `raw` schema, all of them or none.

For every load: rows read = loaded + known + duplicate + rejected.

`raw.users` and `raw.mentors` are logs of what the loads said. A row holds from its `updated_at`,
also where that lies in the past or the future, or else from its load; it stands unless a later load
says something of the same key from the same moment or before. The dimensions make versions of this,
and keep what was held before in their record time.

A row is loaded where it says what the last row of its key in the log does not:
- other attributes;
- a later `updated_at`, or one where there was none (the state is confirmed, or its date added);
- of a state announced for later, any other date, or none: it holds already.

Otherwise it is known. What would be loaded is rejected as `outdated` where its `updated_at` is older
than the newest date of the key: the latest `updated_at` that has come by now, among the rows that stand.
So a stale sheet never wins, while an announced change can be taken back. A mentor who has left and
returns starts anew.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from errors import SourceError, WarehouseError
from ingest import normalisation as norm
from ingest.source_files import (
    MENTORS_FILE,
    USERS_FILE,
    SourceFile,
    find_event_files,
    inspect_file,
    shown,
)
from ingest.warehouse import connect, one_line, writing_failure
from warehouse.environments import refuse_earlier_version

RAW_TABLES = """
CREATE SCHEMA IF NOT EXISTS raw;
CREATE TABLE IF NOT EXISTS raw.users (
    user_id BIGINT NOT NULL, company_id VARCHAR, signup_date DATE NOT NULL, status VARCHAR,
    updated_at TIMESTAMP, loaded_at TIMESTAMP NOT NULL, load_id BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS raw.mentors (
    mentor_id VARCHAR NOT NULL, tier VARCHAR NOT NULL, hourly_rate DECIMAL(18, 4),
    updated_at TIMESTAMP, is_deleted BOOLEAN NOT NULL, loaded_at TIMESTAMP NOT NULL, load_id BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS raw.booking_events (
    event_id VARCHAR NOT NULL, user_id BIGINT NOT NULL, mentor_id VARCHAR NOT NULL,
    occurred_at TIMESTAMP NOT NULL, event_type VARCHAR NOT NULL,
    cancelled_by VARCHAR, cancellation_reason VARCHAR, confirmed_start_time VARCHAR,
    requested_duration_minutes VARCHAR, duration_seconds VARCHAR, load_id BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS raw.rejected_rows (
    load_id BIGINT NOT NULL, file VARCHAR NOT NULL, position BIGINT NOT NULL,
    reason VARCHAR NOT NULL, raw_text VARCHAR
);
CREATE TABLE IF NOT EXISTS raw.loads (
    load_id BIGINT NOT NULL, source VARCHAR NOT NULL, file VARCHAR NOT NULL, checksum VARCHAR NOT NULL,
    rows_read BIGINT NOT NULL, rows_loaded BIGINT NOT NULL, rows_known BIGINT NOT NULL,
    rows_duplicate BIGINT NOT NULL, rows_rejected BIGINT NOT NULL,
    loaded_at TIMESTAMP NOT NULL, outcome VARCHAR NOT NULL
);
"""


@dataclass(frozen=True)
class Load:
    """One file's load: rows_read = rows_loaded + rows_known + rows_duplicate + rows_rejected.

    `outcome` is `loaded`, or `unchanged` when the very same file had been loaded before; an
    unchanged file is not read again, leaves no row in `raw.loads`, and counts no rows here.
    `notes` are sentences on what people should know of the change: tiers that changed, mentors
    who left, users whom the export has lost.
    """

    source: str
    file: Path
    rows_read: int
    rows_loaded: int
    rows_known: int
    rows_duplicate: int
    rows_rejected: int
    outcome: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """How one kind of file becomes rows: SQL over a relation `source_rows`.

    `known` is what the warehouse has of each key, to compare the rows with.
    """

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    key: str
    columns: tuple[str, ...]
    normalise: str
    known: str
    conflict: str | None


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


_USER_COLUMNS = ("user_id", "company_id", "signup_date", "status")
USERS = Source(
    name="users",
    required=_USER_COLUMNS,
    optional=("updated_at",),
    key="user_id",
    columns=_USER_COLUMNS,
    normalise=norm.USERS,
    known=_last_words("FROM raw.users", "user_id", _USER_COLUMNS),
    conflict=None,
)
_MENTOR_COLUMNS = ("mentor_id", "tier", "hourly_rate")
# Since the mentor last left: nothing of who has left and not returned.
_MENTORS_SINCE_THEY_CAME = """
    FROM raw.mentors
    QUALIFY load_id > COALESCE(MAX(CASE WHEN is_deleted THEN load_id END) OVER (PARTITION BY mentor_id), 0)
"""
MENTORS = Source(
    name="mentors",
    required=_MENTOR_COLUMNS,
    optional=("updated_at",),
    key="mentor_id",
    columns=_MENTOR_COLUMNS,
    normalise=norm.MENTORS,
    known=_last_words(_MENTORS_SINCE_THEY_CAME, "mentor_id", _MENTOR_COLUMNS),
    conflict="conflicting_mentor_id",
)
EVENTS = Source(
    name="booking_events",
    required=("event_id", "user_id", "mentor_id", "timestamp", "event_type"),
    optional=norm.EVENT_PROPERTIES,
    key="event_id",
    columns=("event_id", "user_id", "mentor_id", "occurred_at", "event_type", *norm.EVENT_PROPERTIES),
    normalise=norm.booking_events(),
    known="SELECT * FROM raw.booking_events SEMI JOIN normalised USING (event_id)",
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


def unchanged_loads(warehouse: Path, sources: Sources) -> list[Load]:
    """The loads of files that the warehouse all knows already; empty as soon as one is new.

    Raises:
        WarehouseError: the warehouse cannot be opened, or an earlier version built it.
    """
    if not warehouse.exists():
        return []
    with connect(warehouse, read_only=True) as connection:
        refuse_earlier_version(connection)
        try:
            if not all(_is_unchanged(connection, *source) for source in sources):
                return []
        except duckdb.CatalogException:
            return []
    return [_unchanged(*source) for source in sources]


def ingest(warehouse: Path, data: Path) -> list[Load]:
    """Load what is new in a data folder; see `find_sources` and `ingest_sources`."""
    return ingest_sources(warehouse, find_sources(data))


def ingest_sources(warehouse: Path, sources: Sources, on_step: Callable[[str], None] = lambda _: None) -> list[Load]:
    """Load what is new in the files into `raw`, all of it in one transaction.

    Args:
        on_step: told what is being done, one phrase a file.

    Returns:
        One `Load` a file, in the order given.

    Raises:
        SourceError: the rows of a file cannot be read; no row of the warehouse has changed.
        WarehouseError: the warehouse cannot be opened or written (a full disk, too little memory), or an
            earlier version built it.
    """
    was_there = warehouse.exists()
    try:
        with connect(warehouse) as connection:
            refuse_earlier_version(connection)
            connection.execute(RAW_TABLES)
            _set_loaded_at(connection)
            # Read before the transaction: what is not committed yet DuckDB scans with one thread.
            notes: dict[int, list[str]] = {}
            read = set()
            for number, (source, file) in enumerate(sources):
                # Another file of this folder may have the same bytes.
                if (source.name, file.checksum) not in read and not _is_unchanged(connection, source, file):
                    on_step(f"reading {file.path.name}")
                    notes[number] = _read_rows(connection, source, file, number)
                    read.add((source.name, file.checksum))
            loads = []
            with _transaction(connection):
                for number, (source, file) in enumerate(sources):
                    if number in notes:
                        on_step(f"loading {file.path.name}")
                        loads.append(_load_file(connection, source, file, number, notes[number]))
                    else:
                        loads.append(_unchanged(source, file))
            return loads
    except BaseException as error:
        if not was_there:
            warehouse.unlink(missing_ok=True)
            warehouse.with_name(warehouse.name + ".wal").unlink(missing_ok=True)
        if isinstance(error, duckdb.Error):
            raise writing_failure(warehouse, error) from None
        raise


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(duckdb.Error):  # after a failure to write there may be nothing left to roll back
            connection.execute("ROLLBACK")
        raise


def _set_loaded_at(connection: duckdb.DuckDBPyConnection) -> None:
    """One moment for all files, later than any earlier load even when a clock was set back."""
    now = datetime.now(UTC).replace(tzinfo=None)
    (latest,) = connection.execute("SELECT MAX(loaded_at) FROM raw.loads").fetchone()
    loaded_at = now if latest is None else max(now, latest + timedelta(microseconds=1))
    connection.execute(f"SET VARIABLE loaded_at = TIMESTAMP '{loaded_at}'")


def _load_file(
    connection: duckdb.DuckDBPyConnection, source: Source, file: SourceFile, number: int, notes: list[str]
) -> Load:
    """Load the rows that `_read_rows` has read; `notes` are what it found."""
    connection.execute(f"CREATE OR REPLACE TEMP VIEW normalised AS FROM normalised_{number}")
    connection.execute(f"CREATE OR REPLACE TEMP VIEW source_text AS FROM source_text_{number}")
    (load_id,) = connection.execute("SELECT COALESCE(MAX(load_id), 0) + 1 FROM raw.loads").fetchone()
    if source is MENTORS:
        _refuse_incomplete_sheet(connection, file)
    _classify(connection, source)
    notes = [*file.notes, *notes, *_notes(connection, source)]
    rows_loaded = _insert(connection, source, load_id)
    (rows_read,) = connection.execute("SELECT COUNT(*) FROM normalised").fetchone()
    if file.lines is not None and file.lines != rows_read:
        raise SourceError(
            f"{file.path} is broken JSON: {file.lines:,} lines hold {rows_read:,} events that can be read"
        )
    counts = dict(connection.execute("SELECT class, COUNT(*) FROM not_loaded GROUP BY class").fetchall())
    if counts.get("rejected"):
        with _one_thread(connection):
            connection.execute(
                """
                INSERT INTO raw.rejected_rows
                SELECT $load_id, $file, position, reason, raw_text
                FROM source_text JOIN not_loaded USING (position)
                WHERE class = 'rejected' ORDER BY position
                """,
                {"load_id": load_id, "file": str(file.path)},
            )
    file.refuse_if_changed()
    load = Load(
        source.name,
        file.path,
        rows_read,
        rows_loaded,
        *(counts.get(name, 0) for name in ("known", "duplicate", "rejected")),
        outcome="loaded",
        notes=tuple(notes),
    )
    if rows_read != rows_loaded + sum(counts.values()):
        raise SourceError(
            f"{file.path}: {rows_read:,} rows read, but {rows_loaded + sum(counts.values()):,} accounted for"
        )
    connection.execute(
        """
        INSERT INTO raw.loads
        SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, GETVARIABLE('loaded_at'), ?
        """,
        [
            load_id,
            source.name,
            str(file.path),
            file.checksum,
            load.rows_read,
            load.rows_loaded,
            load.rows_known,
            load.rows_duplicate,
            load.rows_rejected,
            load.outcome,
        ],
    )
    for table in (f"csv_records_{number}", f"normalised_{number}", "not_loaded"):
        connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
    return load


def _unchanged(source: Source, file: SourceFile) -> Load:
    return Load(source.name, file.path, 0, 0, 0, 0, 0, "unchanged", file.notes)


def _is_unchanged(connection: duckdb.DuckDBPyConnection, source: Source, file: SourceFile) -> bool:
    # Events only ever add up: any earlier load of the same bytes has them. Users and mentors are
    # states: going back to an older file is a change, so only the latest load counts.
    latest_only = "" if source is EVENTS else "QUALIFY ROW_NUMBER() OVER (ORDER BY load_id DESC) = 1"
    # Without parameters: binding one imports numpy, longer than all the rest takes when nothing is new.
    checksums = connection.execute(
        f"SELECT checksum FROM raw.loads WHERE source = '{source.name}' {latest_only}"
    ).fetchall()
    return (file.checksum,) in checksums


def _pattern(path: Path) -> str:
    """SQL for a path as DuckDB takes it, which is a pattern: `[2].json` would read `2.json`."""
    text = str(path)
    if re.search(r"[*?[]", text):
        if "\\" in text:
            raise SourceError(f"{path} has a name with a backslash and one of * ? [; rename it")
        text = re.sub(r"[*?[]", r"[\g<0>]", text)
    return "'" + text.replace("'", "''") + "'"


def _read_rows(connection: duckdb.DuckDBPyConnection, source: Source, file: SourceFile, number: int) -> list[str]:
    """Make `source_text` (position, raw_text) and `normalised` (position, columns, reason), `_number` at their ends.

    Events are numbered as they stream by, which keeps their order; nothing holds their texts, which
    are read once more for the rows that are rejected.

    Returns:
        Notes on what the counts do not say.

    Raises:
        SourceError: the file cannot be read as a whole.
    """
    try:
        if file.json_format:
            reader = f"read_json_objects({_pattern(file.path)}, format = '{file.json_format}')"
            rows = f"SELECT ROW_NUMBER() OVER () AS position, CAST(json AS VARCHAR) AS raw_text FROM {reader}"
            unknown = []
        else:
            from ingest.csv_rows import load_csv  # pyarrow is slow to import

            unknown = load_csv(connection, file.path, source.required, source.optional, number)
            rows = f"SELECT * FROM temp.source_rows_{number}"
        connection.execute(f"CREATE TEMP VIEW source_text_{number} AS SELECT position, raw_text FROM ({rows})")
        with _one_thread(connection) if file.json_format else nullcontext():
            connection.execute(f"""
                CREATE TEMP TABLE normalised_{number} AS WITH source_rows AS ({rows}) {source.normalise}
            """)
    except (duckdb.InvalidInputException, duckdb.IOException) as error:
        file.refuse_if_changed()
        raise SourceError(f"{file.path} cannot be read: {_reading_failure(file, error)}") from None
    notes = []
    if file.json_format:
        unknown = [
            name
            for (name,) in connection.execute(
                f"SELECT DISTINCT UNNEST(unknown_properties) AS name FROM normalised_{number} ORDER BY name"
            ).fetchall()
        ]
    else:
        (several,) = connection.execute(
            f"""
            SELECT COUNT(*) FROM source_text_{number} WHERE CONTAINS(raw_text, CHR(10)) OR CONTAINS(raw_text, CHR(13))
            """
        ).fetchone()
        if several:
            notes.append(f"rows of several lines: {several:,} (quotes that are not closed where they should be?)")
    if unknown:
        notes.append(f"columns that are not loaded: {', '.join(map(shown, unknown))}")
    return notes


@contextmanager
def _one_thread(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Read files with one thread.

    Numbering rows takes no more, and with more DuckDB calls some whole files broken: those without a
    line end after the last event whose size is that of the reader's buffer, give or take two bytes.
    """
    (threads,) = connection.execute("SELECT CURRENT_SETTING('threads')").fetchone()
    connection.execute("SET threads = 1")
    yield  # after a failure the connection is of no more use
    connection.execute(f"SET threads = {threads}")


def _reading_failure(file: SourceFile, error: duckdb.Error) -> str:
    line = one_line(error)
    if "maximum_object_size" in line:
        return "broken JSON, or a single event of more than 16 MB"
    line = line.replace(f'in file "{file.path}", ', "")
    # DuckDB counts from 2.
    line = re.sub(r"in (line|record/value) (\d+)", lambda m: f"in {m[1].split('/')[0]} {int(m[2]) - 1}", line)
    return line.removesuffix(". Try auto-detecting the JSON format")


def _refuse_incomplete_sheet(connection: duckdb.DuckDBPyConnection, file: SourceFile) -> None:
    if not connection.execute("SELECT COUNT(*) FROM normalised").fetchone()[0]:
        raise SourceError(f"{file.path} has a header and no mentors; a sheet without any would close them all")
    row = connection.execute(
        "SELECT position, mentor_id FROM normalised WHERE reason = 'missing_tier' ORDER BY 1 LIMIT 1"
    ).fetchone()
    if row:
        raise SourceError(f"{file.path}, row {row[0]}: mentor {shown(row[1])} has no tier; give every mentor one")


def _classify(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Make `not_loaded`: position, class (known, duplicate, rejected) and reason of the rows that bring nothing new.

    The first row of a key stays; a later one is a duplicate or, where the source calls that a
    conflict, rejected when it differs. What is news of a user or a mentor, and what is outdated, the
    head of this module says; an event whose id is known never is.
    """
    key, compared = source.key, ", ".join(source.columns)
    this_row = f"ROW({', '.join(f'n.{column}' for column in source.columns)})"
    differs_from_first = f"{this_row} IS DISTINCT FROM first_row"
    differs_from_known = f"{this_row} IS DISTINCT FROM known_row"
    conflict = f"'{source.conflict}'" if source.conflict else "NULL"
    if source is EVENTS:
        dates = "NULL AS known_updated_at, NULL AS newest_date"
        is_news = differs_from_known
        refused = f"WHEN known_row IS NOT NULL AND {is_news} THEN {conflict}"
    else:
        dates = "known.updated_at AS known_updated_at, newest_date"
        is_news = f"""(
            {differs_from_known}
            OR CASE
                WHEN known_updated_at > GETVARIABLE('loaded_at')
                    THEN COALESCE(n.updated_at, GETVARIABLE('loaded_at')) <> known_updated_at
                ELSE COALESCE(n.updated_at > COALESCE(known_updated_at, TIMESTAMP '-infinity'), false)
            END
        )"""
        refused = f"WHEN {is_news} AND n.updated_at < newest_date THEN 'outdated'"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE not_loaded AS
        WITH repeated AS (
            SELECT {key}, MIN(position) AS position FROM normalised
            WHERE reason IS NULL GROUP BY {key} HAVING COUNT(*) > 1
        ),
        first_rows AS (
            SELECT {key}, position, ROW({compared}) AS first_row
            FROM normalised JOIN repeated USING ({key}, position)
        ),
        known_rows AS (
            SELECT {key}, ROW({compared}) AS known_row, {dates}
            FROM ({source.known}) AS known
        ),
        -- A condition beside the keys would turn the joins below into nested loops.
        keyed AS (SELECT *, CASE WHEN reason IS NULL THEN {key} END AS valid_key FROM normalised),
        judged AS (
            SELECT
                n.position,
                COALESCE(first_rows.position < n.position, false) AS is_repeated,
                known_row IS NULL OR {is_news} AS is_news,
                CASE
                    WHEN n.reason IS NOT NULL THEN n.reason
                    WHEN first_rows.position < n.position
                        THEN CASE WHEN {differs_from_first} THEN {conflict} END
                    {refused}
                END AS reason
            FROM keyed AS n
            LEFT JOIN first_rows ON first_rows.{key} = n.valid_key
            LEFT JOIN known_rows ON known_rows.{key} = n.valid_key
        )
        SELECT
            position,
            CASE
                WHEN reason IS NOT NULL THEN 'rejected'
                WHEN is_repeated THEN 'duplicate'
                ELSE 'known'
            END AS class,
            reason
        FROM judged
        WHERE reason IS NOT NULL OR is_repeated OR NOT is_news
    """)


# The sheet is always complete: who is not on it has left. A rejected row is still on it, and where
# a row does not say whose it is, nobody is taken to have left.
_LEAVERS = f"""
    SELECT mentor_id FROM ({MENTORS.known})
    WHERE mentor_id NOT IN (SELECT mentor_id FROM normalised WHERE mentor_id IS NOT NULL)
        AND NOT EXISTS (FROM normalised WHERE mentor_id IS NULL)
"""


def _notes(connection: duckdb.DuckDBPyConnection, source: Source) -> list[str]:
    """What people should know of this load, before it is written."""
    if source is EVENTS:
        return []
    if source is USERS:
        (count,) = connection.execute(
            "SELECT COUNT(DISTINCT user_id) FROM raw.users ANTI JOIN normalised USING (user_id)"
        ).fetchone()
        return (
            [f"users of earlier exports who are missing here, and are kept: {count:,} (an older export?)"]
            if count
            else []
        )
    changed = connection.execute(f"""
        SELECT mentor_id, known.tier, n.tier
        FROM normalised AS n ANTI JOIN not_loaded USING (position) JOIN ({source.known}) AS known USING (mentor_id)
        WHERE n.tier <> known.tier ORDER BY mentor_id
    """).fetchall()
    left = connection.execute(f"{_LEAVERS} ORDER BY mentor_id").fetchall()
    (nameless,) = connection.execute("SELECT COUNT(*) FROM normalised WHERE mentor_id IS NULL").fetchone()
    return [
        *(f"mentor {shown(mentor)} changes from {shown(old)} to {shown(new)}" for mentor, old, new in changed),
        *(f"mentor {shown(mentor)} has left the sheet" for (mentor,) in left),
        *([f"rows that do not say whose they are: {nameless:,}; no mentor is taken to have left"] if nameless else []),
    ]


def _insert(connection: duckdb.DuckDBPyConnection, source: Source, load_id: int) -> int:
    """Write the rows that bring something new; how many they are."""
    columns = ", ".join(source.columns)
    accepted = "FROM normalised AS n ANTI JOIN not_loaded USING (position)"
    if source is EVENTS:
        (rows_loaded,) = connection.execute(
            f"INSERT INTO raw.booking_events ({columns}, load_id) SELECT {columns}, ? {accepted}", [load_id]
        ).fetchone()
        return rows_loaded
    is_mentors = source is MENTORS
    (rows_loaded,) = connection.execute(
        f"""
        INSERT INTO raw.{source.name} ({columns}, updated_at, loaded_at, load_id{", is_deleted" if is_mentors else ""})
        SELECT {columns}, updated_at, GETVARIABLE('loaded_at'), ?{", false" if is_mentors else ""}
        {accepted} ORDER BY position
        """,
        [load_id],
    ).fetchone()
    if is_mentors:
        connection.execute(
            f"""
            INSERT INTO raw.mentors ({columns}, loaded_at, load_id, is_deleted)
            SELECT {columns}, GETVARIABLE('loaded_at'), ?, true
            FROM ({source.known}) WHERE mentor_id IN ({_LEAVERS}) ORDER BY mentor_id
            """,
            [load_id],
        )
    return rows_loaded


def rejected_rows(warehouse: Path) -> list[tuple[int, str, int, str, str]]:
    """The rejected rows of every load: load_id, file, position, reason, raw text; oldest first.

    `position` counts the rows of the file from 1, a CSV's header left out.

    Raises:
        WarehouseError: there is no warehouse, it is locked, or nothing was ever loaded into it.
    """
    with connect(warehouse, read_only=True) as connection:
        try:
            return connection.execute(
                "SELECT load_id, file, position, reason, raw_text FROM raw.rejected_rows ORDER BY load_id, position"
            ).fetchall()
        except duckdb.CatalogException:
            raise WarehouseError(f"nothing was loaded into {warehouse} yet; run: python cli.py refresh") from None
