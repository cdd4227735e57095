"""Spark: the warehouse is a folder of sets of Parquet files, its next state a set that takes the place of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from engines.protocol import QueryError, Say, Version, not_built
from engines.spark import sets
from engines.spark.reader import SparkReader, spark_errors
from engines.spark.session import require_pyspark, session_of
from settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from sqlmesh import Context
    from sqlmesh.core.config import Config, GatewayConfig

    from engines.spark.loading import SparkLoading


class SparkState:
    """The next set, and the session at work on it."""

    def __init__(self, settings: Settings, folder: Path, session: SparkSession) -> None:
        self.settings = settings
        self.folder = folder
        self.session = session
        self.error: type[Exception] = QueryError

    def only_follows(self, error: BaseException) -> bool:
        return False

    def loading(self) -> AbstractContextManager[SparkLoading]:
        from engines.spark.loading import loading

        return loading(self.session, self.folder)

    @contextmanager
    def reading(self) -> Iterator[SparkReader]:
        yield SparkReader(self.session, str(sets.root_of(self.settings)))

    @contextmanager
    def running(self, config: Config) -> Iterator[Context]:
        from sqlmesh import Context

        from engines.spark.sqlmesh_connection import SparkConnection
        from settings import PROJECT_ROOT

        connection = config.get_connection(self.settings.gateway)
        assert isinstance(connection, SparkConnection)
        connection.work.give(self.folder, self.session)
        context = Context(paths=[str(PROJECT_ROOT)], config=config, concurrent_tasks=1)
        try:
            with spark_errors():
                yield context
        finally:
            context.close()

    def restore(self, file: Path) -> NoReturn:
        raise not_built("a backup", "Spark")

    def scrub(self) -> NoReturn:
        raise not_built("forgetting a person", "Spark")


class Spark:
    """The `Engine` of one folder."""

    takes_file = True

    def place(self, settings: Settings) -> str:
        return str(sets.root_of(settings))

    def gateway(self, settings: Settings) -> GatewayConfig:
        require_pyspark()
        from sqlmesh.core.config import GatewayConfig

        from engines.spark.sqlmesh_connection import CATALOG, SparkConnection, StateConnection, Work

        work = Work(settings)
        return GatewayConfig(
            connection=SparkConnection(catalog=CATALOG, concurrent_tasks=1).of(work),
            # Named when it is opened: each set has its own.
            state_connection=StateConnection(database=sets.STATE).of(work),
        )

    def is_there(self, settings: Settings) -> bool:
        return sets.pointer_of(sets.root_of(settings)).exists()

    def version(self, settings: Settings) -> Version | None:
        pointer = sets.pointer_of(sets.root_of(settings))
        try:
            named, written = pointer.read_text(encoding="utf-8"), pointer.stat().st_mtime
        except FileNotFoundError:
            return None
        return Version((str(pointer), named), datetime.fromtimestamp(written, UTC))

    @contextmanager
    def reading(self, settings: Settings, makes_tables: bool = False) -> Iterator[SparkReader]:
        require_pyspark()
        with sets.published_set(sets.root_of(settings)) as folder, session_of(folder, settings) as session:
            yield SparkReader(session, self.place(settings))

    @contextmanager
    def writing(self, settings: Settings, say: Say, begin_publishing: Callable[[], None]) -> Iterator[SparkState]:
        from engines.spark.writing import writing

        with writing(settings, say, begin_publishing) as (folder, session):
            yield SparkState(settings, folder, session)

    def name(self, settings: Settings) -> str:
        return sets.root_of(settings).stem

    def save(self, settings: Settings, file: Path, say: Say) -> NoReturn:
        raise not_built("a backup", "Spark")

    def copies(self, settings: Settings) -> NoReturn:
        raise not_built("forgetting a person", "Spark")

    def discard(self) -> None:
        sets.discard()

    def roll_back(self, settings: Settings, say: Say, begin_publishing: Callable[[], None]) -> None:
        sets.roll_back(sets.root_of(settings), settings.lock_wait_seconds, say, begin_publishing)

    def reset(self, settings: Settings, say: Say, begin_publishing: Callable[[], None]) -> None:
        sets.remove(sets.root_of(settings), settings.lock_wait_seconds, say, begin_publishing)
