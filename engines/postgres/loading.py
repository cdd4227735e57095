"""Loading into PostgreSQL: DuckDB reads and judges the files, beside the part of `raw` that this takes.

So there is one implementation of every rule on files. What it appended goes out by COPY, in the transaction of
the refresh.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import duckdb

from engines.duckdb.connection import connect, one_row, without_nul, writing_failure
from engines.postgres.connection import failure, libraries, place, uninterrupted_copy
from engines.postgres.reader import batches
from engines.protocol import SCHEMAS, Workers
from errors import WarehouseError

if TYPE_CHECKING:
    import pyarrow as pa

# Judged by all that is known of a user or mentor; of events by those with the ids of the file alone.
_BY_KEY = {"booking_events"}


class PostgresLoading:
    """A `Loading` of an empty DuckDB, filled from PostgreSQL as it is asked for."""

    workers: Workers | None = None

    def __init__(self, scratch: duckdb.DuckDBPyConnection, postgres: Any, folder: Path) -> None:
        self.connection = scratch
        self.postgres = postgres
        self.folder = folder
        self.newest_load = 0
        self.tables: list[str] = []
        self.provided: set[str] = set()

    def create(self, tables: str) -> None:
        self.connection.execute(tables)
        self.tables = [name for (name,) in self.connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        with self.postgres.cursor() as cursor:
            is_new = not is_ours(cursor)
            if is_new:
                refuse_foreign_schemas(cursor)
            # A warehouse of an earlier version may lack one.
            cursor.execute(tables)
            if is_new:
                # By its id an event is known, by its load one that is new, and most files bring few.
                cursor.execute("CREATE INDEX ON raw.booking_events (event_id)")
                cursor.execute("CREATE INDEX ON raw.booking_events (load_id)")
            self._fetch("loads")
        (self.newest_load,) = one_row(self.connection, "SELECT COALESCE(MAX(load_id), 0) FROM raw.loads")

    def extend(self, table: str, column: str, statements: str) -> None:
        with self.postgres.cursor() as cursor:
            # A change that changes nothing would keep readers out all the same.
            cursor.execute(
                "SELECT COUNT(*) FROM information_schema.columns "
                f"WHERE table_schema = 'raw' AND table_name = '{table}' AND column_name = '{column}'"
            )
            if cursor.fetchone() == (0,):
                cursor.execute(statements)

    def provide(self, table: str, key: str, keys: str) -> None:
        if not self.newest_load or table in self.provided:
            return
        if table not in _BY_KEY:
            self._fetch(table)
            self.provided.add(table)
            return
        with self.postgres.cursor() as cursor:
            cursor.execute(f"CREATE TEMP TABLE asked ON COMMIT DROP AS SELECT {key} FROM raw.{table} LIMIT 0")
            held = f"SELECT {key} FROM raw.{table}"
            new = f"SELECT DISTINCT {key} FROM ({keys}) WHERE {key} IS NOT NULL AND {key} NOT IN ({held})"
            self._copy(cursor, new, "asked", key)
            cursor.execute("ANALYZE asked")
            self._fetch(table, f"WHERE {key} IN (SELECT {key} FROM asked)")
            cursor.execute("DROP TABLE asked")

    def replace(self, table: str, rows: pa.RecordBatchReader) -> None:
        columns = ", ".join(rows.schema.names)
        self.connection.register("replacing", rows)
        with self.postgres.cursor() as cursor:
            cursor.execute(f"TRUNCATE {table}")
            self._copy(cursor, "FROM replacing", table, columns)
            # What is asked of it next is planned well.
            cursor.execute(f"ANALYZE {table}")
        self.connection.unregister("replacing")

    def publish(self) -> None:
        """Append to PostgreSQL what was appended here."""
        with self.postgres.cursor() as cursor:
            for table in self.tables:
                columns = ", ".join(self._columns(table))
                news = f"SELECT {columns} FROM raw.{table} WHERE load_id > {self.newest_load} ORDER BY rowid"
                if self._copy(cursor, news, f"raw.{table}", columns):
                    # The models read it next.
                    cursor.execute(f"ANALYZE raw.{table}")

    def _columns(self, table: str) -> list[str]:
        return [name for name, *_ in self.connection.execute(f"DESCRIBE raw.{table}").fetchall()]

    def _copy(self, cursor: Any, query: str, table: str, columns: str) -> int:
        """Append the rows of a query to a table of PostgreSQL; how many they are."""
        file = self.folder / "rows.csv"
        kept = without_nul(self.connection, query)
        (rows,) = one_row(self.connection, f"COPY ({kept}) TO '{file}' (FORMAT csv, HEADER false, NULLSTR '')")
        if rows:
            with file.open("rb") as content, uninterrupted_copy():
                cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN (FORMAT csv)", content)
        file.unlink()
        return int(rows)

    def _fetch(self, table: str, where: str = "") -> None:
        query = f"SELECT {', '.join(self._columns(table))} FROM raw.{table} {where}"
        self.connection.register("fetched", batches(self.postgres, query))
        self.connection.execute(f"INSERT INTO raw.{table} FROM fetched")
        self.connection.unregister("fetched")


def is_ours(cursor: Any) -> bool:
    """Whether the tables of `raw` are there."""
    cursor.execute("SELECT to_regclass('raw.loads') IS NOT NULL AND to_regclass('raw.rejected_rows') IS NOT NULL")
    (found,) = cursor.fetchone()
    return bool(found)


def refuse_foreign_schemas(cursor: Any) -> None:
    """Refuse a database where a schema of ours holds somebody else's tables.

    Raises:
        WarehouseError: it is one.
    """
    names = ", ".join(f"'{name}'" for name in SCHEMAS)
    cursor.execute(
        "SELECT DISTINCT relnamespace::REGNAMESPACE::TEXT FROM pg_class WHERE relkind IN ('r', 'v', 'm', 'p', 'f') "
        f"AND relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ({names})) ORDER BY 1"
    )
    found = [name for (name,) in cursor.fetchall()]
    if found:
        raise WarehouseError(
            f"in the {place()} the schema {' and '.join(found)} holds tables that are not ours; "
            "name a database of its own by PGDATABASE"
        )


@contextmanager
def loading(postgres: Any) -> Iterator[PostgresLoading]:
    """The tables of `raw`, to load into."""
    psycopg2, _ = libraries()
    with TemporaryDirectory(prefix="mentor-analytics-") as folder:
        file = Path(folder) / "loading.duckdb"
        try:
            with connect(file) as scratch:
                raw = PostgresLoading(scratch, postgres, Path(folder))
                yield raw
                raw.publish()
        except duckdb.Error as error:
            raise writing_failure(file, error) from None
        except psycopg2.Error as error:
            raise failure(error, "written") from None
