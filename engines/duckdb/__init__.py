"""DuckDB: the warehouse is one file, its next state a copy that takes the file's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import duckdb

from engines.duckdb import publication
from engines.duckdb.connection import connect, engine_options, writing_failure
from engines.protocol import QueryError, Row, Say, UnknownNameError, Version, Workers
from errors import WarehouseError
from settings import Settings

if TYPE_CHECKING:
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

    def tables(self) -> list[tuple[str, str]]:
        return self.connection.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall()

    def tables_behind(self, schema: str) -> dict[str, str]:
        return dict(
            self.connection.execute(
                "SELECT view_name, REGEXP_EXTRACT(sql, ' FROM ([^;]*)', 1) FROM duckdb_views() "
                f"WHERE schema_name = '{schema}'"
            ).fetchall()
        )

    @contextmanager
    def explained(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise UnknownNameError(str(error).splitlines()[0]) from None
        except duckdb.Error as error:
            raise QueryError(str(error).splitlines()[0]) from None

    def cannot_answer(self, reason: Exception) -> WarehouseError:
        return WarehouseError(
            f"the warehouse {self.place} cannot answer (a file keeps the name it was built under): "
            f"{str(reason).splitlines()[0]}"
        )


class _Loading:
    """The warehouse itself: it has whatever is asked of it."""

    workers: Workers | None = None

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def create(self, tables: str) -> None:
        self.connection.execute(tables)

    def provide(self, table: str, key: str, keys: str) -> None:
        """Nothing to do."""


class DuckDBState:
    """A file to work on, that of the setting `warehouse`."""

    error: type[Exception] = duckdb.Error

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

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
        with publication.next_state(settings.warehouse, settings.lock_wait_seconds, say, begin_publishing) as copy:
            yield DuckDBState(settings.model_copy(update={"warehouse": copy}))

    def discard(self) -> None:
        publication.discard_next_state()

    def roll_back(self, settings: Settings, say: Say, begin_publishing: Callable[[], None]) -> None:
        publication.roll_back(settings.warehouse, settings.lock_wait_seconds, say, begin_publishing)

    def reset(self, settings: Settings, say: Say, begin_publishing: Callable[[], None]) -> None:
        publication.remove(settings.warehouse, settings.lock_wait_seconds, say, begin_publishing)
