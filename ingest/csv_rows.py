"""Reading CSV so that every record of the file is accounted for, readable or not."""

from __future__ import annotations

import csv
import gzip
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

import duckdb
import numpy as np
import pyarrow

from errors import SourceError
from ingest.source_files import check_columns, shown

_BATCH_RECORDS = 50_000
_CHUNK_CHARACTERS = 1 << 22

# Raw texts of records, and the fields of each: None where they stand between the commas.
Batch = tuple[list[str], list[list[str] | None]]


def records(lines: Iterable[str]) -> Iterator[tuple[str, list[str] | None]]:
    """Each record of a CSV text: its raw text and its fields; blank lines are none.

    A record without quotes leaves its fields to whoever reads it (None): they stand between the
    commas. Where quotes do not close properly, the record is its first line alone, with no field
    at all, and reading goes on with the next line: a stray quote costs one record, not the file.

    Args:
        lines: with their line ends.
    """
    lines = iter(lines)
    given_back: deque[str] = deque()
    while (line := given_back.popleft() if given_back else next(lines, None)) is not None:
        text = line.rstrip("\r\n")
        if '"' not in line:
            if text:
                yield text, None
            continue
        used = [line]

        def onwards(used: list[str] = used) -> Iterator[str]:
            yield used[0]
            while (more := given_back.popleft() if given_back else next(lines, None)) is not None:
                used.append(more)
                yield more

        try:
            fields = next(csv.reader(onwards(), strict=True))
        except csv.Error:
            given_back.extendleft(reversed(used[1:]))
            yield text, []
        else:
            yield "".join(used).rstrip("\r\n"), fields


def batches(file: TextIO, chunk_characters: int = _CHUNK_CHARACTERS) -> Iterator[Batch]:
    """What `records` gives, many records at a time: their raw texts and their fields.

    Up to the first quote, lines are records, and a whole chunk of them is split at once.

    Args:
        file: opened with newline="".
        chunk_characters: how many to split at once.
    """
    while chunk := file.read(chunk_characters):
        chunk += file.readline()
        if '"' in chunk:
            rows = records(chain(StringIO(chunk, newline=""), file))
            while batch := list(islice(rows, _BATCH_RECORDS)):
                yield [text for text, _ in batch], [fields for _, fields in batch]
            return
        if texts := [line for line in chunk.replace("\r", "\n").split("\n") if line]:
            yield texts, [None] * len(texts)


def load_csv(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    required: tuple[str, ...],
    names: Mapping[str, str | None],
    number: int,
) -> list[str]:
    """Make the temporary view `source_rows_NUMBER`: one row a record, of the table `csv_records_NUMBER`.

    Its columns are `position` in the file, from 1, `raw_text`, `unreadable` (why the record has no
    values, or null) and the texts of the columns, all null where the record has not one value a
    column. The header is record 0 of the table, and none of the view.

    Args:
        required: the columns that the file must have, by our names.
        names: those of the file, by ours; None: it has no such column.

    Returns:
        The columns of the file that are not loaded.

    Raises:
        SourceError: a required column is missing, or a column is named twice.
    """
    wanted = {ours: theirs and theirs.lower() for ours, theirs in names.items()}
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
        rows = batches(file)
        empty_file: Batch = ([""], [[]])
        first_batch = next(rows, empty_file)
        first, fields_of_first = first_batch[0].pop(0), first_batch[1].pop(0)
        header = [name.strip().lower() for name in (first.split(",") if fields_of_first is None else fields_of_first)]
        check_columns(path, header, {ours: wanted[ours] for ours in required})
        twice = sorted({name for name in header if name and header.count(name) > 1})
        if twice:
            raise SourceError(f"{path} names the column {shown(', '.join(twice), 200)} twice")
        _keep(connection, number, np.zeros(1, dtype=np.int64), ([first], [None]))
        position = 0
        for batch in chain([first_batch], rows):
            _keep(connection, number, np.arange(position + 1, position + len(batch[0]) + 1, dtype=np.int64), batch)
            position += len(batch[0])
    _view_of(connection, number, header, wanted)
    taken = set(wanted.values())
    return [name or f"column {place}" for place, name in enumerate(header, start=1) if name not in taken]


def load_records(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    header: str,
    kept: list[tuple[int, str]],
    required: tuple[str, ...],
    names: Mapping[str, str | None],
    number: int,
) -> None:
    """Make `source_rows_NUMBER`, as `load_csv` does, of single records with their positions.

    Args:
        path, header: of the file that they were in.
        required, names: as for `load_csv`.

    Raises:
        SourceError: the header lacks a required column.
    """
    text, fields = _only_record(header)
    columns = [name.strip().lower() for name in (text.split(",") if fields is None else fields)]
    wanted = {ours: theirs and theirs.lower() for ours, theirs in names.items()}
    check_columns(path, columns, {ours: wanted[ours] for ours in required})
    positions = np.array([position for position, _ in kept], dtype=np.int64)
    # Each by itself: a quote that is not closed takes none of the others.
    _keep(connection, number, positions, ([text for _, text in kept], [_only_record(text)[1] for _, text in kept]))
    _view_of(connection, number, columns, wanted)


def _only_record(text: str) -> tuple[str, list[str] | None]:
    """A text as a record; no fields where it is not one alone."""
    found = list(islice(records(StringIO(text, newline="")), 2))
    return found[0] if [record for record, _ in found] == [text] else (text, [])


def _keep(connection: duckdb.DuckDBPyConnection, number: int, positions: np.ndarray, batch: Batch) -> None:
    texts, fields = batch
    connection.execute(
        f"CREATE TEMP TABLE IF NOT EXISTS csv_records_{number} (position BIGINT, raw_text VARCHAR, quoted VARCHAR[])"
    )
    table = pyarrow.table(
        {
            "position": pyarrow.array(positions),
            "raw_text": pyarrow.array(texts, pyarrow.large_string()),
            "quoted": pyarrow.array(fields, pyarrow.list_(pyarrow.large_string())),
        }
    )
    connection.register("csv_batch", table)
    connection.execute(f"INSERT INTO csv_records_{number} SELECT * FROM csv_batch")
    connection.unregister("csv_batch")


def _view_of(
    connection: duckdb.DuckDBPyConnection, number: int, header: list[str], wanted: Mapping[str, str | None]
) -> None:
    values = "".join(
        f", {f'field[{header.index(theirs) + 1}]' if theirs in header else 'NULL::VARCHAR'} AS {ours}"
        for ours, theirs in wanted.items()
    )
    connection.execute(f"""
        CREATE TEMP VIEW source_rows_{number} AS
        WITH split AS (
            SELECT position, raw_text, COALESCE(quoted, STRING_SPLIT(raw_text, ',')) AS fields FROM csv_records_{number}
            WHERE position > 0
        ),
        readable AS (
            SELECT position, raw_text, CASE WHEN LEN(fields) = {len(header)} THEN fields END AS field FROM split
        )
        SELECT position, raw_text, CASE WHEN field IS NULL THEN 'unreadable_line' END AS unreadable{values}
        FROM readable
    """)
