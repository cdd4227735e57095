"""Loading the three sources into the `raw` schema, all of them or none.

For every load: rows read = loaded + known + duplicate + rejected.

"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from engines import engine_of
from engines.duckdb import DuckDBReader
from engines.duckdb.connection import one_row
from engines.protocol import Loading, Reader, State, UnknownNameError
from errors import SourceError
from ingest.classification import classify
from ingest.distributed import FileRows, UnreadableError, is_worth_it, load_events
from ingest.forgotten import refuse_forgotten, text_to_keep
from ingest.json_rows import one_thread
from ingest.parts import drop_parts
from ingest.raw_tables import has_all_columns, make_raw_tables
from ingest.reading import drop_rows, read_rows
from ingest.sample import note_on_sample
from ingest.source_files import SourceFile, inspected
from ingest.sources import EVENTS, Source, Sources
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
            is_unchanged = all(_is_unchanged(reader, *source) for source in sources)
        except UnknownNameError:
            return []
        # The models read what loading adds to the tables of an earlier version.
        if not is_unchanged or not has_all_columns(reader):
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
        make_raw_tables(raw)
        set_loaded_at(connection)
        raw.provide("forgotten_users", "user_hash", "SELECT user_hash FROM raw.forgotten_users")
        new, checksums = [], set()
        for number, (source, file) in enumerate(sources):
            # Another file of this folder may have the same bytes.
            if (source.name, file.checksum) not in checksums and not _is_unchanged(reader, source, file):
                new.append(number)
                checksums.add((source.name, file.checksum))
        sources = _inspected(sources, new)
        new_events = [number for number in new if sources[number][0].name == EVENTS.name]
        on_sample = note_on_sample(reader, sources) if new_events else ""
        spread = _spread(raw, sources, new)
        # Read before the transaction: what is not committed yet DuckDB scans with one thread.
        notes: dict[int, list[str]] = {}
        for number in new:
            source, file = sources[number]
            if number not in spread:
                on_step(f"reading {file.path.name}")
                notes[number] = read_rows(connection, source, file, number)
                raw.provide(source.name, source.key, f"SELECT {source.key} FROM normalised_{number}")
        loads = []
        dealt_out: dict[int, FileRows] = {}
        with transaction(connection):
            for number, (source, file) in enumerate(sources):
                if number not in new:
                    loads.append(_unchanged(source, file))
                    continue
                on_step(f"loading {file.path.name}")
                if number in notes:
                    loads.append(_load_file(connection, source, file, number, notes[number]))
                    continue
                dealt_out = dealt_out or _deal_out(raw, spread)
                found = dealt_out[number]
                rows_read = sum(found.by_class.values())
                loads.append(_account(connection, source, file, rows_read, found.by_class, found.notes(file)))
        drop_parts(connection)
        if on_sample:
            first = loads[new_events[0]]
            loads[new_events[0]] = replace(first, notes=(*first.notes, on_sample))
        return loads


def _inspected(sources: Sources, new: list[int]) -> Sources:
    """The sources, those by these numbers inspected; what is known was so when it was loaded.

    Raises:
        SourceError: a file cannot be read as a whole; of several that of the events is told first.
    """
    events_first = sorted(new, key=lambda number: sources[number][0].name != EVENTS.name)
    found = {number: inspected(sources[number][1]) for number in events_first}
    return [(source, found.get(number, file)) for number, (source, file) in enumerate(sources)]


def _spread(raw: Loading, sources: Sources, new: list[int]) -> dict[int, SourceFile]:
    """The files that are read and judged by workers, by number: all of events where they are large, or none.

    Workers know our names alone, and refuse nobody who was forgotten.
    """
    files = {number: sources[number][1] for number in new if sources[number][0].name == EVENTS.name}
    is_plain = all(sources[number][0] is EVENTS and file.json_format for number, file in files.items())
    if not raw.workers or not is_plain or not is_worth_it(list(files.values())):
        return {}
    return {} if one_row(raw.connection, "SELECT COUNT(*) FROM raw.forgotten_users")[0] else files


def _deal_out(raw: Loading, files: dict[int, SourceFile]) -> dict[int, FileRows]:
    """Have workers load files; what became of the rows of each, by number."""
    assert raw.workers
    (load_id,) = one_row(raw.connection, "SELECT COALESCE(MAX(load_id), 0) + 1 FROM raw.loads")
    (loaded_at,) = one_row(raw.connection, "SELECT GETVARIABLE('loaded_at')")
    try:
        return load_events(
            raw.workers, files, {number: load_id + place for place, number in enumerate(files)}, loaded_at
        )
    except UnreadableError as error:
        file = files[error.file]
        file.refuse_if_changed()
        # Read once more from its beginning, for the line to be named.
        read_rows(raw.connection, EVENTS, file, error.file)
        raise SourceError(f"{file.path} cannot be read: {error}") from None


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
    load = _account(connection, source, file, rows_read, counts | {"loaded": rows_loaded}, notes)
    drop_rows(connection, number)
    connection.execute("DROP TABLE not_loaded")
    return load


def _account(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    file: SourceFile,
    rows_read: int,
    by_class: dict[str, int],
    notes: list[str],
) -> Load:
    """Enter a load in `raw.loads`; `by_class` says how many rows are loaded, known, duplicate and rejected."""
    if file.lines is not None and file.lines != rows_read:
        raise SourceError(
            f"{file.path} is broken JSON: {file.lines:,} lines hold {rows_read:,} events that can be read"
        )
    file.refuse_if_changed()
    load = Load(
        source.name,
        file.path,
        rows_read,
        by_class.get("loaded", 0),
        by_class.get("known", 0),
        by_class.get("duplicate", 0),
        by_class.get("rejected", 0),
        "loaded",
        tuple(notes),
    )
    if rows_read != sum(by_class.values()):
        raise SourceError(f"{file.path}: {rows_read:,} rows read, but {sum(by_class.values()):,} accounted for")
    (load_id,) = one_row(connection, "SELECT COALESCE(MAX(load_id), 0) + 1 FROM raw.loads")
    record(connection, load_id, load, file.checksum)
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
