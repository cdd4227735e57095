"""Loading into Spark: DuckDB reads and judges the files, beside the part of `raw` that this takes.

So there is one implementation of every rule on files. What it appended becomes one more Parquet file of each table.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NoReturn

import duckdb
import sqlglot
from sqlglot import exp

from engines.duckdb.connection import connect, one_row, writing_failure
from engines.protocol import Workers, not_built
from engines.spark.sets import TABLES
from engines.spark.workers import SparkWorkers

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

# Judged by all that is known of a user or mentor; of events by those with the ids of the file alone.
_BY_KEY = {"booking_events"}


class SparkLoading:
    """A `Loading` of an empty DuckDB, filled from the Parquet files of a set as it is asked for."""

    def __init__(self, scratch: duckdb.DuckDBPyConnection, session: SparkSession, folder: Path) -> None:
        self.connection = scratch
        self.session = session
        self.folder = folder
        self.newest_load = 0
        self.tables: list[str] = []
        self.provided: set[str] = set()
        self.dealer = SparkWorkers(session, folder / "work", self._files)
        self.workers: Workers | None = self.dealer

    def create(self, tables: str) -> None:
        self.connection.execute(tables)
        self.session.sql("CREATE SCHEMA IF NOT EXISTS raw")
        for statement in sqlglot.parse(tables, dialect="duckdb"):
            if isinstance(statement, exp.Create) and isinstance(statement.this, exp.Schema):
                self.tables.append(statement.this.this.name)
                self._create_table(statement)
        self._fetch("loads")
        (self.newest_load,) = one_row(self.connection, "SELECT COALESCE(MAX(load_id), 0) FROM raw.loads")

    def _create_table(self, statement: exp.Create) -> None:
        # Nothing of Parquet files is ever NOT NULL.
        for column in statement.find_all(exp.ColumnDef):
            column.set("constraints", [])
        self._files(self.tables[-1]).mkdir(parents=True, exist_ok=True)
        written = statement.sql(dialect="spark")
        self.session.sql(f"{written} USING parquet LOCATION '{self._files(self.tables[-1])}'")

    def extend(self, table: str, column: str, statements: str) -> None:
        if column in self.session.table(f"raw.{table}").columns:
            return
        for statement in sqlglot.parse(statements, dialect="duckdb"):
            # Nothing of Parquet files is ever NOT NULL.
            for added in statement.find_all(exp.ColumnDef) if statement else ():
                self.session.sql(f"ALTER TABLE raw.{table} ADD COLUMNS ({added.sql(dialect='spark')})")

    def provide(self, table: str, key: str, keys: str) -> None:
        if not self.newest_load or table in self.provided:
            return
        if table in _BY_KEY:
            held = f"SELECT {key} FROM raw.{table}"
            self._fetch(table, f"WHERE {key} IN ({keys}) AND {key} NOT IN ({held})")
            return
        self._fetch(table)
        self.provided.add(table)

    def replace(self, table: str, rows: pa.RecordBatchReader) -> NoReturn:
        raise not_built("copying to here", "Spark")

    def publish(self) -> None:
        """Append to Spark's tables what was appended here."""
        for table in self.tables:
            news = f"FROM raw.{table} WHERE load_id > {self.newest_load} ORDER BY rowid"
            file = self._files(table) / f"{uuid.uuid4().hex}.parquet"
            (rows,) = one_row(self.connection, f"COPY ({news}) TO '{file}' (FORMAT parquet)")
            if not rows:
                file.unlink()
            self.session.sql(f"REFRESH TABLE raw.{table}")
        self.dealer.clear()

    def _files(self, table: str) -> Path:
        return self.folder / TABLES / "raw" / "raw.db" / table

    def _fetch(self, table: str, where: str = "") -> None:
        if any(self._files(table).glob("*.parquet")):
            self.connection.execute(
                f"INSERT INTO raw.{table} BY NAME FROM "
                f"READ_PARQUET('{self._files(table)}/*.parquet', union_by_name = true) {where}"
            )


@contextmanager
def loading(session: SparkSession, folder: Path) -> Iterator[SparkLoading]:
    """The tables of `raw` of a set, to load into."""
    with TemporaryDirectory(prefix="mentor-analytics-") as scratch_folder:
        file = Path(scratch_folder) / "loading.duckdb"
        try:
            with connect(file) as scratch:
                raw = SparkLoading(scratch, session, folder)
                yield raw
                raw.publish()
        except duckdb.Error as error:
            raise writing_failure(file, error) from None
