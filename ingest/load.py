"""Loading the three sources into the `raw` schema, all of them or none.

For every load: rows read = loaded + known + duplicate + rejected.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
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
    read_header,
)
from ingest.warehouse import connect

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
    started_at TIMESTAMP NOT NULL, finished_at TIMESTAMP NOT NULL, outcome VARCHAR NOT NULL
);
"""


@dataclass(frozen=True)
class Load:
    """One file's load: rows_read = rows_loaded + rows_known + rows_duplicate + rows_rejected.

    `outcome` is `loaded`, or `unchanged` when the very same file had been loaded before; an
    unchanged file is not read again, leaves no row in `raw.loads`, and counts no rows here.
    """

    source: str
    file: Path
    rows_read: int
    rows_loaded: int
    rows_known: int
    rows_duplicate: int
    rows_rejected: int
    outcome: str


@dataclass(frozen=True)
class Source:
    """How one kind of file becomes rows: SQL over a relation `source_rows` with a `position`."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    key: str
    columns: tuple[str, ...]
    normalise: str
    known: str
    differing_duplicate: str | None


USERS = Source(
    name="users",
    required=("user_id", "company_id", "signup_date", "status"),
    optional=("updated_at",),
    key="user_id",
    columns=("user_id", "company_id", "signup_date", "status"),
    normalise=norm.USERS,
    known="""
        SELECT user_id, company_id, signup_date, status FROM raw.users
        QUALIFY ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY load_id DESC) = 1
    """,
    differing_duplicate=None,
)
MENTORS = Source(
    name="mentors",
    required=("mentor_id", "tier", "hourly_rate"),
    optional=("updated_at",),
    key="mentor_id",
    columns=("mentor_id", "tier", "hourly_rate"),
    normalise=norm.MENTORS,
    known="""
        SELECT mentor_id, tier, hourly_rate FROM (
            SELECT * FROM raw.mentors
            QUALIFY ROW_NUMBER() OVER (PARTITION BY mentor_id ORDER BY load_id DESC) = 1
        ) WHERE NOT is_deleted
    """,
    differing_duplicate="conflicting_mentor_id",
)
EVENTS = Source(
    name="booking_events",
    required=("event_id", "user_id", "mentor_id", "timestamp", "event_type"),
    optional=norm.EVENT_PROPERTIES,
    key="event_id",
    columns=("event_id", "user_id", "mentor_id", "occurred_at", "event_type", *norm.EVENT_PROPERTIES),
    normalise=norm.booking_events(),
    known="SELECT * FROM raw.booking_events",
    differing_duplicate="conflicting_event_id",
)


def ingest(warehouse: Path, data: Path) -> list[Load]:
    """Load what is new in the data folder into `raw`, in one transaction.

    Returns:
        One `Load` a file, in the order users, mentors, booking events.

    Raises:
        SourceError: a file cannot be read as a whole; the warehouse stays as it was.
        WarehouseError: the warehouse cannot be opened for writing.
    """
    if not data.is_dir():
        raise SourceError(f"the data folder {data} does not exist")
    files = [
        (USERS, inspect_file(data / USERS_FILE)),
        (MENTORS, inspect_file(data / MENTORS_FILE)),
        *((EVENTS, inspect_file(path)) for path in find_event_files(data)),
    ]
    was_there = warehouse.exists()
    try:
        with connect(warehouse) as connection, _transaction(connection):
            connection.execute(RAW_TABLES)
            return [_load_file(connection, source, file) for source, file in files]
    except BaseException:
        if not was_there:
            warehouse.unlink(missing_ok=True)
            warehouse.with_name(warehouse.name + ".wal").unlink(missing_ok=True)
        raise


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _load_file(connection: duckdb.DuckDBPyConnection, source: Source, file: SourceFile) -> Load:
    if _is_unchanged(connection, source, file):
        return Load(source.name, file.path, 0, 0, 0, 0, 0, "unchanged")
    started_at = datetime.now(UTC).replace(tzinfo=None)
    load_id = connection.execute("SELECT COALESCE(MAX(load_id), 0) + 1 FROM raw.loads").fetchone()[0]
    try:
        _read_rows(connection, source, file)
    except duckdb.InvalidInputException as error:
        line = str(error).split("\n")[0].removeprefix("Invalid Input Error: ")
        raise SourceError(f"{file.path} cannot be read: {line}") from None
    if source is MENTORS:
        _refuse_missing_tier(connection, file)
    _classify(connection, source)
    _insert(connection, source, load_id, started_at)
    counts = dict(connection.execute("SELECT class, COUNT(*) FROM classified GROUP BY class").fetchall())
    if counts.get("rejected"):
        connection.execute(
            """
            INSERT INTO raw.rejected_rows
            SELECT $load_id, $file, position, reason, raw_text
            FROM classified JOIN source_text USING (position)
            WHERE class = 'rejected' ORDER BY position
            """,
            {"load_id": load_id, "file": str(file.path)},
        )
    load = Load(
        source.name,
        file.path,
        sum(counts.values()),
        *(counts.get(name, 0) for name in ("loaded", "known", "duplicate", "rejected")),
        outcome="loaded",
    )
    connection.execute(
        "INSERT INTO raw.loads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
            started_at,
            datetime.now(UTC).replace(tzinfo=None),
            load.outcome,
        ],
    )
    for table in ("source_rows", "normalised", "classified"):
        connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
    connection.execute("DROP VIEW IF EXISTS temp.source_text")
    return load


def _is_unchanged(connection: duckdb.DuckDBPyConnection, source: Source, file: SourceFile) -> bool:
    # Events only ever add up: any earlier load of the same bytes has them. Users and mentors are
    # states: going back to an older file is a change, so only the latest load counts.
    latest_only = "" if source is EVENTS else "QUALIFY ROW_NUMBER() OVER (ORDER BY load_id DESC) = 1"
    checksums = connection.execute(
        f"SELECT checksum FROM raw.loads WHERE source = ? {latest_only}", [source.name]
    ).fetchall()
    return (file.checksum,) in checksums


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _read_rows(connection: duckdb.DuckDBPyConnection, source: Source, file: SourceFile) -> None:
    """Make `source_text` (position, raw_text) and `normalised` (position, columns, reason)."""
    path = _literal(str(file.path))
    if file.json_format:
        connection.execute(f"""
            CREATE OR REPLACE TEMP VIEW source_text AS
            SELECT ROW_NUMBER() OVER () AS position, CAST(json AS VARCHAR) AS raw_text
            FROM read_json_objects({path}, format = '{file.json_format}', maximum_object_size = 67108864)
        """)
        rows = "SELECT position, raw_text FROM source_text"
    else:
        header = read_header(file.path, source.required)
        columns = ", ".join(f"{_literal(name)}: 'VARCHAR'" for name in header)
        values = ", ".join(f"COALESCE({quoted}, '')" for quoted in ('"' + n.replace('"', '""') + '"' for n in header))
        connection.execute("DROP TABLE IF EXISTS temp.reject_errors; DROP TABLE IF EXISTS temp.reject_scans")
        connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE source_rows AS
            SELECT ROW_NUMBER() OVER () AS position, NULL::VARCHAR AS unreadable, NULL::VARCHAR AS line, *
            FROM read_csv({path}, auto_detect = false, header = true, delim = ',', quote = '"', escape = '"',
                          columns = {{{columns}}}, store_rejects = true, rejects_limit = 0)
        """)
        _add_unreadable_lines(connection)
        connection.execute(f"""
            CREATE OR REPLACE TEMP VIEW source_text AS
            SELECT position, COALESCE(line, CONCAT_WS(',', {values})) AS raw_text
            FROM source_rows
        """)
        absent = [name for name in source.optional if name not in header]
        extra = "".join(f", NULL::VARCHAR AS {name}" for name in absent)
        rows = f"SELECT *{extra} FROM source_rows"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE normalised AS WITH source_rows AS ({rows}) {source.normalise}")


