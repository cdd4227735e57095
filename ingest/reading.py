"""Reading one file into rows with typed columns, each row with its position and its text."""

from __future__ import annotations

import re
from contextlib import nullcontext

import duckdb

from engines.duckdb.connection import one_line, one_row
from errors import SourceError
from ingest.json_rows import json_rows, one_thread, pattern
from ingest.normalisation import columns_of_objects
from ingest.parts import read_in_parts
from ingest.source_files import SourceFile, check_columns, shown
from ingest.sources import Source


def read_rows(connection: duckdb.DuckDBPyConnection, source: Source, file: SourceFile, number: int) -> list[str]:
    """Make `source_text` (position, raw_text) and `normalised` (position, columns, reason), `_number` at their ends.

    Events are numbered as they stream by, which keeps their order; nothing holds their texts, which
    are read once more for the rows that are rejected.

    Returns:
        Notes on what the counts do not say.

    Raises:
        SourceError: the file cannot be read as a whole.
    """
    has_objects = file.json_format is not None or file.is_parquet
    normalise = source.normalise
    unknown: list[str] = []
    try:
        if has_objects:
            rows = (
                _parquet_objects(connection, source, file)
                if file.is_parquet
                else json_rows(file.place, str(file.json_format))
            )
        else:
            from ingest.csv_rows import load_csv  # pyarrow is slow to import

            unknown = load_csv(connection, file.place, source.contract.required, source.names, number)
            rows = f"SELECT * FROM temp.source_rows_{number}"
        connection.execute(f"CREATE TEMP VIEW source_text_{number} AS SELECT position, raw_text FROM ({rows})")
        read = None
        if file.json_format and source.normalise_objects:
            read = read_in_parts(connection, file, number, source.normalise_objects)
        if read is None:
            with one_thread(connection) if file.json_format else nullcontext():
                if has_objects and source.normalise_objects:
                    normalise = source.normalise_objects
                elif has_objects:
                    unknown = _check_properties(connection, source, file, rows)
                    rows = columns_of_objects(rows, source.names)
                connection.execute(f"CREATE TEMP TABLE read_{number} AS WITH source_rows AS ({rows}) {normalise}")
            read = f"FROM temp.read_{number}"
        connection.execute(f"CREATE TEMP VIEW normalised_{number} AS {read}")
    except (duckdb.InvalidInputException, duckdb.IOException) as error:
        file.refuse_if_changed()
        raise SourceError(f"{file.path} cannot be read: {_reading_failure(file, error)}") from None
    notes = []
    if has_objects and source.normalise_objects:
        unknown = [
            name
            for (name,) in connection.execute(
                f"SELECT DISTINCT UNNEST(unknown_properties) AS name FROM normalised_{number} ORDER BY name"
            ).fetchall()
        ]
    elif not has_objects:
        (several,) = one_row(
            connection,
            f"""
            SELECT COUNT(*) FROM source_text_{number} WHERE CONTAINS(raw_text, CHR(10)) OR CONTAINS(raw_text, CHR(13))
            """,
        )
        if several:
            notes.append(f"rows of several lines: {several:,} (quotes that are not closed where they should be?)")
    return notes + unknown_columns(unknown)


def drop_rows(connection: duckdb.DuckDBPyConnection, number: int) -> None:
    """Let go of what `read_rows` made."""
    for kind, name in (
        ("VIEW", f"temp.normalised_{number}"),
        ("VIEW", f"temp.source_text_{number}"),
        ("TABLE", f"temp.read_{number}"),
        ("TABLE", f"temp.csv_records_{number}"),
    ):
        connection.execute(f"DROP {kind} IF EXISTS {name}")


def unknown_columns(names: list[str]) -> list[str]:
    """The note on columns or properties that are not loaded, if there are some."""
    return [f"columns that are not loaded: {', '.join(map(shown, names))}"] if names else []


def _parquet_objects(connection: duckdb.DuckDBPyConnection, source: Source, file: SourceFile) -> str:
    """SQL for the rows of a parquet file as JSON objects of texts; what is nested stays so.

    Raises:
        SourceError: a column that it must have is missing.
    """
    reader = f"read_parquet({pattern(file.place)}, file_row_number = true, binary_as_string = true)"
    types = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE FROM {reader}").fetchall()}
    del types["file_row_number"]
    # Names of columns are the same in any case of letters, as those of a CSV are.
    theirs = {name.lower(): name for name in source.names.values() if name is not None}
    names = {name: theirs.get(name.strip().lower(), name) for name in types}
    check_columns(file.path, names.values(), {ours: source.names[ours] for ours in source.contract.required})

    def value(name: str, kind: str) -> str:
        column = '"' + name.replace('"', '""') + '"'
        is_json = kind.endswith("]") or kind.startswith(("JSON", "STRUCT", "MAP", "UNION"))
        return column if is_json else f"CAST({column} AS VARCHAR)"

    pairs = ", ".join(
        f"'{names[name].replace(chr(39), chr(39) * 2)}', {value(name, kind)}" for name, kind in types.items()
    )
    return f"SELECT file_row_number + 1 AS position, CAST(JSON_OBJECT({pairs}) AS VARCHAR) AS raw_text FROM {reader}"


def _check_properties(connection: duckdb.DuckDBPyConnection, source: Source, file: SourceFile, rows: str) -> list[str]:
    """Make sure that objects have the properties that stand for columns; the properties that none takes.

    Raises:
        SourceError: no object has one that they must have.
    """
    found = [
        name
        for (name,) in connection.execute(
            f"SELECT DISTINCT UNNEST(JSON_KEYS(raw_text)) AS name FROM ({rows}) "
            "WHERE STARTS_WITH(raw_text, '{') ORDER BY name"
        ).fetchall()
    ]
    check_columns(file.path, found, {ours: source.names[ours] for ours in source.contract.required})
    return [name for name in found if name not in source.names.values()]


def _reading_failure(file: SourceFile, error: duckdb.Error) -> str:
    line = one_line(error)
    if "maximum_object_size" in line:
        return "broken JSON, or a single event of more than 16 MB"
    line = line.replace(f'in file "{file.place}", ', "")
    # DuckDB counts from 2.
    line = re.sub(r"in (line|record/value) (\d+)", lambda m: f"in {m[1].split('/')[0]} {int(m[2]) - 1}", line)
    return line.removesuffix(". Try auto-detecting the JSON format")
