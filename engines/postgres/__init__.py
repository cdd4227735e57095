"""PostgreSQL: a refresh is one transaction, with the rows, the models, the audits and SQLMesh's state in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.one_connection import context_by
from engines.postgres.connection import connect, interruptible_queries, is_aborted, libraries, lost, parameters, told
from engines.postgres.connection import place as described_place
from engines.postgres.lock import lock_for_refresh
from engines.postgres.reader import PostgresReader
from engines.protocol import Contents, Say, UnknownNameError, Version
from errors import WarehouseError
from settings import Settings

if TYPE_CHECKING:
    from sqlmesh import Context
    from sqlmesh.core.config import Config, GatewayConfig

    from engines.postgres.loading import PostgresLoading


class PostgresState:
    """The transaction of one refresh: what SQLMesh does and what is loaded goes by the one connection of `adapter`."""

    def __init__(self, settings: Settings, adapter: Any) -> None:
        psycopg2, _ = libraries()
        self.settings = settings
        self.adapter = adapter
        self.error: type[Exception] = psycopg2.Error
        self.is_scrubbed = False

    def only_follows(self, error: BaseException) -> bool:
        return is_aborted(error)

    def loading(self) -> AbstractContextManager[PostgresLoading]:
        from engines.postgres.loading import loading

        return loading(self.adapter.connection)

    @contextmanager
    def reading(self) -> Iterator[PostgresReader]:
        yield PostgresReader(self.adapter.connection)

    @contextmanager
    def running(self, config: Config) -> Iterator[Context]:
        yield context_by(self.adapter, config, self.settings.gateway)

    def restore(self, file: Path) -> None:
        from engines.postgres.backup import restore

        with told("written"):
            restore(self.adapter.connection, file)

    def scrub(self) -> None:
        """The server writes tables anew outside of transactions alone: it does so when this one is over."""
        self.is_scrubbed = True


class Postgres:
    """The `Engine` of one database."""

    takes_file = False

    def place(self, settings: Settings) -> str:
        return f"the {described_place()}"

    def gateway(self, settings: Settings) -> GatewayConfig:
        from sqlmesh.core.config import GatewayConfig

        from engines.postgres.sqlmesh_connection import connection_config

        connection = connection_config()
        connection.lock_each(settings.lock_wait_seconds)
        return GatewayConfig(connection=connection)

    def is_there(self, settings: Settings) -> bool:
        return True

    def version(self, settings: Settings) -> Version | None:
        with self.reading(settings) as reader:
            try:
                ((loads, loaded_at, *changes),) = reader.rows(
                    "SELECT COUNT(*), MAX(loaded_at), (SELECT MAX(created_ts) FROM sqlmesh._intervals), "
                    "(SELECT MAX(finalized_ts) FROM sqlmesh._environments) FROM raw.loads"
                )
            except UnknownNameError:
                return None
        moments = [datetime.fromtimestamp(change / 1000, UTC) for change in changes if change]
        if loaded_at:
            moments.append(loaded_at.replace(tzinfo=UTC))
        return Version((self.place(settings), loads, *changes), max(moments)) if moments else None

    @contextmanager
    def reading(self, settings: Settings, makes_tables: bool = False) -> Iterator[PostgresReader]:
        _, psycopg = libraries()
        with told("read"), closing(connect(psycopg)) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            # PostgreSQL makes no temporary table in a transaction that only reads.
            connection.read_only = not makes_tables
            yield PostgresReader(connection)

    @contextmanager
    def writing(self, settings: Settings, say: Say, begin_publishing: Callable[[], None]) -> Iterator[PostgresState]:
        libraries()
        from engines.postgres.sqlmesh_connection import connection_config

        adapter = connection_config().create_engine_adapter(concurrent_tasks=1)
        try:
            with told("written"), interruptible_queries(), adapter.transaction():
                with adapter.connection.cursor() as cursor:
                    lock_for_refresh(cursor, settings.lock_wait_seconds, say)
                    _refuse_without_schemas(cursor)
                state = PostgresState(settings, adapter)
                try:
                    yield state
                except Exception:
                    if adapter.connection.closed:  # whatever came of it
                        raise lost("written") from None
                    raise
                _analyze(adapter.connection)
                begin_publishing()
            if state.is_scrubbed:
                from engines.postgres.backup import write_anew

                with told("written"):
                    write_anew(adapter.connection)
        finally:
            adapter.close()

    def name(self, settings: Settings) -> str:
        return parameters()["database"]

    def save(self, settings: Settings, file: Path, say: Say) -> Contents:
        from engines.postgres.backup import dump

        with self.reading(settings) as reader:
            dump(reader.connection, file)
            return reader.contents()

    def copies(self, settings: Settings) -> list[Path]:
        return []

    def discard(self) -> None:
        """Nothing to do: the server rolls back what a process has not committed."""

    def roll_back(self, settings: Settings, say: Say, begin_publishing: Callable[[], None]) -> None:
        raise WarehouseError(
            "PostgreSQL keeps no earlier state to go back to; restore a backup (pg_dump), "
            "or a changed model by sqlmesh plan"
        )

    def reset(self, settings: Settings, say: Say, begin_publishing: Callable[[], None]) -> None:
        from engines.postgres.backup import drop_schemas
        from engines.postgres.loading import is_ours

        psycopg2, _ = libraries()
        with told("written"), closing(connect(psycopg2)) as connection, connection, connection.cursor() as cursor:
            lock_for_refresh(cursor, settings.lock_wait_seconds, say)
            if not is_ours(cursor):
                raise WarehouseError(f"there is no warehouse in {self.place(settings)}; nothing to reset")
            drop_schemas(cursor)
            begin_publishing()


def _analyze(connection: Any) -> None:
    """Have the planner know the tables that this transaction has written: an answer then takes a quarter of the time.

    The server does so by itself, but a minute later. Facts and dimensions were analysed as soon as they were written.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FORMAT('%I.%I', schemaname, relname) FROM pg_stat_xact_user_tables "
            "WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 AND schemaname NOT IN ('sqlmesh', 'sqlmesh__marts')"
        )
        if written := [table for (table,) in cursor.fetchall()]:
            cursor.execute(f"ANALYZE {', '.join(written)}")


def _refuse_without_schemas(cursor: Any) -> None:
    """Refuse a user who may make no schemas: SQLMesh makes sure of its own in every run, and hides why it cannot."""
    cursor.execute("SELECT has_database_privilege(current_database(), 'CREATE'), current_user, current_database()")
    may_create, user, database = cursor.fetchone()
    if not may_create:
        raise WarehouseError(
            f"{user} may make no schemas in the {described_place()}; "
            f"have its owner run: GRANT CREATE ON DATABASE {database} TO {user}"
        )
