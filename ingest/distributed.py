"""Reading and judging files of events by many workers, so that no file has to fit one machine.

The rules are those of one process: each worker runs them in a DuckDB of its own, first on a part of a file, then on
all rows, of the files and of the warehouse, whose `event_id` falls to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import duckdb

from engines.protocol import Workers
from ingest.classification import classify
from ingest.event_catalogue import RANGES
from ingest.json_rows import json_rows
from ingest.normalisation import without_review
from ingest.parts import Part, parts_of, written_apart
from ingest.raw_tables import RAW_TABLES
from ingest.reading import unknown_columns
from ingest.source_files import SourceFile
from ingest.sources import EVENTS, note_on_types

if TYPE_CHECKING:
    import pyarrow as pa

# Files that are smaller together are sooner read by one process.
SPREAD_BYTES = 64 << 20
# A file of lines is read in parts of this size; an array or a compressed file by one worker, as it streams by.
SPLIT_BYTES = 64 << 20
_BATCH_ROWS = 50_000
_WORKER_OPTIONS: dict[str, Any] = {"threads": "1", "memory_limit": "1GB", "autoinstall_known_extensions": "false"}

_EVENT = "event_id VARCHAR, user_id BIGINT, mentor_id VARCHAR, occurred_at TIMESTAMP, event_type VARCHAR, " + ", ".join(
    f"{name} {'BIGINT' if name in RANGES else 'VARCHAR'}" for name in EVENTS.contract.optional
)
_COLUMNS = ", ".join(EVENTS.columns)
_NO_EVENT = ", ".join("NULL::{1} AS {0}".format(*column.split(" ")) for column in _EVENT.split(", "))


@dataclass(frozen=True)
class Split:
    """What one worker reads of a file of events.

    Attributes:
        number: among the splits of all files, which are in their order.
        file: the number of its file.
        part: None for all of the file.
    """

    number: int
    file: int
    path: Path
    json_format: str
    part: Part | None


@dataclass
class FileRows:
    """What became of the rows of one file.

    Attributes:
        by_class: how many are loaded, known, duplicate and rejected.
        unknown: the properties that no column takes, by name.
        unknown_types: the event types that are not known, the most frequent first, each with its number.
    """

    by_class: dict[str, int] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    unknown_types: list[tuple[str, int]] = field(default_factory=list)

    def notes(self, file: SourceFile) -> list[str]:
        """What people should know of the load."""
        return [*file.notes, *unknown_columns(self.unknown), *note_on_types(self.unknown_types)]


class UnreadableError(Exception):
    """A file that a worker cannot read as a whole; `file` is its number."""

    def __init__(self, file: int, reason: str) -> None:
        super().__init__(reason)
        self.file = file


def is_worth_it(files: list[SourceFile]) -> bool:
    """Whether the files are large enough to be dealt out."""
    return sum(file.place.stat().st_size for file in files) >= SPREAD_BYTES


def load_events(
    workers: Workers, files: dict[int, SourceFile], load_ids: dict[int, int], loaded_at: datetime
) -> dict[int, FileRows]:
    """Append what is new in the files to `raw.booking_events`, and what is rejected to `raw.rejected_rows`.

    Args:
        files: by number, in the order in which they are loaded.
        load_ids: of each file.

    Returns:
        What became of the rows of each file.

    Raises:
        UnreadableError: a file cannot be read as a whole.
    """
    splits = _splits(files)
    text_of = str(loaded_at)
    columns = f"split BIGINT, file BIGINT, position BIGINT, {_EVENT}"
    workers.each(
        "event_rows",
        splits,
        partial(_read, loaded_at=text_of),
        f"{columns}, unknown_properties VARCHAR[], reason VARCHAR, failure VARCHAR",
    )
    for file, failure in workers.rows("SELECT file, failure FROM event_rows WHERE NOT failure IS NULL ORDER BY split"):
        raise UnreadableError(file, failure)
    before = _rows_before(splits, dict(workers.rows("SELECT split, COUNT(*) FROM event_rows GROUP BY split")))
    workers.by_key(
        "event_verdicts",
        f"""
            SELECT file, position + {_case("split", before)} AS position, {_COLUMNS}, reason FROM event_rows
            UNION ALL
            SELECT NULL AS file, NULL AS position, {_COLUMNS}, NULL AS reason FROM raw.booking_events
            WHERE event_id IN (SELECT event_id FROM event_rows)
        """,
        EVENTS.key,
        _judge,
        f"file BIGINT, position BIGINT, class VARCHAR, reason VARCHAR, {_EVENT}",
    )
    found = {number: FileRows() for number in files}
    for file, kind, rows in workers.rows("SELECT file, class, COUNT(*) FROM event_verdicts GROUP BY file, class"):
        found[file].by_class[kind] = rows
    for file, name in workers.rows(
        "SELECT DISTINCT file, UNNEST(unknown_properties) AS name FROM event_rows ORDER BY file, name"
    ):
        found[file].unknown.append(name)
    for file, event_type, rows in workers.rows(
        "SELECT file, event_type, COUNT(*) AS events FROM event_rows WHERE reason = 'unknown_event_type' "
        "GROUP BY file, event_type ORDER BY file, events DESC, event_type"
    ):
        found[file].unknown_types.append((event_type, rows))
    workers.append(
        EVENTS.name,
        f"SELECT {_COLUMNS}, {_case('file', load_ids)} AS load_id FROM event_verdicts WHERE class = 'loaded'",
    )
    with_rejected = [split for split in splits if found[split.file].by_class.get("rejected")]
    if with_rejected:
        tasks = [(split, before[split.number], load_ids[split.file]) for split in with_rejected]
        workers.each(
            "event_texts",
            tasks,
            partial(_read_rejected, verdicts=workers.place("event_verdicts")),
            "load_id BIGINT, file VARCHAR, position BIGINT, reason VARCHAR, raw_text VARCHAR",
        )
        workers.append("rejected_rows", "SELECT * FROM event_texts")
    return found


def _splits(files: dict[int, SourceFile]) -> list[Split]:
    splits: list[Split] = []
    for file, source in files.items():
        assert source.json_format
        # Where an array is cut within an event it has to be read anew as a whole, so it is not cut.
        parts = parts_of(source, SPLIT_BYTES) if source.json_format == "newline_delimited" else []
        for part in parts if len(parts) > 1 else [None]:
            splits.append(Split(len(splits), file, source.place, source.json_format, part))
    return splits


def _rows_before(splits: list[Split], rows: dict[int, int]) -> dict[int, int]:
    """For each part how many rows its file has before it."""
    before: dict[int, int] = {}
    reached: dict[int, int] = {}
    for split in splits:
        before[split.number] = reached.get(split.file, 0)
        reached[split.file] = before[split.number] + rows.get(split.number, 0)
    return before


def _case(column: str, values: dict[int, int]) -> str:
    """SQL for a number that goes with another."""
    conditions = " ".join(f"WHEN {key} THEN {value}" for key, value in values.items())
    return f"CAST(CASE {column} {conditions} END AS BIGINT)"


def _connection(folder: str) -> duckdb.DuckDBPyConnection:
    """A DuckDB of a worker's own, which spills into its folder."""
    connection = duckdb.connect(f"{folder}/worker.duckdb", config=_WORKER_OPTIONS | {"temp_directory": folder})
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _rows_of(split: Split, folder: str) -> str:
    """SQL for the rows of a part: `position`, from 1, and `raw_text`."""
    path = written_apart(split.path, split.json_format, split.part, folder) if split.part else split.path
    return json_rows(path, split.json_format)


