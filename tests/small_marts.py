"""Marts of a few rows, written straight into a database: what the metrics read, without a refresh."""

from __future__ import annotations

from pathlib import Path

import duckdb

from analysis.metrics.definitions import checksums
from analysis.metrics.marts import COLUMNS
from ingest.raw_tables import RAW_TABLES
from warehouse.reports import REPORTS

TYPES = {
    "string": "TEXT",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP",
    "decimal(18, 4)": "DECIMAL(18, 4)",
}


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Empty tables of every mart and of `stg_events`, and of what says how the environment was built."""
    connection.execute("CREATE SCHEMA marts; CREATE SCHEMA staging; CREATE SCHEMA reference; CREATE SCHEMA reports")
    connection.execute("CREATE TABLE reference.settings (setting TEXT, value TEXT)")
    connection.execute("CREATE TABLE reference.definitions (module TEXT, checksum TEXT)")
    connection.execute("CREATE TABLE reference.dimension_definitions (dimension TEXT, checksum TEXT)")
    connection.executemany("INSERT INTO reference.definitions VALUES (?, ?)", list(checksums().items()))
    for report in REPORTS:
        connection.execute(f"CREATE TABLE reports.{report} (built_from TEXT, event_load_id BIGINT)")
    for name, columns in COLUMNS.items():
        described = ", ".join(f'"{column}" {TYPES[kind]}' for column, kind in columns.items())
        connection.execute(f"CREATE TABLE {place(name)} ({described})")


def fill(connection: duckdb.DuckDBPyConnection, rows: dict[str, list[dict]]) -> None:
    """Replace the rows of every table; a column that a row lacks is null."""
    for name, columns in COLUMNS.items():
        connection.execute(f"DELETE FROM {place(name)}")
        own = rows.get(name, [])
        if own:
            marks = ", ".join(f"({', '.join('?' for _ in columns)})" for _ in own)
            values = [row.get(column) for row in own for column in columns]
            connection.execute(f"INSERT INTO {place(name)} VALUES {marks}", values)


def write(file: Path, rows: dict[str, list[dict]]) -> Path:
    """A warehouse file of these marts alone, that `answer` can read."""
    with duckdb.connect(str(file)) as connection:
        create(connection)
        fill(connection, rows)
        connection.execute(RAW_TABLES)
    return file


def place(name: str) -> str:
    return f"{'staging' if name.startswith('stg_') else 'marts'}.{name}"
