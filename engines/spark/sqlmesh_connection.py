"""SQLMesh's connections to Spark and to its state: of the set that a refresh builds, or of one for a command's own."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr
from sqlglot import exp
from sqlmesh.core.config import DuckDBConnectionConfig, SparkConnectionConfig
from sqlmesh.core.engine_adapter.base import EngineAdapter
from sqlmesh.core.engine_adapter.duckdb import DuckDBEngineAdapter
from sqlmesh.core.engine_adapter.spark import SparkEngineAdapter
from sqlmesh.engines.spark.db_api.spark_session import SparkSessionConnection
from sqlmesh.utils.errors import SQLMeshError

from engines.protocol import QueryError
from engines.spark.reader import spark_errors
from engines.spark.session import forget_jvm
from engines.spark.sets import STATE
from errors import MentorAnalyticsError, WarehouseError
from settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CATALOG = "spark_catalog"
_QUESTIONS = ("SHOW", "DESCRIBE", "SELECT", "WITH", "SET", "USE")


class Work:
    """The set that SQLMesh works on.

    A refresh gives it. A command of SQLMesh's own has none: it begins one with its first connection, and publishes
    it when it closes its state or else when the process ends, unless it only asked, or a statement failed or was
    interrupted.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.given: tuple[Path, SparkSession] | None = None
        self.own: ExitStack | None = None
        self.state: EngineAdapter | None = None
        self.is_broken = self.is_changed = False

    def give(self, folder: Path, session: SparkSession) -> None:
        self.given = folder, session

    def set(self) -> tuple[Path, SparkSession]:
        """The folder of the set, and the session that has its tables."""
        if not self.given:
            from engines.spark.writing import writing

            self.own, self.is_broken, self.is_changed = ExitStack(), False, False
            self.given = self.own.enter_context(
                writing(self.settings, lambda line: print(line, file=sys.stderr), lambda: None)
            )
            atexit.register(self._finish_at_exit)
        return self.given

    @contextmanager
    def statement(self, sql: str) -> Iterator[None]:
        """Take note of a statement that runs inside."""
        # That something is not there SQLMesh finds out by asking for it.
        is_question = sql.lstrip().upper().startswith(_QUESTIONS)
        self.is_changed = self.is_changed or not is_question
        try:
            yield
        except BaseException as error:
            self.is_broken = self.is_broken or not (is_question and isinstance(error, QueryError))
            if not isinstance(error, Exception):
                forget_jvm()
            raise

    def finish(self) -> None:
        """Publish what a command of SQLMesh's own has done, or throw it away."""
        own, self.own = self.own, None
        if own is None:
            return
        atexit.unregister(self._finish_at_exit)
        if self.state:
            self.state.close()
        self.given = self.state = None
        if self.is_changed and not self.is_broken:
            own.close()
        else:
            # What is left with an error is not published.
            with suppress(WarehouseError, SQLMeshError), own:
                raise SQLMeshError("nothing is to be published")

    def _finish_at_exit(self) -> None:
        try:
            self.finish()
        except MentorAnalyticsError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            os._exit(1)


class ParquetAdapter(SparkEngineAdapter):
    """SQLMesh's adapter, for tables of Parquet files: they have no MERGE, and are written anew as a whole."""

    @property
    def work(self) -> Work:
        return self._extra_config["work"]  # type: ignore[no-any-return]

    def merge(
        self,
        target_table: Any,
        source_table: Any,
        target_columns_to_types: dict[str, exp.DataType] | None,
        unique_key: Any,
        when_matched: exp.Whens | None = None,
        merge_filter: exp.Expr | None = None,
        source_columns: list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        """Put the rows of the source in the place of those with the same key, and beside all others."""
        if when_matched or merge_filter:
            raise SQLMeshError("tables of Parquet files are merged by their keys alone, without a condition")
        columns = target_columns_to_types or self.columns(target_table)
        target = exp.to_table(target_table)
        with self.temp_table(source_table, name=target, target_columns_to_types=columns) as news:
            same_key = exp.and_(
                *(exp.column(key.name, table="held").eq(exp.column(key.name, table="news")) for key in unique_key)
            )
            held = (
                exp.select(*(exp.column(name, table="held") for name in columns))
                .from_(exp.alias_(target.copy(), "held", table=True))
                .join(exp.alias_(news.copy(), "news", table=True), on=same_key, join_type="left anti")
            )
            rows = held.union(exp.select(*columns).from_(news), distinct=False)
            # Spark does not write what it reads.
            with self.temp_table(rows, name=target, target_columns_to_types=columns) as merged:
                self.replace_query(target, exp.select(*columns).from_(merged), columns)

    def _execute(self, sql: str, *arguments: Any, **options: Any) -> None:
        with self.work.statement(sql), spark_errors():
            super()._execute(sql, *arguments, **options)


class StateAdapter(DuckDBEngineAdapter):
    """SQLMesh's adapter for its state; closing it ends a command."""

    @property
    def work(self) -> Work:
        return self._extra_config["work"]  # type: ignore[no-any-return]

    def _execute(self, sql: str, *arguments: Any, **options: Any) -> None:
        with self.work.statement(sql):
            super()._execute(sql, *arguments, **options)

    def close(self) -> Any:
        super().close()
        self.work.finish()


class SparkConnection(SparkConnectionConfig):
    """SQLMesh's own configuration of Spark, but for whose session it is."""

    _work: Work = PrivateAttr()

    @property
    def _engine_adapter(self) -> type[EngineAdapter]:
        return ParquetAdapter

    @property
    def _static_connection_kwargs(self) -> dict[str, Any]:
        return {}

    @property
    def _connection_factory(self) -> Callable[..., Any]:
        def opened(**_: Any) -> SparkSessionConnection:
            return SparkSessionConnection(self._work.set()[1], CATALOG)

        return opened

    def of(self, work: Work) -> SparkConnection:
        self._work = work
        return self

    @property
    def work(self) -> Work:
        return self._work

    @property
    def _extra_engine_config(self) -> dict[str, Any]:
        return {**super()._extra_engine_config, "work": self._work}


class StateConnection(DuckDBConnectionConfig):
    """The DuckDB file of a set that holds SQLMesh's state."""

    _work: Work = PrivateAttr()

    @property
    def _engine_adapter(self) -> type[EngineAdapter]:
        return StateAdapter

    def of(self, work: Work) -> StateConnection:
        self._work = work
        return self

    @property
    def _extra_engine_config(self) -> dict[str, Any]:
        return {**super()._extra_engine_config, "work": self._work}

    @property
    def is_recommended_for_state_sync(self) -> bool:
        return True  # one command at a time writes, in a file that no other has

    def create_engine_adapter(
        self, register_comments_override: bool = False, concurrent_tasks: int | None = None
    ) -> EngineAdapter:
        folder, _ = self._work.set()
        self.database = str(folder / STATE)
        self._work.state = super().create_engine_adapter(register_comments_override, concurrent_tasks)
        return self._work.state