def _read(split: Split, loaded_at: str) -> Iterator[pa.RecordBatch]:
    """The rows of a part, normalised, or one that says why they cannot be read."""
    with TemporaryDirectory(prefix="mentor-analytics-") as folder, _connection(folder) as connection:
        connection.execute(f"SET VARIABLE loaded_at = TIMESTAMP '{loaded_at}'")
        place = f"{split.number}::BIGINT AS split, {split.file}::BIGINT AS file"
        try:
            yield from connection.execute(f"""
                WITH normalised AS (WITH source_rows AS ({_rows_of(split, folder)}) {EVENTS.normalise_objects})
                SELECT {place}, position, {_COLUMNS}, unknown_properties, reason, NULL::VARCHAR AS failure
                FROM normalised
            """).to_arrow_reader(_BATCH_ROWS)
        except duckdb.Error as error:
            yield from connection.execute(
                f"SELECT {place}, 0::BIGINT AS position, {_NO_EVENT}, NULL::VARCHAR[] AS unknown_properties, "
                "NULL::VARCHAR AS reason, $1 AS failure",
                [str(error)],
            ).to_arrow_reader(1)


def _judge(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What becomes of the rows that fall to a worker: file after file, each known to the next; without one, known."""
    with TemporaryDirectory(prefix="mentor-analytics-") as folder, _connection(folder) as connection:
        connection.execute(RAW_TABLES)
        connection.execute(f"CREATE TABLE given (file BIGINT, position BIGINT, {_EVENT}, reason VARCHAR)")
        connection.execute("CREATE TABLE verdicts (file BIGINT, position BIGINT, class VARCHAR, reason VARCHAR)")
        for batch in batches:
            connection.register("batch", batch)
            connection.execute("INSERT INTO given BY NAME FROM batch")
            connection.unregister("batch")
        connection.execute(
            f"INSERT INTO raw.{EVENTS.name} ({_COLUMNS}, load_id) SELECT {_COLUMNS}, 0 FROM given WHERE file IS NULL"
        )
        files = connection.execute("SELECT DISTINCT file FROM given WHERE file IS NOT NULL ORDER BY file").fetchall()
        for (file,) in files:
            connection.execute(f"CREATE OR REPLACE TEMP VIEW normalised AS FROM given WHERE file = {file}")
            classify(connection, EVENTS)
            connection.execute(
                "INSERT INTO verdicts SELECT file, position, COALESCE(class, 'loaded'), not_loaded.reason "
                "FROM normalised LEFT JOIN not_loaded USING (position)"
            )
            connection.execute(
                f"INSERT INTO raw.{EVENTS.name} ({_COLUMNS}, load_id) "
                f"SELECT {_COLUMNS}, 0 FROM normalised ANTI JOIN not_loaded USING (position)"
            )
        yield from connection.execute(
            f"SELECT file, position, class, verdicts.reason, {_COLUMNS} FROM verdicts JOIN given USING (file, position)"
        ).to_arrow_reader(_BATCH_ROWS)


def _read_rejected(task: tuple[Split, int, int], verdicts: str) -> Iterator[pa.RecordBatch]:
    """The rejected rows of a part, as `raw.rejected_rows` has them."""
    split, before, load_id = task
    with TemporaryDirectory(prefix="mentor-analytics-") as folder, _connection(folder) as connection:
        yield from connection.execute(
            f"""
            SELECT {load_id}::BIGINT AS load_id, $1 AS file, rejected.position, rejected.reason,
                {without_review("raw_text")} AS raw_text
            FROM ({_rows_of(split, folder)}) AS texts
            JOIN (
                SELECT position, reason FROM READ_PARQUET($2) WHERE file = {split.file} AND class = 'rejected'
            ) AS rejected
                ON rejected.position = texts.position + {before}
            """,
            [str(split.path), verdicts],
        ).to_arrow_reader(_BATCH_ROWS)
