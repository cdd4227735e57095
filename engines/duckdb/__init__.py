"""DuckDB: the warehouse is one file, its next state a copy that takes the file's name."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from engines.duckdb import publication
from engines.duckdb.connection import connect, engine_options, one_row, writing_failure
from engines.protocol import Contents, QueryError, Row, Say, UnknownNameError, Version, Workers
from errors import WarehouseError
from settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlmesh import Context
    from sqlmesh.core.config import Config, GatewayConfig


class DuckDBReader:
    """A `Reader` of an open connection; `place` is the file's name for messages."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, place: str) -> None:
        self.connection = connection
        self.place = place

    @cached_property
    def backend(self) -> Any:
        import ibis

        return ibis.duckdb.from_connection(self.connection)

    def rows(self, query: str) -> list[Row]:
        with self.explained():
            return self.connection.execute(query).fetchall()

    def records(self, query: str) -> list[dict[str, Any]]:
        with self.explained():
            relation = self.connection.sql(query)
            return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]

    def batches(self, query: str) -> pa.RecordBatchReader:
        with self.explained():
            return self.connection.execute(query).to_arrow_reader()

    def tables(self) -> list[tuple[str, str]]:
        return self.connection.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall()

    def tables_behind(self, schema: str) -> dict[str, str]:
        return dict(
            self.connection.execute(
                "SELECT view_name, REGEXP_EXTRACT(sql, ' FROM ([^;]*)', 1) FROM duckdb_views() "
                f"WHERE schema_name = '{schema}'"
            ).fetchall()
        )

    def contents(self) -> Contents:
        found: Contents = {}
        with self.explained():
            for schema, name, view in self.connection.execute(
                "SELECT schema_name, table_name, NULL FROM duckdb_tables() WHERE database_name = CURRENT_DATABASE() "
                "UNION ALL SELECT schema_name, view_name, sql FROM duckdb_views() "
                "WHERE database_name = CURRENT_DATABASE() AND NOT internal ORDER BY ALL"
            ).fetchall():
                if view is not None:
                    found[f"{schema}.{name}"] = 0, hashlib.sha256(view.encode()).hexdigest()
                    continue
                rows, digest = one_row(
                    self.connection,
                    f'SELECT COUNT(*), SUM(MD5_NUMBER_LOWER(CAST(t AS VARCHAR))) FROM "{schema}"."{name}" AS t',
                )
                found[f"{schema}.{name}"] = rows, str(digest or 0)
        return found

    @contextmanager
    def explained(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise UnknownNameError(str(error).splitlines()[0]) from None
        except duckdb.Error as error:
            raise QueryError(str(error).splitlines()[0]) from None

    def cannot_answer(self, reason: Exception) -> WarehouseError:
        is_name = isinstance(reason, UnknownNameError) or not isinstance(reason, QueryError)
        hint = " (a file keeps the name it was built under)" if is_name else ""
        return WarehouseError(f"the warehouse {self.place} cannot answer{hint}: {str(reason).splitlines()[0]}")


class _Loading:
    """The warehouse itself: it has whatever is asked of it."""

    workers: Workers | None = None

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def create(self, tables: str) -> None:
        self.connection.execute(tables)

    def extend(self, table: str, column: str, statements: str) -> None:
        if column not in self.connection.table(f"raw.{table}").columns:
            self.connection.execute(statements)

    def provide(self, table: str, key: str, keys: str) -> None:
        """Nothing to do."""

    def replace(self, table: str, rows: pa.RecordBatchReader) -> None:
        self.connection.register("replacing", rows)
        self.connection.execute(f"DELETE FROM {table}")
        self.connection.execute(f"INSERT INTO {table} BY NAME FROM replacing")
        self.connection.unregister("replacing")


class DuckDBState:
    """A file to work on, that of the setting `warehouse`."""

    error: type[Exception] = duckdb.Error

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.is_scrubbed = False

    def only_follows(self, error: BaseException) -> bool:
        return False

    @contextmanager
    def loading(self) -> Iterator[_Loading]:
        warehouse = self.settings.warehouse
        was_there = warehouse.exists()
        try:
            with connect(warehouse) as connection:
                yield _Loading(connection)
        except BaseException as error:
            if not was_there:
                warehouse.unlink(missing_ok=True)
                warehouse.with_name(warehouse.name + ".wal").unlink(missing_ok=True)
            if isinstance(error, duckdb.Error):
                raise writing_failure(warehouse, error) from None
            raise

    def reading(self) -> AbstractContextManager[DuckDBReader]:
        return DuckDB().reading(self.settings)

    @contextmanager
    def running(self, config: Config) -> Iterator[Context]:
        from sqlmesh import Context

        from settings import PROJECT_ROOT

        context = Context(paths=[str(PROJECT_ROOT)], config=config)
        try:
            yield context
        finally:
            context.close()
            # Of what was executed by it directly its own close knows nothing.
            context.engine_adapter.close()

    def restore(self, file: Path) -> None:
        shutil.copyfile(file, self.settings.warehouse)
        # Open it once: what is no whole file of DuckDB is found before anything else is done to it.
        connect(self.settings.warehouse).close()

    def scrub(self) -> None:
        publication.rewrite(self.settings.warehouse)
        self.is_scrubbed = True


class DuckDB:
    """The `Engine` of one file."""

    takes_file = True

    def place(self, settings: Settings) -> str:
        return str(settings.warehouse)

    def gateway(self, settings: Settings) -> GatewayConfig:
        from sqlmesh.core.config import DuckDBConnectionConfig, GatewayConfig

        return GatewayConfig(
            connection=DuckDBConnectionConfig(
                database=str(settings.warehouse), connector_config=engine_options(settings, settings.warehouse)
            )
        )

    def is_there(self, settings: Settings) -> bool:
        return settings.warehouse.exists()

    def version(self, settings: Settings) -> Version | None:
        try:
            file = settings.warehouse.stat()
        except FileNotFoundError:
            return None
        key = (str(settings.warehouse), file.st_mtime_ns, file.st_ino, file.st_size)
        return Version(key, datetime.fromtimestamp(file.st_mtime, UTC))

    @contextmanager
    def reading(self, settings: Settings, makes_tables: bool = False) -> Iterator[DuckDBReader]:
        # While a connection is open, another one of this process sees the same state, whatever is published meanwhile.
        with connect(settings.warehouse, read_only=True) as connection:
            yield DuckDBReader(connection, self.place(settings))

    @contextmanager
    def writing(self, settings: Settings, say: Say, begin_publishing: Callable[[], None]) -> Iterator[DuckDBState]:
        with publication.next_state(
            settings.warehouse,
            settings.lock_wait_seconds,
            say,
            begin_publishing,
            keeps_previous=lambda: not state.is_scrubbed,
        ) as copy:
            state = DuckDBState(settings.model_copy(update={"warehouse": copy}))
            yield state

    def name(self, settings: Settings) -> str:
        return settings.warehouse.stem

    def save(self, settings: Settings, file: Path, say: Say) -> Contents:
        publication.save(settings.warehouse, file, settings.lock_wait_seconds, say)
        with connect(file, read_only=True) as connection:
            return DuckDBReader(connection, str(file)).contents()

    def copies(self, settings: Settings) -> list[Path]:
        return publication.copies(settings.warehouse)

    def discard(self) -> None:
        publication.discard_next_state()

    def roll_back(self, settings: Settings, say: Say, begin_publishing: Callable[[], None]) -> None:
        publication.roll_back(settings.warehouse, settings.lock_wait_seconds, say, begin_publishing)

    def reset(self, settings: Settings, say: Say, begin_publishing: Callable[[], None]) -> None:
        publication.remove(settings.warehouse, settings.lock_wait_seconds, say, begin_publishing)
