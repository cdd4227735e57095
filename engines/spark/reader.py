"""Reading a warehouse on Spark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

import sqlglot

from engines.protocol import QueryError, Row, UnknownNameError, not_built
from engines.spark import catalog
from engines.spark.session import explained, first_line, is_lost
from errors import WarehouseError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_UNKNOWN_NAMES = ("TABLE_OR_VIEW_NOT_FOUND", "UNRESOLVED_COLUMN", "SCHEMA_NOT_FOUND", "FIELD_NOT_FOUND")


class SparkReader:
    """A `Reader` of a session that has the tables of a set; `place` is where the warehouse is, for messages."""

    def __init__(self, session: SparkSession, place: str) -> None:
        self.session = session
        self.place = place

    @cached_property
    def backend(self) -> Any:
        import ibis

        return ibis.pyspark.connect(self.session)

    def rows(self, query: str) -> list[Row]:
        return [tuple(row) for row in self._collected(query)]

    def records(self, query: str) -> list[dict[str, Any]]:
        return [row.asDict() for row in self._collected(query)]

    def _collected(self, query: str) -> list[Any]:
        # A timestamp without a time zone has another name in Spark.
        (written,) = sqlglot.transpile(query, read="duckdb", write="spark")
        with self.explained():
            return self.session.sql(written).collect()

    def batches(self, query: str) -> NoReturn:
        raise not_built("copying from here", "Spark")

    def contents(self) -> NoReturn:
        raise not_built("a backup", "Spark")

    def tables(self) -> list[tuple[str, str]]:
        with self.explained():
            schemas = [name for (name,) in self.session.sql("SHOW SCHEMAS").collect()]
            return [(schema, name) for schema in schemas for name in catalog.names_in(self.session, schema)]

    def tables_behind(self, schema: str) -> dict[str, str]:
        with self.explained():
            views = [row.viewName for row in self.session.sql(f"SHOW VIEWS IN `{schema}`").collect()]
            statements = {view: catalog.definition(self.session, schema, view) for view in views}
        return {view: catalog.tables_in(text)[0] for view, text in statements.items()}

    def explained(self) -> AbstractContextManager[None]:
        return spark_errors()

    def cannot_answer(self, reason: Exception) -> WarehouseError:
        return WarehouseError(f"the warehouse {self.place} cannot answer: {str(reason).splitlines()[0]}")


@contextmanager
def spark_errors() -> Iterator[None]:
    """Turns what Spark raises inside into the errors of `Reader.rows`."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    with explained():
        try:
            yield
        except (PySparkException, Py4JError) as error:
            if is_lost(error):
                raise
            condition = (error.getCondition() or "") if isinstance(error, PySparkException) else ""
            if condition.split(".")[0] in _UNKNOWN_NAMES:
                raise UnknownNameError(first_line(error)) from None
            raise QueryError(first_line(error)) from None
