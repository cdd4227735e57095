"""Reading CSV so that every record of the file is accounted for, readable or not."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import duckdb
import pyarrow

from errors import SourceError
from ingest.source_files import shown

_BATCH_RECORDS = 50_000


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


def load_csv(
    connection: duckdb.DuckDBPyConnection, path: Path, required: tuple[str, ...], optional: tuple[str, ...]
) -> list[str]:
    """Make the temporary table `source_rows`: one row a record, the header left out.

    Its columns are `position` in the file, from 1, `raw_text`, `unreadable` (why the record has no
    values, or null) and the texts of the required and optional columns, all null where the record
    has not one value a column.

    Returns:
        The columns of the file that are not loaded.

    Raises:
        SourceError: a required column is missing, or a column is named twice.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = records(file)
        text, fields = next(rows, ("", []))
        header = [name.strip().lower() for name in (text.split(",") if fields is None else fields)]
        _check_header(path, header, required)
        wanted = (*required, *optional)
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE source_rows (position BIGINT, raw_text VARCHAR, unreadable VARCHAR, "
            + ", ".join(f"{name} VARCHAR" for name in wanted)
            + ")"
        )
        values = ", ".join(f"field[{header.index(name) + 1}]" if name in header else "NULL" for name in wanted)
        numbered = enumerate(rows, start=1)
        lists = pyarrow.list_(pyarrow.large_string())
        while batch := list(islice(numbered, _BATCH_RECORDS)):
            table = pyarrow.table(
                {
                    "position": pyarrow.array([position for position, _ in batch], pyarrow.int64()),
                    "raw_text": pyarrow.array([text for _, (text, _) in batch], pyarrow.large_string()),
                    "quoted": pyarrow.array([fields for _, (_, fields) in batch], lists),
                }
            )
            connection.register("csv_batch", table)
            connection.execute(f"""
                INSERT INTO source_rows
                WITH split AS (
                    SELECT position, raw_text, COALESCE(quoted, STRING_SPLIT(raw_text, ',')) AS fields FROM csv_batch
                ),
                readable AS (
                    SELECT position, raw_text, CASE WHEN LEN(fields) = {len(header)} THEN fields END AS field FROM split
                )
                SELECT position, raw_text, CASE WHEN field IS NULL THEN 'unreadable_line' END, {values} FROM readable
            """)
            connection.unregister("csv_batch")
    return [name or f"column {number}" for number, name in enumerate(header, start=1) if name not in wanted]


def _check_header(path: Path, header: list[str], required: tuple[str, ...]) -> None:
    missing = [name for name in required if name not in header]
    if missing:
        raise SourceError(f"{path} lacks the column {', '.join(missing)} (found: {shown(', '.join(header), 200)})")
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise SourceError(f"{path} names the column {shown(', '.join(twice), 200)} twice")
