"""Reading one large file of events in parts, on all cores: DuckDB numbers the rows of a file with one thread."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from engines.duckdb.connection import one_row
from ingest.json_rows import json_rows, one_thread
from ingest.source_files import SourceFile

PART_BYTES = 32 << 20
# No file of a warehouse is likely to have this name, which would be that of its catalog.
_CATALOG = '"read in parts"'
# Where a record ends, by format: what is before goes to one part, what is after to the next. In an array, this may
# also stand within a text or within a nested array.
_BETWEEN_RECORDS = {"newline_delimited": re.compile(rb"(?<=\n)"), "array": re.compile(rb"(?<=\})\s*,(?=\s*\{)")}
_LOOK_BYTES = 1 << 16
_LONGEST_RECORD = 16 << 20
_COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class Part:
    """Some records of a file, `[start, end)` in bytes; `number` counts from 0."""

    number: int
    start: int
    end: int


def parts_of(file: SourceFile, size: int) -> list[Part]:
    """Parts of about `size` bytes, which are cut where a record seems to end; one where a file cannot be cut."""
    length = file.place.stat().st_size
    between = _BETWEEN_RECORDS.get(str(file.json_format))
    parts: list[Part] = []
    start = 0
    if between is not None and file.place.suffix != ".gz":
        with file.place.open("rb") as content:
            while start + size < length:
                content.seek(start + size)
                text = content.read(_LOOK_BYTES)
                while not (found := between.search(text)) and len(text) < _LONGEST_RECORD:
                    if not (more := content.read(len(text))):
                        break
                    text += more
                if not found or start + size + found.end() >= length:
                    break
                parts.append(Part(len(parts), start, start + size + found.start()))
                start += size + found.end()
    return [*parts, Part(len(parts), start, length)]


def written_apart(path: Path, json_format: str, part: Part, folder: str) -> Path:
    """A file of its own, in the folder, with the records of a part, in the format of the whole."""
    is_array = json_format == "array"
    apart = Path(folder) / "part.json"
    with path.open("rb") as whole, apart.open("wb") as copy:
        is_last = whole.seek(0, os.SEEK_END) == part.end
        whole.seek(part.start)
        left = part.end - part.start
        if is_array and part.start:
            copy.write(b"[")
        while left and (content := whole.read(min(left, _COPY_BYTES))):
            copy.write(content)
            left -= len(content)
        if is_array and not is_last:
            copy.write(b"]")
    return apart


def read_in_parts(connection: duckdb.DuckDBPyConnection, file: SourceFile, number: int, normalise: str) -> str | None:
    """Read a large file, each thread a part at a time: SQL for its normalised rows, until `drop_parts`.

    None where the file is small, where it cannot be cut, where a part is no JSON, which was cut within a record or
    the file is broken, and where there is no room for the parts.

    Args:
        number: of the file, for the name of the table.
        normalise: SQL over a relation `source_rows`, see `ingest.normalisation`.
    """
    json_format = str(file.json_format)
    parts = parts_of(file, PART_BYTES)
    if len(parts) == 1:
        return None
    # Tables of `temp` are of one connection alone.
    connection.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {_CATALOG}")
    table = f"{_CATALOG}.read_{number}"
    no_rows = "SELECT 0::BIGINT AS position, ''::VARCHAR AS raw_text WHERE false"
    connection.execute(
        f"CREATE TABLE {table} AS SELECT 0 AS part, * FROM (WITH source_rows AS ({no_rows}) {normalise})"
    )
    (loaded_at,) = one_row(connection, "SELECT GETVARIABLE('loaded_at')")

    def append(part: Part, cursor: duckdb.DuckDBPyConnection) -> None:
        with TemporaryDirectory(prefix="mentor-analytics-") as folder:
            rows = json_rows(written_apart(file.place, json_format, part, folder), json_format)
            cursor.execute(f"SET TimeZone = 'UTC'; SET VARIABLE loaded_at = TIMESTAMP '{loaded_at}'")
            cursor.execute(
                f"INSERT INTO {table} SELECT {part.number}, * FROM (WITH source_rows AS ({rows}) {normalise})"
            )

    with one_thread(connection) as threads, ThreadPoolExecutor(threads) as pool:
        cursors = {part: connection.cursor() for part in parts}
        appended = [pool.submit(append, *each) for each in cursors.items()]
        is_read = True
        try:
            for each in as_completed(appended):
                each.result()
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            for cursor in cursors.values():
                cursor.interrupt()
            if not isinstance(error, (duckdb.InvalidInputException, OSError)):
                raise
            is_read = False
    for cursor in cursors.values():
        cursor.close()
    if not is_read:
        connection.execute(f"DROP TABLE {table}")
        return None
    counted = f"SELECT part, SUM(COUNT(*)) OVER (ORDER BY part) - COUNT(*) AS before FROM {table} GROUP BY part"
    connection.execute(
        f"UPDATE {table} AS appended SET position = position + before FROM ({counted}) AS counted "
        "WHERE appended.part = counted.part"
    )
    return f"SELECT * EXCLUDE (part) FROM {table}"


def drop_parts(connection: duckdb.DuckDBPyConnection) -> None:
    """Let go of what `read_in_parts` has read; outside of a transaction."""
    connection.execute(f"DETACH DATABASE IF EXISTS {_CATALOG}")
