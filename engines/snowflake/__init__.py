"""Snowflake: a refresh works in a clone of the database, and publishes it by having both change their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from engines.one_connection import context_by
from engines.protocol import SCHEMAS, Reader, Say, UnknownNameError, Version, not_built
from engines.snowflake import databases
from engines.snowflake.connection import connect, database, library, told
from engines.snowflake.connection import place as described_place
from engines.snowflake.dialect import quoted
from engines.snowflake.reader import SnowflakeReader
from errors import WarehouseError
from settings import COMMAND, Settings

if TYPE_CHECKING:
    from sqlmesh import Context
    from sqlmesh.core.config import Config, GatewayConfig

    from engines.snowflake.loading import SnowflakeLoading

Changes = tuple[Any, ...] | None


class SnowflakeState:
    """The database that a refresh works in: all goes by the one connection of `adapter`, whose current one it is."""

    def __init__(self, settings: Settings, adapter: Any) -> None:
        self.settings = settings
        self.adapter = adapter
        self.error: type[Exception] = library().errors.Error

    def only_follows(self, error: BaseException) -> bool:
        return False

    def loading(self) -> AbstractContextManager[SnowflakeLoading]:
        from engines.snowflake.loading import loading

        return loading(self.adapter.connection)

    @contextmanager
    def reading(self) -> Iterator[SnowflakeReader]:
        yield SnowflakeReader(self.adapter.connection)

    @contextmanager
    def running(self, config: Config) -> Iterator[Context]:
        yield context_by(self.adapter, config, self.settings.gateway)

    def restore(self, file: Path) -> NoReturn:
        raise not_built("a backup", "Snowflake")

    def scrub(self) -> NoReturn:
        raise not_built("forgetting a person", "Snowflake")


class Snowflake:
    """The `Engine` of one database."""

    takes_file = False

    def place(self, settings: Settings) -> str:
        return f"the {described_place()}"

    def gateway(self, settings: Settings) -> GatewayConfig:
        from sqlmesh.core.config import GatewayConfig

        from engines.snowflake.sqlmesh_connection import connection_config

        connection = connection_config()
        connection.wait_for_each(settings.lock_wait_seconds)
        return GatewayConfig(connection=connection)

    def is_there(self, settings: Settings) -> bool:
        with told("read"), closing(connect(database())) as connection, closing(connection.cursor()) as cursor:
            return databases.find(cursor, database()) is not None

    def version(self, settings: Settings) -> Version | None:
        with told("read"), closing(connect(database())) as connection:
            changes = _changes(SnowflakeReader(connection))
        if changes is None:
            return None
        loads, loaded_at, *of_sqlmesh = changes
        moments = [datetime.fromtimestamp(change / 1000, UTC) for change in of_sqlmesh if change]
        if loaded_at:
            moments.append(loaded_at.replace(tzinfo=UTC))
        return Version((self.place(settings), loads, *of_sqlmesh), max(moments)) if moments else None

    @contextmanager
    def reading(self, settings: Settings, makes_tables: bool = False) -> Iterator[SnowflakeReader]:
        with told("read"), closing(connect(database())) as connection:
            with closing(connection.cursor()) as cursor:
                if not databases.find(cursor, database()):
                    raise WarehouseError(f"there is no {described_place()} yet; run: {COMMAND} refresh")
            reader = SnowflakeReader(connection)
            before = _changes(reader)
            yield reader
            # Snowflake holds no state still for several queries.
            if _changes(reader) != before:
                raise WarehouseError(f"the {described_place()} was published anew while it was read; run it again")

    @contextmanager
    def writing(self, settings: Settings, say: Say, begin_publishing: Callable[[], None]) -> Iterator[SnowflakeState]:
        with _only_writer(settings, say) as (adapter, cursor, is_there):
            cloned = _changes(SnowflakeReader(adapter.connection))
            yield SnowflakeState(settings, adapter)
            _publish(adapter, cursor, is_there, cloned, begin_publishing, say)

    def name(self, settings: Settings) -> str:
        return database()

    def save(self, settings: Settings, file: Path, say: Say) -> NoReturn:
        raise not_built("a backup", "Snowflake")

    def copies(self, settings: Settings) -> NoReturn:
        # Time Travel and Fail-safe keep for days what was deleted, and no statement ends that.
        raise not_built("forgetting a person", "Snowflake")

    def discard(self) -> None:
        """Nothing to do: the next writer of this host drops what a process has left that is gone."""

    def roll_back(self, settings: Settings, say: Say, begin_publishing: Callable[[], None]) -> None:
        with _only_writer(settings, say) as (_, cursor, is_there):
            previous = databases.previous_of(database())
            if not is_there or not databases.find(cursor, previous):
                raise WarehouseError(f"there is no earlier state of the {described_place()} to go back to")
            databases.copy_grants(cursor, database(), previous)
            begin_publishing()
            with told("published"):
                databases.swap_back(cursor, database())
            with suppress(library().errors.Error):
                databases.discard(cursor, database())

    def reset(self, settings: Settings, say: Say, begin_publishing: Callable[[], None]) -> None:
        from engines.snowflake.loading import is_ours

        with _only_writer(settings, say) as (adapter, cursor, is_there):
            reader = SnowflakeReader(adapter.connection)
            if not is_there or not is_ours(adapter.connection):
                raise WarehouseError(f"there is no warehouse in the {described_place()}; nothing to reset")
            cloned = _changes(reader)
            for (name,) in reader.rows("SELECT schema_name FROM information_schema.schemata"):
                if name.removeprefix("sqlmesh__").split("__")[0] in SCHEMAS:
                    cursor.execute(f"DROP SCHEMA {quoted(name)} CASCADE")
            _publish(adapter, cursor, is_there, cloned, begin_publishing, say)


@contextmanager
def _only_writer(settings: Settings, say: Say) -> Iterator[tuple[Any, Any, bool]]:
    """SQLMesh's adapter in the next database, a cursor of its connection, and whether a database is published.

    What is not published is dropped; what was lost in between may stay until the next writer.
    """
    errors = library().errors
    from engines.snowflake.sqlmesh_connection import connection_config

    adapter = connection_config().create_engine_adapter(concurrent_tasks=1)
    try:
        with told("written"), closing(adapter.connection.cursor()) as cursor:
            is_there = databases.lock(cursor, database(), settings.lock_wait_seconds, say)
            try:
                cursor.execute(f"USE DATABASE {quoted(databases.next_of(database()))}")
                yield adapter, cursor, is_there
            except BaseException:
                with suppress(errors.Error):
                    databases.discard(cursor, database())
                raise
    finally:
        adapter.close()


def _publish(
    adapter: Any, cursor: Any, is_there: bool, cloned: Changes, begin_publishing: Callable[[], None], say: Say
) -> None:
    """Publish the next database.

    Args:
        is_there: a database is published.
        cloned: its changes when the next one was cloned.

    Raises:
        WarehouseError: the published database has changed since.
    """
    adapter.connection.commit()
    name = database()
    if is_there:
        databases.copy_grants(cursor, name, databases.next_of(name))
        cursor.execute(f"USE DATABASE {quoted(name)}")
        if _changes(SnowflakeReader(adapter.connection)) != cloned:
            raise WarehouseError(
                f"the {described_place()} was changed meanwhile, by SQLMesh or by hand; "
                "nothing was published; run it again"
            )
    begin_publishing()
    with told("published"):
        databases.publish(cursor, name, is_there)
    if is_there:
        databases.keep_previous(cursor, name, say)


def _changes(reader: Reader) -> Changes:
    """What is another one for another state: the loads, the newest of them, and the newest changes by SQLMesh."""
    try:
        ((loads, loaded_at),) = reader.rows("SELECT COUNT(*), MAX(loaded_at) FROM raw.loads")
    except UnknownNameError:
        return None
    try:
        ((evaluated, promoted),) = reader.rows(
            "SELECT (SELECT MAX(created_ts) FROM sqlmesh._intervals), "
            "(SELECT MAX(finalized_ts) FROM sqlmesh._environments)"
        )
    except UnknownNameError:
        evaluated = promoted = None
    return loads, loaded_at, evaluated, promoted