def _add_unreadable_lines(connection: duckdb.DuckDBPyConnection) -> None:
    """Put the lines the CSV reader refused among the rows, each at its own place in the file."""
    refused = "SELECT DISTINCT ON (line) line - 1 AS position, csv_line FROM reject_errors ORDER BY line"
    if not connection.execute(f"SELECT COUNT(*) FROM ({refused})").fetchone()[0]:
        return
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE source_rows AS
        WITH refused AS ({refused}),
        free AS (
            SELECT position, ROW_NUMBER() OVER (ORDER BY position) AS rank
            FROM range(1, (SELECT COUNT(*) FROM source_rows) + (SELECT COUNT(*) FROM refused) + 1) AS t(position)
            WHERE position NOT IN (SELECT position FROM refused)
        )
        SELECT free.position, source_rows.* EXCLUDE (position)
        FROM source_rows JOIN free ON free.rank = source_rows.position
        UNION ALL BY NAME
        SELECT position, 'unreadable_line' AS unreadable, csv_line AS line FROM refused
    """)


def _refuse_missing_tier(connection: duckdb.DuckDBPyConnection, file: SourceFile) -> None:
    row = connection.execute(
        "SELECT position, mentor_id FROM normalised WHERE tier IS NULL AND reason = 'missing_tier' ORDER BY 1 LIMIT 1"
    ).fetchone()
    if row:
        raise SourceError(f"{file.path}, row {row[0]}: mentor {row[1]} has no tier; give every mentor one")


def _classify(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Make `classified`: position, class (loaded, known, duplicate, rejected), reason.

    The first row of a key stays; a later one is a duplicate or, where the source says so,
    a conflict when it differs.
    """
    key, columns = source.key, source.columns
    differs_from_first = " OR ".join(f"n.{c} IS DISTINCT FROM first_row.{c}" for c in columns)
    differs_from_known = " OR ".join(f"n.{c} IS DISTINCT FROM known.{c}" for c in columns)
    conflict = source.differing_duplicate
    later_row = f"WHEN {differs_from_first} THEN 'rejected'" if conflict else ""
    later_reason = (
        f"WHEN first_row.position < n.position AND ({differs_from_first}) THEN '{conflict}'" if conflict else ""
    )
    # A different event under a known id never replaces it; a changed user or mentor is news.
    is_event = source is EVENTS
    known_class = f"WHEN {differs_from_known} THEN {_literal('rejected' if is_event else 'loaded')}"
    known_reason = f"WHEN known.{key} IS NOT NULL AND ({differs_from_known}) THEN '{conflict}'" if is_event else ""
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE classified AS
        WITH repeated AS (
            SELECT {key}, MIN(position) AS position FROM normalised
            WHERE reason IS NULL GROUP BY {key} HAVING COUNT(*) > 1
        ),
        first_row AS (
            SELECT n.* FROM normalised AS n JOIN repeated USING ({key}, position)
        ),
        known AS ({source.known})
        SELECT
            n.position,
            CASE
                WHEN n.reason IS NOT NULL THEN 'rejected'
                WHEN first_row.position < n.position THEN CASE {later_row} ELSE 'duplicate' END
                WHEN known.{key} IS NULL THEN 'loaded'
                {known_class}
                ELSE 'known'
            END AS class,
            CASE WHEN n.reason IS NOT NULL THEN n.reason {later_reason} {known_reason} END AS reason
        FROM normalised AS n
        LEFT JOIN first_row ON first_row.{key} = n.{key} AND n.reason IS NULL
        LEFT JOIN known ON known.{key} = n.{key} AND n.reason IS NULL
    """.replace("CASE  ELSE 'duplicate' END", "'duplicate'")
    )


def _insert(connection: duckdb.DuckDBPyConnection, source: Source, load_id: int, loaded_at: datetime) -> None:
    columns = ", ".join(source.columns)
    accepted = "FROM normalised JOIN classified USING (position) WHERE class = 'loaded' ORDER BY position"
    values = {"load_id": load_id, "loaded_at": loaded_at}
    if source is EVENTS:
        connection.execute(
            f"INSERT INTO raw.booking_events ({columns}, load_id) SELECT {columns}, $load_id {accepted}",
            {"load_id": load_id},
        )
        return
    deleted = ", is_deleted" if source is MENTORS else ""
    connection.execute(
        f"""
        INSERT INTO raw.{source.name} ({columns}, updated_at{deleted}, loaded_at, load_id)
        SELECT {columns}, updated_at{", false" if deleted else ""}, $loaded_at, $load_id {accepted}
        """,
        values,
    )
    if source is MENTORS:
        # The sheet is always complete: who is not on it has left. A rejected row is still on it.
        connection.execute(
            f"""
            INSERT INTO raw.mentors ({columns}, is_deleted, loaded_at, load_id)
            SELECT {columns}, true, $loaded_at, $load_id
            FROM ({source.known}) WHERE mentor_id NOT IN (SELECT mentor_id FROM normalised WHERE mentor_id IS NOT NULL)
            ORDER BY mentor_id
            """,
            values,
        )


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
