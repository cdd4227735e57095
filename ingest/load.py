"""Loading the three sources into the `raw` schema, all of them or none.

For every load: rows read = loaded + known + duplicate + rejected.

"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from engines import engine_of
from engines.duckdb import DuckDBReader
from engines.duckdb.connection import one_row
from engines.protocol import Reader, State, UnknownNameError
from errors import SourceError
from ingest.classification import classify
from ingest.forgotten import refuse_forgotten, text_to_keep
from ingest.raw_tables import RAW_TABLES
from ingest.reading import one_thread, read_rows
from ingest.source_files import SourceFile
from ingest.sources import Source, Sources
from settings import Settings
from warehouse.environments import refuse_earlier_version


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

    @property
    def sentence(self) -> str:
        """What became of the file's rows."""
        if self.outcome == "unchanged":
            return "unchanged since its last load"
        return (
            f"{self.rows_read:,} rows read = {self.rows_loaded:,} loaded + {self.rows_known:,} known "
            f"+ {self.rows_duplicate:,} duplicates + {self.rows_rejected:,} rejected"
        )


def unchanged_loads(settings: Settings, sources: Sources) -> list[Load]:
    """The loads of files that the warehouse all knows already; empty as soon as one is new.

    Raises:
        WarehouseError: the warehouse cannot be opened, or an earlier version built it.
    """
    engine = engine_of(settings)
    if not engine.is_there(settings):
        return []
    with engine.reading(settings) as reader:
        refuse_earlier_version(reader)
        try:
            if not all(_is_unchanged(reader, *source) for source in sources):
                return []
        except UnknownNameError:
            return []
    return [_unchanged(*source) for source in sources]


