"""Loading into Snowflake: DuckDB reads and judges the files, beside the part of `raw` that this takes.

So there is one implementation of every rule on files. What it appended goes out as Parquet files, by PUT to a stage of
the session and COPY INTO, to the database that is worked on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

import duckdb

from engines.duckdb.connection import connect, one_row, writing_failure
from engines.protocol import SCHEMAS, Workers, not_built
from engines.snowflake.connection import failure, library, place
from engines.snowflake.dialect import in_snowflake, literal, quoted, statements_in_snowflake
from engines.snowflake.reader import SnowflakeReader
from errors import WarehouseError

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 50_000
# Judged by all that is known of a user or mentor; of events by those with the ids of the file alone.
_BY_KEY = {"booking_events"}
STAGE = '"raw"."loading"'


class SnowflakeLoading:
    """A `Loading` of an empty DuckDB, filled from Snowflake as it is asked for."""

    def __init__(self, scratch: duckdb.DuckDBPyConnection, snowflake: Any, folder: Path) -> None:
        self.connection = scratch
        self.workers: Workers | None = None
        self.snowflake = snowflake
        self.folder = folder
        self.newest_load = 0
        self.tables: list[str] = []
        self.provided: set[str] = set()

    def create(self, tables: str) -> None:
        self.connection.execute(tables)
        self.tables = [name for (name,) in self.connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        if not is_ours(self.snowflake):
            refuse_foreign_schemas(self.snowflake)
            self._execute(*statements_in_snowflake(tables))
        self._execute(f"CREATE TEMPORARY STAGE {STAGE}")
        self._fetch("loads")
        (self.newest_load,) = one_row(self.connection, "SELECT COALESCE(MAX(load_id), 0) FROM raw.loads")

    def extend(self, table: str, column: str, statements: str) -> None:
        there = SnowflakeReader(self.snowflake).rows(
            f"SELECT column_name FROM information_schema.columns WHERE table_schema = 'raw' AND table_name = '{table}'"
        )
        if (column,) not in there:
            self._execute(*statements_in_snowflake(statements))

    def provide(self, table: str, key: str, keys: str) -> None:
        if not self.newest_load or table in self.provided:
            return
        if table not in _BY_KEY:
            self._fetch(table)
            self.provided.add(table)
            return
        held = f"SELECT {key} FROM raw.{table}"
        new = f"SELECT DISTINCT {key} FROM ({keys}) WHERE {key} IS NOT NULL AND {key} NOT IN ({held})"
        self._execute(in_snowflake(f"CREATE TEMPORARY TABLE raw.asked AS SELECT {key} FROM raw.{table} LIMIT 0"))
        self._copy(new, "asked")
        self._fetch(table, f"WHERE {key} IN (SELECT asked.{key} FROM raw.asked AS asked)")
        self._execute(in_snowflake("DROP TABLE raw.asked"))

    def replace(self, table: str, rows: pa.RecordBatchReader) -> NoReturn:
        raise not_built("copying to here", "Snowflake")

    def publish(self) -> None:
        """Append to Snowflake what was appended here."""
        for table in self.tables:
            self._copy(f"SELECT * FROM raw.{table} WHERE load_id > {self.newest_load} ORDER BY rowid", table)
        self._execute(f"DROP STAGE {STAGE}")
        self.snowflake.commit()

    def _execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """The rows of the last statement."""
        with closing(self.snowflake.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def _copy(self, query: str, table: str) -> None:
        """Append the rows of a query of DuckDB to a table of `raw` with the same columns.

        Raises:
            WarehouseError: another number of rows arrived.
        """
        columns = [(name, kind) for name, kind, *_ in self.connection.execute(f"DESCRIBE {query}").fetchall()]
        file = self.folder / f"{table}.parquet"
        # Times and decimals as text: what they are in a Parquet file depends on who reads it.
        plain = ("BIGINT", "BOOLEAN", "VARCHAR")
        texts = ", ".join(f"CAST({name} AS VARCHAR) AS {name}" for name, kind in columns if kind not in plain)
        shown = f"* REPLACE ({texts})" if texts else "*"
        (rows,) = one_row(self.connection, f"COPY (SELECT {shown} FROM ({query})) TO '{file}' (FORMAT parquet)")
        if rows:
            names = ", ".join(quoted(name) for name, _ in columns)
            values = ", ".join(f"$1:{quoted(name)}::{_type_of(kind)}" for name, kind in columns)
            self._execute(f"PUT {literal(f'file://{file}')} @{STAGE} AUTO_COMPRESS = FALSE OVERWRITE = TRUE")
            answers = self._execute(
                f'COPY INTO "raw".{quoted(table)} ({names}) FROM (SELECT {values} FROM @{STAGE}/{file.name}) '
                "FILE_FORMAT = (TYPE = PARQUET) ON_ERROR = ABORT_STATEMENT"
            )
            # A row a file: its name, its status, the rows read and the rows loaded.
            loaded = sum(int(answer[3]) for answer in answers if len(answer) > 3)
            if loaded != rows:
                raise WarehouseError(
                    f"the {place()} cannot be written: {loaded:,} of {rows:,} rows arrived in raw.{table}; "
                    "nothing was published"
                )
        file.unlink()

    def _fetch(self, table: str, where: str = "") -> None:
        import pyarrow as pa

        schema = self.connection.execute(f"FROM raw.{table} LIMIT 0").to_arrow_table().schema
        with closing(self.snowflake.cursor()) as cursor:
            cursor.execute(in_snowflake(f"SELECT {', '.join(schema.names)} FROM raw.{table} {where}"))
            while rows := cursor.fetchmany(_BATCH_ROWS):
                columns = [
                    pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), schema.types, strict=True)
                ]
                batch = pa.Table.from_arrays(columns, schema=schema)
                self.connection.register("batch", batch)
                self.connection.execute(f"INSERT INTO raw.{table} SELECT * FROM batch")
                self.connection.unregister("batch")


def _type_of(kind: str) -> str:
    """The type of Snowflake for one of DuckDB's."""
    return "TIMESTAMP_NTZ" if kind == "TIMESTAMP" else kind


def is_ours(connection: Any) -> bool:
    """Whether the tables of `raw` are there."""
    there = {name for schema, name in SnowflakeReader(connection).tables() if schema == "raw"}
    return {"loads", "rejected_rows"} <= there


def refuse_foreign_schemas(connection: Any) -> None:
    """Refuse a database where a schema of ours holds somebody else's tables.

    Raises:
        WarehouseError: it is one.
    """
    found = sorted({schema for schema, _ in SnowflakeReader(connection).tables() if schema in SCHEMAS})
    if found:
        raise WarehouseError(
            f"in the {place()} the schema {' and '.join(found)} holds tables that are not ours; "
            "name a database of its own by SNOWFLAKE_DATABASE"
        )


@contextmanager
def loading(connection: Any) -> Iterator[SnowflakeLoading]:
    """The tables of `raw` of the current database, to load into."""
    errors = library().errors
    with TemporaryDirectory(prefix="mentor-analytics-") as folder:
        file = Path(folder) / "loading.duckdb"
        try:
            with connect(file) as scratch:
                raw = SnowflakeLoading(scratch, connection, Path(folder))
                yield raw
                raw.publish()
        except duckdb.Error as error:
            raise writing_failure(file, error) from None
        except errors.Error as error:
            raise failure(error, "written") from None