def ingest_sources(state: State, sources: Sources, on_step: Callable[[str], None] = lambda _: None) -> list[Load]:
    """Load what is new in the files into `raw`, all of it in one transaction.

    Args:
        state: of the warehouse, to load into.
        on_step: told what is being done, one phrase a file.

    Returns:
        One `Load` a file, in the order given.

    Raises:
        SourceError: the rows of a file cannot be read; no row of the warehouse has changed.
        WarehouseError: the warehouse cannot be opened or written (a full disk, too little memory), or an
            earlier version built it.
    """
    with state.loading() as raw:
        connection = raw.connection
        reader = DuckDBReader(connection, str(state.settings.warehouse))
        refuse_earlier_version(reader)
        raw.create(RAW_TABLES)
        set_loaded_at(connection)
        # Read before the transaction: what is not committed yet DuckDB scans with one thread.
        notes: dict[int, list[str]] = {}
        read = set()
        for number, (source, file) in enumerate(sources):
            # Another file of this folder may have the same bytes.
            if (source.name, file.checksum) not in read and not _is_unchanged(reader, source, file):
                on_step(f"reading {file.path.name}")
                notes[number] = read_rows(connection, source, file, number)
                raw.provide(source.name, source.key, f"SELECT {source.key} FROM normalised_{number}")
                raw.provide("forgotten_users", "user_hash", "SELECT user_hash FROM raw.forgotten_users")
                read.add((source.name, file.checksum))
        loads = []
        with transaction(connection):
            for number, (source, file) in enumerate(sources):
                if number in notes:
                    on_step(f"loading {file.path.name}")
                    loads.append(_load_file(connection, source, file, number, notes[number]))
                else:
                    loads.append(_unchanged(source, file))
        return loads


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All of what is done inside, or nothing."""
    connection.execute("BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(duckdb.Error):  # after a failure to write there may be nothing left to roll back
            connection.execute("ROLLBACK")
        raise


def set_loaded_at(connection: duckdb.DuckDBPyConnection) -> None:
    """One moment for all files, later than any earlier load even when a clock was set back."""
    now = datetime.now(UTC).replace(tzinfo=None)
    (latest,) = one_row(connection, "SELECT MAX(loaded_at) FROM raw.loads")
    loaded_at = now if latest is None else max(now, latest + timedelta(microseconds=1))
    connection.execute(f"SET VARIABLE loaded_at = TIMESTAMP '{loaded_at}'")


def _load_file(
    connection: duckdb.DuckDBPyConnection, source: Source, file: SourceFile, number: int, notes: list[str]
) -> Load:
    """Load the rows that `read_rows` has read; `notes` are what it found."""
    connection.execute(f"CREATE OR REPLACE TEMP VIEW normalised AS FROM normalised_{number}")
    connection.execute(f"CREATE OR REPLACE TEMP VIEW source_text AS FROM source_text_{number}")
    (load_id,) = one_row(connection, "SELECT COALESCE(MAX(load_id), 0) + 1 FROM raw.loads")
    refuse_forgotten(connection, source, number)
    source.refuse(connection, file)
    classify(connection, source)
    notes = [*file.notes, *notes, *source.notes(connection)]
    rows_loaded = insert_news(connection, source, load_id)
    _insert_leavers(connection, source, load_id)
    (rows_read,) = one_row(connection, "SELECT COUNT(*) FROM normalised")
    if file.lines is not None and file.lines != rows_read:
        raise SourceError(
            f"{file.path} is broken JSON: {file.lines:,} lines hold {rows_read:,} events that can be read"
        )
    counts = dict(connection.execute("SELECT class, COUNT(*) FROM not_loaded GROUP BY class").fetchall())
    if counts.get("rejected"):
        with one_thread(connection):
            connection.execute(
                f"""
                INSERT INTO raw.rejected_rows
                SELECT $load_id, $file, position, reason, {text_to_keep(connection, source)}
                FROM source_text JOIN not_loaded USING (position)
                WHERE class = 'rejected' ORDER BY position
                """,
                {"load_id": load_id, "file": str(file.path)},
            )
        if file.is_csv:
            connection.execute(
                f"INSERT INTO raw.csv_headers SELECT ?, raw_text FROM csv_records_{number} WHERE position = 0",
                [load_id],
            )
    file.refuse_if_changed()
    load = Load(
        source.name,
        file.path,
        rows_read,
        rows_loaded,
        counts.get("known", 0),
        counts.get("duplicate", 0),
        counts.get("rejected", 0),
        "loaded",
        tuple(notes),
    )
    if rows_read != rows_loaded + sum(counts.values()):
        raise SourceError(
            f"{file.path}: {rows_read:,} rows read, but {rows_loaded + sum(counts.values()):,} accounted for"
        )
    record(connection, load_id, load, file.checksum)
    for table in (f"csv_records_{number}", f"normalised_{number}", "not_loaded"):
        connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
    return load


def record(connection: duckdb.DuckDBPyConnection, load_id: int, load: Load, checksum: str) -> None:
    """Write a load to the log of loads."""
    connection.execute(
        """
        INSERT INTO raw.loads
        SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, GETVARIABLE('loaded_at'), ?
        """,
        [
            load_id,
            load.source,
            str(load.file),
            checksum,
            load.rows_read,
            load.rows_loaded,
            load.rows_known,
            load.rows_duplicate,
            load.rows_rejected,
            load.outcome,
        ],
    )


def _unchanged(source: Source, file: SourceFile) -> Load:
    return Load(source.name, file.path, 0, 0, 0, 0, 0, "unchanged", file.notes)


def _is_unchanged(reader: Reader, source: Source, file: SourceFile) -> bool:
    checksums = reader.rows(f"SELECT checksum FROM raw.loads WHERE source = '{source.name}' ORDER BY load_id")
    # Events only ever add up: any earlier load of the same bytes has them. Users and mentors are
    # states: going back to an older file is a change, so only the latest load counts.
    return (file.checksum,) in (checksums[-1:] if source.has_states else checksums)


def insert_news(connection: duckdb.DuckDBPyConnection, source: Source, load_id: int) -> int:
    """Write the rows of `normalised` that are not among `not_loaded`; how many they are."""
    columns = ", ".join(source.columns)
    states = {"updated_at": "updated_at", "loaded_at": "GETVARIABLE('loaded_at')"} if source.has_states else {}
    leaving = {"is_deleted": "false"} if source.leavers else {}
    values = {"load_id": "?"} | states | leaving
    rows_loaded: int
    (rows_loaded,) = one_row(
        connection,
        f"""
        INSERT INTO raw.{source.name} ({columns}, {", ".join(values)})
        SELECT {columns}, {", ".join(values.values())}
        FROM normalised ANTI JOIN not_loaded USING (position)
        {"ORDER BY position" if source.has_states else ""}
        """,
        [load_id],
    )
    return rows_loaded


def _insert_leavers(connection: duckdb.DuckDBPyConnection, source: Source, load_id: int) -> None:
    if not source.leavers:
        return
    columns = ", ".join(source.columns)
    connection.execute(
        f"""
        INSERT INTO raw.{source.name} ({columns}, loaded_at, load_id, is_deleted)
        SELECT {columns}, GETVARIABLE('loaded_at'), ?, true
        FROM ({source.known}) WHERE {source.key} IN ({source.leavers}) ORDER BY {source.key}
        """,
        [load_id],
    )
